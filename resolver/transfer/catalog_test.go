package transfer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// The catalog has each zone as a member, with the schema version 2 and nothing that
// a secondary would not know (RFC 9432, section 4).
func TestCatalogListsAllZones(t *testing.T) {
	c := newCluster(t, bigState(3))
	s := newServer(c)
	_, content, err := whole(answers(s.ask(t, request(t, axfr("catalog.test."), true))))
	if err != nil {
		t.Fatal(err)
	}
	var members, labels []string
	for text := range content {
		f := strings.Fields(text)
		switch {
		case text == "catalog.test.\t0\tIN\tNS\tinvalid.", text == "version.catalog.test.\t0\tIN\tTXT\t\"2\"":
		case f[3] == "PTR" && strings.HasSuffix(f[0], ".zones.catalog.test."):
			members = append(members, f[4])
			labels = append(labels, f[0])
		default:
			t.Errorf("got %s", text)
		}
	}
	var want []string
	for _, z := range c.zone.TransferZones() {
		want = append(want, z.String())
	}
	slices.Sort(members)
	slices.Sort(want)
	if !slices.Equal(members, want) || len(content) != len(want)+2 {
		t.Errorf("got %d records with the members %q, want %q", len(content), members, want)
	}
	slices.Sort(labels)
	if n := len(slices.Compact(labels)); n != len(want) {
		t.Errorf("got %d different labels, want %d", n, len(want))
	}
	listed := []string{"catalog.test."}
	for _, soa := range s.SOARecords() {
		if soa.Owner != name("catalog.test") {
			listed = append(listed, soa.Owner.String())
		}
	}
	if slices.Sort(listed[1:]); !slices.Equal(listed[1:], want) || len(s.SOARecords()) != len(listed) {
		t.Errorf("got SOA records of %q, want of the catalog and %q", listed, want)
	}
	for _, streams := range []bool{true, false} {
		soa := s.ask(t, request(t, new(dns.Msg).SetQuestion("catalog.test.", dns.TypeSOA), streams))
		if len(soa) != 1 || len(soa[0].Answer) != 1 || soa[0].Answer[0].(*dns.SOA).Expire != 86400 || !soa[0].Authoritative {
			t.Errorf("got %v, want the SOA record", soa)
		}
		serial := soa[0].Answer[0].(*dns.SOA).Serial
		if m := s.ask(t, request(t, ixfr("catalog.test.", serial), streams)); len(m) != 1 || len(m[0].Answer) != 1 {
			t.Errorf("got %v, want the SOA record alone for a client that is up to date", m)
		}
		m := s.ask(t, request(t, ixfr("catalog.test.", serial-1), streams))
		if got, want := len(m[0].Answer), 1; streams && got != len(content)+2 || !streams && got != want {
			t.Errorf("streams %v: got %d records for an older serial", streams, got)
		}
	}
}

// timeOf gives serials by a clock.
func timeOf(now *time.Time) zone.SerialFunc {
	return func(_ records.Name, previous uint32) uint32 { return zone.NextSerial(previous, *now) }
}

// The serial grows when members change, and only then, and does not go back when the
// clock does. The label of a member stays.
func TestCatalogSerial(t *testing.T) {
	zoneOf := func(names ...string) *zone.Zone {
		o := zone.Options{MName: name("ns1"), RName: name("root")}
		for _, n := range names {
			o.Origins = append(o.Origins, zone.Origin{Name: name(n)})
		}
		return zone.NewEmpty(o, zone.SameSerial(1))
	}
	now := time.Unix(1_700_000_000, 0)
	c := newCatalog(name("catalog"), timeOf(&now))
	for i, x := range []struct {
		zone   *zone.Zone
		passed time.Duration
		want   uint32
	}{
		{zoneOf("a", "b"), 0, 1_700_000_000},
		{zoneOf("a", "b"), time.Hour, 1_700_000_000},
		{zoneOf("b", "a"), 0, 1_700_000_000},
		{zoneOf("a"), 0, 1_700_003_600},
		{zoneOf("a", "c"), 0, 1_700_003_601},
		{zoneOf("a", "b"), -2 * time.Hour, 1_700_003_602},
	} {
		now = now.Add(x.passed)
		if got := c.at(x.zone).serial; got != x.want {
			t.Errorf("step %d: got serial %d, want %d", i, got, x.want)
		}
	}
	// Over versions of this program too: secondaries would load all zones again.
	if got, want := memberLabel(name("a")), records.Name("\x182qrtskktkjsmmtggoegq5dnu"); got != want {
		t.Errorf("got label %q, want %q", got, want)
	}
}

// The names of members of the longest catalog are valid.
func TestLongestCatalogName(t *testing.T) {
	long := name(strings.Repeat(strings.Repeat("a", 60)+".", 3) + strings.Repeat("b", MaxCatalogName-3*61-2))
	if len(long) != MaxCatalogName {
		t.Fatalf("the name has %d bytes, want %d", len(long), MaxCatalogName)
	}
	s := New(Options{History: newCluster(t, bigState(1)).history, Settings: everybody(), Catalog: long, Max: 1, Log: quiet()})
	if _, _, err := whole(answers(s.ask(t, request(t, axfr(long.String()), true)))); err != nil {
		t.Error(err)
	}
}

func TestNamesInTheCatalog(t *testing.T) {
	s := newServer(newCluster(t, bigState(1)))
	for text, want := range map[string]bool{
		"catalog.test": true, "zones.catalog.test": true, "test": false, "xcatalog.test": false, "mesos": false, ".": false,
	} {
		if got := s.InCatalog([]byte(name(text))); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if New(Options{Max: 1}).InCatalog([]byte(name("catalog.test"))) {
		t.Error("without a catalog a name is in it")
	}
}

// A process that follows another with the same zones goes on with the serial, so that
// secondaries have nothing to transfer.
func TestCatalogKeepsItsSerialOverRestarts(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	z := newCluster(t, &state.FullState{}).history.Newest()
	first := newCatalog(name("catalog"), timeOf(&now)).at(z)
	version := CatalogVersion{Name: name("catalog"), Serial: first.serial, Digest: digestOf(first.members)}
	now = now.Add(-time.Hour) // the clock may have gone back
	for what, tc := range map[string]struct {
		change func(*CatalogVersion)
		same   bool
	}{
		"the same members": {func(*CatalogVersion) {}, true},
		"other members":    {func(v *CatalogVersion) { v.Digest++ }, false},
	} {
		c := newCatalog(name("catalog"), timeOf(&now))
		c.restored = version
		tc.change(&c.restored)
		got := c.at(z).serial
		if same := got == first.serial; same != tc.same || !same && !zone.SerialAfter(got, first.serial) {
			t.Errorf("%s: got serial %d after %d", what, got, first.serial)
		}
	}
}
