package transfer

import (
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"toponym/records"
	"toponym/zone"
)

const (
	// maxEncodings is how many encoded differences are kept, beside [steps]. All
	// secondaries ask for the same few of each zone.
	maxEncodings = 64

	// maxEncodedRecords bounds the records of a difference that is kept, so that
	// all take some megabytes at most. A larger one is written for each secondary
	// that asks for it.
	maxEncodedRecords = 2000

	// maxAtOnce is how many records may have changed, counted by [zone.History.Cost],
	// for a difference to be made while the query is read: by the goroutine that
	// answers all other queries as well, if it came over UDP. Whoever may ask can
	// name any version, and over UDP in the name of others. A larger difference is
	// made only for a stream, in its turn.
	maxAtOnce = 256
)

// difference is the answer to IXFR queries from one version to another, condensed (RFC
// 1995, section 4).
type difference struct {
	change  *zone.Change // nil once it is encoded
	encoded [][]byte     // messages but for what [Request.finish] adds; nil for a large difference
	records int          // in the answer
}

// single returns the message of an answer that has one, else nil.
func (d *difference) single() []byte {
	if len(d.encoded) == 1 {
		return d.encoded[0]
	}
	return nil
}

// write writes the answer.
func (d *difference) write(m *messages) error {
	if d.encoded == nil {
		return writeChange(m, d.change)
	}
	for _, msg := range d.encoded {
		if err := m.insert(msg); err != nil {
			return err
		}
	}
	m.records = d.records
	return nil
}

// writeChange writes a condensed difference: the new SOA record, the old one with
// the records to be removed, the new one with those to be added, and the new one.
func writeChange(m *messages, c *zone.Change) error {
	for _, step := range [...]struct {
		soa  *zone.Record
		list []zone.Record
	}{{&c.To, nil}, {&c.From, c.Removed}, {&c.To, c.Added}, {&c.To, nil}} {
		if err := m.add(step.soa); err != nil {
			return err
		}
		if err := m.addAll(step.list); err != nil {
			return err
		}
	}
	return nil
}

// encodings keeps the last encoded differences, so that each costs one encoding,
// however many secondaries ask for it.
type encodings struct {
	mu   sync.Mutex
	kept *simplelru.LRU[pair, *encoding]
}

// encoding is a difference that is made once, by the first that needs it.
type encoding struct {
	once sync.Once
	made atomic.Pointer[difference] // nil before it is made, and if there is none
}

// pair is a version of a zone and a later one.
type pair struct {
	zone     records.Name
	from, to uint32
}

func newEncodings() *encodings {
	kept, err := simplelru.NewLRU[pair, *encoding](maxEncodings, nil)
	if err != nil {
		panic(err) // not reached: the size is positive
	}
	return &encodings{kept: kept}
}

// get returns the difference of a pair, which make makes if it is not kept. Of
// callers that ask for one pair at a time, one makes it and the others wait.
func (e *encodings) get(p pair, make func() *difference) (d *difference, kept bool) {
	e.mu.Lock()
	one, kept := e.kept.Get(p)
	if !kept {
		one = &encoding{}
		e.kept.Add(p, one)
	}
	e.mu.Unlock()
	one.once.Do(func() { one.made.Store(make()) })
	return one.made.Load(), kept
}

// ready reports whether the difference of a pair is kept, so that get neither makes
// it nor waits.
func (e *encodings) ready(p pair) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	one, kept := e.kept.Peek(p)
	return kept && one.made.Load() != nil
}

// forget removes a pair whose difference cannot be kept.
func (e *encodings) forget(p pair) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept.Remove(p)
}

// atOnce reports whether the answer to an IXFR query costs so little that it can be
// had while the query is read.
func (s *Server) atOnce(p pair) bool {
	if s.encoded.ready(p) {
		return true
	}
	cost, _ := s.history.Cost(p.zone, p.from, p.to, maxAtOnce+1)
	return cost <= maxAtOnce
}

// difference returns the answer to an IXFR query, whose later version is that of z, nil
// where the earlier version is not kept or where the differences are more than the zone.
func (s *Server) difference(z *zone.Zone, p pair) *difference {
	d, kept := s.encoded.get(p, func() *difference { return s.makeDifference(z, p) })
	if d == nil || d.encoded == nil {
		s.encoded.forget(p) // nothing that is worth to be kept
	}
	s.counts.countEncoding(kept)
	return d
}

func (s *Server) makeDifference(z *zone.Zone, p pair) *difference {
	c, ok := s.history.Difference(p.zone, p.from, p.to)
	if !ok || c.Whole {
		return nil
	}
	c = fitted(c, z)
	count := len(c.Removed) + len(c.Added)
	d := &difference{change: c, records: count + 4}
	if count > maxEncodedRecords {
		if hasLess(z, p.zone, count) {
			return nil
		}
		return d
	}
	b := streamBuffers.Get().(*streamBuffer)
	defer b.free()
	m := &b.messages
	m.start(b.framed[2:], string(p.zone), dns.TypeIXFR, func(msg []byte) error {
		d.encoded = append(d.encoded, append([]byte(nil), msg...))
		return nil
	})
	if err := writeChange(m, c); err != nil {
		return nil
	}
	if err := m.flush(); err != nil {
		return nil
	}
	if len(d.encoded) > 1 && hasLess(z, p.zone, count) {
		return nil
	}
	d.change = nil
	return d
}

// hasLess reports whether a zone has fewer records than a number. It looks at no
// more names than that.
func hasLess(z *zone.Zone, origin records.Name, count int) bool {
	for n := range z.NodesOf(origin) {
		if count -= len(n.A) + len(n.AAAA) + len(n.SRV) + len(n.PTR); count <= 0 {
			return false
		}
		if n.Apex {
			count--
		}
	}
	return count > 0
}
