package leader

// Static is a fixed list of masters. It is a [Detector].
type Static struct {
	masters []Address
	last    Address
}

// NewStatic returns a list of masters that are tried in that order.
func NewStatic(masters []Address) *Static { return &Static{masters: masters} }

// Masters is the list as it was given.
func (s *Static) Masters() []Address { return s.masters }

// Candidates are the masters in the order to ask them: the one that led last
// first.
func (s *Static) Candidates() []Address {
	c := make([]Address, 0, len(s.masters)+1)
	if s.last != (Address{}) {
		c = append(c, s.last)
	}
	for _, m := range s.masters {
		if m != s.last {
			c = append(c, m)
		}
	}
	return c
}

// Led notes that a master answered as the leader.
func (s *Static) SetLeading(a Address) { s.last = a }

// Changed is never: a list does not see who leads.
func (s *Static) Changed() <-chan struct{} { return nil }
