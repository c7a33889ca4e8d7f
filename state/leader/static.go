package leader

// Static is a fixed list of masters. It is a [Detector], for use by one
// goroutine.
type Static struct {
	masters []Address
	leading Address // the master that last answered as the leader
}

// NewStatic returns a detector for masters that are asked in the order given.
func NewStatic(masters []Address) *Static { return &Static{masters: masters} }

// Masters returns the list as it was given.
func (s *Static) Masters() []Address { return s.masters }

// Candidates returns the masters, the one that last led first.
func (s *Static) Candidates() []Address {
	return distinct(append([]Address{s.leading}, s.masters...))
}

// SetLeading records that a master answered as the leader.
func (s *Static) SetLeading(a Address) { s.leading = a }

// Changed returns nil: a list cannot see who leads.
func (s *Static) Changed() <-chan struct{} { return nil }
