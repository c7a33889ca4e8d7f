package zone

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
)

// contentOf is the zone of an origin as a set of records.
func contentOf(z *Zone, origin records.Name) map[Record]bool {
	content := map[Record]bool{}
	for r := range z.RecordsOf(origin) {
		content[r] = true
	}
	return content
}

// apply makes a change as a secondary does. It fails where a record is removed
// that is not there, or added that is.
func (c *Change) apply(content map[Record]bool) error {
	for _, r := range c.Removed {
		if !content[r] {
			return fmt.Errorf("removes %+v, which is not there", r)
		}
		delete(content, r)
	}
	for _, r := range c.Added {
		if content[r] {
			return fmt.Errorf("adds %+v, which is there", r)
		}
		content[r] = true
	}
	return nil
}

// kept is a zone of an origin as a secondary has it.
type kept struct {
	serial  uint32
	content map[Record]bool
}

// A serial grows exactly when the content of its zone changes, and the difference
// from any version that is kept leads to the newest one, condensed or step by step.
func TestDifferencesLeadToTheNewestVersion(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 14))
		ro, first := patchOptions()
		first = static(t, first, externalZone, staticPatchText())
		second := static(t, first, staticPatchText(), strings.ReplaceAll(externalZone, "10.", "11."))
		second.Retry++
		third := second
		third.Origins = slices.Clone(second.Origins)
		third.Origins[0].TTL++
		options := []Options{first, second, third}
		for i := range options {
			options[i].Aliases = append(slices.Clone(options[i].Aliases), Alias{name("shop.example"), name("db.b.mesos")}, Alias{name("all.example"), name("mesos")})
		}
		c, set := state.NewCluster(), records.NewSet(ro)
		set.Update(c, c.Reconcile(randomCluster(r), nil))
		serial := uint32(1<<32 - 20) // passes 0
		next := func(_ records.Name, before uint32) uint32 {
			if before == 0 {
				before = serial
			}
			return NextSerial(before, time.Unix(0, 0))
		}
		z := Compile(set, options[0], next)
		h := NewHistory(HistoryLimits{Versions: 30, Bytes: 1 << 20}, z, time.Unix(1_700_000_000, 0))
		secondaries := map[records.Name][]kept{}
		feed := map[records.Name]map[Record]bool{}
		for _, o := range z.TransferZones() {
			feed[o] = contentOf(z, o)
		}
		_, index := h.Index()
		for step := range 40 {
			before := z
			for _, o := range z.TransferZones() {
				n, _ := z.Serial(o)
				secondaries[o] = append(secondaries[o], kept{n, contentOf(z, o)})
			}
			if r.IntN(8) == 0 {
				z, _ = z.WithOptions(set, options[r.IntN(len(options))], next)
			} else {
				z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), next)
			}
			h.Add(z, time.Unix(1_700_000_000, 0))
			for _, o := range z.TransferZones() {
				was, _ := before.SOARecord(o)
				is, _ := z.SOARecord(o)
				differs := !maps.Equal(contentOf(before, o), contentOf(z, o)) || was.TTL != is.TTL || was.Data[:len(was.Data)-20] != is.Data[:len(is.Data)-20] || was.Data[len(was.Data)-16:] != is.Data[len(is.Data)-16:]
				if grown := SerialAfter(is.SOASerial(), was.SOASerial()); grown != differs {
					t.Fatalf("seed %d, step %d, %v: got serial %d after %d, want a newer one: %v", seed, step, o, is.SOASerial(), was.SOASerial(), differs)
				}
				if is.SOASerial() == 0 {
					t.Fatalf("seed %d, step %d, %v: got serial 0", seed, step, o)
				}
				for _, s := range secondaries[o] {
					if s.serial == is.SOASerial() {
						continue
					}
					change, ok := h.Difference(o, s.serial, is.SOASerial())
					cost, known := h.Cost(o, s.serial, is.SOASerial(), 1<<20)
					if known != ok || ok && cost < len(change.Removed)+len(change.Added) {
						t.Fatalf("seed %d, step %d, %v from %d: got cost %d, known: %v, of a difference of %d records, known: %v", seed, step, o, s.serial, cost, known, len(change.Removed)+len(change.Added), ok)
					}
					if few, _ := h.Cost(o, s.serial, is.SOASerial(), 2); few != min(cost, 2) {
						t.Fatalf("got cost %d counted to 2, want %d", few, min(cost, 2))
					}
					if !ok {
						continue
					}
					got := maps.Clone(s.content)
					if err := change.apply(got); err != nil {
						t.Fatalf("seed %d, step %d, %v from %d: %v", seed, step, o, s.serial, err)
					}
					if via := secondaries[o][r.IntN(len(secondaries[o]))]; SerialAfter(via.serial, s.serial) {
						between := maps.Clone(s.content)
						if change, ok := h.Difference(o, s.serial, via.serial); !ok || change.apply(between) != nil || !maps.Equal(between, via.content) {
							t.Fatalf("seed %d, step %d, %v from %d to %d: got ok %v, %v, want %v", seed, step, o, s.serial, via.serial, ok, between, via.content)
						}
					}
					if want := contentOf(z, o); !maps.Equal(got, want) {
						t.Fatalf("seed %d, step %d, %v from %d: got %v, want %v", seed, step, o, s.serial, got, want)
					}
				}
			}
			versions, newest, ok := h.After(index, 100)
			if !ok {
				t.Fatalf("seed %d, step %d: the version of the last step is not kept", seed, step)
			}
			index = newest
			for _, v := range versions {
				for _, change := range v.Changes {
					if change.Whole {
						feed[change.Origin] = contentOf(z, change.Origin)
					} else if err := change.apply(feed[change.Origin]); err != nil {
						t.Fatalf("seed %d, step %d, version %d: %v", seed, step, v.Index, err)
					}
				}
			}
			for _, o := range z.TransferZones() {
				if want := contentOf(z, o); !maps.Equal(feed[o], want) {
					t.Fatalf("seed %d, step %d, %v step by step: got %v, want %v", seed, step, o, feed[o], want)
				}
			}
		}
		if versions, bytes := h.Size(); versions > 30 || bytes > 1<<20 || versions < 5 {
			t.Errorf("seed %d: got %d versions of %d bytes, want at most 30 of 1 MiB", seed, versions, bytes)
		}
	}
}

// A server whose zones nobody follows keeps little of its past. Each kind of reader has
// more of it kept from then on, for an hour.
func TestHistoryIsSmallWithoutReaders(t *testing.T) {
	ro, zo := patchOptions()
	next := func(_ records.Name, before uint32) uint32 { return NextSerial(before, time.Unix(0, 0)) }
	readers := map[string]func(h *History, origin records.Name){
		"nobody":                         func(*History, records.Name) {},
		"one who begins":                 func(h *History, _ records.Name) { h.Want() },
		"one who asks for versions":      func(h *History, _ records.Name) { h.After(0, 1) },
		"one who asks for a difference":  func(h *History, o records.Name) { h.Difference(o, 1, 2) },
		"the page":                       func(h *History, _ records.Name) { h.Last(10) },
		"a metric":                       func(h *History, _ records.Name) { h.Size() },
		"who asks whether one is behind": func(h *History, o records.Name) { h.Behind(o, 1) },
	}
	follows := map[string]bool{"one who begins": true, "one who asks for versions": true, "one who asks for a difference": true}
	for what, read := range readers {
		c, set := state.NewCluster(), records.NewSet(ro)
		z := Compile(set, zo, next)
		now := time.Unix(1_700_000_000, 0)
		h := NewHistory(HistoryLimits{Versions: 1 << 20, Bytes: 2 * idleBytes}, z, now)
		r := rand.New(rand.NewPCG(3, 3))
		// grow adds versions until the history forgets some.
		grow := func() (most int) {
			begin, _ := h.Size()
			for added := 1; ; added++ {
				z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), next)
				h.Add(z, now)
				versions, bytes := h.Size()
				if most = max(most, bytes); versions < begin+added {
					return most
				}
			}
		}
		if most := grow(); most > idleBytes {
			t.Errorf("%s: got %d bytes before, want at most %d", what, most, idleBytes)
		}
		read(h, "mesos")
		if h.Followed(now) != follows[what] {
			t.Errorf("%s: got followed %v, want %v", what, !follows[what], follows[what])
		}
		limit := idleBytes
		if follows[what] {
			limit *= 2
		}
		if most := grow(); most > limit || most < limit*9/10 {
			t.Errorf("%s: got %d bytes after, want nearly %d", what, most, limit)
		}
		now = now.Add(idleAfter + time.Second)
		grow()
		if h.Followed(now) {
			t.Errorf("%s: got followed an hour later, want that nobody does", what)
		}
		if _, bytes := h.Size(); bytes > idleBytes {
			t.Errorf("%s: got %d bytes an hour later, want at most %d", what, bytes, idleBytes)
		}
	}
}

// Of a change that is larger than everything that is kept, little more is made than
// what is kept: thousands of tasks may go together.
func TestTooLargeAChangeIsNotMade(t *testing.T) {
	ro, zo := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	z := Compile(set, zo, SameSerial(1))
	z = z.Patch(set, set.Update(c, c.Reconcile(bigState(1000, 0), nil)), SameSerial(2))
	made := func(limit int) float64 {
		return testing.AllocsPerRun(10, func() { z.delta.changes(z, limit) })
	}
	const limit = 10_000
	if all, few := made(1<<30), made(limit); all < 1000 || few > all/4 {
		t.Errorf("got %v allocations with a limit of %d bytes, want at most a quarter of %v without one", few, limit, all)
	}
	for _, change := range z.delta.changes(z, limit) {
		if !change.Whole || len(change.Added) > 0 {
			t.Errorf("%v: got %d records, want only that the zone has changed", change.Origin, len(change.Added))
		}
	}
}

// What many changes cost is bounded: the oldest are forgotten, and a change that
// is larger than everything that is kept is known only by its serial.
func TestHistoryIsBounded(t *testing.T) {
	ro, zo := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(randomCluster(rand.New(rand.NewPCG(1, 1))), nil))
	n := uint32(1)
	next := func(_ records.Name, before uint32) uint32 { n++; return n }
	for what, limits := range map[string]HistoryLimits{
		"versions": {Versions: 5, Bytes: 1 << 30}, "bytes": {Versions: 1000, Bytes: 5000}, "one change": {Versions: 1000, Bytes: 1},
	} {
		r := rand.New(rand.NewPCG(2, 2))
		z := Compile(set, zo, next)
		h := NewHistory(limits, z, time.Unix(0, 0))
		first, _ := z.Serial(name("mesos"))
		for range 50 {
			z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), next)
			h.Add(z, time.Unix(0, 0))
			if versions, bytes := h.Size(); versions > limits.Versions || versions > 1 && bytes > limits.Bytes {
				t.Fatalf("%s: got %d versions of %d bytes, want at most %+v", what, versions, bytes, limits)
			}
			versions, _ := h.Size()
			last := h.Last(3)
			if want := min(3, versions-1); len(last) != want {
				t.Fatalf("%s: got the last %d of %d versions, want %d", what, len(last), versions, want)
			}
			for i, v := range last {
				if _, newest := h.Index(); v.Index != newest-uint64(i) {
					t.Fatalf("%s: got the version %d at place %d from the end, want %d", what, v.Index, i, newest-uint64(i))
				}
			}
		}
		current, _ := z.Serial(name("mesos"))
		if _, ok := h.Difference(name("mesos"), first, current); ok {
			t.Errorf("%s: got a difference from the first version, want none", what)
		}
		for _, to := range []uint32{current, current + 1, first} {
			if _, ok := h.Difference(name("mesos"), current, to); ok {
				t.Errorf("%s: from the newest to %d: got a difference, want none", what, to)
			}
		}
	}
}

// How far a version is behind counts from the first one that follows it, for as long
// as that is kept.
func TestBehindCountsFromTheFirstVersionThatFollows(t *testing.T) {
	ro, zo := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	r := rand.New(rand.NewPCG(3, 3))
	set.Update(c, c.Reconcile(randomCluster(r), nil))
	next := func(_ records.Name, before uint32) uint32 { return before + 1 }
	z := Compile(set, zo, next)
	start := time.Unix(1_700_000_000, 0)
	h := NewHistory(HistoryLimits{Versions: 6, Bytes: 1 << 30}, z, start)
	type version struct {
		serial uint32
		at     time.Time
	}
	mesos := name("mesos")
	serial, _ := z.Serial(mesos)
	list := []version{{serial, start}}
	for step := range 20 {
		now := start.Add(time.Duration(step+1) * time.Second)
		z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), next)
		h.Add(z, now)
		if serial, _ := z.Serial(mesos); serial != list[len(list)-1].serial {
			list = append(list, version{serial, now})
		}
	}
	kept := 0
	for i, v := range list {
		versions, since, ok := h.Behind(mesos, v.serial)
		switch {
		case i == len(list)-1:
			if versions != 0 || !since.IsZero() || !ok {
				t.Errorf("the newest: got %d versions since %v, ok %v, want none", versions, since, ok)
			}
		case ok:
			kept++
			if want := len(list) - 1 - i; versions != want || !since.Equal(list[i+1].at) {
				t.Errorf("serial %d: got %d versions since %v, want %d since %v", v.serial, versions, since, want, list[i+1].at)
			}
		case kept > 0:
			t.Errorf("serial %d: got not ok, want it kept like an older one", v.serial)
		}
	}
	if kept == 0 || kept > 6 {
		t.Errorf("got %d versions before the newest that are known, want 1 to 6", kept)
	}
}

// A zone that is compiled with other options follows the one before: zones with
// the same content keep their serials, and differences are known where only few
// names differ.
func TestFollowKeepsWhatIsTheSame(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 15))
		ro, zo := patchOptions()
		zo = static(t, zo, externalZone)
		c, set := state.NewCluster(), records.NewSet(ro)
		set.Update(c, c.Reconcile(randomCluster(r), nil))
		n := uint32(100)
		next := func(records.Name, uint32) uint32 { n++; return n }
		z := Compile(set, zo, next)
		h := NewHistory(HistoryLimits{Versions: 100, Bytes: 1 << 20}, z, time.Unix(0, 0))
		other := ro
		if seed%2 == 0 {
			other.SRVWeight = 7
		}
		set2, _ := records.Build(c, other)
		compiled := Compile(set2, zo, SameSerial(0))
		names, ok := compiled.Differences(z, func() {})
		if !ok {
			t.Fatal("got not ok, want the names that differ")
		}
		followed := compiled.Follow(z, append(names, names...), false, next)
		h.Add(followed, time.Unix(0, 0))
		for _, o := range z.TransferZones() {
			was, _ := z.Serial(o)
			is, _ := followed.Serial(o)
			same := maps.Equal(contentOf(z, o), contentOf(followed, o))
			if (was == is) != same {
				t.Errorf("seed %d, %v: got serial %d after %d, want the same: %v", seed, o, is, was, same)
			}
			if same {
				continue
			}
			change, ok := h.Difference(o, was, is)
			got := contentOf(z, o)
			if !ok || change.apply(got) != nil || !maps.Equal(got, contentOf(followed, o)) {
				t.Errorf("seed %d, %v: got ok %v, %+v, want the difference", seed, o, ok, change)
			}
		}
		// With nothing known, all zones of the cluster are new, those of zone files not.
		whole := Compile(set2, zo, SameSerial(0)).Follow(followed, nil, true, next)
		for i, o := range whole.Origins() {
			was, _ := followed.Serial(o)
			is, _ := whole.Serial(o)
			if (was == is) != whole.origins[i].static {
				t.Errorf("seed %d, %v, whole: got serial %d after %d", seed, o, is, was)
			}
		}
	}
}

// A feed that is replayed has no zone that is gone, and a zone that is there again is a
// new one.
func TestZonesThatGoLeaveTheFeed(t *testing.T) {
	ro, with := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(randomCluster(rand.New(rand.NewPCG(4, 4))), nil))
	without := with
	with = static(t, with, externalZone)
	with.Aliases = append(slices.Clone(with.Aliases), Alias{name("all.example"), name("mesos")})
	next := func(_ records.Name, before uint32) uint32 { return max(before+1, 10) }
	z := Compile(set, with, next)
	h := NewHistory(HistoryLimits{Versions: 100, Bytes: 1 << 20}, z, time.Unix(0, 0))
	feed := map[records.Name]map[Record]bool{}
	for _, o := range z.TransferZones() {
		feed[o] = contentOf(z, o)
	}
	gone := 0
	for step, o := range []Options{without, without, with, without, with} {
		before := z
		_, index := h.Index()
		z = Compile(set, o, SameSerial(0)).Follow(before, nil, step == 1, next)
		h.Add(z, time.Unix(0, 0))
		versions, _, ok := h.After(index, 10)
		if !ok || len(versions) > 1 {
			t.Fatalf("step %d: got %d versions, ok %v", step, len(versions), ok)
		}
		for _, v := range versions {
			for _, change := range v.Changes {
				switch {
				case change.Whole:
					feed[change.Origin] = contentOf(z, change.Origin)
				case change.apply(feed[change.Origin]) != nil:
					t.Fatalf("step %d, %v: got a change that cannot be made: %+v", step, change.Origin, change)
				case change.To == (Record{}):
					if len(feed[change.Origin]) > 0 || len(change.Removed) == 0 || change.Serial() != 0 {
						t.Errorf("step %d: got %+v, want all of %v to be removed", step, change, change.Origin)
					}
					delete(feed, change.Origin)
					gone++
					if was, _ := before.Serial(change.Origin); change.From.SOASerial() != was {
						t.Errorf("step %d, %v: got serial %d before it went, want %d", step, change.Origin, change.From.SOASerial(), was)
					}
					if _, _, ok := h.Behind(change.Origin, change.From.SOASerial()); ok {
						t.Errorf("step %d: the history knows a version of %v, which is gone", step, change.Origin)
					}
				}
			}
		}
		if len(feed) != len(z.TransferZones()) {
			t.Errorf("step %d: the feed has %d zones, want %v", step, len(feed), z.TransferZones())
		}
		for _, o := range z.TransferZones() {
			if want := contentOf(z, o); !maps.Equal(feed[o], want) {
				t.Errorf("step %d, %v: got %d records in the feed, want %d", step, o, len(feed[o]), len(want))
			}
		}
	}
	if gone < 4 {
		t.Errorf("got %d zones that went, want 2 or more each time", gone)
	}
}

// Serials follow RFC 1982: they pass the largest number, and never stand still
// or go back where the clock does.
func TestNextSerial(t *testing.T) {
	const unix = 1_700_000_000
	now := time.Unix(unix, 0)
	for _, tc := range []struct{ previous, want uint32 }{
		{0, unix}, {unix - 10, unix}, {unix - 1, unix}, {unix, unix + 1}, {unix + 500, unix + 501},
		{unix + 1<<31 - 2, unix + 1<<31 - 1},
		{1<<32 - 1, unix}, // more than 2^31 before the clock, which is newer
	} {
		if got := NextSerial(tc.previous, now); got != tc.want {
			t.Errorf("after %d: got %d, want %d", tc.previous, got, tc.want)
		}
	}
	// The second half of the numbers is as good as the first, from 2038 to 2106.
	if got := NextSerial(0, time.Unix(1<<31+5, 0)); got != 1<<31+5 {
		t.Errorf("the first one in 2038: got %d, want the time, %d", got, 1<<31+5)
	}
	if got := NextSerial(0, time.Unix(1<<32, 0)); got != 1 {
		t.Errorf("the first one at time 0: got %d, want 1", got)
	}
	if got := NextSerial(1<<32-1, time.Unix(1<<32-5, 0)); got != 1 {
		t.Errorf("after the largest: got %d, want 1", got)
	}
	for _, tc := range []struct {
		a, b uint32
		want bool
	}{{1, 0, true}, {0, 1<<32 - 1, true}, {5, 5, false}, {0, 1, false}, {1 << 31, 0, false}, {1<<31 - 1, 0, true}} {
		if got := SerialAfter(tc.a, tc.b); got != tc.want {
			t.Errorf("%d after %d: got %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

// A zone above another one delegates to it, so that a server that has only the
// zone above sends queries on.
func TestTransferHasDelegations(t *testing.T) {
	o := testOptions()
	o.Origins = append(o.Origins, Origin{Name: name("agentip.mesos"), TTL: 5}, Origin{Name: name("a.b.agentip.mesos"), TTL: 5})
	z := Compile(testSet(), o, SameSerial(7))
	for origin, want := range map[string]string{"mesos": "agentip.mesos.", "agentip.mesos": "a.b.agentip.mesos.", "a.b.agentip.mesos": ""} {
		var got []string
		for _, r := range z.Delegations(name(origin)) {
			rr, err := r.RR()
			if err != nil || rr.Header().Rrtype != dns.TypeNS || rr.(*dns.NS).Ns != "ns1.mesos." {
				t.Errorf("%s: got %v, error %v", origin, rr, err)
			}
			got = append(got, rr.Header().Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got delegations of %v, want %q", origin, got, want)
		}
	}
}

// Digests are of the content and of nothing else.
func TestDigestsTellContentApart(t *testing.T) {
	ro, zo := patchOptions()
	r := rand.New(rand.NewPCG(3, 3))
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(randomCluster(r), nil))
	z := Compile(set, zo, SameSerial(1))
	for range 30 {
		before := z
		z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), SameSerial(2))
		was, is, compiled := before.Digests(nil), z.Digests(nil), Compile(set, zo, SameSerial(9)).Digests(nil)
		if !maps.Equal(is, compiled) {
			t.Fatalf("patched: got %v, want %v as compiled", is, compiled)
		}
		for _, o := range z.TransferZones() {
			if same := maps.Equal(contentOf(before, o), contentOf(z, o)); same != (was[o] == is[o]) {
				t.Fatalf("%v: got digest %x after %x, want the same: %v", o, is[o], was[o], same)
			}
		}
	}
}
