package zone

import (
	"sync/atomic"
	"time"
)

// Store holds the zone that is answered from.
type Store struct {
	current atomic.Pointer[Zone]
}

// NewStore returns a store that holds z.
func NewStore(z *Zone) *Store {
	s := &Store{}
	s.current.Store(z)
	return s
}

// Current is the zone to answer from.
func (s *Store) Current() *Zone { return s.current.Load() }

// Swap makes z the zone to answer from.
func (s *Store) Swap(z *Zone) { s.current.Store(z) }

// NextSerial is the serial that follows another at a time: the time in seconds,
// so that it goes on growing when the process starts again, and in any case
// more than before.
func NextSerial(previous uint32, now time.Time) uint32 {
	return max(previous+1, uint32(now.Unix()))
}
