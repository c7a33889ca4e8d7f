package secondaries

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/records"
	"toponym/resolver/notify"
	"toponym/resolver/transfer"
	"toponym/zone"
)

var (
	mesos  = records.MustParseName("mesos")
	other  = records.MustParseName("other")
	key    = records.MustParseName("key.example")
	first  = netip.MustParseAddr("192.0.2.1")
	second = netip.MustParseAddr("2001:db8::2")
)

// version is a version of a zone that was published.
type version struct {
	serial uint32
	at     time.Time
}

// primary has versions, as a history keeps them.
type primary struct {
	mu      sync.Mutex
	zones   map[records.Name][]version
	changed chan struct{}
}

func (p *primary) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *primary) Zones() (list []zone.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for origin, versions := range p.zones {
		data := []byte("\x00\x00")
		for _, n := range []uint32{versions[len(versions)-1].serial, 60, 600, 86400, 60} {
			data = binary.BigEndian.AppendUint32(data, n)
		}
		list = append(list, zone.Record{Owner: origin, Type: dns.TypeSOA, TTL: 60, Data: string(data)})
	}
	return list
}

func (p *primary) Behind(origin records.Name, serial uint32) (versions int, since time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.zones[origin]
	for i, v := range list {
		if v.serial == serial && i == len(list)-1 {
			return 0, time.Time{}, true
		} else if v.serial == serial {
			return len(list) - 1 - i, list[i+1].at, true
		}
	}
	return 0, time.Time{}, false
}

// publish adds a version of a zone.
func (p *primary) publish(origin records.Name, serial uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones[origin] = append(p.zones[origin], version{serial, time.Now()})
	close(p.changed)
	p.changed = make(chan struct{})
}

// forget drops all versions but the newest.
func (p *primary) forget(origin records.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones[origin] = p.zones[origin][len(p.zones[origin])-1:]
}

type fixture struct {
	*Table
	primary *primary
}

// inBubble runs a test of a table, in a bubble of synctest. The zones mesos and
// other have serial 5.
func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &primary{zones: map[records.Name][]version{}, changed: make(chan struct{})}
		p.publish(mesos, 5)
		p.publish(other, 5)
		f := &fixture{primary: p, Table: New(Options{
			Changed: p.Changed, Zones: p.Zones, Behind: p.Behind, Expire: func() time.Duration { return 24 * time.Hour },
		})}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { f.Run(ctx) })
		synctest.Wait()
		test(t, f)
		cancel()
		running.Wait()
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// got has a secondary get a version of a zone from another one.
func (f *fixture) got(kind transfer.Kind, origin records.Name, has, serial uint32) {
	f.Observe(transfer.Event{Client: first, Zone: origin, Kind: kind, Has: has, Serial: serial, Bytes: 100, Duration: time.Second})
}

// zone returns what the only secondary has of a zone.
func (f *fixture) zone(t *testing.T, origin records.Name) Zone {
	t.Helper()
	list := f.List()
	if len(list) != 1 {
		t.Fatalf("got %d secondaries, want 1", len(list))
	}
	for _, z := range list[0].Zones {
		if z.Name == origin {
			return z
		}
	}
	return Zone{}
}

func (f *fixture) wantLag(t *testing.T, what string, lag time.Duration, versions int) {
	t.Helper()
	if z := f.zone(t, mesos); z.Lag != lag || z.Versions != versions {
		t.Errorf("%s: got a lag of %v and %d versions, want %v and %d", what, z.Lag, z.Versions, lag, versions)
	}
}

// The lag is the time since the oldest version was published that a secondary lacks.
func TestLagCountsFromTheOldestVersionThatIsMissing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.SOA, mesos, 0, 5)
		f.got(transfer.Fallback, mesos, 3, 5)
		pass(time.Hour)
		f.wantLag(t, "with the newest version", 0, 0)
		f.primary.publish(mesos, 6)
		pass(30 * time.Second)
		f.wantLag(t, "30 s after the next", 30*time.Second, 1)
		f.primary.publish(mesos, 7)
		pass(30 * time.Second)
		f.wantLag(t, "30 s after another one", time.Minute, 2)
		f.got(transfer.IXFR, mesos, 5, 6)
		f.wantLag(t, "when it has the first of them", 30*time.Second, 1)
		f.got(transfer.TryTCP, mesos, 6, 7)
		f.wantLag(t, "when the differences do not fit over UDP", 30*time.Second, 1)
		f.got(transfer.IXFR, mesos, 6, 7)
		f.wantLag(t, "when it has both", 0, 0)
		f.got(transfer.UpToDate, mesos, 7, 7)
		f.wantLag(t, "when it is up to date", 0, 0)
		f.got(transfer.UpToDate, mesos, 9, 7)
		f.wantLag(t, "with a newer version, from another primary", 0, 0)
		pass(time.Hour)
		f.wantLag(t, "with a newer version, later", 0, 0)
	})
}

// The lag grows however few versions the history keeps.
func TestLagDoesNotDependOnHowManyVersionsAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.IXFR, mesos, 4, 5)
		for i := range uint32(600) {
			f.primary.publish(mesos, 6+i)
			f.primary.forget(mesos)
			pass(time.Second)
		}
		if z := f.zone(t, mesos); z.Lag > 600*time.Second || z.Lag < 600*time.Second-followInterval || z.Versions != -1 {
			t.Errorf("got a lag of %v and %d versions, want 10 minutes and -1", z.Lag, z.Versions)
		}
		// A slow transfer, of a version that is no longer kept.
		f.Observe(transfer.Event{Client: first, Zone: mesos, Kind: transfer.Fallback, Has: 5, Serial: 560, Duration: 50 * time.Second})
		if z := f.zone(t, mesos); z.Lag != 50*time.Second {
			t.Errorf("got a lag of %v after a transfer that took 50 s, want 50 s", z.Lag)
		}
	})
}

// A transfer that was cut off counts as a failure, and the secondary keeps what it
// had.
func TestACutOffTransferChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.Fallback, mesos, 4, 5)
		f.primary.publish(mesos, 6)
		pass(time.Minute)
		cut := errors.New("the client reads too slowly")
		f.Observe(transfer.Event{Client: first, Zone: mesos, Kind: transfer.IXFR, Has: 5, Serial: 6, Bytes: 10, Err: cut})
		f.Observe(transfer.Event{Client: first, Zone: mesos, Kind: transfer.AXFR, Serial: 6, Bytes: 10, Err: cut})
		f.wantLag(t, "after transfers that were cut off", time.Minute, 1)
		s := f.List()[0]
		if s.Failures != 2 || s.LastError.Text != cut.Error() || s.LastError.Zone != mesos || s.Bytes != 120 ||
			s.LastTransfer.Serial != 5 || s.Transfers[transfer.Fallback] != 1 || s.Transfers[transfer.IXFR] != 0 {
			t.Errorf("got %+v, want two failures and one transfer", s)
		}
	})
}

// Who transfers a zone once, without asking for new versions, has no lag, which
// would raise an alert.
func TestAPersonWhoTransfersAZoneHasNoLag(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.AXFR, mesos, 0, 5)
		f.primary.publish(mesos, 6)
		pass(time.Hour)
		if z := f.zone(t, mesos); z.Follows || z.Lag != 0 || z.Serial != 5 {
			t.Errorf("got %+v, want serial 5 without a lag", z)
		}
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(first, 53)}})
		f.wantLag(t, "of a secondary that is told of new versions", time.Hour, 1)
	})
}

// Many ask for SOA records. Only a key, the setting notify or a transfer shows that
// it is a secondary.
func TestAnSOAQueryAloneMakesNoSecondary(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.SOA, mesos, 0, 5)
		if list := f.List(); len(list) != 0 {
			t.Errorf("got %v for an SOA query, want none", list)
		}
		f.Observe(transfer.Event{Client: first, Key: key, Zone: mesos, Kind: transfer.SOA, Serial: 5})
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(second, 53)}})
		f.Observe(transfer.Event{Client: second, Zone: mesos, Kind: transfer.SOA, Serial: 5})
		list := f.List()
		if len(list) != 2 || list[0].Key != key || list[1].Addr != second {
			t.Fatalf("got %v, want the one with a key and the target", list)
		}
		for _, s := range list {
			if s.SOAQuery.Serial != 5 || s.SOAQuery.Zone != mesos || len(s.Zones) != 0 {
				t.Errorf("got %+v, want the query, and no version that it has", s)
			}
		}
	})
}

// Secondaries are told apart by address and key, and forgotten a day after they were
// seen, but for targets.
func TestSecondariesAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		see := func(addr netip.Addr, k records.Name) {
			f.Observe(transfer.Event{Client: addr, Key: k, Zone: mesos, Kind: transfer.IXFR, Has: 4, Serial: 5})
		}
		see(first, "")
		see(first, key)
		see(second, "")
		see(netip.AddrFrom16(first.As16()), "")
		if got := len(f.List()); got != 3 {
			t.Errorf("got %d secondaries, want 3", got)
		}
		pass(23 * time.Hour)
		see(first, key)
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(second, 53)}})
		pass(2 * time.Hour)
		list := f.List()
		if len(list) != 2 || list[0].Key != key || list[1].Addr != second || len(list[1].Notify) != 1 {
			t.Errorf("got %v, want the one that was seen and the target", list)
		}
		pass(1000 * time.Hour)
		f.primary.publish(mesos, 6)
		pass(time.Minute)
		if list := f.List(); len(list) != 1 || list[0].Addr != second || list[0].Lag() != time.Minute {
			t.Errorf("got %v, want the target with its lag", list)
		}
	})
}

// The table is bounded: whoever was seen longest ago leaves.
func TestTheTableIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		see := func(i int, origin records.Name) {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			f.Observe(transfer.Event{Client: addr, Zone: origin, Kind: transfer.IXFR, Has: 4, Serial: 5})
		}
		for i := range 2 * maxRows {
			see(i, mesos)
			see(0, mesos)
		}
		list := f.List()
		if len(list) != maxRows || list[0].Addr.String() != "10.0.0.0" || list[1].Addr.String() != "10.0.3.233" {
			t.Errorf("got %d secondaries from %v, %v on, want %d with the first one, which was seen last", len(list), list[0].Addr, list[1].Addr, maxRows)
		}
		for i := range 20 {
			origin := records.MustParseName(fmt.Sprintf("zone%d", i))
			f.primary.publish(origin, 5)
			for i := range maxRows {
				see(i, origin)
			}
		}
		zones := 0
		for _, s := range f.List() {
			zones += len(s.Zones)
		}
		if zones > maxZones || zones < maxZones-20 || f.zones != zones {
			t.Errorf("got %d zones, counted as %d, want about %d", zones, f.zones, maxZones)
		}
	})
}

// Addresses that anybody can make up do not drive out the secondaries that are told of
// new versions or have a key: their lag would no longer be shown.
func TestForgedAddressesDriveOutNoSecondary(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		key := records.MustParseName("key.test")
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(first, 53)}})
		f.got(transfer.IXFR, mesos, 3, 4)
		f.Observe(transfer.Event{Client: second, Key: key, Zone: mesos, Kind: transfer.IXFR, Has: 3, Serial: 4})
		origins := []records.Name{mesos, other}
		for i := range 8 {
			origins = append(origins, records.MustParseName(fmt.Sprintf("zone%d", i)))
			f.primary.publish(origins[i+2], 5)
		}
		for i := range 3 * maxRows {
			f.Observe(transfer.Event{Client: netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), Zone: origins[i%10], Kind: transfer.UpToDate, Has: 5, Serial: 5})
			f.Observe(transfer.Event{Client: netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), Zone: origins[(i+1)%10], Kind: transfer.UpToDate, Has: 5, Serial: 5})
		}
		held := map[netip.Addr]int{}
		list := f.List()
		for _, s := range list {
			held[s.Addr] = len(s.Zones)
		}
		if len(list) != maxRows || held[first] != 1 || held[second] != 1 {
			t.Errorf("got %d secondaries, the target with %d zones and the one with a key with %d, want %d, 1 and 1", len(list), held[first], held[second], maxRows)
		}
	})
}

// A query over UDP can be made up, or be one that was signed for another address and is
// sent again: it adds no secondary. Those that are known may ask so.
func TestQueriesOverUDPAddNoSecondary(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		key := records.MustParseName("key.test")
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(first, 53)}})
		f.Observe(transfer.Event{Client: second, Key: key, Zone: mesos, Kind: transfer.AXFR, Serial: 4})
		for i := range 2 * maxRows {
			addr := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
			for _, kind := range []transfer.Kind{transfer.SOA, transfer.IXFR, transfer.UpToDate, transfer.TryTCP} {
				f.Observe(transfer.Event{Client: addr, OverUDP: true, Key: key, Zone: mesos, Kind: kind, Has: 3, Serial: 4})
			}
		}
		for _, client := range []netip.Addr{first, second} {
			f.Observe(transfer.Event{Client: client, OverUDP: true, Key: key, Zone: mesos, Kind: transfer.IXFR, Has: 4, Serial: 5})
		}
		list := f.List()
		for _, s := range list {
			if s.Transfers[transfer.IXFR] != 1 {
				t.Errorf("%v: got %d differences, want 1", s.Addr, s.Transfers[transfer.IXFR])
			}
		}
		if len(list) != 2 {
			t.Errorf("got %d secondaries, want 2: the target and the one that has transferred a zone", len(list))
		}
	})
}

// What becomes of NOTIFY messages is shown with the secondary that they are for.
func TestNotifyIsShownWithTheSecondary(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		at := func(addr netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(addr, port) }
		f.got(transfer.IXFR, mesos, 4, 5)
		targets := []notify.Target{{Addr: at(first, 53)}, {Addr: at(first, 54)}, {Addr: at(second, 53)}}
		f.SetTargets(targets)
		tell := func(to netip.AddrPort, kind notify.Kind, err error) {
			f.ObserveNotify(notify.Event{Target: to, Zone: mesos, Serial: 5, Kind: kind, Err: err})
		}
		tell(at(first, 53), notify.Sent, nil)
		tell(at(first, 53), notify.Acknowledged, nil)
		tell(at(second, 53), notify.Sent, nil)
		tell(at(second, 53), notify.Failed, notify.ErrUnanswered)
		tell(at(second, 55), notify.Sent, nil) // no target
		f.SetTargets(targets)
		list := f.List()
		if len(list) != 2 || len(list[0].Notify) != 2 || len(list[1].Notify) != 1 {
			t.Fatalf("got %+v, want two secondaries, the first at two ports", list)
		}
		if n := list[0].Notify[0]; n.Addr.Port() != 53 || n.Sent != 1 || n.Acknowledged != 1 || n.LastAcknowledged.Serial != 5 || n.LastSent.Zone != mesos {
			t.Errorf("got %+v, want one message, acknowledged", n)
		}
		if !list[0].LastAcknowledged().IsZero() {
			t.Error("got an acknowledgment, want none: at one port there was none")
		}
		if n := list[1].Notify[0]; n.Sent != 1 || n.Failures != 1 || n.LastError.Text != "no response" || !list[1].Seen.IsZero() {
			t.Errorf("got %+v, want one message, which failed", n)
		}
		f.SetTargets(nil)
		if list := f.List(); len(list) != 1 || len(list[0].Notify) != 0 {
			t.Errorf("got %+v without targets, want the secondary that has asked", list)
		}
	})
}

// A zone that is no longer served leaves the table.
func TestAZoneThatLeavesIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.got(transfer.IXFR, mesos, 4, 5)
		f.got(transfer.IXFR, other, 4, 5)
		f.primary.mu.Lock()
		delete(f.primary.zones, other)
		f.primary.mu.Unlock()
		f.primary.publish(mesos, 6)
		pass(time.Minute)
		if s := f.List()[0]; len(s.Zones) != 1 || s.Zones[0].Name != mesos || f.zones != 1 {
			t.Errorf("got %+v, want mesos alone", s.Zones)
		}
	})
}

func TestMetricsOfSecondaries(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		f.Observe(transfer.Event{Client: first, Key: key, Zone: mesos, Kind: transfer.SOA, Serial: 5})
		f.Observe(transfer.Event{Client: first, Key: key, Zone: mesos, Kind: transfer.IXFR, Has: 4, Serial: 5, Bytes: 123})
		f.Observe(transfer.Event{Client: first, Key: key, Zone: other, Kind: transfer.AXFR, Serial: 5, Bytes: 1000})
		f.SetTargets([]notify.Target{{Addr: netip.AddrPortFrom(second, 53)}})
		f.ObserveNotify(notify.Event{Target: netip.AddrPortFrom(second, 53), Zone: mesos, Serial: 5, Kind: notify.Acknowledged})
		f.primary.publish(mesos, 6)
		pass(90 * time.Second)
		// The clock of the bubble began on 2000-01-01.
		const want = `
# HELP toponym_secondary_lag_seconds Time since the oldest version of a zone was published that a secondary lacks, 0 if it has the newest.
# TYPE toponym_secondary_lag_seconds gauge
toponym_secondary_lag_seconds{key="key.example.",secondary="192.0.2.1",zone="mesos."} 90
# HELP toponym_secondary_last_notify_acknowledged_timestamp_seconds When a secondary acknowledged a NOTIFY message last.
# TYPE toponym_secondary_last_notify_acknowledged_timestamp_seconds gauge
toponym_secondary_last_notify_acknowledged_timestamp_seconds{key="",secondary="2001:db8::2"} 9.466848e+08
# HELP toponym_secondary_last_soa_query_timestamp_seconds When a secondary asked for a SOA record last.
# TYPE toponym_secondary_last_soa_query_timestamp_seconds gauge
toponym_secondary_last_soa_query_timestamp_seconds{key="key.example.",secondary="192.0.2.1"} 9.466848e+08
# HELP toponym_secondary_last_transfer_timestamp_seconds When a secondary asked last for a zone or its differences, and got the response.
# TYPE toponym_secondary_last_transfer_timestamp_seconds gauge
toponym_secondary_last_transfer_timestamp_seconds{key="key.example.",secondary="192.0.2.1"} 9.466848e+08
# HELP toponym_secondary_serial SOA serial of the version of a zone that a secondary has.
# TYPE toponym_secondary_serial gauge
toponym_secondary_serial{key="key.example.",secondary="192.0.2.1",zone="mesos."} 5
toponym_secondary_serial{key="key.example.",secondary="192.0.2.1",zone="other."} 5
# HELP toponym_secondary_transfer_bytes_total Bytes of the responses to a secondary that asked for a zone or its differences.
# TYPE toponym_secondary_transfer_bytes_total counter
toponym_secondary_transfer_bytes_total{key="key.example.",secondary="192.0.2.1"} 1123
# HELP toponym_secondary_transfer_failures_total Zone transfers to a secondary that were not complete.
# TYPE toponym_secondary_transfer_failures_total counter
toponym_secondary_transfer_failures_total{key="key.example.",secondary="192.0.2.1"} 0
# HELP toponym_secondary_transfers_total Complete responses to a secondary, by what it got (axfr, ixfr, fallback: the whole zone for IXFR, uptodate, trytcp).
# TYPE toponym_secondary_transfers_total counter
toponym_secondary_transfers_total{key="key.example.",kind="axfr",secondary="192.0.2.1"} 1
toponym_secondary_transfers_total{key="key.example.",kind="fallback",secondary="192.0.2.1"} 0
toponym_secondary_transfers_total{key="key.example.",kind="ixfr",secondary="192.0.2.1"} 1
toponym_secondary_transfers_total{key="key.example.",kind="trytcp",secondary="192.0.2.1"} 0
toponym_secondary_transfers_total{key="key.example.",kind="uptodate",secondary="192.0.2.1"} 0
`
		if err := testutil.CollectAndCompare(f.Table, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.CollectAndLint(f.Table); err != nil || len(problems) > 0 {
			t.Errorf("got the problems %v, error %v, want none", problems, err)
		}
	})
}

// The table may be told by many, and read, at the same time.
func TestTheTableMayBeUsedByMany(t *testing.T) {
	p := &primary{zones: map[records.Name][]version{}, changed: make(chan struct{})}
	p.publish(mesos, 5)
	table := New(Options{Changed: p.Changed, Zones: p.Zones, Behind: p.Behind, Expire: func() time.Duration { return time.Hour }})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { table.Run(ctx) })
	var users sync.WaitGroup
	target := netip.AddrPortFrom(first, 53)
	for i := range uint32(8) {
		users.Go(func() {
			for n := range uint32(100) {
				table.Observe(transfer.Event{Client: first, Zone: mesos, Kind: transfer.IXFR, Has: n, Serial: n + i})
				table.ObserveNotify(notify.Event{Target: target, Zone: mesos, Kind: notify.Sent})
				table.SetTargets([]notify.Target{{Addr: target}})
				p.publish(mesos, 6+n)
				table.List()
			}
		})
	}
	users.Wait()
	cancel()
	running.Wait()
}

// The sender of NOTIFY is told how far a target has come, as far as it can be known.
func TestProgressOfTargets(t *testing.T) {
	ixfr := func(addr netip.Addr, k records.Name, has, serial uint32) transfer.Event {
		return transfer.Event{Client: addr, Key: k, Zone: mesos, Kind: transfer.IXFR, Has: has, Serial: serial}
	}
	soa := func(addr netip.Addr, k records.Name, serial uint32) transfer.Event {
		return transfer.Event{Client: addr, Key: k, Zone: mesos, Kind: transfer.SOA, Serial: serial, OverUDP: true}
	}
	upToDate, cut := ixfr(first, key, 5, 5), ixfr(first, key, 4, 5)
	upToDate.Kind, cut.Err = transfer.UpToDate, errors.New("cut off")
	forged := ixfr(first, "", 5, 5)
	forged.Kind, forged.OverUDP = transfer.UpToDate, true
	otherZone := ixfr(first, key, 4, 5)
	otherZone.Zone = other
	thirdKey := records.MustParseName("third.key")
	for name, tc := range map[string]struct {
		key    records.Name // of the target
		events []transfer.Event
		shared bool // another target has the address and the key
		want   notify.Progress
	}{
		"nothing was heard":                  {key: key, want: notify.Unknown},
		"it has the version":                 {key: key, events: []transfer.Event{ixfr(first, key, 4, 5)}, want: notify.Reached},
		"it has a newer one":                 {key: key, events: []transfer.Event{ixfr(first, key, 4, 6)}, want: notify.Reached},
		"it had the version":                 {key: key, events: []transfer.Event{upToDate}, want: notify.Reached},
		"it has an older one":                {key: key, events: []transfer.Event{ixfr(first, key, 3, 4)}, want: notify.Behind},
		"its transfer was cut off":           {key: key, events: []transfer.Event{cut}, want: notify.Behind},
		"it has asked, and has none":         {key: key, events: []transfer.Event{soa(first, key, 5)}, want: notify.Reached},
		"it has asked before the version":    {key: key, events: []transfer.Event{soa(first, key, 4)}, want: notify.Behind},
		"it has asked, and an older one":     {key: key, events: []transfer.Event{ixfr(first, key, 3, 4), soa(first, key, 5)}, want: notify.Unknown},
		"another zone":                       {key: key, events: []transfer.Event{otherZone}, want: notify.Unknown},
		"another address":                    {key: key, events: []transfer.Event{ixfr(second, key, 4, 5)}, want: notify.Unknown},
		"another key":                        {key: key, events: []transfer.Event{ixfr(first, thirdKey, 4, 5)}, want: notify.Unknown},
		"it is told unsigned, and signs":     {events: []transfer.Event{ixfr(first, key, 3, 4)}, want: notify.Behind},
		"it is told signed, and signs not":   {key: key, events: []transfer.Event{ixfr(first, "", 3, 4)}, want: notify.Behind},
		"it transfers signed, and asks not":  {key: key, events: []transfer.Event{ixfr(first, key, 4, 5), soa(first, "", 4)}, want: notify.Reached},
		"another client asks in its name":    {key: key, events: []transfer.Event{ixfr(first, key, 3, 4), forged}, want: notify.Behind},
		"another target may have the serial": {key: key, shared: true, events: []transfer.Event{ixfr(first, key, 4, 5)}, want: notify.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				to := netip.AddrPortFrom(first, 53)
				targets := []notify.Target{{Addr: to, Key: keyOf(tc.key)}}
				if tc.shared {
					targets = append(targets, notify.Target{Addr: netip.AddrPortFrom(first, 54), Key: keyOf(tc.key)})
				}
				f.SetTargets(targets)
				for _, e := range tc.events {
					f.Observe(e)
				}
				if got := f.Progress(to, mesos, 5); got != tc.want {
					t.Errorf("got %v, want %v", got, tc.want)
				}
				if got := f.Progress(netip.AddrPortFrom(second, 53), mesos, 5); got != notify.Unknown {
					t.Errorf("of an address that is no target: got %v, want %v", got, notify.Unknown)
				}
			})
		})
	}
}

// testKey is a key that signs nothing.
type testKey struct {
	notify.Key
	name records.Name
}

func (k testKey) Name() records.Name { return k.name }

// keyOf is the key with a name, nil for none.
func keyOf(name records.Name) notify.Key {
	if name == "" {
		return nil
	}
	return testKey{name: name}
}
