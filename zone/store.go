package zone

import "sync/atomic"

// Store holds the version of the zone that queries are answered from. All its
// methods may be called from any goroutine.
type Store struct {
	current atomic.Pointer[Zone]
}

// NewStore returns a store that holds z.
func NewStore(z *Zone) *Store {
	s := &Store{}
	s.current.Store(z)
	return s
}

// Current is the version to answer from. A reader takes it once per query.
func (s *Store) Current() *Zone { return s.current.Load() }

// Swap publishes a version.
func (s *Store) Swap(z *Zone) { s.current.Store(z) }
