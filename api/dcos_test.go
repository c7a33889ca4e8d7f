package api

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"toponym/records"
)

func dcosServer() *Server {
	o := testOptions(testSnapshot())
	o.DCOS = true
	o.VIPs = func() []records.VIP {
		return []records.VIP{
			{Name: "web.marathon.l4lb.thisdcos.directory", Port: 80, Protocol: "tcp", Backends: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:31001")}},
			{Name: "1.2.3.4", Port: 53, Protocol: "udp"},
		}
	}
	return New(o)
}

func TestHostsAreThoseOfDCOSNet(t *testing.T) {
	s := dcosServer()
	var list []hostDoc
	if err := json.Unmarshal(get(s, "/v1/hosts/leader.mesos").Body.Bytes(), &list); err != nil || len(list) == 0 {
		t.Fatalf("got %v, error %v, want addresses", list, err)
	}
	for _, h := range list {
		if a, err := netip.ParseAddr(h.IP); h.Host != "leader.mesos" || err != nil || !a.Is4() {
			t.Errorf("got %+v, want an IPv4 address of leader.mesos", h)
		}
	}
	if got := strings.TrimSpace(get(s, "/v1/hosts/none.mesos").Body.String()); got != "[]" {
		t.Errorf("a name that does not exist: got %s, want []", got)
	}
}

// Every address and SRV record is in /v1/records once.
func TestRecordsAreThoseOfDCOSNet(t *testing.T) {
	s := dcosServer()
	body := get(s, "/v1/records").Body.Bytes()
	var list []dcosRecord
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v in %.300s", err, body)
	}
	seen := map[dcosRecord]bool{}
	for _, r := range list {
		if seen[r] || strings.HasSuffix(r.Name, ".") || r.Type == "SRV" && !strings.Contains(r.Host, ":") {
			t.Errorf("got %+v, want it once, without the dot, and SRV records with a port", r)
		}
		seen[r] = true
	}
	want := 0
	for n := range s.o.Store.Current().All() {
		want += len(n.A) + len(n.AAAA) + len(n.SRV)
	}
	if len(list) != want || want == 0 {
		t.Errorf("got %d records, want %d", len(list), want)
	}
}

func TestVIPsAreThoseOfDCOSNet(t *testing.T) {
	s := dcosServer()
	var got []vipDoc
	if err := json.Unmarshal(get(s, "/v1/vips").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].VIP != "web.marathon.l4lb.thisdcos.directory:80" || got[0].Backend[0] != (backendDoc{"10.0.0.1", 31001}) || got[1].Backend == nil {
		t.Errorf("got %+v, want two VIPs, the first with a backend", got)
	}
	if w := get(testServer(), "/v1/vips"); w.Code != 404 {
		t.Errorf("without vipDomains: got status %d, want 404", w.Code)
	}
}
