package cache

import (
	"encoding/binary"
	"sync/atomic"
	"time"
)

// Entry is the answer to a question, made by [Reader.Read] or [Failure].
//
// Of the message it holds what stands behind the question, byte for byte:
// pointers in it are right behind any question of that length, and clients have
// asked the same name. Its slices share one piece of memory without pointers, so
// that a large cache gives the collector little to do.
type Entry struct {
	Rcode     uint8         // RFC 1035, section 4.1.1
	AD        bool          // the server upstream has verified the data (RFC 4035, section 3.2.3)
	Truncated bool          // records are missing that could not be had (TC)
	TTL       time.Duration // how long it may be used; 0: only for those who wait for it

	start  int       // of the body in a message
	body   []byte    // records, without an OPT record
	ttls   []byte    // where the TTLs stand in the message, two octets each
	counts [3]uint16 // records by section

	// What the cache keeps with it.
	key         []byte
	stored      time.Duration // since the cache was made
	hits        atomic.Uint32
	prefetching atomic.Bool
	staleUntil  atomic.Int64 // until when it may be used though it is past its life
}

// StaleTTL is what records get that are past their life (RFC 8767, section 4).
const StaleTTL = 30 * time.Second

// FailureLife is for how long a failure is remembered (RFC 9520, section 3.2: at
// least a second, at most five minutes).
const FailureTTL = 5 * time.Second

// Failure is the answer that there is none.
func Failure(rcode uint8) *Entry { return &Entry{Rcode: rcode, TTL: FailureTTL} }

// Failed reports whether the entry says that the server could not answer, rather
// than what the answer is (RFC 2308, section 7).
func (e *Entry) Failed() bool { return e.Rcode != 0 && e.Rcode != rcodeNXDomain }

const rcodeNXDomain = 3

// Age is what a reply says of how old its records are.
type Age struct {
	Elapsed time.Duration // since the entry was made
	Stale   bool          // the records are past their life
}

// Written is what [Entry.Write] has written.
type Written struct {
	End       int // offset behind the last record
	Counts    [3]uint16
	Truncated bool // of the answer a part was left out, or was never there
}

// Write writes the records behind the question, which ends at off in buf, and
// counts their TTLs down. They end at size at the latest: of what does not fit
// whole records are left out, from the end. buf must reach beyond size.
func (e *Entry) Write(buf []byte, off, size int, age Age) Written {
	w := Written{End: off + len(e.body), Counts: e.counts, Truncated: e.Truncated}
	records := len(e.ttls) / 2
	if off != e.start && len(e.body) > 0 {
		return Written{End: off, Truncated: true} // not the question that this answers
	}
	if w.End > size {
		w, records = e.fit(off, size)
	}
	copy(buf[off:], e.body[:w.End-off])
	gone := uint32(age.Elapsed / time.Second)
	for i := range records {
		at := e.ttlAt(i)
		ttl := binary.BigEndian.Uint32(buf[at:])
		if age.Stale {
			ttl = uint32(StaleTTL / time.Second)
		} else {
			ttl -= min(ttl, gone)
		}
		binary.BigEndian.PutUint32(buf[at:], ttl)
	}
	return w
}

// fit finds how many records end before size. A reply that lacks a part of the
// answer, or of what makes a negative answer one, says so; other records are
// left out without a word (RFC 2181, section 9).
func (e *Entry) fit(off, size int) (w Written, records int) {
	w = Written{End: off, Truncated: e.Truncated}
	for section, count := range e.counts {
		for range count {
			end := e.recordEnd(records)
			if end > size {
				w.Truncated = w.Truncated || section == 0 || section == 1 && e.counts[0] == 0
				return w, records
			}
			w.End = end
			w.Counts[section]++
			records++
		}
	}
	return w, records
}

// ttlAt is the offset in the message of the TTL of the i-th record.
func (e *Entry) ttlAt(i int) int { return int(binary.BigEndian.Uint16(e.ttls[2*i:])) }

// recordEnd is the offset in the message behind the i-th record: the length of
// its data stands behind the TTL.
func (e *Entry) recordEnd(i int) int {
	at := e.ttlAt(i)
	return at + 6 + int(binary.BigEndian.Uint16(e.body[at-e.start+4:]))
}

// size is about what the entry takes in memory, in octets: itself, its slices,
// its place in a list and in a map.
func (e *Entry) size() int { return 320 + len(e.key) + len(e.body) + len(e.ttls) }
