package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// maxWatchValues bounds the values of each filter of a watcher.
const maxWatchValues = 16

// watchFilter selects events. Each of its lists that is not empty has to have a
// match. A nil filter selects all.
type watchFilter struct {
	names      []records.Name
	suffixes   []records.Name
	frameworks []records.FrameworkNames
	types      []uint16
}

// watchFilter returns the filter that parameters ask for; nil if none does.
func (s *Server) watchFilter(q query, z *zone.Zone) (*watchFilter, error) {
	for _, key := range []string{"name", "suffix", "framework", "type"} {
		if len(q[key]) > maxWatchValues {
			return nil, fmt.Errorf("%s: is given more than %d times", key, maxWatchValues)
		}
	}
	f := &watchFilter{}
	origins := z.Origins()
	for _, typed := range q["name"] {
		n, err := watchedName(z, "name", typed)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(origins, n.Under) {
			return nil, fmt.Errorf("name: %.300q is in none of the server's zones", typed)
		}
		f.names = append(f.names, n)
	}
	for _, typed := range q["suffix"] {
		n, err := watchedName(z, "suffix", typed)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(origins, func(o records.Name) bool { return related(n, o) }) {
			return nil, fmt.Errorf("suffix: %.300q is neither in nor above any of the server's zones", typed)
		}
		f.suffixes = append(f.suffixes, n)
	}
	for _, framework := range q["framework"] {
		names, err := s.o.FrameworkNames(framework)
		if err != nil {
			return nil, fmt.Errorf("framework: %.300q can have no names: %w", framework, err)
		}
		f.frameworks = append(f.frameworks, names)
	}
	for _, typed := range q["type"] {
		t, ok := dns.StringToType[strings.ToUpper(typed)]
		if !ok || t == dns.TypeSOA || t == typeANY {
			return nil, fmt.Errorf("type: %.60q is not a type of records that are watched, such as A, AAAA, SRV or PTR", typed)
		}
		f.types = append(f.types, t)
	}
	if len(f.names)+len(f.suffixes)+len(f.frameworks)+len(f.types) == 0 {
		return nil, nil
	}
	return f, nil
}

// watchedName is the name whose records a name has, which is another one below an
// alias.
func watchedName(z *zone.Zone, parameter, typed string) (records.Name, error) {
	n, err := typedName(typed)
	if err != nil {
		return "", fmt.Errorf("%s: %w", parameter, err)
	}
	a, _ := z.Lookup([]byte(n), typeANY)
	return ownerOf(z, a, n), nil
}

// related reports whether one of two names is equal to or below the other.
func related(a, b records.Name) bool { return a.Under(b) || b.Under(a) }

// matches reports whether the filter selects an event.
func (f *watchFilter) matches(e *watchEvent) bool {
	if f == nil {
		return true
	}
	if e.name == "" {
		return f.matchesReset(e.origin)
	}
	if len(f.names) > 0 && !slices.Contains(f.names, e.name) {
		return false
	}
	if len(f.types) > 0 && !slices.Contains(f.types, e.rtype) {
		return false
	}
	if len(f.suffixes) > 0 && !slices.ContainsFunc(f.suffixes, e.name.Under) {
		return false
	}
	return len(f.frameworks) == 0 || slices.ContainsFunc(f.frameworks, func(n records.FrameworkNames) bool { return n.Has(e.name) })
}

// matchesReset reports whether names that the filter selects may be in the zone of
// an origin.
func (f *watchFilter) matchesReset(origin records.Name) bool {
	if len(f.names) > 0 && !slices.ContainsFunc(f.names, func(n records.Name) bool { return n.Under(origin) }) {
		return false
	}
	return len(f.suffixes) == 0 || slices.ContainsFunc(f.suffixes, func(n records.Name) bool { return related(n, origin) })
}
