package server

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/api"
	"toponym/config"
	"toponym/internal/testutil"
)

// testSecondary is a server that is told of new versions, with signatures, and reads
// zones when a test wants it.
type testSecondary struct {
	addr    netip.AddrPort
	secrets map[string]string

	mu   sync.Mutex
	told map[string]uint32 // serials by zone
	bad  int               // messages without a valid signature
}

const testTSIGKey, testTSIGSecret = "key.example.", "a secret of the right length...."

func newTestSecondary(t *testing.T) *testSecondary {
	conn, err := net.ListenPacket("udp", "127.0.0.5:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &testSecondary{
		addr:    conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		secrets: map[string]string{testTSIGKey: base64.StdEncoding.EncodeToString([]byte(testTSIGSecret))},
		told:    map[string]uint32{},
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, Handler: s, TsigSecret: s.secrets, NotifyStartedFunc: func() { close(started) }}
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return s
}

// ServeDNS acknowledges a NOTIFY message, with a signature.
func (s *testSecondary) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	if q.IsTsig() == nil || w.TsigStatus() != nil || q.Opcode != dns.OpcodeNotify || len(q.Answer) != 1 {
		s.bad++
	} else {
		s.told[q.Question[0].Name] = q.Answer[0].(*dns.SOA).Serial
	}
	s.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	m.SetTsig(testTSIGKey, dns.HmacSHA256, 300, time.Now().Unix())
	w.WriteMsg(m)
}

// serial is the serial of a zone that the secondary was told.
func (s *testSecondary) serial(zone string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[zone]
}

// read transfers a zone, the differences from a version if there is one.
func (s *testSecondary) read(t *testing.T, from netip.AddrPort, zone string, serial uint32) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: s.addr.Addr().AsSlice()}}
	conn, err := d.Dial("tcp", from.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	q := new(dns.Msg).SetAxfr(zone)
	if serial != 0 {
		q.SetIxfr(zone, serial, "ns1.mesos.", "root.ns1.mesos.")
	}
	q.SetTsig(testTSIGKey, dns.HmacSHA256, 300, time.Now().Unix())
	transfer := dns.Transfer{Conn: &dns.Conn{Conn: conn, TsigSecret: s.secrets}, TsigSecret: s.secrets}
	messages, err := transfer.In(q, "")
	if err != nil {
		t.Fatal(err)
	}
	for m := range messages {
		if m.Error != nil {
			t.Fatalf("transfer of %s: %v", zone, m.Error)
		}
	}
}

// A secondary is told of all zones and of each change, with signatures, and the
// status says what it has.
func TestSecondariesAreToldAndKnown(t *testing.T) {
	secondary := newTestSecondary(t)
	settings := `{"masters": ["127.0.0.1:1"], "listener": "127.0.0.1", "port": 0, "httpon": false,
		"tsigKeys": {"key.example": {"secret": "` + base64.StdEncoding.EncodeToString([]byte(testTSIGSecret)) + `"}},
		"transferAllow": ["key:key.example"], "catalogZone": "catalog.example",
		"notify": ["` + secondary.addr.String() + ` key:key.example"], "notifyIntervalMs": 1}`
	c, _, err := config.Load(writeSettings(t, settings), nil)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	s := serving(t, c, log)
	status := func() api.SecondaryStatus {
		t.Helper()
		list := s.status().Secondaries
		if len(list) != 1 {
			t.Fatalf("got %d secondaries, want 1", len(list))
		}
		return list[0]
	}
	newest := func() uint32 { n, _ := s.Zone().Serial(s.pipeline.records.Domain); return n }
	s.pipeline.state(fullState(task("a", "web", "10.0.0.1")))
	testutil.Eventually(t, func() bool { return secondary.serial("mesos.") == newest() }, "the secondary is told of the domain")
	testutil.Eventually(t, func() bool { return secondary.serial("catalog.example.") != 0 }, "the secondary is told of the catalog zone")
	testutil.Eventually(t, func() bool { n := status().Notify[0]; return n.Acknowledged == n.Sent }, "all messages are acknowledged")
	if st := status(); st.LastTransfer != nil || len(st.Zones) != 0 || st.Notify[0].Failures != 0 {
		t.Errorf("got %+v, want a secondary that has been told", st)
	}

	first := newest()
	secondary.read(t, s.DNSAddr(), "mesos.", 0)
	zone := func() (z api.SecondaryZone) {
		for _, z := range status().Zones {
			if z.Zone == "mesos." {
				return z
			}
		}
		return api.SecondaryZone{}
	}
	// The transfer counts when the server has finished it.
	testutil.Eventually(t, func() bool { return zone().Serial == first }, "the serial is known")
	if z := zone(); z.Newest != first || *z.Lag != 0 || *z.Versions != 0 {
		t.Errorf("got %s, want serial %d without a lag", toJSON(t, z), first)
	}

	s.pipeline.state(fullState(task("a", "web", "10.0.0.1"), task("b", "web", "10.0.0.2")))
	if newest() == first {
		t.Fatal("the serial has not changed")
	}
	testutil.Eventually(t, func() bool { return secondary.serial("mesos.") == newest() }, "the secondary is told of the change")
	if z := zone(); z.Serial != first || z.Newest != newest() || *z.Lag == 0 || *z.Versions != 1 {
		t.Errorf("got %s, want serial %d, one version behind %d", toJSON(t, z), first, newest())
	}
	secondary.read(t, s.DNSAddr(), "mesos.", first)
	testutil.Eventually(t, func() bool { return zone().Serial == newest() }, "the new serial is known")
	st := status()
	if z := zone(); *z.Lag != 0 || *z.Versions != 0 || st.LastTransfer.Kind != "ixfr" || st.Transfers["axfr"] != 1 || st.Transfers["ixfr"] != 1 ||
		*st.Key != testTSIGKey || st.Address != secondary.addr.Addr() || st.Bytes == 0 {
		t.Errorf("got %s, want one transfer of each kind and no lag", toJSON(t, st))
	}
	secondary.mu.Lock()
	bad := secondary.bad
	secondary.mu.Unlock()
	if bad > 0 {
		t.Errorf("got %d messages without a valid signature, want none", bad)
	}
	page := scrape(t, s.metrics)
	wantLines(t, page,
		`toponym_secondary_lag_seconds{key="key.example.",secondary="127.0.0.5",zone="mesos."} 0`,
		`toponym_secondary_transfers_total{key="key.example.",kind="ixfr",secondary="127.0.0.5"} 1`,
		`toponym_notify_failures_total{reason="unanswered"} 0`,
	)
	testutil.Eventually(t, func() bool { return !strings.Contains(scrape(t, s.metrics), "\ntoponym_notify_reminders_total 0\n") },
		"the secondary is reminded of the zones for which it has not come")

	without := *c
	without.Notify = nil
	if err := s.apply(t.Context(), &without, nil); err != nil {
		t.Fatal(err)
	}
	if st := status(); len(st.Notify) != 0 {
		t.Errorf("got %+v, want it to be told of nothing once the setting is gone", st.Notify)
	}
	told := newest()
	s.pipeline.state(fullState(task("a", "web", "10.0.0.1")))
	secondary.read(t, s.DNSAddr(), "mesos.", told)
	if secondary.serial("mesos.") != told {
		t.Error("got a message after the setting was gone")
	}
	if text, err := json.Marshal(s.status()); err != nil || len(text) == 0 {
		t.Errorf("the status cannot be encoded: %v", err)
	}
}
