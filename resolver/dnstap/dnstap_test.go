package dnstap

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	schema "github.com/dnstap/golang-dnstap"
	framestream "github.com/farsightsec/golang-framestream"
	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/protobuf/proto"

	"toponym/internal/testutil"
	"toponym/resolver/tap"
)

var (
	asked     = time.Date(2026, 11, 28, 9, 0, 0, 123_456_789, time.UTC)
	responded = asked.Add(1500 * time.Microsecond)
	client4   = netip.MustParseAddrPort("10.0.0.9:5353")
	server4   = netip.MustParseAddrPort("10.0.0.1:53")
	client6   = netip.MustParseAddrPort("[fd00::9]:5353")
	server6   = netip.MustParseAddrPort("[fd00::1]:853")
)

// messages are a query and its response, with authority or without.
func messages(t testing.TB, authoritative bool) (query, response []byte) {
	t.Helper()
	q := new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA)
	r := new(dns.Msg).SetReply(q)
	r.Authoritative = authoritative
	for _, m := range []struct {
		msg  *dns.Msg
		wire *[]byte
	}{{q, &query}, {r, &response}} {
		packed, err := m.msg.Pack()
		if err != nil {
			t.Fatal(err)
		}
		*m.wire = packed
	}
	return query, response
}

// decode decodes frames by the library, and describes each message.
func decode(t testing.TB, frames []byte) (list []string) {
	t.Helper()
	for len(frames) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(frames))
		list = append(list, describe(t, frames[4:n]))
		frames = frames[n:]
	}
	return list
}

func describe(t testing.TB, frame []byte) string {
	t.Helper()
	var d schema.Dnstap
	if err := proto.Unmarshal(frame, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.ProtoReflect().GetUnknown())+len(d.Message.ProtoReflect().GetUnknown()) > 0 {
		t.Error("a message has fields that are not known")
	}
	m := d.Message
	text := fmt.Sprintf("%s %s %v %v %v %v:%d->%v:%d", d.Identity, d.Version, m.GetType(), m.GetSocketFamily(), m.GetSocketProtocol(),
		net.IP(m.QueryAddress), m.GetQueryPort(), net.IP(m.ResponseAddress), m.GetResponsePort())
	if m.QueryTimeSec != nil {
		text += fmt.Sprintf(" asked=%v", time.Unix(int64(*m.QueryTimeSec), int64(*m.QueryTimeNsec)).Sub(asked))
	}
	if m.ResponseTimeSec != nil {
		text += fmt.Sprintf(" responded=%v", time.Unix(int64(*m.ResponseTimeSec), int64(*m.ResponseTimeNsec)).Sub(asked))
	}
	return text + fmt.Sprintf(" query=%d response=%d", len(m.QueryMessage), len(m.ResponseMessage))
}

func TestMessagesAreThoseOfTheSchema(t *testing.T) {
	query, answer := messages(t, true)
	_, forwarded := messages(t, false)
	e := newEncoder("ns1", "toponym 1.0", AllTypes)
	for _, x := range []struct {
		name  string
		event tap.Event
		want  []string
	}{
		{"answered with authority", tap.Event{Client: client4, Server: server4, Query: query, Response: answer, Asked: asked, Responded: responded}, []string{
			"ns1 toponym 1.0 AUTH_QUERY INET UDP 10.0.0.9:5353->10.0.0.1:53 asked=0s query=36 response=0",
			"ns1 toponym 1.0 AUTH_RESPONSE INET UDP 10.0.0.9:5353->10.0.0.1:53 asked=0s responded=1.5ms query=0 response=36",
		}},
		{"answered from the cache", tap.Event{Client: client6, Server: server6, Transport: tap.TLS, Query: query, Response: forwarded, Asked: asked, Responded: responded}, []string{
			"ns1 toponym 1.0 CLIENT_QUERY INET6 DOT fd00::9:5353->fd00::1:853 asked=0s query=36 response=0",
			"ns1 toponym 1.0 CLIENT_RESPONSE INET6 DOT fd00::9:5353->fd00::1:853 asked=0s responded=1.5ms query=0 response=36",
		}},
		{"forwarded", tap.Event{Stage: tap.Received, Transport: tap.TCP, Client: client4, Server: server4, Query: query, Asked: asked}, []string{
			"ns1 toponym 1.0 CLIENT_QUERY INET TCP 10.0.0.9:5353->10.0.0.1:53 asked=0s query=36 response=0",
		}},
		{"a response that comes late, with authority for its first part", tap.Event{Stage: tap.Completed, Client: client4, Server: server4, Response: answer, Asked: asked, Responded: responded}, []string{
			"ns1 toponym 1.0 CLIENT_RESPONSE INET UDP 10.0.0.9:5353->10.0.0.1:53 asked=0s responded=1.5ms query=0 response=36",
		}},
		{"to an upstream server", tap.Event{Stage: tap.Received, Upstream: true, Server: server4, Query: query, Asked: asked}, []string{
			"ns1 toponym 1.0 FORWARDER_QUERY INET UDP <nil>:0->10.0.0.1:53 asked=0s query=36 response=0",
		}},
		{"from an upstream server", tap.Event{Stage: tap.Completed, Upstream: true, Server: server6, Response: forwarded, Asked: asked, Responded: responded}, []string{
			"ns1 toponym 1.0 FORWARDER_RESPONSE INET6 UDP <nil>:0->fd00::1:853 asked=0s responded=1.5ms query=0 response=36",
		}},
		{"the largest messages", tap.Event{Client: client4, Server: server4, Query: query, Response: append(answer[:12:12], make([]byte, 65523)...), Asked: asked, Responded: responded}, []string{
			"ns1 toponym 1.0 AUTH_QUERY INET UDP 10.0.0.9:5353->10.0.0.1:53 asked=0s query=36 response=0",
			"ns1 toponym 1.0 AUTH_RESPONSE INET UDP 10.0.0.9:5353->10.0.0.1:53 asked=0s responded=1.5ms query=0 response=65535",
		}},
	} {
		frames, n := e.appendFrames(nil, &x.event)
		got := decode(t, frames)
		if strings.Join(got, "\n") != strings.Join(x.want, "\n") || n != len(x.want) || e.count(&x.event) != n {
			t.Errorf("%s: got %d of %d\n%s\nwant\n%s", x.name, n, e.count(&x.event), strings.Join(got, "\n"), strings.Join(x.want, "\n"))
		}
	}
}

func TestOnlyTheTypesThatAreWantedAreWritten(t *testing.T) {
	query, answer := messages(t, true)
	event := tap.Event{Client: client4, Server: server4, Query: query, Response: answer, Asked: asked, Responded: responded}
	for names, want := range map[string]int{"AUTH_QUERY": 1, "auth_response": 1, "AUTH_QUERY AUTH_RESPONSE": 2, "CLIENT_QUERY FORWARDER_QUERY": 0} {
		types, ok := ParseTypes(strings.Fields(names))
		if !ok {
			t.Fatalf("%s: not known", names)
		}
		e := newEncoder("", "", types)
		if _, n := e.appendFrames(nil, &event); n != want || e.count(&event) != want {
			t.Errorf("%s: got %d messages, want %d", names, n, want)
		}
	}
	for _, name := range []string{"UPDATE_QUERY", "nonsense", ""} {
		if _, ok := ParseTypes([]string{name}); ok {
			t.Errorf("%q is accepted", name)
		}
	}
}

// consumer is a real reader of frame streams at a socket.
type consumer struct {
	mu    sync.Mutex
	lines []string
	ended int // streams that have ended as they should
}

func (c *consumer) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

func (c *consumer) streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// serve reads all streams at a listener until it is closed.
func (c *consumer) serve(t *testing.T, l net.Listener) {
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer context.AfterFunc(t.Context(), func() { conn.Close() })()
				defer conn.Close()
				r, err := framestream.NewReader(conn, &framestream.ReaderOptions{ContentTypes: [][]byte{contentType}, Bidirectional: true})
				if err != nil {
					return
				}
				buf := make([]byte, 1<<20)
				for {
					n, err := r.ReadFrame(buf)
					c.mu.Lock()
					if err == nil {
						c.lines = append(c.lines, describe(t, buf[:n]))
					} else if err == framestream.EOF {
						c.ended++
					}
					c.mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
	})
}

// testSink is a sink whose log is kept.
func testSink(network, address string) (*Sink, *logtest.Hook) {
	log, lines := logtest.NewNullLogger()
	return New(Options{
		Network: network, Address: address, Identity: "ns1", Types: AllTypes, FileBytes: 1 << 20, Counters: NewCounters(), Log: log,
	}), lines
}

// runSink runs a sink; the function that it returns ends it and waits for it.
func runSink(t *testing.T, s *Sink) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func event(t testing.TB) tap.Event {
	query, answer := messages(t, true)
	return tap.Event{Client: client4, Server: server4, Query: query, Response: answer, Asked: asked, Responded: responded}
}

func TestConsumersGetMessages(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "tap.sock")
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			c := &consumer{}
			c.serve(t, l)
			s, _ := testSink(network, l.Addr().String())
			stop := runSink(t, s)
			testutil.Eventually(t, s.ready.Load, "the sink is ready")
			events := []tap.Event{event(t), event(t)}
			for range 1000 {
				s.Observe(events)
			}
			testutil.EventuallyEqual(t, 4000, func() int { return c.count() + int(s.o.Counters.Dropped.Load()) }, "messages")
			if c.count() == 0 || c.count() != int(s.o.Counters.Written.Load()) {
				t.Errorf("got %d messages, and %d were counted, want the same number above 0", c.count(), s.o.Counters.Written.Load())
			}
			s.Observe(events) // what is there at the end is written
			before := c.count()
			stop()
			testutil.EventuallyEqual(t, before+4, c.count, "messages")
			testutil.EventuallyEqual(t, 1, c.streams, "streams that were ended")
		})
	}
}

func TestAConsumerThatIsNotThereYet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap.sock")
	s, lines := testSink("unix", path)
	runSink(t, s)
	warnings := func() (n int) {
		for _, e := range lines.AllEntries() {
			if e.Level == logrus.WarnLevel {
				n++
			}
		}
		return n
	}
	testutil.EventuallyEqual(t, 1, warnings, "warnings")
	s.Observe([]tap.Event{event(t)})
	if got := s.o.Counters.Dropped.Load(); got != 2 {
		t.Errorf("got %d messages dropped, want 2", got)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := &consumer{}
	c.serve(t, l)
	testutil.Eventually(t, s.ready.Load, "the sink is ready")
	s.Observe([]tap.Event{event(t)})
	testutil.EventuallyEqual(t, 2, c.count, "messages")
	if n := warnings(); n != 1 {
		t.Errorf("got %d warnings, want one", n)
	}
}

// A consumer that reads nothing after the handshake, and one that does not even answer
// that, cost messages, and never time.
func TestAHungConsumerCostsMessagesOnly(t *testing.T) {
	for _, answersHandshake := range []bool{true, false} {
		l, err := net.Listen("unix", filepath.Join(t.TempDir(), "tap.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if answersHandshake {
				framestream.NewReader(conn, &framestream.ReaderOptions{ContentTypes: [][]byte{contentType}, Bidirectional: true})
			}
			<-t.Context().Done()
			conn.Close()
		}()
		s, _ := testSink("unix", l.Addr().String())
		stop := runSink(t, s)
		if answersHandshake {
			testutil.Eventually(t, s.ready.Load, "the sink is ready")
		}
		events := make([]tap.Event, 64)
		for i := range events {
			events[i] = event(t)
		}
		const rounds = 2000
		for range rounds {
			s.Observe(events) // would never return if it waited
		}
		total := s.o.Counters.Written.Load() + s.o.Counters.Dropped.Load()
		if s.o.Counters.Dropped.Load() == 0 || total > 2*64*rounds {
			t.Errorf("got %d messages dropped of %d, want some", s.o.Counters.Dropped.Load(), 2*64*rounds)
		}
		if made := s.queue.made.Load(); made > maxChunks {
			t.Errorf("got %d chunks, want %d at most", made, maxChunks)
		}
		stop()
		if total := s.o.Counters.Written.Load() + s.o.Counters.Dropped.Load(); total != 2*64*rounds {
			t.Errorf("got %d messages written or dropped, want %d", total, 2*64*rounds)
		}
	}
}

func TestFilesOfMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	for run := range 2 {
		s, _ := testSink("file", path)
		stop := runSink(t, s)
		testutil.Eventually(t, s.ready.Load, "the sink is ready")
		for range 1 + run {
			s.Observe([]tap.Event{event(t)})
		}
		stop()
	}
	for name, want := range map[string]int{path: 4, path + ".1": 2} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := framestream.NewReader(f, &framestream.ReaderOptions{ContentTypes: [][]byte{contentType}})
		if err != nil {
			t.Fatal(err)
		}
		buf, got := make([]byte, 1<<20), 0
		for {
			n, err := r.ReadFrame(buf)
			if err != nil {
				if err != framestream.EOF {
					t.Errorf("%s: %v", filepath.Base(name), err)
				}
				break
			}
			describe(t, buf[:n])
			got++
		}
		if got != want {
			t.Errorf("%s: got %d messages, want %d", filepath.Base(name), got, want)
		}
	}
}

func TestTheRateBoundsWhatIsWritten(t *testing.T) {
	s := New(Options{Network: "file", Address: filepath.Join(t.TempDir(), "tap"), Types: AllTypes, Rate: 10, FileBytes: 1 << 20, Counters: NewCounters(), Log: logrus.New()})
	s.ready.Store(true)
	events := make([]tap.Event, 64)
	for i := range events {
		events[i] = event(t)
	}
	s.Observe(events)
	s.queue.collect()
	if c := <-s.queue.full; c.messages > 40 || c.messages < 20 || c.messages+int(s.o.Counters.Dropped.Load()) != 128 {
		t.Errorf("got %d messages, and %d dropped, want 20 of 128", c.messages, s.o.Counters.Dropped.Load())
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	s, _ := testSink("unix", "nowhere")
	s.ready.Store(true)
	events := make([]tap.Event, 64)
	for i := range events {
		events[i] = event(t)
	}
	round := func() {
		for range 100 {
			s.Observe(events)
			s.queue.collect()
			for len(s.queue.full) > 0 {
				s.queue.release(<-s.queue.full)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(10, round); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// BenchmarkObserve is the cost of a query with both of its messages, without writing.
func BenchmarkObserve(b *testing.B) {
	s, _ := testSink("unix", "nowhere")
	s.ready.Store(true)
	events := make([]tap.Event, 64)
	for i := range events {
		events[i] = event(b)
	}
	for i := 0; b.Loop(); i++ {
		s.Observe(events)
		for len(s.queue.full) > 0 {
			s.queue.release(<-s.queue.full)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/query")
}
