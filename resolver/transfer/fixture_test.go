package transfer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

func name(s string) records.Name { return records.MustParseName(s) }

// cluster is a cluster with its zones and their history.
type cluster struct {
	t       testing.TB
	cluster *state.Cluster
	set     *records.Set
	zone    *zone.Zone
	history *zone.History
	serial  uint32
}

// zoneFile has records of types that the cluster does not have.
const zoneFile = `$TTL 60
static.test. IN SOA ns.static.test. root.static.test. 1 3600 600 86400 20
static.test. IN NS ns.static.test.
ns.static.test. IN A 10.9.0.53
mail.static.test. IN MX 10 ns.static.test.
www.static.test. IN CNAME ns.static.test.
mesos. IN TXT "at the top"
web.marathon.mesos. IN TXT "of a file"
`

// newCluster is the cluster of a state with a domain, an origin within that, reverse
// names, and a zone of a file.
func newCluster(t testing.TB, s *state.FullState) *cluster {
	t.Helper()
	o := zone.Options{
		Origins: []zone.Origin{{Name: name("mesos"), TTL: 60}, {Name: name("b.mesos"), TTL: 5}, {Name: name("10.in-addr.arpa"), TTL: 60}},
		MName:   name("ns1.mesos"), RName: name("root.ns1.mesos"),
		Refresh: 60, Retry: 600, Expire: 86400, Minimum: 30,
	}
	var err error
	if o.Static, err = zone.ReadZoneFiles([]zone.ZoneFile{{Name: "file", Text: []byte(zoneFile)}}, o); err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, cluster: state.NewCluster(), serial: 1<<32 - 10} // passes 0
	c.set = records.NewSet(records.Options{
		Domain: name("mesos"), MName: name("ns1.mesos"), Listeners: []netip.Addr{netip.MustParseAddr("10.0.0.53")},
		IPSources: []records.IPSource{records.SourceNetInfo}, Rule: records.RFC1123, SRVWeight: 1, Reverse: true,
	})
	c.set.Update(c.cluster, c.cluster.Reconcile(s, nil))
	c.zone = zone.Compile(c.set, o, c.next)
	c.history = zone.NewHistory(zone.HistoryLimits{Versions: 12, Bytes: 1 << 20}, c.zone, time.Unix(1_700_000_000, 0))
	return c
}

func (c *cluster) next(_ records.Name, previous uint32) uint32 {
	if previous == 0 {
		return c.serial
	}
	return zone.NextSerial(previous, time.Unix(0, 0))
}

// publish makes the version of another state.
func (c *cluster) publish(s *state.FullState) {
	c.zone = c.zone.Patch(c.set, c.set.Update(c.cluster, c.cluster.Reconcile(s, nil)), c.next)
	c.history.Add(c.zone, time.Unix(1_700_000_000, 0))
}

// randomState is a cluster whose tasks come and go, and share names and targets.
func randomState(r *rand.Rand) *state.FullState {
	s := &state.FullState{
		Agents:     []*state.Agent{{ID: "a-S0", PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
		Frameworks: []*state.Framework{{ID: "f0", Name: "marathon"}, {ID: "f1", Name: "b"}},
	}
	for i := range r.IntN(25) {
		t := &state.Task{
			Key:     state.TaskKey{Framework: fmt.Sprint("f", r.IntN(2)), ID: fmt.Sprint("t", i)},
			Name:    []string{"web", "db", "a", "web.a"}[r.IntN(4)],
			AgentID: "a-S0", State: state.Running,
			Ports: []state.PortRange{{First: 80, Last: uint16(80 + r.IntN(3))}},
		}
		t.Addresses.NetInfo = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(r.IntN(40))})}
		if r.IntN(3) == 0 {
			t.Addresses.NetInfo = append(t.Addresses.NetInfo, netip.AddrFrom16([16]byte{0xFD, 15: byte(r.IntN(8))}))
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s
}

// bigState is a cluster with one service of so many tasks.
func bigState(tasks int) *state.FullState {
	s := &state.FullState{
		Agents:     []*state.Agent{{ID: "a-S0", PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
		Frameworks: []*state.Framework{{ID: "f0", Name: "marathon"}},
	}
	for i := range tasks {
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f0", ID: fmt.Sprint("t", i)}, Name: fmt.Sprint("app", i/10),
			AgentID: "a-S0", State: state.Running,
			Ports:     []state.PortRange{{First: 80, Last: 80}},
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(1 + i>>16), byte(i >> 8), byte(i)})}},
		})
	}
	return s
}

// oneClient is who asks in tests.
var oneClient = netip.MustParseAddr("192.0.2.1")

// everybody may have the zones.
func everybody() Settings {
	return Settings{Allow: []Rule{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}}, Timeout: time.Minute}
}

func quiet() *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return l
}

// newServer is a server of a cluster's zones from which everybody may have them.
func newServer(c *cluster) *Server {
	return New(Options{History: c.history, Settings: everybody(), Catalog: name("catalog.test"), Max: 4, Log: quiet()})
}

// axfr is a query for a whole zone, ixfr one for the differences since a serial.
func axfr(origin string) *dns.Msg { return new(dns.Msg).SetAxfr(origin) }

func ixfr(origin string, serial uint32) *dns.Msg {
	return new(dns.Msg).SetIxfr(origin, serial, "ns.test.", "root.test.")
}

// request is a query as resolver hands it on.
func request(t testing.TB, m *dns.Msg, streams bool) *Request {
	t.Helper()
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	q := NewRequest(packet)
	q.Client, q.Streams, q.Size = oneClient, streams, dns.MaxMsgSize-1
	if !streams {
		q.Size = 1232
	}
	return q
}

// ask returns all messages of the response to a request.
func (s *Server) ask(t testing.TB, q *Request) (messages []*dns.Msg) {
	t.Helper()
	for _, b := range s.askBytes(t, q) {
		m := new(dns.Msg)
		if err := m.Unpack(b); err != nil {
			t.Fatalf("a message of the response cannot be read: %v", err)
		}
		messages = append(messages, m)
	}
	return messages
}

func (s *Server) askBytes(t testing.TB, q *Request) (messages [][]byte) {
	t.Helper()
	msg, stream, _ := s.Answer(make([]byte, bufferSize), q)
	if stream == nil {
		return [][]byte{msg}
	}
	err := stream.Run(context.Background(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
		messages = append(messages, split(t, framed)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// split returns copies of messages with their length fields before them.
func split(t testing.TB, framed []byte) (messages [][]byte) {
	t.Helper()
	for len(framed) > 0 {
		if len(framed) < 2 || len(framed)-2 < int(binary.BigEndian.Uint16(framed)) {
			t.Fatalf("%d bytes are left, which are no message", len(framed))
		}
		end := 2 + int(binary.BigEndian.Uint16(framed))
		messages = append(messages, append([]byte(nil), framed[2:end]...))
		framed = framed[end:]
	}
	return messages
}

// answers are the records in the answer sections of messages.
func answers(messages []*dns.Msg) (list []dns.RR) {
	for _, m := range messages {
		list = append(list, m.Answer...)
	}
	return list
}
