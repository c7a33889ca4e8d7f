package notify

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"toponym/records"
	"toponym/zone"
)

// What a new version of one zone costs beside 39 others, with the messages to 20
// secondaries and their acknowledgments. Nothing is sent.
func BenchmarkVersion(b *testing.B) {
	const zones, targets = 40, 20
	var list []zone.Record
	for i := range zones {
		list = append(list, soaRecord(fmt.Sprintf("zone%d", i), 1))
	}
	settings := Settings{Interval: time.Millisecond}
	for i := range targets {
		settings.Targets = append(settings.Targets, Target{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 53)})
	}
	now := time.Now()
	s := newSchedule(func(*entry, Event) {}, func(netip.AddrPort, records.Name, uint32) Progress { return Behind })
	s.configure(settings, now)
	s.update(list, now)
	acknowledge := func(messages []outgoing) {
		for _, m := range messages {
			m.packet[2] |= 1 << 7 // QR
			if !s.receive(m.packet, m.to, now) {
				b.Fatal("got an acknowledgment refused")
			}
		}
	}
	acknowledge(s.take(now, zones*targets))
	serial := uint32(1)
	for b.Loop() {
		serial++
		now = now.Add(settings.Interval)
		list[0] = soaRecord("zone0", serial)
		s.update(list, now)
		messages := s.take(now, zones*targets)
		if len(messages) != targets {
			b.Fatalf("got %d messages, want %d", len(messages), targets)
		}
		acknowledge(messages)
	}
}
