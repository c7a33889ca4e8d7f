package notify

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/fakedns"
	"toponym/records"
	"toponym/zone"
)

// soaRecord is the SOA record of a zone.
func soaRecord(origin string, serial uint32) zone.Record {
	data := []byte(records.MustParseName("ns1.mesos") + records.MustParseName("root.ns1.mesos"))
	for _, n := range []uint32{serial, 60, 600, 86400, 60} {
		data = binary.BigEndian.AppendUint32(data, n)
	}
	return zone.Record{Owner: records.MustParseName(origin), Type: dns.TypeSOA, TTL: 60, Data: string(data)}
}

// primary publishes versions.
type primary struct {
	mu      sync.Mutex
	zones   map[string]uint32
	changed chan struct{}
}

func newPrimary(zones map[string]uint32) *primary {
	return &primary{zones: zones, changed: make(chan struct{})}
}

func (p *primary) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *primary) Zones() (list []zone.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for origin, serial := range p.zones {
		list = append(list, soaRecord(origin, serial))
	}
	return list
}

// publish gives a zone a serial; 0 removes it.
func (p *primary) publish(origin string, serial uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones[origin] = serial
	if serial == 0 {
		delete(p.zones, origin)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// told is a message that a secondary has received.
type told struct {
	at     time.Duration // since the start
	zone   string
	serial uint32
}

// secondary is a server that keeps what it is told.
type secondary struct {
	*fakedns.Server
	start time.Time

	mu   sync.Mutex
	told []told
}

func newSecondary(t *testing.T, n *fakedns.Network, answer fakedns.Answer) *secondary {
	s := &secondary{start: time.Now()}
	s.Server = n.Start(s.noting(answer))
	return s
}

// noting is an answer that notes what the secondary is told.
func (s *secondary) noting(answer fakedns.Answer) fakedns.Answer {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := told{at: time.Since(s.start), zone: q.Question[0].Name}
		if len(q.Answer) == 1 {
			m.serial = q.Answer[0].(*dns.SOA).Serial
		}
		s.mu.Lock()
		s.told = append(s.told, m)
		s.mu.Unlock()
		answer(w, q)
	}
}

// take returns what the secondary was told since the last call.
func (s *secondary) take() []told {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.told
	s.told = nil
	return list
}

func acknowledge(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetReply(q)) }

// events are what an observer is told.
type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) ObserveNotify(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// count counts the events of a kind.
func (e *events) count(kind Kind) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.list {
		if event.Kind == kind {
			n++
		}
	}
	return n
}

const testInterval = 100 * time.Millisecond

// fixture is a sender in a bubble of synctest.
type fixture struct {
	*Sender
	network *fakedns.Network
	primary *primary
	events  *events
	log     *logtest.Hook
}

// inBubble runs a test of a sender, whose targets the test configures, on a network
// with a delay.
func inBubble(t *testing.T, zones map[string]uint32, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		f := &fixture{network: fakedns.NewNetwork(t), primary: newPrimary(zones), events: &events{}, log: hook}
		f.network.Delay = time.Millisecond
		f.Sender = New(Options{
			Changed: f.primary.Changed, Zones: f.primary.Zones, Observer: f.events, Log: log,
			Listen: func(local netip.AddrPort) (Conn, error) { return f.network.Listen(local), nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { f.Run(ctx) })
		test(t, f)
		cancel()
		running.Wait()
	})
}

// tell configures the secondaries.
func (f *fixture) tell(list ...*secondary) {
	s := Settings{Interval: testInterval}
	for _, to := range list {
		s.Targets = append(s.Targets, Target{Addr: to.Addr})
	}
	f.Configure(s)
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
