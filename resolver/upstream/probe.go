package upstream

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// probes holds when each server is probed next.
type probes map[*server]*probing

type probing struct {
	next     time.Time
	interval time.Duration // doubles while the server does not respond
	nextLoop time.Time     // when the next loop probe is due
	busy     atomic.Bool   // a probe is under way
}

// Times of probes.
const (
	probeTimeout = 1500 * time.Millisecond
	probeMax     = 3 * time.Second  // the longest interval
	loopRetry    = 30 * time.Second // between loop probes while they come back
	loopRecheck  = 10 * time.Minute // between loop probes else
)

// keep forgets the servers that are not in the list.
func (p probes) keep(list []*server) {
	for s := range p {
		if !slices.Contains(list, s) {
			delete(p, s)
		}
	}
}

// check sends the probes to a server that are due.
//
// A server that leaves questions without a response is asked for the servers of the
// root zone. Any response will do. A server that is in use is asked from time to time
// for a name that no other server can know: if this server is asked for that name, the
// server leads back to it.
func (p probes) check(s *server) {
	now := time.Now()
	at := p[s]
	if at == nil {
		at = &probing{}
		p[s] = at
	}
	if !s.health.suspect(now) {
		at.interval = tick
	}
	if at.busy.Load() {
		return
	}
	switch {
	case now.After(at.nextLoop) && s.counters.queries.Load() > 0:
		at.nextLoop = now.Add(loopRecheck)
		s.loopProbeSeen.Store(false)
		s.probe(Question{Name: s.newLoopProbe(), Type: dns.TypeHINFO, Class: dns.ClassINET}, at, func() {
			if s.loopProbeSeen.Load() {
				at.nextLoop = now.Add(loopRetry)
			} else if s.health.state.CompareAndSwap(int32(Looping), int32(Up)) {
				s.log.add("no longer leads back to this server", nil)
			}
		})
	case s.health.State() != Looping && s.health.suspect(now) && now.After(at.next):
		at.next = now.Add(at.interval)
		at.interval = min(2*at.interval, probeMax)
		s.probe(Question{Name: []byte{0}, Type: dns.TypeNS, Class: dns.ClassINET}, at, func() {})
	}
}

// probe asks this server alone, whatever its state is, and calls then at the end.
func (s *server) probe(q Question, p *probing, then func()) {
	p.busy.Store(true)
	g := &Group{client: s.client, servers: []*server{s}, probe: true}
	g.ask(q, probeHandler(func() { then(); p.busy.Store(false) }), probeTimeout)
}

type probeHandler func()

// OnResponse takes any response.
func (f probeHandler) OnResponse([]byte) (Result, error) { return true, nil }

// Done implements Handler.
func (f probeHandler) Done(Result, error) { f() }

// newLoopProbe makes the name of a loop probe: the client's token and a random
// label.
func (s *server) newLoopProbe() []byte {
	var nonce [8]byte
	rand.Read(nonce[:])
	name := append([]byte{16}, s.client.token[:]...)
	name = append(name, 16)
	name = hex.AppendEncode(name, nonce[:])
	name = append(name, 0)
	s.loopProbeName.Store(&name)
	return name
}

// IsLoopProbe reports whether a name in lower-case wire form is that of a loop probe
// of this client. The server that the probe was sent to is no longer asked.
func (c *Client) IsLoopProbe(name []byte) bool {
	if len(name) != 35 || name[0] != 16 || !bytes.Equal(name[1:17], c.token[:]) {
		return false
	}
	for _, s := range c.serverList() {
		if sent := s.loopProbeName.Load(); sent != nil && bytes.Equal(*sent, name) {
			s.loopProbeSeen.Store(true)
			if s.health.state.Swap(int32(Looping)) != int32(Looping) {
				s.log.add("leads back to this server, and is not asked", nil)
			}
		}
	}
	return true
}
