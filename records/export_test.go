package records

import (
	"net/netip"

	"toponym/state"
)

// WantedAndOwned calls f for each task with the estimate of its records and the
// number of records that it owns without a limit on them.
func (s *Set) WantedAndOwned(f func(task state.TaskKey, wanted, owned int)) {
	for k, o := range s.tasks {
		g := newGenerator(s.generator.o, discard{})
		wanted := int(g.wantedRecords(o))
		counter := &recordCounter{}
		g.out = counter
		o.maxRecords = 0
		g.task(o)
		f(k, wanted, counter.records)
	}
}

// Limited returns how many tasks own fewer records than they would without limits.
func (s *Set) Limited() (n int) {
	for _, o := range s.tasks {
		if o.maxRecords > 0 {
			n++
		}
	}
	return n
}

// TaskHash returns H of a task id.
func TaskHash(id string) string {
	hash := taskHash(id)
	return string(hash[:])
}

// recordCounter is a writer that counts records.
type recordCounter struct {
	discard
	records int
}

func (c *recordCounter) addr([]byte, netip.Addr, addrSource) { c.records++ }
func (c *recordCounter) srv([]byte, SRV)                     { c.records++ }
func (c *recordCounter) ptr(netip.Addr, PTR, addrSource)     { c.records++ }
