package upstream

import (
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Errors of an attempt or an exchange.
var (
	errClosed   = errors.New("the connection was closed")
	errFull     = errors.New("too many queries are pending")
	errSilent   = errors.New("no response came in time")
	errNoServer = errors.New("no server can be asked")
	errCanceled = errors.New("the question was canceled")

	// errBusy means that the system has no room for the packet now. The query is
	// sent again soon.
	errBusy = errors.New("the send buffer is full")

	// errReused means that the server closed a connection that had been used before,
	// or one of several: it may have decided to close it before this query came.
	errReused = errors.New("the server closed the connection")
)

const (
	// maxAttempts bounds the queries sent for one question because others got no
	// useful response.
	maxAttempts = 5

	// maxFollowUps bounds the queries sent because a response asked for it: over
	// TCP, or without OPT.
	maxFollowUps = 5

	// retransmit is the minimum time before a query is sent to the same server
	// again.
	retransmit = 400 * time.Millisecond

	// retransmitRefused is that time when an ICMP message says that the server
	// cannot be reached.
	retransmitRefused = 100 * time.Millisecond

	// streamPatience is the least time for a response over TCP or TLS: a connection
	// may have to be opened first.
	streamPatience = 500 * time.Millisecond

	// busyPause is the time before a query is sent again after errBusy.
	busyPause = 10 * time.Millisecond
)

// exchange asks servers one question until there is an answer:
//
//  1. The fastest server that is up is asked, over UDP unless it speaks TLS.
//  2. When no response comes within its retransmission timeout, the next server is
//     asked. The first one's response is still welcome. When all have been asked,
//     they are asked again in the same order, with longer pauses, but so that all
//     attempts fit into the time that is left.
//  3. A truncated response is asked for again over TCP, from the same server.
//  4. When a server does not respond to a query with an OPT record, or with a
//     failure that the record may have provoked, it is asked without it.
//  5. After a failure the next server is asked. Each server may fail once.
//  6. When no server is left to ask, or the time is over, the failure or the
//     truncated response is the result, else an error.
type exchange struct {
	group    *Group
	q        Question
	handler  Handler
	deadline time.Time

	mu      sync.Mutex
	timer   *time.Timer
	first   attempt    // most questions need no more
	others  []*attempt // those behind it
	tried   uint64     // bit i: server i of the group was asked in this round
	replied uint64     // bit i: server i of the group has responded
	sent    int8       // attempts of all kinds
	tries   int8       // of those, the ones that count towards maxAttempts
	open    int8       // of those, the ones that a response may come to
	rounds  uint16     // how often all servers have been asked
	done    bool
	result  Result // the answer, or the best that there is until then
	err     error
}

// attempt is one query.
type attempt struct {
	x          *exchange
	server     *server
	transport  interface{ drop(*attempt) }
	conn       *streamConn // the connection in a streamPool; the pool's lock guards it
	sent       time.Time
	id         uint16
	rejected   uint16 // the failure that the OPT record may have provoked; 0: none
	index      int8   // of the server in the group
	overStream bool   // over TCP or TLS
	noEDNS     bool   // without an OPT record
	open       bool
	refused    bool // an ICMP message says that the server cannot be reached
}

// attempt returns the i-th of the attempts that were made, which there must be.
func (x *exchange) attempt(i int) *attempt {
	if i == 0 {
		return &x.first
	}
	return x.others[i-1]
}

// countsForHealth reports whether the result of the attempt says something about the
// server's health: a server for UDP may have no TCP, and connecting takes time.
func (a *attempt) countsForHealth() bool { return !a.overStream || a.server.addr.TLS }

func (a *attempt) question() *Question { return &a.x.q }

func (a *attempt) appendQuery(b []byte) []byte {
	return a.question().appendQuery(b, a.id, !a.noEDNS)
}

// next asks the next server. After a failure each server is asked once; while
// responses are only late, servers are asked again in turn.
func (x *exchange) next(late bool) {
	for x.tries < maxAttempts {
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
		if x.tries > 0 {
			x.group.servers[i].counters.hedges.Add(1)
		}
		x.tries++
		now := time.Now()
		if x.try(i, false, x.avoidEDNS(i, now), now) {
			return
		}
	}
	if x.open == 0 {
		x.finish()
	}
}

// avoidEDNS reports whether the next query to a server should have no OPT record:
// because the server is known to dislike it, or because it did not respond to
// queries with it. Where they are known to work, it is more likely that a packet
// was lost.
func (x *exchange) avoidEDNS(server int, now time.Time) bool {
	s := x.group.servers[server]
	if s.edns.avoid(now) {
		return true
	}
	silent := 0
	for i := range int(x.sent) {
		a := x.attempt(i)
		switch {
		case int(a.index) != server:
		case a.open:
			silent++
		case !a.noEDNS && a.rejected == 0:
			return false // there was a response
		}
	}
	if s.edns.works(now) {
		return silent == 2 || silent == 4
	}
	return silent%2 == 1
}

// try sends one query, and sets the timer to when the next one is due. It reports
// false when no query was sent and none will be.
func (x *exchange) try(server int, overStream, noEDNS bool, now time.Time) bool {
	if x.sent == maxAttempts+maxFollowUps {
		return false
	}
	a := &x.first
	if x.sent > 0 {
		a = new(attempt)
		x.others = append(x.others, a)
	}
	s := x.group.servers[server]
	*a = attempt{x: x, server: s, index: int8(server), overStream: overStream || s.addr.TLS, noEDNS: noEDNS, open: true, sent: now}
	x.sent++
	x.open++
	s.counters.queries.Add(1)
	switch err := s.send(a); err {
	case nil:
		s.health.onQuery(now)
		x.setTimer(x.patience(a, now))
	case errBusy:
		// It was not sent, so it does not count. Others may be able to send.
		a.close()
		x.sent--
		x.tries--
		x.others = x.others[:max(x.sent-1, 0)]
		x.setTimer(min(busyPause, x.deadline.Sub(now)))
	default:
		a.close()
		s.counters.failures.Add(1)
		x.err = err
		return false
	}
	return true
}

// patience returns how long to wait for a response before a server is asked again.
func (x *exchange) patience(a *attempt, now time.Time) time.Duration {
	wait := a.server.health.rto()
	if a.overStream {
		wait = max(wait, streamPatience)
	}
	if x.group.pick(x.tried) < 0 {
		// There is no other server, and asking again helps only if a packet was
		// lost.
		wait = max(2*wait, retransmit) << min(x.rounds, maxAttempts)
	}
	// All tries must fit into the time, with a share for the last response.
	left := x.deadline.Sub(now)
	return min(wait, left/time.Duration(maxAttempts-min(x.tries, maxAttempts)+1))
}

func (x *exchange) setTimer(wait time.Duration) {
	if x.timer == nil {
		x.timer = time.AfterFunc(wait, x.onTimeout)
	} else {
		x.timer.Reset(wait)
	}
}

// onTimeout is called when no response has come for a while.
func (x *exchange) onTimeout() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	left := time.Until(x.deadline)
	switch {
	case left <= 0:
		x.err = errSilent
		x.finish()
	case x.tries < maxAttempts && !x.unreachable():
		x.next(true)
	case x.unreachable():
		x.finish()
	default:
		x.timer.Reset(left)
	}
	x.unlock()
}

// unreachable reports whether every server has been asked twice and ICMP messages
// say that none can be reached.
func (x *exchange) unreachable() bool {
	if x.rounds == 0 || x.open == 0 || x.group.pick(x.tried) >= 0 {
		return false
	}
	for i := range int(x.sent) {
		a := x.attempt(i)
		if a.open && !a.refused {
			return false
		}
	}
	return true
}

// onResponse takes in the response to an attempt, which its transport has
// forgotten. The caller calls Options.Flush when no other response is at hand.
func (a *attempt) onResponse(r response) {
	x := a.x
	now := time.Now()
	x.mu.Lock()
	if x.done || !a.open {
		x.mu.Unlock()
		return
	}
	a.close()
	x.replied |= 1 << a.index
	s := a.server
	s.counters.responses.Add(1)
	rtt := max(now.Sub(a.sent), 1)
	s.times.Observe(rtt.Seconds())
	if !a.countsForHealth() {
		rtt = 0
	}
	recovered := s.health.onResponse(rtt)
	if recovered {
		s.log.add("responds again", nil)
	}
	x.learnEDNS(a, &r, recovered, now)
	switch {
	case r.truncated && !a.overStream && !isFailure(r.rcode):
		s.counters.truncated.Add(1)
		x.keep(r)
		if !x.try(int(a.index), true, a.noEDNS, now) && x.open == 0 {
			x.finish()
		}
	case r.failed() && a.mayBeEDNS(&r, now):
		a.rejected = uint16(r.rcode)
		x.keepFailure(r)
		if !x.try(int(a.index), a.overStream, true, now) {
			x.onServerFailure(s)
		}
	case r.failed():
		x.keepFailure(r)
		x.onServerFailure(s)
	default:
		x.result = r.result
		x.finish()
	}
	x.release()
}

// learnEDNS records what a response shows about the server's support of EDNS. Where the
// server has been down, queries with OPT were lost because of that.
func (x *exchange) learnEDNS(a *attempt, r *response, recovered bool, now time.Time) {
	if r.failed() {
		return
	}
	if !a.noEDNS {
		a.server.edns.onAnswer(now)
		return
	}
	suspected, certain := false, false
	for i := range int(x.sent) {
		other := x.attempt(i)
		if other.server == a.server && !other.noEDNS && (other.open && !recovered || other.rejected != 0) {
			suspected = true
			certain = certain || other.rejected != 0 && other.rejected != dns.RcodeServerFailure
		}
	}
	if suspected && a.server.edns.onPlainAnswer(now, certain) {
		a.server.log.add("answers only queries without EDNS, and is asked without it for a while", nil)
	}
}

func (x *exchange) onServerFailure(s *server) {
	s.counters.failures.Add(1)
	x.next(false)
}

// onUnreachable takes in an ICMP message that quotes the attempt's query. It is a
// hint: anyone may have sent it, so the response is still welcome. But another
// server is asked now, or the same one again soon.
func (a *attempt) onUnreachable(err error) {
	x := a.x
	x.mu.Lock()
	if x.done || !a.open || a.refused {
		x.mu.Unlock()
		return
	}
	a.refused = true
	x.err = err
	a.fail(0, "cannot be reached", err)
	switch {
	case x.tries < maxAttempts && x.group.pick(x.tried) >= 0:
		x.next(true)
	default:
		if left := time.Until(x.deadline); left > 0 {
			x.setTimer(min(retransmitRefused, left))
		}
	}
	x.unlock()
}

// fail notes in the server's health that the attempt got no response. The time that
// it was waited for is 0 where that says nothing of how slow the server is.
func (a *attempt) fail(waited time.Duration, reason string, err error) {
	a.server.counters.failures.Add(1)
	if !a.countsForHealth() {
		return
	}
	if a.server.health.onFailure(a.x.nameHash(), a.x.group.probe, a.sent, waited) {
		a.server.log.add(reason, err)
	}
}

// nameHash is the hash of the name that health counts failures by.
func (x *exchange) nameHash() uint64 {
	if x.group.probe {
		return uint64(x.deadline.UnixNano()) // each probe says something of its own
	}
	return maphash.Bytes(x.group.client.seed, x.q.Name)
}

// onFailure ends an attempt to which no response can come.
func (a *attempt) onFailure(err error) {
	x := a.x
	now := time.Now()
	x.mu.Lock()
	if x.done || !a.open {
		x.mu.Unlock()
		return
	}
	if err == errReused && now.Before(x.deadline) {
		// The server answers others, so the query is worth as many connections as fit
		// into the time.
		if a.server.send(a) == nil {
			x.unlock()
			return
		}
	}
	a.close()
	x.err = err
	if err == errClosed {
		a.server.counters.failures.Add(1)
	} else {
		a.fail(0, "cannot be reached", err)
	}
	x.next(false)
	x.unlock()
}

func (a *attempt) close() {
	a.open = false
	a.x.open--
}

// keep remembers a response for when no better one comes.
func (x *exchange) keep(r response) {
	if r.result != nil {
		x.result = r.result
	}
}

func (x *exchange) keepFailure(r response) {
	x.err = ErrNoAnswer
	if x.result == nil {
		x.keep(r)
	}
}

// Cancel ends the exchange because its result is no longer needed.
func (x *exchange) Cancel() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	x.result, x.err = nil, errCanceled
	x.finish()
	x.unlock()
}

// finish ends the exchange. The handler is called when the lock is released.
func (x *exchange) finish() {
	x.done = true
	if x.timer != nil {
		x.timer.Stop()
	}
	now := time.Now()
	noted := x.replied // servers that have failed count once
	for i := range int(x.sent) {
		a := x.attempt(i)
		if !a.open {
			continue
		}
		a.close()
		a.transport.drop(a)
		waited := now.Sub(a.sent)
		if a.refused || noted&(1<<a.index) != 0 || waited < a.server.health.rto() {
			continue
		}
		noted |= 1 << a.index
		a.fail(waited, "does not respond, and is asked only when no other server is up", nil)
	}
}

// unlock is release, followed by Options.Flush.
func (x *exchange) unlock() {
	if x.release() {
		x.group.client.o.Flush()
	}
}

// release releases the lock and calls the handler, if the exchange has ended since
// the lock was taken. A caller that found done set releases the lock without it, so
// the handler is called once.
func (x *exchange) release() (done bool) {
	done, result, err := x.done, x.result, x.err
	x.mu.Unlock()
	if !done {
		return false
	}
	if result != nil {
		err = nil
	} else if err == nil {
		err = errNoServer
	}
	x.handler.Done(result, err)
	return true
}
