package notify

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/records"
)

// believe has the sender believe that all secondaries have come as far as that.
func (f *fixture) believe(p Progress) { f.know(func(records.Name, uint32) Progress { return p }) }

// know tells the sender how far all secondaries have come.
func (f *fixture) know(p func(zone records.Name, serial uint32) Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schedule.progress = func(_ netip.AddrPort, zone records.Name, serial uint32) Progress { return p(zone, serial) }
}

// A secondary that has acknowledged a version is reminded of it with growing pauses,
// for some minutes while it has not come, less often if it may have come, and not at
// all if it has.
func TestASecondaryThatDoesNotComeIsReminded(t *testing.T) {
	for progress, want := range map[Progress]int{Behind: maxTries - 1, Unknown: maxUnsure, Reached: 0} {
		inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
			f.believe(progress)
			s := newSecondary(t, f.network, acknowledge)
			f.tell(s)
			for serial := range uint32(2) {
				if serial > 0 {
					f.primary.publish("mesos", serial+1)
				}
				pass(24 * time.Hour)
				list := s.take()
				if len(list) != 1+want {
					t.Fatalf("progress %d: got %d messages, want one and %d reminders", progress, len(list), want)
				}
				for i, m := range list[1:] {
					most := min(firstReminder<<i, lastRetry) + reminderPause + f.network.Delay*2
					if gap := m.at - list[i].at; m.serial != serial+1 || gap < most/2 || gap > most {
						t.Errorf("progress %d: got reminder %d of serial %d after %v, want serial %d after %v to %v", progress, i+1, m.serial, gap, serial+1, most/2, most)
					}
				}
			}
			if got := f.counts.reminders.Load(); got != 2*uint64(want) {
				t.Errorf("progress %d: got %d reminders counted, want %d", progress, got, 2*want)
			}
			if sent, acknowledged := f.events.count(Sent), f.events.count(Acknowledged); sent != acknowledged {
				t.Errorf("progress %d: got %d messages sent and %d acknowledged, want the same", progress, sent, acknowledged)
			}
		})
	}
}

// Reminders end as soon as the secondary has come.
func TestRemindersEndWhenTheSecondaryHasCome(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		f.believe(Behind)
		s := newSecondary(t, f.network, acknowledge)
		f.tell(s)
		pass(3 * firstReminder)
		reminded := len(s.take()) - 1
		if reminded < 1 || reminded > 4 {
			t.Errorf("got %d reminders in %v, want 1 to 4", reminded, 3*firstReminder)
		}
		f.believe(Reached)
		pass(time.Hour)
		if list := s.take(); len(list) != 0 {
			t.Errorf("after it has come: got %v, want nothing", list)
		}
		if _, waiting := f.schedule.next(); waiting || f.schedule.targets[s.Addr].reminding != 0 {
			t.Errorf("got a message that waits, or %d entries that are reminding, want none", f.schedule.targets[s.Addr].reminding)
		}
	})
}

// A zone that changes all the time needs no reminders: each version is one. After the
// last one they begin.
func TestAZoneThatChangesNeedsNoReminder(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		f.believe(Behind)
		s := newSecondary(t, f.network, acknowledge)
		f.tell(s)
		for serial := range uint32(600) {
			f.primary.publish("mesos", serial+2)
			pass(testInterval)
		}
		if got := f.counts.reminders.Load(); got != 0 {
			t.Errorf("got %d reminders while the zone changes, want none", got)
		}
		pass(firstReminder + testInterval)
		if got := f.counts.reminders.Load(); got != 1 {
			t.Errorf("got %d reminders in %v after the last change, want 1", got, firstReminder)
		}
	})
}

// A reminder that is not acknowledged is sent again, but with what went before not more
// often than a message that never was. An error ends the reminders as well.
func TestAReminderMayBeLostOrRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		then fakedns.Answer
		want int
	}{
		"lost":    {fakedns.Silent, maxTries},
		"refused": {fakedns.Rcode(dns.RcodeRefused), 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
				f.believe(Behind)
				var times atomic.Int32
				s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
					if times.Add(1) == 1 {
						acknowledge(w, q)
					} else {
						tc.then(w, q)
					}
				})
				f.tell(s)
				pass(24 * time.Hour)
				if got := len(s.take()); got != tc.want {
					t.Errorf("got %d messages, want %d", got, tc.want)
				}
				if got := f.counts.reminders.Load(); got != 1 {
					t.Errorf("got %d reminders, want 1: the others were sent since none was acknowledged", got)
				}
			})
		})
	}
}

// An acknowledgment of an earlier message with the same serial changes nothing.
func TestALateAcknowledgmentAddsNoReminder(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		f.believe(Unknown)
		s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(firstRetry * 3 / 2)
			acknowledge(w, q)
		})
		f.tell(s)
		pass(24 * time.Hour)
		if got := f.counts.reminders.Load(); got != maxUnsure {
			t.Errorf("got %d reminders, want %d", got, maxUnsure)
		}
		if got := len(s.take()); got > maxTries {
			t.Errorf("got %d messages, want at most %d", got, maxTries)
		}
	})
}

// An acknowledgment may come after an error has ended what was due. The reminder that
// follows comes in time, although nothing else is due before.
func TestALateAcknowledgmentIsFollowedByAReminder(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		f.believe(Behind)
		var times atomic.Int32
		s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			switch times.Add(1) {
			case 1:
				time.Sleep(4 * firstRetry)
				acknowledge(w, q)
			case 2:
				fakedns.Rcode(dns.RcodeRefused)(w, q)
			default:
				acknowledge(w, q)
			}
		})
		f.tell(s)
		pass(4*firstRetry + firstReminder + testInterval)
		if got := f.counts.reminders.Load(); got != 1 {
			t.Errorf("got %d reminders within %v of the acknowledgment, want 1", got, firstReminder)
		}
	})
}

// Many secondaries that lack many zones cost few messages: each is bounded per second
// and in all, and the last one comes within minutes.
func TestRemindersAreBounded(t *testing.T) {
	zones := map[string]uint32{}
	for i := range 100 {
		zones[string(rune('a'+i/10))+string(rune('a'+i%10))] = 1
	}
	inBubble(t, zones, func(t *testing.T, f *fixture) {
		f.believe(Behind)
		var list []*secondary
		for range 20 {
			list = append(list, newSecondary(t, f.network, acknowledge))
		}
		f.tell(list...)
		pass(time.Second)
		for _, s := range list {
			s.take() // what it is told at the start
		}
		pass(24 * time.Hour)
		inAll := map[time.Duration]int{}
		for _, s := range list {
			each, total := map[time.Duration]int{}, 0
			for _, m := range s.take() {
				each[m.at/time.Second]++
				inAll[m.at/time.Second]++
				total++
				if m.at > 15*time.Minute {
					t.Fatalf("got a reminder after %v, want none so late", m.at)
				}
			}
			if total != 100*(maxTries-1) {
				t.Errorf("%v: got %d reminders, want %d for each zone", s.Addr, total, maxTries-1)
			}
			for at, n := range each {
				if n > 40 {
					t.Errorf("%v: got %d reminders in the second after %v, want at most 40", s.Addr, n, at*time.Second)
				}
			}
		}
		for at, n := range inAll {
			if n > 20*25 {
				t.Errorf("got %d reminders in the second after %v, want at most 500 to 20 secondaries", n, at*time.Second)
			}
		}
	})
}

// A target or a zone that leaves while it is reminded leaves nothing behind.
func TestRemindersEndWithTheirTargetOrZone(t *testing.T) {
	inBubble(t, map[string]uint32{"a": 1, "b": 1}, func(t *testing.T, f *fixture) {
		f.believe(Behind)
		stays, leaves := newSecondary(t, f.network, acknowledge), newSecondary(t, f.network, acknowledge)
		f.tell(stays, leaves)
		pass(time.Second)
		stays.take()
		leaves.take()
		f.primary.publish("b", 0)
		f.tell(stays)
		pass(time.Hour)
		if list := leaves.take(); len(list) != 0 {
			t.Errorf("got %v for the target that left, want nothing", list)
		}
		list := stays.take()
		for _, m := range list {
			if m.zone != "a." {
				t.Errorf("got a reminder of %s, which left", m.zone)
			}
		}
		if len(list) != maxTries-1 || f.schedule.targets[stays.Addr].reminding != 0 {
			t.Errorf("got %d reminders of a, and %d entries that are reminding, want %d and none", len(list), f.schedule.targets[stays.Addr].reminding, maxTries-1)
		}
	})
}
