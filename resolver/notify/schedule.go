package notify

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/backoff"
	"toponym/internal/dnswire"
	"toponym/records"
	"toponym/zone"
)

const (
	// firstRetry is after how long a message that was not acknowledged is sent
	// again. The time doubles with each message, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = time.Minute

	// maxTries is how often a message is sent at most (RFC 1996, section 3.6),
	// within about five minutes. After as many messages in a row without an
	// acknowledgment, of whatever version, a target is told of new versions as
	// rarely as of old ones.
	maxTries = 10

	// patience is for how long a target need not acknowledge anything until that is
	// reported. A server may start meanwhile.
	patience = 10 * time.Second

	// maxRecent is for how many messages about a zone to a target a response is
	// accepted, since a newer one may be sent before it arrives.
	maxRecent = 4
)

// schedule is which messages are due when. It sends nothing, and knows the time
// only from its callers.
//
// There is an entry for each zone and target. An entry is due at once when its zone
// has a new version, but not within the interval after its last message. It is due
// again while that is not acknowledged, and when it is, until the secondary has come
// for the version. A newer version takes the place of the one before, and of its
// retries and reminders.
type schedule struct {
	report   func(*entry, Event)
	progress ProgressFunc // nil: there are no reminders
	interval time.Duration
	targets  map[netip.AddrPort]*target
	byAddr   map[netip.Addr][]*target
	zones    map[records.Name]*zoneState
	due      queue
}

// target is a secondary that is told of new versions.
type target struct {
	Target
	entries map[records.Name]*entry
	ids     map[uint16]*entry // of the messages that may still be answered

	reminding int // entries that are

	logged map[string]time.Time // when a failure was logged, by reason
}

// zoneState is the newest version of a zone.
type zoneState struct {
	soa    zone.Record
	serial uint32
	seen   bool // in the last update
}

// entry is what a target has been told of a zone.
type entry struct {
	target *target
	zone   *zoneState

	due      time.Time
	position int // in the queue; -1: nothing is due

	sent       time.Time // the last message
	tries      int       // messages with the newest serial
	unanswered int       // messages since the last acknowledgment
	since      time.Time // when the first of them was sent
	reported   bool      // that the last one was not acknowledged
	reminding  bool      // the newest version was acknowledged; what is due is a reminder
	reminders  int       // that were sent of the newest version
	recent     [maxRecent]message
	next       int // the oldest one of recent
}

// message is a message that may still be answered.
type message struct {
	id     uint16
	serial uint32
	mac    []byte // of its signature
	open   bool
}

// outgoing is a message to be sent.
type outgoing struct {
	to     netip.AddrPort
	packet []byte
	entry  *entry
	serial uint32
}

func newSchedule(report func(*entry, Event), progress ProgressFunc) schedule {
	return schedule{report: report, progress: progress, targets: map[netip.AddrPort]*target{}, zones: map[records.Name]*zoneState{}}
}

// configure replaces the targets. Those that stay, with a key of the same name, go
// on.
func (s *schedule) configure(o Settings, now time.Time) {
	s.interval = o.Interval
	before := s.targets
	s.targets = make(map[netip.AddrPort]*target, len(o.Targets))
	for _, t := range o.Targets {
		if s.targets[t.Addr] != nil {
			continue
		}
		if old := before[t.Addr]; old != nil && old.KeyName() == t.KeyName() {
			old.Key = t.Key
			s.targets[t.Addr] = old
			delete(before, t.Addr)
			continue
		}
		added := &target{Target: t, entries: map[records.Name]*entry{}, ids: map[uint16]*entry{}, logged: map[string]time.Time{}}
		s.targets[t.Addr] = added
		for _, z := range s.zones {
			s.add(added, z, now)
		}
	}
	for _, gone := range before {
		for _, e := range gone.entries {
			s.unschedule(e)
		}
	}
	s.byAddr = make(map[netip.Addr][]*target, len(s.targets))
	for addr, t := range s.targets {
		s.byAddr[addr.Addr()] = append(s.byAddr[addr.Addr()], t)
	}
}

// heard takes in that a secondary has asked something: one that was away is back, and
// is told of new versions at once again.
func (s *schedule) heard(client netip.Addr, key records.Name, now time.Time) {
	for _, t := range s.byAddr[client] {
		if t.KeyName() != key {
			continue
		}
		for _, e := range t.entries {
			if e.unanswered <= maxTries {
				continue
			}
			e.unanswered = 0
			if e.tries == 0 && e.position >= 0 { // a version waits for its turn
				due := e.sent.Add(s.interval)
				if due.Before(now) {
					due = now
				}
				s.schedule(e, due)
			}
		}
	}
}

// update takes over the newest versions of all zones.
func (s *schedule) update(zones []zone.Record, now time.Time) {
	for _, z := range s.zones {
		z.seen = false
	}
	for i := range zones {
		soa := &zones[i]
		z, serial := s.zones[soa.Owner], soa.SOASerial()
		switch {
		case z == nil:
			z = &zoneState{soa: *soa, serial: serial, seen: true}
			s.zones[soa.Owner] = z
			for _, t := range s.targets {
				s.add(t, z, now)
			}
			continue
		case z.serial != serial:
			for _, t := range s.targets {
				s.renew(t.entries[soa.Owner], now)
			}
		}
		z.soa, z.serial, z.seen = *soa, serial, true
	}
	for name, z := range s.zones {
		if !z.seen {
			delete(s.zones, name)
			for _, t := range s.targets {
				t.forget(t.entries[name])
				s.unschedule(t.entries[name])
				delete(t.entries, name)
			}
		}
	}
}

// add adds an entry, which is due at once.
func (s *schedule) add(t *target, z *zoneState, now time.Time) {
	e := &entry{target: t, zone: z, position: -1}
	t.entries[z.soa.Owner] = e
	s.schedule(e, now)
}

// renew makes an entry due since its zone has a new version.
func (s *schedule) renew(e *entry, now time.Time) {
	if e.tries == 0 && e.position >= 0 {
		return // it has not been sent yet
	}
	e.setReminding(false)
	e.tries, e.reminders = 0, 0
	due := e.sent.Add(s.pace(e))
	if due.Before(now) {
		due = now
	}
	s.schedule(e, due)
}

// pace is the least time from the last message to the next one.
func (s *schedule) pace(e *entry) time.Duration {
	if e.unanswered <= maxTries {
		return s.interval
	}
	return max(s.interval, backoff.Delay(e.unanswered-maxTries-1, firstRetry, lastRetry))
}

// take returns the messages that are due, at most max of them.
func (s *schedule) take(now time.Time, max int) (list []outgoing) {
	for len(s.due) > 0 && len(list) < max && !s.due[0].due.After(now) {
		e := s.due[0]
		if e.unanswered > 0 && !e.reported && now.Sub(e.since) >= patience {
			e.reported = true
			s.report(e, failure(e.zone.serial, ErrUnanswered))
		}
		if e.tries == maxTries || e.reminding && !s.needsReminder(e) {
			s.unschedule(e)
			continue
		}
		list = append(list, s.message(e, now))
	}
	return list
}

// message makes a message, and schedules what follows if it is not acknowledged.
func (s *schedule) message(e *entry, now time.Time) outgoing {
	t := e.target
	old := &e.recent[e.next]
	if old.open {
		delete(t.ids, old.id)
	}
	*old = message{id: t.freeID(e), serial: e.zone.serial, open: true}
	e.next = (e.next + 1) % maxRecent
	packet := appendRequest(nil, old.id, &e.zone.soa)
	if t.Key != nil {
		packet, old.mac = t.Key.Sign(packet, now)
	}
	reminder := e.reminding
	if reminder {
		e.setReminding(false)
		e.reminders++
	}
	e.sent = now
	if e.unanswered == 0 {
		e.since = now
	}
	e.tries++
	e.unanswered++
	e.reported = false
	s.schedule(e, now.Add(max(s.pace(e), backoff.Delay(e.tries-1, firstRetry, lastRetry))))
	s.report(e, Event{Serial: e.zone.serial, Kind: Sent, Reminder: reminder})
	return outgoing{to: t.Addr, packet: packet, entry: e, serial: e.zone.serial}
}

// freeID takes a random id that no message to the target has.
func (t *target) freeID(e *entry) uint16 {
	for {
		id := uint16(rand.Uint32())
		if t.ids[id] == nil {
			t.ids[id] = e
			return id
		}
	}
}

// forget drops the messages of an entry that may still be answered.
func (t *target) forget(e *entry) {
	for i := range e.recent {
		if m := &e.recent[i]; m.open {
			delete(t.ids, m.id)
			*m = message{}
		}
	}
}

// next is when the next message is due, if any is.
func (s *schedule) next() (at time.Time, ok bool) {
	if len(s.due) == 0 {
		return at, false
	}
	return s.due[0].due, true
}

// unsent takes in that a message could not be sent.
func (s *schedule) unsent(m outgoing, err error) {
	s.report(m.entry, failure(m.serial, &SendError{err}))
}

// receive takes in a packet. It is not ok if that is no response to one of the
// messages.
func (s *schedule) receive(packet []byte, from netip.AddrPort, now time.Time) (ok bool) {
	t := s.targets[from]
	if t == nil || !isResponse(packet) {
		return false
	}
	id := dnswire.ID(packet)
	e := t.ids[id]
	if e == nil || !answers(packet, []byte(e.zone.soa.Owner)) {
		return false
	}
	for i := range e.recent {
		if m := &e.recent[i]; m.open && m.id == id {
			s.answered(e, m, packet, now)
			return true
		}
	}
	return false
}

// answered takes in the response to a message.
func (s *schedule) answered(e *entry, m *message, packet []byte, now time.Time) {
	if key := e.target.Key; key != nil {
		if err := key.VerifyResponse(packet, m.mac, now); err != nil {
			// It may be forged, so the right one may still come.
			if rcode := rcodeOf(packet); rcode != dns.RcodeSuccess {
				err = fmt.Errorf("%w: %w", RcodeError(rcode), err)
			}
			s.report(e, failure(m.serial, &SignatureError{err}))
			return
		}
	}
	m.open = false
	delete(e.target.ids, m.id)
	newest := m.serial == e.zone.serial
	if rcode := rcodeOf(packet); rcode != dns.RcodeSuccess {
		if newest && rcode != dns.RcodeServerFailure {
			s.unschedule(e)
		}
		s.report(e, failure(m.serial, RcodeError(rcode)))
		return
	}
	e.unanswered = 0
	switch {
	case newest:
		s.acknowledged(e, now)
	case e.tries == 0 && e.position >= 0:
		// A newer one had to wait for this one.
		if due := e.sent.Add(s.interval); due.Before(e.due) {
			s.schedule(e, due)
		}
	}
	s.report(e, Event{Serial: m.serial, Kind: Acknowledged})
}

// schedule makes an entry due at a time.
func (s *schedule) schedule(e *entry, due time.Time) {
	e.due = due
	if e.position < 0 {
		heap.Push(&s.due, e)
	} else {
		heap.Fix(&s.due, e.position)
	}
}

// unschedule makes an entry not due.
func (s *schedule) unschedule(e *entry) {
	e.setReminding(false)
	if e.position >= 0 {
		heap.Remove(&s.due, e.position)
	}
}

// queue is a heap of the entries that are due, the first one first.
type queue []*entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].position, q[j].position = i, j
}

// Push adds an entry at the end, for package heap.
func (q *queue) Push(e any) {
	e.(*entry).position = len(*q)
	*q = append(*q, e.(*entry))
}

// Pop removes the entry at the end, for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.position = -1
	return e
}
