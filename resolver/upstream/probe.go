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
type probes map[*server]*probing

type probing struct {
	due   time.Time
	pause time.Duration // doubles while the server stays silent

	loopDue time.Time
	busy    atomic.Bool
}

// Times of probes.
const (
	probeTimeout = 2 * time.Second
	probeMax     = 10 * time.Second
	loopAgain    = 30 * time.Second // while queries come back
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
func (p probes) look(s *server) {
	now := time.Now()
	at := p[s]
	if at == nil {
		at = &probing{}
		p[s] = at
	}
	if !s.health.suspect() {
		at.pause = tick
	}
	if at.busy.Load() {
		return
	}
	switch {
	case now.After(at.loopDue) && s.counts.queries.Load() > 0:
		at.loopDue = now.Add(loopRecheck)
		if s.health.current() == Looping {
			at.loopDue = now.Add(loopAgain)
		}
		s.back.Store(false)
		s.probe(Question{Name: s.loopName(), Type: dns.TypeHINFO, Class: dns.ClassINET}, at, func() {
			if !s.back.Load() && s.health.state.CompareAndSwap(int32(Looping), int32(Up)) {
				s.say("does not lead back to us any more")
			}
		})
		if s.health.current() == Looping {
			return
		}
	case s.health.suspect() && now.After(at.due):
		at.due = now.Add(at.pause)
		at.pause = min(2*at.pause, probeMax)
		s.probe(Question{Name: []byte{0}, Type: dns.TypeNS, Class: dns.ClassINET}, at, func() {})
	}
}

// probe asks this server alone, whatever its state is.
func (s *server) probe(q Question, p *probing, then func()) {
	p.busy.Store(true)
	g := &Group{client: s.client, servers: []*server{s}, probe: true}
	g.ask(q, probeEnd(func() { then(); p.busy.Store(false) }), probeTimeout)
}

type probeEnd func()

func (f probeEnd) Read([]byte) (Reply, error) { return true, nil } // any will do
func (f probeEnd) Answered(Reply, error)      { f() }

// loopName is the name of a loop probe: the client's token and a random label.
func (s *server) loopName() []byte {
	var nonce [8]byte
	rand.Read(nonce[:])
	name := append([]byte{16}, s.client.token[:]...)
	name = append(name, 16)
	name = hex.AppendEncode(name, nonce[:])
	name = append(name, 0)
	s.loop.Store(&name)
	return name
}

// LoopProbe reports whether a name in lower-case wire form is that of a loop
// probe of this client. The server that it was sent to is not asked any more.
func (c *Client) LoopProbe(name []byte) bool {
	if len(name) != 35 || name[0] != 16 || !bytes.Equal(name[1:17], c.token[:]) {
		return false
	}
	for _, s := range c.list() {
		if sent := s.loop.Load(); sent != nil && bytes.Equal(*sent, name) {
			s.back.Store(true)
			if s.health.state.Swap(int32(Looping)) != int32(Looping) {
				s.say("leads back to us, and is not asked")
			}
		}
	}
	return true
}
