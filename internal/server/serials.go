package server

import (
	"maps"
	"runtime"
	"slices"
	"time"

	"toponym/records"
	"toponym/state/snapshot"
	"toponym/zone"
)

// serials gives versions of zones their SOA serials. A serial stands for the same
// content in each process, as secondaries rely on that (RFC 1035, section 4.3.5):
// a zone that has the content of the snapshot gets the serial of the snapshot, and
// another one a serial that no process has used. The caller of each method holds
// pipeline.mu.
type serials struct {
	now      func() time.Time
	among    primaries
	restored bool
	limit    uint32                                // no process before has used a newer one; 0: unknown
	known    map[records.Name]snapshot.ZoneVersion // of the snapshot, by origin
}

func newSerials(now func() time.Time, among primaries) *serials {
	return &serials{now: now, among: among}
}

// primaries says which server this is of those that the same secondaries take zones
// from. Each makes versions of its own, so a serial of one must not be a serial of
// another: a secondary that changes over would be told a difference between other
// contents. The zero value is a server alone.
type primaries struct {
	number uint32 // from 1 on
	count  uint32
}

// owns reports whether a serial is one of this server's.
func (p primaries) owns(serial uint32) bool {
	return p.count <= 1 || serial%p.count == p.number-1
}

// next is the first serial of this server's from another one on.
func (p primaries) next(serial uint32) uint32 {
	for !p.owns(serial) || serial == 0 {
		serial++
	}
	return serial
}

// next is a [zone.SerialFunc] for content that no version before had.
func (s *serials) next(origin records.Name, previous uint32) uint32 {
	newest := zone.NewerSerial(previous, s.known[origin].Serial)
	if s.limit != 0 {
		newest = zone.NewerSerial(newest, s.limit)
	}
	return s.among.next(zone.NextSerial(newest, s.now()))
}

// minSerialReserve is how many serials may be used before they are noted on disk,
// at least.
const minSerialReserve = 1 << 10

// restore takes over what a snapshot knows of the serials before, and when it was
// confirmed last. Until then nothing had changed, but the next change may have used
// the time as a serial.
func (s *serials) restore(c *snapshot.Zones, confirmed time.Time) {
	s.restored = true
	s.limit = zone.NewerSerial(c.SerialLimit, zone.NextSerial(0, confirmed)+minSerialReserve)
	s.known = make(map[records.Name]snapshot.ZoneVersion, len(c.Versions))
	for _, v := range c.Versions {
		s.known[records.Name(v.Origin)] = v
	}
}

// renumber gives the zones of a version that follows none, such as the first one,
// the serials that their content has had before.
func (s *serials) renumber(z, before *zone.Zone) *zone.Zone {
	var digests, published map[records.Name]uint64
	if len(s.known) > 0 {
		digests = z.Digests(runtime.Gosched)
	}
	if before != nil && before.HasSerials() {
		published = before.Digests(runtime.Gosched)
		if digests == nil {
			digests = z.Digests(runtime.Gosched)
		}
	}
	return z.Renumber(func(origin records.Name, _ uint32) uint32 {
		digest := digests[origin]
		if old, ok := publishedSerial(before, origin); ok {
			if published[origin] == digest {
				return old
			}
			return s.next(origin, old)
		}
		if v, ok := s.known[origin]; ok && v.Digest == digest && v.Serial != 0 && s.among.owns(v.Serial) {
			return v.Serial
		}
		return s.next(origin, 0)
	})
}

// publishedSerial is the serial that a zone has had in this process.
func publishedSerial(z *zone.Zone, origin records.Name) (uint32, bool) {
	if z == nil {
		return 0, false
	}
	return z.Serial(origin)
}

// versionsOf describes the zones of a version for the snapshot, and returns the
// newest of their serials.
func versionsOf(z *zone.Zone) (list []snapshot.ZoneVersion, newest uint32) {
	digests := z.Digests(runtime.Gosched)
	for _, origin := range slices.Sorted(maps.Keys(digests)) {
		serial, ok := z.Serial(origin)
		if !ok {
			continue
		}
		list = append(list, snapshot.ZoneVersion{Origin: string(origin), Serial: serial, Digest: digests[origin]})
		newest = zone.NewerSerial(newest, serial)
	}
	return list, newest
}
