package cache

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Entry is the answer to a question, made by [Reader.Read] or [Failure].
//
// It holds the part of the message behind the question, byte for byte. Compression
// pointers in it are right behind any question of that length, as all clients have
// asked for the same name. It has one piece of memory, without pointers, so that a large
// cache makes little work for the garbage collector.
type Entry struct {
	Rcode     uint8 // RFC 1035, section 4.1.1
	AD        bool  // the upstream server has verified the data (RFC 4035, section 3.2.3)
	Truncated bool  // records are missing that could not be had (TC)

	start  uint16    // of body in a message
	counts [3]uint16 // records by section

	// data has the key, body, ttls and Next, one behind the other.
	keyLen, bodyLen, ttlsLen uint16
	data                     []byte

	TTL time.Duration // how long it may be used; 0: only for queries that wait for it

	// What the cache keeps with it.
	stored      time.Duration // since the cache was made
	hits        atomic.Uint32
	prefetching atomic.Bool
	staleUntil  atomic.Int64 // it may be used until then although it has expired
}

func (e *Entry) key() Key { return Key(e.data[:e.keyLen]) }

// body is the records, without an OPT record.
func (e *Entry) body() []byte { return e.data[e.keyLen:][:e.bodyLen] }

// ttls are the offsets of the TTLs in the message, two bytes each.
func (e *Entry) ttls() []byte { return e.data[int(e.keyLen)+int(e.bodyLen):][:e.ttlsLen] }

// Next is the name, in lower-case wire form, to which the last CNAME record leads
// when the records of that name are not part of the entry: other servers have to
// be asked for them. It is empty when the answer is complete. It must not be changed.
func (e *Entry) Next() []byte {
	return e.data[int(e.keyLen)+int(e.bodyLen)+int(e.ttlsLen):]
}

// StaleTTL is the TTL of the records of an expired entry (RFC 8767, section 4).
const StaleTTL = 30 * time.Second

// FailureTTL is how long a failure is remembered (RFC 9520, section 3.2: at least a
// second, at most five minutes).
const FailureTTL = 5 * time.Second

// Failure returns the entry for a question that no server could answer.
func Failure(rcode uint8) *Entry { return &Entry{Rcode: rcode, TTL: FailureTTL} }

// Failed reports whether the entry says that the server could not answer, rather than
// what the answer is (RFC 2308, section 7).
func (e *Entry) Failed() bool { return isFailure(e.Rcode) }

func isFailure(rcode uint8) bool {
	return rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError
}

// Age says how old the records of a response are.
type Age struct {
	Elapsed time.Duration // since the entry was made
	Stale   bool          // the entry has expired
}

// Written is what [Entry.Write] has written.
type Written struct {
	End       int       // offset behind the last record
	Counts    [3]uint16 // records by section
	Truncated bool      // a part of the answer is missing
}

// Write writes the records behind the question, which ends at off in buf, and counts
// their TTLs down. The records end at size at the latest: whole records are left out
// from the end until the others fit. buf must reach beyond size.
func (e *Entry) Write(buf []byte, off, size int, age Age) Written {
	w := Written{End: off + int(e.bodyLen), Counts: e.counts, Truncated: e.Truncated}
	records := int(e.ttlsLen) / 2
	if off != int(e.start) && e.bodyLen > 0 {
		return Written{End: off, Truncated: true} // not the question that this answers
	}
	if w.End > size {
		w, records = e.fit(off, size)
	}
	copy(buf[off:], e.body()[:w.End-off])
	elapsed := uint32(age.Elapsed / time.Second)
	for i := range records {
		at := e.ttlAt(i)
		ttl := binary.BigEndian.Uint32(buf[at:])
		if age.Stale {
			ttl = uint32(StaleTTL / time.Second)
		} else {
			ttl -= min(ttl, elapsed)
		}
		binary.BigEndian.PutUint32(buf[at:], ttl)
	}
	return w
}

// fit finds how many records end before size. A response that lacks a part of the
// answer, or of what makes it a negative answer, is truncated; other records are left
// out silently (RFC 2181, section 9).
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

// ttlAt is the offset of the i-th record's TTL in the message.
func (e *Entry) ttlAt(i int) int { return int(binary.BigEndian.Uint16(e.ttls()[2*i:])) }

// recordEnd is the offset behind the i-th record in the message. The length of its
// data is behind the TTL.
func (e *Entry) recordEnd(i int) int {
	at := e.ttlAt(i)
	return at + 6 + int(binary.BigEndian.Uint16(e.body()[at-int(e.start)+4:]))
}

// size is about what the entry takes in memory, in bytes: itself, its data, and its
// place in an [lru].
func (e *Entry) size() int { return 160 + len(e.data) }
