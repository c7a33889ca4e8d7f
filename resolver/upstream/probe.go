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

// probes are when which server is to be probed next.
type probes map[*server]*probeState

type probeState struct {
	next     time.Time
	interval time.Duration // doubles while the server stays silent

	nextLoop time.Time
	busy     atomic.Bool
}

// Times of probes.
const (
	probeTimeout = 2 * time.Second
	probeMax     = 10 * time.Second
	loopRetry    = 30 * time.Second // while queries come back
	loopRecheck  = 10 * time.Minute
)

// keep forgets the servers that are gone.
func (p probes) keep(list []*server) {
	for s := range p {
		if !slices.Contains(list, s) {
			delete(p, s)
		}
	}
}

// look sends the probes to a server that are due.
//
// A server that leaves questions without an answer is asked something that each
// server knows. Any reply will do. And each that is used is asked at times for
// a name that nobody else can know: if that comes to us, it leads back to us.
func (p probes) check(s *server) {
	now := time.Now()
	at := p[s]
	if at == nil {
		at = &probeState{}
		p[s] = at
	}
	if !s.health.suspect() {
		at.interval = tick
	}
	if at.busy.Load() {
		return
	}
	switch {
	case now.After(at.nextLoop) && s.counters.queries.Load() > 0:
		at.nextLoop = now.Add(loopRecheck)
		if s.health.State() == Looping {
			at.nextLoop = now.Add(loopRetry)
		}
		s.loopProbeSeen.Store(false)
		s.probe(Question{Name: s.loopName(), Type: dns.TypeHINFO, Class: dns.ClassINET}, at, func() {
			if !s.loopProbeSeen.Load() && s.health.state.CompareAndSwap(int32(Looping), int32(Up)) {
				s.logf("does not lead back to us any more")
			}
		})
		if s.health.State() == Looping {
			return
		}
	case s.health.suspect() && now.After(at.next):
		at.next = now.Add(at.interval)
		at.interval = min(2*at.interval, probeMax)
		s.probe(Question{Name: []byte{0}, Type: dns.TypeNS, Class: dns.ClassINET}, at, func() {})
	}
}

// probe asks this server alone, whatever its state is.
func (s *server) probe(q Question, p *probeState, then func()) {
	p.busy.Store(true)
	g := &Group{client: s.client, servers: []*server{s}, probe: true}
	g.ask(q, probeHandler(func() { then(); p.busy.Store(false) }), probeTimeout)
}

type probeHandler func()

func (f probeHandler) OnResponse([]byte) (Result, error) { return true, nil } // any will do
func (f probeHandler) Done(Result, error)                { f() }

// loopName is the name of a loop probe: the client's token and a random label.
func (s *server) loopName() []byte {
	var nonce [8]byte
	rand.Read(nonce[:])
	name := append([]byte{16}, s.client.token[:]...)
	name = append(name, 16)
	name = hex.AppendEncode(name, nonce[:])
	name = append(name, 0)
	s.loopProbeName.Store(&name)
	return name
}

// LoopProbe reports whether a name in lower-case wire form is that of a loop
// probe of this client. The server that it was sent to is not asked any more.
func (c *Client) IsLoopProbe(name []byte) bool {
	if len(name) != 35 || name[0] != 16 || !bytes.Equal(name[1:17], c.token[:]) {
		return false
	}
	for _, s := range c.serverList() {
		if sent := s.loopProbeName.Load(); sent != nil && bytes.Equal(*sent, name) {
			s.loopProbeSeen.Store(true)
			if s.health.state.Swap(int32(Looping)) != int32(Looping) {
				s.logf("leads back to us, and is not asked")
			}
		}
	}
	return true
}
