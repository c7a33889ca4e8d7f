package notify

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/zone"
)

// Options configure a [Sender].
type Options struct {
	// Changed returns a channel that is closed when a zone gets its next version.
	Changed func() <-chan struct{}

	// Zones lists the SOA records of the newest versions of all zones that
	// secondaries may have.
	Zones func() []zone.Record

	Settings Settings

	// Local returns the addresses to send from, by which secondaries know their
	// primary. An invalid or unspecified one leaves the choice to the system, as nil
	// does.
	Local func() (ipv4, ipv6 netip.Addr)

	// Listen opens a socket; nil opens one of the system.
	Listen func(local netip.AddrPort) (Conn, error)

	// Observer is told of what is sent and answered; nil for none.
	Observer Observer

	// Progress tells which secondaries have to be reminded of a version that they have
	// acknowledged; nil for none.
	Progress ProgressFunc

	// Log gets what an operator can act upon.
	Log logrus.FieldLogger
}

// Settings are the options that may change while the sender runs.
type Settings struct {
	Targets []Target // each with another address; what follows the first is ignored

	// Interval is the least time between two messages about a zone to a target.
	Interval time.Duration
}

// Target is a secondary server that is told of new versions.
type Target struct {
	Addr netip.AddrPort
	Key  Key // signs the messages and verifies the responses; nil for none
}

// KeyName is the name of the key, "" for none.
func (t Target) KeyName() records.Name {
	if t.Key == nil {
		return ""
	}
	return t.Key.Name()
}

// Key is a key for transaction signatures (TSIG, RFC 8945).
type Key interface {
	// Name is the name of the key.
	Name() records.Name

	// Sign appends a signature to a request. The MAC is for VerifyResponse.
	Sign(msg []byte, now time.Time) (signed, mac []byte)

	// VerifyResponse checks the signature of the response to a request with a MAC.
	VerifyResponse(msg, requestMAC []byte, now time.Time) error
}

// Sender sends NOTIFY messages. Its methods may be called from any goroutine.
type Sender struct {
	o       Options
	sockets sockets
	wake    chan struct{} // the settings have changed
	counts  counts

	mu       sync.Mutex
	schedule schedule
}

// New returns a sender. It opens and starts nothing.
func New(o Options) *Sender {
	s := &Sender{o: o, wake: make(chan struct{}, 1)}
	s.schedule = newSchedule(s.report, o.Progress)
	s.sockets = sockets{open: o.Listen, local: o.Local, receive: s.receive}
	if o.Local == nil {
		s.sockets.local = func() (ipv4, ipv6 netip.Addr) { return ipv4, ipv6 }
	}
	if o.Listen == nil {
		s.sockets.open = listenUDP
	}
	s.schedule.configure(o.Settings, time.Now())
	return s
}

// Configure replaces the settings. New targets are told of all zones.
func (s *Sender) Configure(settings Settings) {
	s.mu.Lock()
	s.schedule.configure(settings, time.Now())
	s.mu.Unlock()
	s.lookAgain()
}

const (
	// maxBatch is how many messages are sent before a pause of batchPause, so at
	// most 5,000 per second.
	maxBatch   = 50
	batchPause = 10 * time.Millisecond
)

// Run tells the targets of all zones, and of each new version, until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	defer s.sockets.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var changed <-chan struct{} // nil: the zones have to be read
	for {
		select {
		case <-changed:
			changed = nil
		default:
		}
		read := changed == nil
		if read {
			changed = s.o.Changed()
		}
		messages, next, waiting := s.take(read)
		for _, m := range messages {
			if err := s.sockets.send(m.to, m.packet); err != nil {
				s.mu.Lock()
				s.schedule.unsent(m, err)
				s.mu.Unlock()
			}
		}
		timer.Stop()
		await := changed
		switch {
		case len(messages) == maxBatch:
			timer.Reset(batchPause)
			await = nil // the pause comes first
		case waiting:
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-await:
		case <-s.wake:
			changed = nil
		case <-timer.C:
		}
	}
}

// take returns the messages that are due, and when the next one is. If read is set,
// it takes in the newest versions before.
func (s *Sender) take(read bool) (messages []outgoing, next time.Time, waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if read && len(s.schedule.targets) > 0 {
		s.schedule.update(s.o.Zones(), now)
	}
	messages = s.schedule.take(now, maxBatch)
	next, waiting = s.schedule.next()
	return messages, next, waiting
}

// receive takes in a packet that has arrived.
func (s *Sender) receive(packet []byte, from netip.AddrPort) {
	s.mu.Lock()
	before, waited := s.schedule.next()
	ok := s.schedule.receive(packet, from, time.Now())
	after, waiting := s.schedule.next()
	s.mu.Unlock()
	if !ok {
		s.counts.mismatched.Add(1)
	}
	if waiting && (!waited || after.Before(before)) {
		s.lookAgain()
	}
}

// Heard tells that a client has asked for a zone, with a key or without one. It may be
// called for each query of a secondary.
func (s *Sender) Heard(client netip.Addr, key records.Name) {
	s.mu.Lock()
	before, _ := s.schedule.next()
	s.schedule.heard(client, key, time.Now())
	after, waiting := s.schedule.next()
	s.mu.Unlock()
	if waiting && after.Before(before) {
		s.lookAgain()
	}
}

// lookAgain makes Run look at the schedule.
func (s *Sender) lookAgain() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// logInterval is how often a line about a target and a reason is logged at most.
const logInterval = time.Hour

// report counts what has happened to a message of an entry, logs it if it has failed,
// and tells the observer. The caller holds mu.
func (s *Sender) report(e *entry, event Event) {
	t := e.target
	event.Target, event.Key, event.Zone = t.Addr, t.KeyName(), e.zone.soa.Owner
	s.counts.count(event)
	if s.o.Observer != nil {
		s.o.Observer.ObserveNotify(event)
	}
	if event.Kind != Failed {
		return
	}
	reason, now := reasonOf(event.Err), time.Now()
	if at, ok := t.logged[reason]; ok && now.Sub(at) < logInterval {
		return
	}
	t.logged[reason] = now
	log := s.o.Log.WithFields(logrus.Fields{"secondary": t.Addr, "zone": event.Zone}).WithError(event.Err)
	if t.Key != nil {
		log = log.WithField("key", event.Key)
	}
	log.Warn("a secondary has not acknowledged NOTIFY")
}
