package secondaries

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"toponym/records"
	"toponym/resolver/transfer"
	"toponym/zone"
)

// Secondary is what is known of a secondary server. Times are zero for what has not
// happened since the start.
type Secondary struct {
	Addr         netip.Addr
	Key          records.Name // that it signs with; "" for none
	Seen         time.Time    // when it asked last
	SOAQuery     Message      // the last SOA query, with the serial that it was told
	LastTransfer Transfer     // the last one that was complete
	Transfers    map[transfer.Kind]uint64
	Bytes        uint64 // of responses to transfers
	Failures     uint64 // transfers that were not complete
	LastError    Failure
	Zones        []Zone   // in the order of their names
	Notify       []Notify // for each port at which it is told of new versions
}

// Message is about a version of a zone.
type Message struct {
	Zone   records.Name
	Serial uint32
	Time   time.Time
}

// Transfer is what a secondary got when it asked for a zone.
type Transfer struct {
	Message
	Kind     transfer.Kind
	Duration time.Duration
}

// Failure is something that failed.
type Failure struct {
	Text string
	Zone records.Name
	Time time.Time
}

// Notify is what became of NOTIFY messages to a secondary.
type Notify struct {
	Addr             netip.AddrPort
	Sent             uint64
	Acknowledged     uint64
	Failures         uint64
	LastSent         Message
	LastAcknowledged Message
	LastError        Failure
}

// Zone is the version of a zone that a secondary has.
type Zone struct {
	Name   records.Name
	Serial uint32
	Newest uint32

	// Follows is set if the secondary asks for new versions, or is told of them. A
	// zone that was transferred once, by a person, has no lag.
	Follows bool

	// Lag is since when there is a version that the secondary lacks, 0 if it lacks
	// none.
	Lag time.Duration

	// Versions is how many versions it lacks, -1 if they are more than are kept.
	Versions int
}

// LastAcknowledged is when the last NOTIFY message was acknowledged, at each port. It
// is zero if none was, at one of them.
func (s *Secondary) LastAcknowledged() (last time.Time) {
	for i, n := range s.Notify {
		if at := n.LastAcknowledged.Time; i == 0 || at.Before(last) {
			last = at
		}
	}
	return last
}

// Lag is the largest lag of a zone.
func (s *Secondary) Lag() (lag time.Duration) {
	for i := range s.Zones {
		lag = max(lag, s.Zones[i].Lag)
	}
	return lag
}

// List lists the secondaries, those with the largest lag first. It describes one
// after the other, so that nothing waits for it meanwhile.
func (t *Table) List() []Secondary {
	now := time.Now()
	t.mu.Lock()
	t.update(now)
	keys := t.rows.Keys()
	t.mu.Unlock()
	list := make([]Secondary, 0, len(keys))
	shown := make(map[id]bool, len(keys))
	for _, key := range keys {
		t.mu.Lock()
		if r, ok := t.rows.Peek(key); ok {
			targets := t.targetsOf(key)
			shown[key] = true
			for _, n := range targets {
				shown[n.id()] = true
			}
			list = append(list, t.describe(key, r, targets, now))
		}
		t.mu.Unlock()
	}
	list = append(list, t.unseen(shown)...)
	for _, s := range list {
		slices.SortFunc(s.Notify, func(a, b Notify) int { return a.Addr.Compare(b.Addr) })
	}
	slices.SortFunc(list, func(a, b Secondary) int {
		return cmp.Or(-cmp.Compare(a.Lag(), b.Lag()), a.Addr.Compare(b.Addr), strings.Compare(string(a.Key), string(b.Key)))
	})
	return list
}

// unseen describes the targets that have not asked for anything: those that are not
// shown otherwise.
func (t *Table) unseen(shown map[id]bool) (list []Secondary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := map[id][]Notify{}
	for _, n := range t.targets {
		if key := n.id(); !shown[key] {
			told[key] = append(told[key], n.describe())
		}
	}
	for key, n := range told {
		list = append(list, Secondary{Addr: key.addr, Key: key.key, Notify: n})
	}
	return list
}

// describe describes a secondary, which may be a target. The caller holds mu.
func (t *Table) describe(key id, r *row, targets []*target, now time.Time) Secondary {
	s := Secondary{
		Addr: key.addr, Key: key.key, Seen: r.seen, SOAQuery: r.soa, LastTransfer: r.transfer,
		Transfers: map[transfer.Kind]uint64{}, Bytes: r.bytes, Failures: r.failures, LastError: r.lastError,
	}
	for kind, count := range r.counts {
		s.Transfers[kind] = count
	}
	for _, n := range targets {
		s.Notify = append(s.Notify, n.describe())
	}
	for origin, h := range r.zones {
		if h.known {
			s.Zones = append(s.Zones, t.zoneOf(origin, h, len(targets) > 0, now))
		}
	}
	slices.SortFunc(s.Zones, func(a, b Zone) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return s
}

// zoneOf describes the zone of a secondary, which may be told of new versions.
func (t *Table) zoneOf(origin records.Name, h *held, told bool, now time.Time) Zone {
	z := Zone{Name: origin, Serial: h.serial, Newest: t.newest[origin], Follows: h.polled || told}
	if !z.Follows || z.Serial == z.Newest || zone.SerialAfter(z.Serial, z.Newest) {
		return z
	}
	versions, since, ok := t.o.Behind(origin, h.serial)
	if !ok || since.IsZero() {
		versions, since = -1, h.behind
	}
	z.Versions, z.Lag = versions, max(now.Sub(since), 0)
	return z
}

func (n *target) describe() Notify {
	return Notify{
		Addr: n.addr, Sent: n.sent, Acknowledged: n.acknowledged, Failures: n.failures,
		LastSent: n.lastSent, LastAcknowledged: n.lastAck, LastError: n.lastError,
	}
}
