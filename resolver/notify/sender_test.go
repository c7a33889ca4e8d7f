package notify

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/fakedns"
	"toponym/records"
)

// A start tells each target of each zone, in the form of RFC 1996.
func TestAStartTellsAllTargetsOfAllZones(t *testing.T) {
	zones := map[string]uint32{"mesos": 7, "catalog.mesos": 8, "10.in-addr.arpa": 9}
	inBubble(t, zones, func(t *testing.T, f *fixture) {
		var asked []*dns.Msg
		var mu sync.Mutex
		first := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			mu.Lock()
			asked = append(asked, q)
			mu.Unlock()
			acknowledge(w, q)
		})
		second := newSecondary(t, f.network, acknowledge)
		f.tell(first, second)
		pass(time.Hour)
		for _, s := range []*secondary{first, second} {
			got := map[string]uint32{}
			list := s.take()
			for _, m := range list {
				got[strings.TrimSuffix(m.zone, ".")] = m.serial
			}
			if len(list) != 3 || fmt.Sprint(got) != fmt.Sprint(zones) {
				t.Errorf("%v: got %v, want each of %v once", s.Addr, list, zones)
			}
		}
		for _, q := range asked {
			h := q.MsgHdr
			if h.Opcode != dns.OpcodeNotify || !h.Authoritative || h.Response || h.RecursionDesired || len(q.Question) != 1 ||
				q.Question[0].Qtype != dns.TypeSOA || len(q.Ns) != 0 || len(q.Extra) != 0 {
				t.Errorf("got the message\n%v\nwant a NOTIFY request", q)
			}
		}
		if sent, acknowledged := f.events.count(Sent), f.events.count(Acknowledged); sent != 6 || acknowledged != 6 {
			t.Errorf("got %d messages sent and %d acknowledged, want 6 of both", sent, acknowledged)
		}
	})
}

// However often a zone changes, a target gets one message in the interval, the first
// one at once, and in the end the newest serial.
func TestChangesAreCoalesced(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		s := newSecondary(t, f.network, acknowledge)
		f.tell(s)
		pass(time.Hour)
		s.take()
		start := time.Since(s.start)
		for i := range uint32(1000) {
			f.primary.publish("mesos", 2+i)
			pass(time.Millisecond)
		}
		pass(time.Minute)
		list := s.take()
		if len(list) != 11 {
			t.Fatalf("got %d messages for 1,000 changes in 1 s, want 11", len(list))
		}
		if took := list[0].at - start; took > 2*time.Millisecond {
			t.Errorf("got the first message after %v, want it at once", took)
		}
		for i, m := range list[1:] {
			if gap := m.at - list[i].at; gap < testInterval {
				t.Errorf("got two messages within %v, want at most one in %v", gap, testInterval)
			}
		}
		if last := list[len(list)-1]; last.serial != 1001 {
			t.Errorf("got serial %d last, want 1001", last.serial)
		}
	})
}

// Zones do not wait for each other.
func TestEachZoneHasItsOwnInterval(t *testing.T) {
	inBubble(t, map[string]uint32{"a": 1, "b": 1}, func(t *testing.T, f *fixture) {
		s := newSecondary(t, f.network, acknowledge)
		f.tell(s)
		pass(time.Hour)
		s.take()
		f.primary.publish("a", 2)
		pass(2 * time.Millisecond)
		f.primary.publish("b", 2)
		pass(2 * time.Millisecond)
		if list := s.take(); len(list) != 2 || list[0].zone != "a." || list[1].zone != "b." {
			t.Errorf("got %v, want a message for each zone at once", list)
		}
	})
}

// A message that got lost is sent again, ever more rarely, until it is acknowledged.
func TestALostMessageIsSentAgain(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		var received atomic.Int32
		s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			if received.Add(1) == 5 {
				acknowledge(w, q)
			}
		})
		f.tell(s)
		pass(time.Hour)
		list := s.take()
		if len(list) != 5 {
			t.Fatalf("got %d messages, want 5: the last one is acknowledged", len(list))
		}
		for i, m := range list[1:] {
			most := firstRetry << i
			if gap := m.at - list[i].at; gap < most/2 || gap > most {
				t.Errorf("got message %d after %v, want %v to %v", i+2, gap, most/2, most)
			}
		}
	})
}

// A target that never answers costs ten messages for a version, is reported, and is
// told of the next version.
func TestASilentTargetIsGivenUp(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		s := newSecondary(t, f.network, fakedns.Silent)
		f.tell(s)
		pass(24 * time.Hour)
		if got := len(s.take()); got != maxTries {
			t.Errorf("got %d messages, want %d", got, maxTries)
		}
		f.primary.publish("mesos", 2)
		pass(time.Millisecond * 2)
		if list := s.take(); len(list) != 1 || list[0].serial != 2 {
			t.Errorf("got %v for the next version, want one message", list)
		}
		if failed := f.events.count(Failed); failed < 4 || failed > maxTries {
			t.Errorf("got %d failures, want one for each message after the first ten seconds", failed)
		}
		if lines := f.log.AllEntries(); len(lines) != 1 || lines[0].Level != logrus.WarnLevel {
			t.Errorf("got the log %v, want one warning", lines)
		}
	})
}

// While a zone changes all the time, a target that does not answer is soon told once
// a minute, and as often as others once it answers again.
func TestASilentTargetIsToldRarely(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		silent, other := newSecondary(t, f.network, fakedns.Silent), newSecondary(t, f.network, acknowledge)
		f.tell(silent, other)
		serial := uint32(1)
		change := func(times int) {
			for range times {
				serial++
				f.primary.publish("mesos", serial)
				pass(testInterval)
			}
		}
		change(int(patience / testInterval / 2))
		if got := f.events.count(Failed); got != 0 {
			t.Errorf("got %d failures within half of %v, want none: it may be starting", got, patience)
		}
		change(6000)
		if got := len(silent.take()); got < maxTries || got > 40 {
			t.Errorf("got %d messages in ten minutes to a silent target, want 10 to 40", got)
		}
		if got := len(other.take()); got < 5900 {
			t.Errorf("got %d messages to the other target, want one for each of 6,000 changes", got)
		}
		silent.Set(acknowledge)
		change(600)
		silent.Set(silent.noting(acknowledge))
		change(600)
		if got := len(silent.take()); got < 590 {
			t.Errorf("got %d messages for 600 changes after it answers again, want all", got)
		}
	})
}

// A secondary that was away, and asks for a zone when it is back, is told of the next
// version at once: it must not stay a minute behind since it was told rarely.
func TestASecondaryThatIsBackIsToldAtOnce(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		away := newSecondary(t, f.network, fakedns.Silent)
		f.tell(away)
		for serial := range uint32(6000) {
			f.primary.publish("mesos", serial+2)
			pass(testInterval)
		}
		away.Set(away.noting(acknowledge))
		away.take()
		f.Heard(netip.MustParseAddr("192.0.2.99"), "")
		f.Heard(away.Addr.Addr(), records.MustParseName("other.key"))
		f.primary.publish("mesos", 7000)
		pass(testInterval)
		if list := away.take(); len(list) != 0 {
			t.Errorf("after somebody else was heard: got %v, want nothing yet", list)
		}
		f.Heard(away.Addr.Addr(), "")
		pass(testInterval)
		if list := away.take(); len(list) != 1 || list[0].serial != 7000 {
			t.Errorf("after it was heard: got %v, want one message with serial 7000", list)
		}
		f.primary.publish("mesos", 7001)
		pass(testInterval)
		if list := away.take(); len(list) != 1 || list[0].serial != 7001 {
			t.Errorf("after the next change: got %v, want one message with serial 7001", list)
		}
	})
}

// An acknowledgment that comes after the next message counts: a slow network is no
// silent target.
func TestALateAcknowledgmentCounts(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(250 * time.Millisecond)
			acknowledge(w, q)
		})
		f.tell(s)
		for i := range uint32(300) {
			f.primary.publish("mesos", 2+i)
			pass(testInterval)
		}
		pass(time.Hour)
		list := s.take()
		if len(list) < 295 || list[len(list)-1].serial != 301 {
			t.Errorf("got %d messages for 300 changes, want one for each", len(list))
		}
		if got := f.events.count(Acknowledged); got != len(list) {
			t.Errorf("got %d of %d messages acknowledged, want all", got, len(list))
		}
		if failed := f.events.count(Failed); failed != 0 {
			t.Errorf("got %d failures, want none", failed)
		}
	})
}

// A response with an error ends the retries, but for SERVFAIL, and is logged once.
func TestAnErrorEndsTheRetries(t *testing.T) {
	for rcode, want := range map[int]int{dns.RcodeRefused: 1, dns.RcodeNotImplemented: 1, dns.RcodeNotAuth: 1, dns.RcodeFormatError: 1, dns.RcodeServerFailure: maxTries} {
		t.Run(dns.RcodeToString[rcode], func(t *testing.T) {
			inBubble(t, map[string]uint32{"a": 1, "b": 1}, func(t *testing.T, f *fixture) {
				s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
					m := new(dns.Msg).SetRcode(q, rcode)
					if rcode == dns.RcodeFormatError {
						m.Question = nil // nothing was understood
					}
					w.WriteMsg(m)
				})
				f.tell(s)
				pass(30 * time.Minute)
				if got := len(s.take()); got != 2*want {
					t.Errorf("got %d messages for two zones, want %d", got, 2*want)
				}
				if got := f.events.count(Acknowledged); got != 0 {
					t.Errorf("got %d acknowledgments, want none", got)
				}
				var lines []string
				for _, e := range f.log.AllEntries() {
					lines = append(lines, fmt.Sprint(e.Data["error"]))
				}
				slices.Sort(lines)
				if name := "the response is " + dns.RcodeToString[rcode]; len(lines) == 0 || !slices.Contains(lines, name) || len(slices.Compact(lines)) != len(lines) {
					t.Errorf("got the log %q, want %q, each line once", lines, name)
				}
			})
		})
	}
}

// What does not match in address, id or question acknowledges nothing.
func TestForgedResponsesAreIgnored(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		var socket *fakedns.Socket
		f.sockets.open = func(local netip.AddrPort) (Conn, error) {
			socket = f.network.Listen(local)
			return socket, nil
		}
		var s *secondary
		s = newSecondary(t, f.network, func(_ dns.ResponseWriter, q *dns.Msg) {
			for _, forge := range []func(m *dns.Msg) netip.AddrPort{
				func(m *dns.Msg) netip.AddrPort { m.Id++; return s.Addr },
				func(m *dns.Msg) netip.AddrPort { return netip.AddrPortFrom(s.Addr.Addr(), 54) },
				func(m *dns.Msg) netip.AddrPort { return netip.MustParseAddrPort("192.0.2.99:53") },
				func(m *dns.Msg) netip.AddrPort { m.Question[0].Name = "other."; return s.Addr },
				func(m *dns.Msg) netip.AddrPort { m.Question[0].Qtype = dns.TypeA; return s.Addr },
				func(m *dns.Msg) netip.AddrPort { m.Question = nil; return s.Addr },
				func(m *dns.Msg) netip.AddrPort { m.Opcode = dns.OpcodeQuery; return s.Addr },
				func(m *dns.Msg) netip.AddrPort { m.Response = false; return s.Addr },
			} {
				m := new(dns.Msg).SetReply(q)
				from := forge(m)
				packet, err := m.Pack()
				if err != nil {
					t.Error(err)
				}
				socket.Deliver(packet, from)
			}
		})
		f.tell(s)
		pass(time.Hour)
		if got := len(s.take()); got != maxTries {
			t.Errorf("got %d messages, want %d: nothing was acknowledged", got, maxTries)
		}
		if got := f.events.count(Acknowledged); got != 0 {
			t.Errorf("got %d acknowledgments, want none", got)
		}
		if got := f.counts.mismatched.Load(); got != 8*maxTries {
			t.Errorf("got %d packets counted that match no message, want %d", got, 8*maxTries)
		}
	})
}

// New targets are told of all zones, those that left of nothing, and the others go
// on as before.
func TestTargetsChangeWhileTheSenderRuns(t *testing.T) {
	inBubble(t, map[string]uint32{"a": 1, "b": 1}, func(t *testing.T, f *fixture) {
		stays, leaves, comes := newSecondary(t, f.network, acknowledge), newSecondary(t, f.network, fakedns.Silent), newSecondary(t, f.network, acknowledge)
		f.tell(stays, leaves)
		pass(10 * time.Millisecond)
		stays.take()
		leaves.take()
		f.tell(stays, comes)
		pass(time.Hour)
		if a, b, c := len(stays.take()), len(leaves.take()), len(comes.take()); a != 0 || b != 0 || c != 2 {
			t.Errorf("got %d messages to the target that stays, %d to the one that left, %d to the new one, want 0, 0, 2", a, b, c)
		}
		f.primary.publish("a", 0)
		pass(time.Second)
		f.primary.publish("b", 2)
		pass(time.Second)
		f.primary.publish("a", 3)
		pass(time.Second)
		list := stays.take()
		if len(list) != 2 || list[0].zone != "b." || list[1].zone != "a." || list[1].serial != 3 {
			t.Errorf("got %v, want messages for b and for a, which is new again", list)
		}
		f.tell()
		f.primary.publish("a", 4)
		pass(time.Hour)
		if list := stays.take(); len(list) != 0 {
			t.Errorf("got %v without targets, want nothing", list)
		}
	})
}

// The messages per second are bounded, whatever the number of zones and targets.
func TestMessagesPerSecondAreBounded(t *testing.T) {
	zones := map[string]uint32{}
	for i := range 200 {
		zones[fmt.Sprintf("zone%d", i)] = 1
	}
	inBubble(t, zones, func(t *testing.T, f *fixture) {
		var list []*secondary
		for range 20 {
			list = append(list, newSecondary(t, f.network, acknowledge))
		}
		f.tell(list...)
		pass(time.Minute)
		perSecond, total := map[time.Duration]int{}, 0
		for _, s := range list {
			for _, m := range s.take() {
				perSecond[m.at/(100*time.Millisecond)]++
				total++
			}
		}
		if total != 4000 {
			t.Errorf("got %d messages, want one for each of 200 zones and 20 targets", total)
		}
		for at, n := range perSecond {
			if most := int(100*time.Millisecond/batchPause+1) * maxBatch; n > most {
				t.Errorf("got %d messages in the 100 ms from %v, want at most %d", n, at*100*time.Millisecond, most)
			}
		}
	})
}

// A socket that cannot be opened or does not send is reported, and tried again.
func TestAMessageThatCannotBeSentIsSentAgain(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		attempts := 0
		f.sockets.open = func(local netip.AddrPort) (Conn, error) {
			if attempts++; attempts < 3 {
				return nil, fmt.Errorf("no route")
			}
			return f.network.Listen(local), nil
		}
		s := newSecondary(t, f.network, acknowledge)
		f.tell(s)
		pass(time.Minute)
		if got := len(s.take()); got != 1 {
			t.Errorf("got %d messages, want 1", got)
		}
		if got := f.events.count(Failed); got != 2 {
			t.Errorf("got %d failures, want 2", got)
		}
		if lines := f.log.AllEntries(); len(lines) != 1 || lines[0].Data["error"].(error).Error() != "no route" {
			t.Errorf("got the log %v, want one line", lines)
		}
	})
}

// Messages leave from the address that secondaries know, by the sockets of the
// system, also when it changes.
func TestMessagesLeaveFromTheGivenAddress(t *testing.T) {
	from := make(chan string, 1)
	server := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		acknowledge(w, q)
		from <- w.RemoteAddr().String()
	})
	p, e := newPrimary(map[string]uint32{"mesos": 1}), &acknowledged{done: make(chan struct{}, 2)}
	log, _ := logtest.NewNullLogger()
	var local atomic.Value
	local.Store(netip.MustParseAddr("127.0.0.9"))
	s := New(Options{
		Changed: p.Changed, Zones: p.Zones, Log: log, Observer: e,
		Local:    func() (ipv4, ipv6 netip.Addr) { return local.Load().(netip.Addr), ipv6 },
		Settings: Settings{Targets: []Target{{Addr: server.Addr}}, Interval: testInterval},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	if got := <-from; !strings.HasPrefix(got, "127.0.0.9:") {
		t.Errorf("got a message from %s, want 127.0.0.9", got)
	}
	<-e.done
	local.Store(netip.MustParseAddr("127.0.0.8"))
	p.publish("mesos", 2)
	if got := <-from; !strings.HasPrefix(got, "127.0.0.8:") {
		t.Errorf("got a message from %s, want 127.0.0.8", got)
	}
	<-e.done
	cancel()
	<-ended
}

// acknowledged waits for acknowledgments.
type acknowledged struct{ done chan struct{} }

func (a *acknowledged) ObserveNotify(e Event) {
	if e.Kind == Acknowledged {
		a.done <- struct{}{}
	}
}
