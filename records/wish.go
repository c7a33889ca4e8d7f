package records

// wish is a TTL that labels ask for at a name, and how many times.
type wish struct {
	seconds uint32 // or ZeroTTL
	count   uint32
}

// wish counts one more wish for a name. It may be the first or the shortest.
func (s *Set) wish(name Name, seconds uint32) (shortest uint32) {
	list := s.wishes[name]
	for i := range list {
		if list[i].seconds == seconds {
			list[i].count++
			return shortestOf(list)
		}
	}
	list = append(list, wish{seconds, 1})
	s.wishes[name] = list
	return shortestOf(list)
}

// unwish counts one wish less. Without any, the TTL is the zone's: 0.
func (s *Set) unwish(name Name, seconds uint32) (shortest uint32) {
	list := s.wishes[name]
	for i := range list {
		if list[i].seconds != seconds {
			continue
		}
		if list[i].count--; list[i].count == 0 {
			list = append(list[:i], list[i+1:]...)
		}
		break
	}
	if len(list) == 0 {
		delete(s.wishes, name)
		return 0
	}
	s.wishes[name] = list
	return shortestOf(list)
}

// shortestOf is the TTL of all records of a name: records of a name and type
// have one TTL (RFC 2181, section 5.2), and nobody gets an older answer than
// was asked for.
func shortestOf(list []wish) uint32 {
	least := list[0].seconds
	for _, w := range list[1:] {
		if Seconds(w.seconds) < Seconds(least) {
			least = w.seconds
		}
	}
	return least
}

// setTTL gives an entry another TTL.
func (s *Set) setTTL(e *entry, seconds uint32) {
	switch {
	case e.filling:
		e.data.TTL = seconds
	case e.edit != 0 || e.data.TTL != seconds:
		s.edit(e).ttl = seconds
	}
}
