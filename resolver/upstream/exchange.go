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
	group *Group
	q     Question
	asker Asker
	end   time.Time

	mu     sync.Mutex
	timer  *time.Timer
	first  attempt // most need no more
	more   [maxAttempts - 1]*attempt
	made   int    // attempts
	open   int    // of those, the ones that a reply may come to
	tried  uint64 // servers, by their place in the group
	rounds int    // how often all servers have been tried
	done   bool
	again  bool  // a connection that the server had closed was replaced
	reply  Reply // the answer, or the best that there is until then
	err    error
}

// attempt is one query.
type attempt struct {
	x      *exchange
	server *server
	on     interface{ drop(*attempt) }
	id     uint16
	stream bool // over TCP or TLS
	plain  bool // without an OPT record
	open   bool
	sent   time.Time
}

// tells reports whether the fate of the attempt says how the server is: a server
// for UDP may have no TCP, and connecting takes time.
func (a *attempt) tells() bool { return !a.stream || a.server.addr.TLS }

func (a *attempt) question() *Question { return &a.x.q }

// advance asks the next server. After an answer that was of no use, each server
// is asked once; while answers are just late, they are asked again in turn.
func (x *exchange) advance(late bool) {
	for x.made < maxAttempts {
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
		if x.made > 0 {
			s.counts.hedges.Add(1)
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
	if x.made == maxAttempts {
		return false
	}
	a := &x.first
	if x.made > 0 {
		a = new(attempt)
		x.more[x.made-1] = a
	}
	x.made++
	*a = attempt{x: x, server: s, stream: stream, plain: plain, open: true, sent: time.Now()}
	if err := s.send(a); err != nil {
		a.open = false
		s.counts.failures.Add(1)
		x.err = err
		return false
	}
	x.open++
	wait := s.health.usual()
	if a.stream {
		wait = max(wait, streamPatience)
	}
	if x.group.pick(x.tried) < 0 {
		// Nobody else can be asked, and asking again helps only when a packet
		// was lost.
		wait = max(2*wait, retransmit) << x.rounds
	}
	wait = min(wait, x.end.Sub(a.sent))
	if x.timer == nil {
		x.timer = time.AfterFunc(wait, x.late)
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
func (x *exchange) late() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	now := time.Now()
	if now.Before(x.end) && x.made < maxAttempts {
		x.advance(true)
	} else if left := x.end.Sub(now); left > 0 {
		x.timer.Reset(left)
	} else {
		x.err = errSilent
		x.finish()
	}
	x.unlock()
}

// replied takes in a reply to an attempt, which is no longer waiting.
func (a *attempt) replied(h heard) {
	x := a.x
	took := time.Since(a.sent)
	x.mu.Lock()
	if x.done || !a.open {
		x.mu.Unlock()
		return
	}
	a.close()
	s := a.server
	s.counts.replies.Add(1)
	if !a.tells() {
		took = 0
	}
	if s.health.replied(took) {
		s.say("answers again")
	}
	switch {
	case !retryable(h.code) && h.cut && !a.stream:
		s.counts.cut.Add(1)
		x.keep(h)
		if !x.try(s, true, false) && x.open == 0 {
			x.finish()
		}
	case (h.code == dns.RcodeFormatError || h.code == dns.RcodeNotImplemented) && !a.plain && x.try(s, a.stream, true):
		// It may not know EDNS (RFC 6891, section 7).
	case retryable(h.code):
		s.counts.failures.Add(1)
		if x.reply == nil {
			x.keep(h)
		}
		x.advance(false)
	default:
		x.reply = h.reply
		x.finish()
	}
	x.unlock()
}

// failed ends an attempt that no reply can come to any more.
func (a *attempt) failed(err error) {
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
		if x.try(s, a.stream, a.plain) {
			x.unlock()
			return
		}
	}
	s.counts.failures.Add(1)
	if err != errClosed && a.tells() && s.health.broke() {
		s.say("cannot be reached: " + err.Error())
	}
	x.advance(false)
	x.unlock()
}

func (a *attempt) close() {
	a.open = false
	a.x.open--
}

// keep remembers a reply for when there is no better one.
func (x *exchange) keep(h heard) {
	if h.reply != nil {
		x.reply = h.reply
	}
}

// finish ends the exchange. What came of it is said when the lock is given back.
func (x *exchange) finish() {
	x.done = true
	if x.timer != nil {
		x.timer.Stop()
	}
	for i := range x.made {
		a := &x.first
		if i > 0 {
			a = x.more[i-1]
		}
		if !a.open {
			continue
		}
		a.close()
		a.on.drop(a)
		s := a.server
		if waited := time.Since(a.sent); waited >= s.health.usual() {
			s.counts.failures.Add(1)
			if a.tells() && s.health.unanswered(waited) {
				s.say("does not answer, and rests until it does")
			}
		}
	}
}

// unlock gives the lock back and tells who asked, when the exchange has ended
// since the lock was taken. Whoever sees done set first was the one to end it.
func (x *exchange) unlock() {
	done, reply, err := x.done, x.reply, x.err
	x.mu.Unlock()
	if !done {
		return
	}
	if reply != nil {
		err = nil
	} else if err == nil {
		err = errNobody
	}
	x.asker.Answered(reply, err)
}
