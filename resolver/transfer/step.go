package transfer

import (
	"slices"
	"sync"
	"time"
	"unsafe"

	"toponym/records"
	"toponym/zone"
)

// step is the difference between two versions of a zone that were offered one after the
// other. A secondary that is some steps behind gets them one after the other (RFC 1995,
// section 4), so that nothing has to be made for it.
type step struct {
	from, to uint32       // serials
	change   *zone.Change // nil once it is encoded

	// encoded is messages with what a response has between the first SOA record of
	// the step and that of the next one: the records to be removed, the new SOA
	// record, those to be added, and the new SOA record, with which either the next
	// step begins or the response ends.
	encoded [][]byte

	fromSOA zone.Record
	records int // in a response
	bytes   int // of memory
}

// newStep returns the step of a difference, encoded if it is large; nil where a record
// fits in no message.
func newStep(c *zone.Change) *step {
	t := &step{from: c.From.SOASerial(), to: c.To.SOASerial(), change: c, fromSOA: c.From, records: len(c.Removed) + len(c.Added) + 2}
	t.bytes = int(unsafe.Sizeof(*t))
	if t.records <= maxAtOnce {
		t.bytes += c.Size()
		return t
	}
	b := streamBuffers.Get().(*streamBuffer)
	defer b.free()
	m := &b.messages
	last := time.Now()
	m.startLater(b.framed[2:], func(msg []byte) error {
		last = rest(last)
		t.encoded = append(t.encoded, slices.Clone(msg))
		t.bytes += len(msg) + int(unsafe.Sizeof(msg))
		return nil
	})
	if t.write(m) != nil || m.flush() != nil {
		return nil
	}
	t.change = nil
	return t
}

// write writes the step behind its first SOA record.
func (t *step) write(m *messages) error {
	if t.encoded != nil {
		for _, msg := range t.encoded {
			if err := m.insert(msg); err != nil {
				return err
			}
		}
		m.records += t.records
		return nil
	}
	for _, list := range [...][]zone.Record{t.change.Removed, t.change.Added} {
		if err := m.addAll(list); err != nil {
			return err
		}
		if err := m.add(&t.change.To); err != nil {
			return err
		}
	}
	return nil
}

// chain is steps that follow each other.
type chain []*step

// write writes the response to an IXFR query of a secondary that lacks the steps.
func (c chain) write(m *messages, newest *zone.Record) error {
	if err := m.add(newest); err != nil {
		return err
	}
	if err := m.add(&c[0].fromSOA); err != nil {
		return err
	}
	for _, t := range c {
		if err := t.write(m); err != nil {
			return err
		}
	}
	return nil
}

// records is the number of records in the response.
func (c chain) records() (n int) {
	for _, t := range c {
		n += t.records
	}
	return n + 2
}

// maxSmallSteps is how many steps a secondary gets one after the other, if they are
// small. More of them are condensed, since that is little work. So it is not for large
// ones: it must not become more work the further secondaries are behind.
const maxSmallSteps = 64

// small reports whether the steps are better condensed.
func (c chain) small() bool {
	return len(c) > maxSmallSteps && c.records() < len(c)*maxAtOnce
}

// followTime is for how long steps of a zone are made after a secondary transferred it.
const followTime = 10 * time.Minute

// steps keeps the last steps of the zones that secondaries follow.
type steps struct {
	limit int // bytes

	mu    sync.Mutex
	bytes int
	zones map[records.Name]*zoneSteps
	order []kept // of all zones, oldest first; those before first are gone
	first int
}

// kept is a step in the order of all.
type kept struct {
	zone *zoneSteps
	step *step
}

// zoneSteps is the steps of a zone. Each begins where the one before ends.
type zoneSteps struct {
	wanted time.Time // when the zone was transferred last
	list   []*step
}

func newSteps(limit int) *steps { return &steps{limit: limit, zones: map[records.Name]*zoneSteps{}} }

// want notes that a secondary transfers a zone, which has to exist.
func (s *steps) want(origin records.Name, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[origin]
	if z == nil {
		z = &zoneSteps{}
		s.zones[origin] = z
	}
	z.wanted = now
}

// followed returns those of some zones that are transferred now and then, and forgets
// all others.
func (s *steps) followed(origins []records.Name, now time.Time) (list []records.Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.zones) == 0 {
		return nil
	}
	for _, o := range origins {
		if z := s.zones[o]; z != nil && now.Sub(z.wanted) <= followTime {
			list = append(list, o)
		}
	}
	if len(list) < len(s.zones) {
		for o, z := range s.zones {
			if !slices.Contains(list, o) {
				s.clear(z)
				delete(s.zones, o)
			}
		}
	}
	return list
}

// add adds the newest step of a zone. If it does not follow the last one, those before
// are of no use.
func (s *steps) add(origin records.Name, t *step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[origin]
	if z == nil {
		return
	}
	if n := len(z.list); n > 0 && z.list[n-1].to != t.from {
		s.clear(z)
	}
	z.list = append(z.list, t)
	s.order = append(s.order, kept{z, t})
	s.bytes += t.bytes
	for s.bytes > s.limit {
		k := s.order[s.first]
		if len(k.zone.list) > 0 && k.zone.list[0] == k.step {
			k.zone.list[0] = nil
			k.zone.list = k.zone.list[1:]
			s.bytes -= k.step.bytes
		}
		s.order[s.first] = kept{}
		s.first++
	}
	if s.first > len(s.order)/2 {
		s.order, s.first = slices.Clone(s.order[s.first:]), 0
	}
}

// clear drops the steps of a zone.
func (s *steps) clear(z *zoneSteps) {
	for _, t := range z.list {
		s.bytes -= t.bytes
	}
	z.list = nil
}

// chain returns the steps that lead from one version of a zone to another, nil where
// they are not kept.
func (s *steps) chain(origin records.Name, from, to uint32) chain {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[origin]
	if z == nil || len(z.list) == 0 || z.list[len(z.list)-1].to != to {
		return nil
	}
	at, found := zone.FindSerial(z.list, from, to, func(t *step) uint32 { return t.from })
	if !found {
		return nil
	}
	return slices.Clone(chain(z.list[at:]))
}

// size is the memory of all steps, in bytes.
func (s *steps) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
