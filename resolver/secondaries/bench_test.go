package secondaries

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"toponym/records"
	"toponym/resolver/transfer"
)

// fullTable is a table with as many secondaries and zones as it keeps, all of which
// lack a version.
func fullTable(b *testing.B) *Table {
	p := &primary{zones: map[records.Name][]version{}, changed: make(chan struct{})}
	table := New(Options{Changed: p.Changed, Zones: p.Zones, Behind: p.Behind, Expire: func() time.Duration { return time.Hour }})
	for z := range maxZones / maxRows {
		origin := records.MustParseName(fmt.Sprintf("zone%d", z))
		p.publish(origin, 5)
		table.update(time.Now())
		for i := range maxRows {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			table.Observe(transfer.Event{Client: addr, Zone: origin, Kind: transfer.IXFR, Has: 4, Serial: 5})
		}
		p.publish(origin, 6)
	}
	if table.zones != maxZones {
		b.Fatalf("got %d zones, want %d", table.zones, maxZones)
	}
	return table
}

// What a scrape and a status cost, and a transfer meanwhile waits for.
func BenchmarkList(b *testing.B) {
	table := fullTable(b)
	for b.Loop() {
		table.List()
	}
}

// What Run does once a second.
func BenchmarkUpdate(b *testing.B) {
	table := fullTable(b)
	for b.Loop() {
		table.update(time.Now())
	}
}

// What a transfer or a query costs in addition.
func BenchmarkObserve(b *testing.B) {
	table := fullTable(b)
	e := transfer.Event{Client: netip.MustParseAddr("10.0.0.5"), Zone: records.MustParseName("zone0"), Kind: transfer.IXFR, Has: 5, Serial: 6}
	for b.Loop() {
		table.Observe(e)
	}
}
