package upstream

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

// maxAttempts bounds the queries that are sent for one question.
const maxAttempts = 5

// exchange is one question, asked of one server after the other until there is
// an answer.
type exchange struct {
	group    *Group
	q        Question
	handler  Handler
	deadline time.Time

	mu           sync.Mutex
	timer        *time.Timer
	firstAttempt attempt // most need no more
	others       [maxAttempts - 1]*attempt
	attempts     int    // attempts
	open         int    // of those, the ones that a reply may come to
	tried        uint64 // servers, by their place in the group
	rounds       int    // how often all servers have been tried
	done         bool
	again        bool   // a connection that the server had closed was replaced
	result       Result // the answer, or the best that there is until then
	err          error
}

// attempt is one query.
type attempt struct {
	x          *exchange
	server     *server
	transport  interface{ drop(*attempt) }
	id         uint16
	overStream bool // over TCP or TLS
	noEDNS     bool // without an OPT record
	open       bool
	sent       time.Time
}

// tells reports whether the fate of the attempt says how the server is: a server
// for UDP may have no TCP, and connecting takes time.
func (a *attempt) countsForHealth() bool { return !a.overStream || a.server.addr.TLS }

func (a *attempt) question() *Question { return &a.x.q }

// advance asks the next server. After an answer that was of no use, each server
// is asked once; while answers are just late, they are asked again in turn.
func (x *exchange) advance(late bool) {
	for x.attempts < maxAttempts {
		i := x.group.pick(x.tried)
		if i < 0 && late && x.tried != 0 {
			x.tried = 0
			x.rounds++
			i = x.group.pick(0)
		}
		if i < 0 {
			break
		}
		x.tried |= 1 << i
		s := x.group.servers[i]
		if x.attempts > 0 {
			s.counters.hedges.Add(1)
		}
		if x.try(s, false, false) {
			return
		}
	}
	if x.open == 0 {
		x.finish()
	}
}

// try sends one query, and has the timer wait for its reply.
func (x *exchange) try(s *server, stream, plain bool) bool {
	if x.attempts == maxAttempts {
		return false
	}
	a := &x.firstAttempt
	if x.attempts > 0 {
		a = new(attempt)
		x.others[x.attempts-1] = a
	}
	x.attempts++
	*a = attempt{x: x, server: s, overStream: stream, noEDNS: plain, open: true, sent: time.Now()}
	if err := s.send(a); err != nil {
		a.open = false
		s.counters.failures.Add(1)
		x.err = err
		return false
	}
	x.open++
	wait := s.health.rto()
	if a.overStream {
		wait = max(wait, streamPatience)
	}
	if x.group.pick(x.tried) < 0 {
		// Nobody else can be asked, and asking again helps only when a packet
		// was lost.
		wait = max(2*wait, retransmit) << x.rounds
	}
	wait = min(wait, x.deadline.Sub(a.sent))
	if x.timer == nil {
		x.timer = time.AfterFunc(wait, x.onTimeout)
	} else {
		x.timer.Reset(wait)
	}
	return true
}

const (
	retransmit     = 400 * time.Millisecond
	streamPatience = 500 * time.Millisecond // a connection may have to be made
)

// late is called when no reply has come for a while.
func (x *exchange) onTimeout() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	now := time.Now()
	if now.Before(x.deadline) && x.attempts < maxAttempts {
		x.advance(true)
	} else if left := x.deadline.Sub(now); left > 0 {
		x.timer.Reset(left)
	} else {
		x.err = errSilent
		x.finish()
	}
	x.unlock()
}

// replied takes in a reply to an attempt, which is no longer waiting.
func (a *attempt) onResponse(h parsedResponse) {
	x := a.x
	took := time.Since(a.sent)
	x.mu.Lock()
	if x.done || !a.open {
		x.mu.Unlock()
		return
	}
	a.close()
	s := a.server
	s.counters.responses.Add(1)
	if !a.countsForHealth() {
		took = 0
	}
	if s.health.onResponse(took) {
		s.logf("answers again")
	}
	switch {
	case !retryable(h.rcode) && h.truncated && !a.overStream:
		s.counters.truncated.Add(1)
		x.keep(h)
		if !x.try(s, true, false) && x.open == 0 {
			x.finish()
		}
	case (h.rcode == dns.RcodeFormatError || h.rcode == dns.RcodeNotImplemented) && !a.noEDNS && x.try(s, a.overStream, true):
		// It may not know EDNS (RFC 6891, section 7).
	case retryable(h.rcode):
		s.counters.failures.Add(1)
		if x.result == nil {
			x.keep(h)
		}
		x.advance(false)
	default:
		x.result = h.result
		x.finish()
	}
	x.unlock()
}

// failed ends an attempt that no reply can come to any more.
func (a *attempt) onFailure(err error) {
	x := a.x
	x.mu.Lock()
	if x.done || !a.open {
		x.mu.Unlock()
		return
	}
	a.close()
	x.err = err
	s := a.server
	if err == errReused && !x.again {
		x.again = true
		if x.try(s, a.overStream, a.noEDNS) {
			x.unlock()
			return
		}
	}
	s.counters.failures.Add(1)
	if err != errClosed && a.countsForHealth() && s.health.onUnreachable() {
		s.logf("cannot be reached: " + err.Error())
	}
	x.advance(false)
	x.unlock()
}

func (a *attempt) close() {
	a.open = false
	a.x.open--
}

// keep remembers a reply for when there is no better one.
func (x *exchange) keep(h parsedResponse) {
	if h.result != nil {
		x.result = h.result
	}
}

// finish ends the exchange. What came of it is said when the lock is given back.
func (x *exchange) finish() {
	x.done = true
	if x.timer != nil {
		x.timer.Stop()
	}
	for i := range x.attempts {
		a := &x.firstAttempt
		if i > 0 {
			a = x.others[i-1]
		}
		if !a.open {
			continue
		}
		a.close()
		a.transport.drop(a)
		s := a.server
		if waited := time.Since(a.sent); waited >= s.health.rto() {
			s.counters.failures.Add(1)
			if a.countsForHealth() && s.health.onTimeout(waited) {
				s.logf("does not answer, and rests until it does")
			}
		}
	}
}

// unlock gives the lock back and tells who asked, when the exchange has ended
// since the lock was taken. Whoever sees done set first was the one to end it.
func (x *exchange) unlock() {
	done, reply, err := x.done, x.result, x.err
	x.mu.Unlock()
	if !done {
		return
	}
	if reply != nil {
		err = nil
	} else if err == nil {
		err = errNobody
	}
	x.handler.Done(reply, err)
}
