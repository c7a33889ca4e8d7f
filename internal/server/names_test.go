package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/api"
	"toponym/config"
	"toponym/records"
	"toponym/state"
)

// anyName returns a name that a framework may choose.
func anyName(r *rand.Rand) string {
	switch r.IntN(10) {
	case 0:
		return []string{"", "-", ".", "_", "...", "a..b", "☃", "*", "a/b/c", "/group/app", "xn--a", "_tcp", "slave", "network", "leader"}[r.IntN(15)]
	case 1: // any bytes
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	case 2: // as long as one likes
		return strings.Repeat([]string{"x", "a-", "ab.", "é", "x_.-y"}[r.IntN(5)], r.IntN(80))
	case 3: // all that is printable
		b := make([]byte, 1+r.IntN(70))
		for i := range b {
			b[i] = byte(' ' + r.IntN('~'-' '+1))
		}
		return string(b)
	}
	const letters = "abcdefgXYZ0123456789-_."
	b := make([]byte, 1+r.IntN(24))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// oddTask returns a task in which every name may be anything.
func oddTask(r *rand.Rand, i int) *state.Task {
	addr := netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)})
	t := &state.Task{
		Key: state.TaskKey{Framework: fmt.Sprint("f", r.IntN(20)), ID: anyName(r) + fmt.Sprint(i)}, Name: anyName(r),
		AgentID: fmt.Sprintf("a-S%d", r.IntN(5)), State: state.Running, Health: state.Health(r.IntN(3)),
		Ports:     []state.PortRange{{First: 31000, Last: 31000}},
		Addresses: state.Addresses{NetInfo: []netip.Addr{addr}, Networks: []state.Network{{Name: anyName(r), Addrs: []netip.Addr{addr}}}},
		Labels:    []state.Label{{Key: "DNS_ALIAS", Value: anyName(r)}, {Key: "DNS_TTL", Value: anyName(r)}},
	}
	if r.IntN(3) > 0 {
		t.Discovery = &state.Discovery{Name: anyName(r), Visibility: anyName(r)}
		for range r.IntN(3) {
			t.Discovery.Ports = append(t.Discovery.Ports, state.DiscoveryPort{
				Number: uint16(r.IntN(3)), Name: anyName(r), Protocol: []string{"tcp", anyName(r)}[r.IntN(2)],
				Scope: []string{"", "host", "container", anyName(r)}[r.IntN(4)], Network: []string{"", t.Addresses.Networks[0].Name, anyName(r)}[r.IntN(3)],
			})
		}
	}
	return t
}

// Whatever names frameworks choose, everything that is published can be queried,
// found, and written to a zone file and read again.
func TestAnyNameCanBeAskedFor(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 9))
		c := config.Defaults()
		c.ReverseDNSOn, c.EnforceRFC952 = true, seed == 1
		if seed == 2 {
			c.SRVScope = config.SRVScopeCompat
		}
		p, _ := testPipelineOf(t, c)
		s := fullState()
		for i := range 20 {
			s.Frameworks = append(s.Frameworks, &state.Framework{ID: fmt.Sprint("f", i), Name: anyName(r), Addrs: []netip.Addr{netip.MustParseAddr("10.9.0.1")}})
		}
		for i := range 5 {
			s.Agents = append(s.Agents, &state.Agent{ID: fmt.Sprintf("a-S%d", i), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})}})
		}
		for i := range 800 {
			s.Tasks = append(s.Tasks, oddTask(r, i))
		}
		p.state(s)
		checkAxfr(t, p, c)
		checkRecords(t, p)
	}
}

// checkAxfr reads the zone of each origin over HTTP and looks up each name.
func checkAxfr(t *testing.T, p *pipeline, c *config.Config) {
	s := &Server{pipeline: p, metrics: newMetrics("v1"), tuning: newTuning(false, func() bool { return false })}
	s.config.Store(c)
	server := api.New(s.apiOptions(0, 0))
	addresses, services := 0, 0
	for _, origin := range p.zones.Current().Origins() {
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/v1/axfr?zone="+origin.String(), nil))
		var zone struct {
			Records struct{ As, AAAAs, SRVs map[string][]string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &zone); err != nil {
			t.Fatal(err)
		}
		// Programs cut "target.:port" at the colon.
		for name, data := range zone.Records.SRVs {
			for _, d := range data {
				if target, port, _ := strings.Cut(d, ":"); target[len(target)-1] != '.' || strings.Contains(port, ":") {
					t.Errorf("%q: got %q, want target, colon and port", name, d)
				}
			}
		}
		for _, list := range []map[string][]string{zone.Records.As, zone.Records.AAAAs, zone.Records.SRVs} {
			for name, data := range list {
				n, err := records.ParseName(name)
				if err != nil {
					t.Errorf("%q: got error %v, want a name", name, err)
					continue
				}
				if node := p.zones.Current().Node(n); node == nil || len(data) == 0 {
					t.Errorf("%q: got nothing, want the node of the name", name)
				}
			}
		}
		addresses, services = addresses+len(zone.Records.As), services+len(zone.Records.SRVs)
	}
	if addresses < 3000 || services < 3000 {
		t.Errorf("got %d names with addresses and %d with SRV records, want at least 3000 each", addresses, services)
	}
}

// checkRecords packs each record, and writes it as in a zone file and reads it
// again.
func checkRecords(t *testing.T, p *pipeline) {
	z := p.zones.Current()
	for n := range z.All() {
		for _, rr := range z.RRs(n, n.Name.String(), dns.TypeANY) {
			var buf [1024]byte
			end, err := dns.PackRR(rr, buf[:], 0, nil, false)
			if err != nil {
				t.Errorf("%v: got error %v, want none", rr, err)
				continue
			}
			again, err := dns.NewRR(rr.String())
			if err != nil {
				t.Errorf("%v: got error %v, want none", rr, err)
				continue
			}
			var second [1024]byte
			if e, err := dns.PackRR(again, second[:], 0, nil, false); err != nil || string(second[:e]) != string(buf[:end]) {
				t.Errorf("read again: got %v, error %v, want %v", again, err, rr)
			}
			if srv, ok := rr.(*dns.SRV); ok {
				if target, err := records.ParseName(srv.Target); err != nil || z.Node(target) == nil {
					t.Errorf("%v: got no node of the target, want one", rr)
				}
			}
		}
	}
}
