package records

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"toponym/state"
)

// A DNS_ALIAS only has a name that no task is called by. When the last task of an
// app is gone, its clients still use the name for a while, so another tenant must
// not be able to take it over: the name stays reserved for reservedFor.
//
// This is the only part of a set that depends on the past and on a clock, which
// comes from Options.Now. Without one there are no reservations.

// reservedFor is how long a name stays reserved.
const reservedFor = time.Hour

// Limits of what is remembered. Beyond maxReservations the oldest are forgotten.
const (
	maxReservations = 100_000
	maxReservers    = 8 // apps by name
)

// AliasTakeover selects the tasks that may have, as an alias, a name that a task
// called so has owned within the last hour.
type AliasTakeover uint8

const (
	// TakeoverGroup selects tasks of the same framework and app group. The group
	// of "db.prod", which is the Marathon app /prod/db, is "prod". Names without a
	// dot have no group, so no app may take them over.
	TakeoverGroup AliasTakeover = iota
	// TakeoverFramework selects all tasks of the same framework.
	TakeoverFramework
	// TakeoverAny selects all tasks.
	TakeoverAny
)

// ParseAliasTakeover returns the value for the setting aliasTakeover.
func ParseAliasTakeover(s string) (AliasTakeover, error) {
	switch s {
	case "group":
		return TakeoverGroup, nil
	case "framework":
		return TakeoverFramework, nil
	case "any":
		return TakeoverAny, nil
	}
	return 0, fmt.Errorf("%q is not one of group, framework, any", s)
}

// reservations is the names that tasks have owned recently and own no more.
type reservations struct {
	byName map[Name][]reservation
	queue  []queuedReservation // in the order of their end
}

// reservation is one app that has owned a name.
type reservation struct {
	framework, group string // the framework's id and the app group
	until            time.Time
}

type queuedReservation struct {
	name  Name
	until time.Time
}

// clone returns a copy, for another set.
func (r *reservations) clone() reservations {
	c := reservations{byName: maps.Clone(r.byName), queue: slices.Clone(r.queue)}
	for name, list := range c.byName {
		c.byName[name] = slices.Clone(list)
	}
	return c
}

// add reserves a name for the app of a task.
func (r *reservations) add(name Name, t *state.Task, until time.Time) {
	if r.byName == nil {
		r.byName = map[Name][]reservation{}
	}
	app := reservation{t.Key.Framework, appGroup(t), until}
	list := r.byName[name]
	i := slices.IndexFunc(list, func(o reservation) bool { return o.framework == app.framework && o.group == app.group })
	switch {
	case i >= 0:
		list[i].until = until
	case len(list) < maxReservers:
		list = append(list, app)
	default: // an incomplete list matches no app
		list[0] = reservation{until: until}
	}
	r.byName[name] = list
	r.queue = append(r.queue, queuedReservation{name, until})
}

// expire forgets the reservations that end at or before a time, and the oldest if
// there are too many. It calls f with their names.
func (r *reservations) expire(end time.Time, f func(Name)) {
	n := 0
	for ; n < len(r.queue) && (!r.queue[n].until.After(end) || len(r.queue)-n > maxReservations); n++ {
		if r.queue[n].until.After(end) {
			end = r.queue[n].until
		}
		name := r.queue[n].name
		list := slices.DeleteFunc(r.byName[name], func(o reservation) bool { return !o.until.After(end) })
		if len(list) == 0 {
			delete(r.byName, name)
		} else {
			r.byName[name] = list
		}
		f(name)
	}
	r.queue = slices.Delete(r.queue, 0, n)
}

// permits reports whether a task may have a name as an alias.
func (r *reservations) permits(name Name, t *state.Task, takeover AliasTakeover) bool {
	for _, o := range r.byName[name] {
		switch {
		case takeover == TakeoverAny:
		case o.framework != t.Key.Framework:
			return false
		case takeover == TakeoverGroup && (o.group == "" || o.group != appGroup(t)):
			return false
		}
	}
	return true
}

// appGroup returns what follows the first dot in the name of a task: its group, if
// Marathon made the name.
func appGroup(t *state.Task) string {
	_, group, _ := strings.Cut(appName(t), ".")
	return group
}

// now returns the time, or the zero time without a clock.
func (s *Set) now() time.Time {
	if s.generator.o.Now == nil {
		return time.Time{}
	}
	return s.generator.o.Now()
}

// NextExpiry returns when a name may become free for an alias, so that an update
// with an empty delta changes records. It returns false if that is not to come.
func (s *Set) NextExpiry() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups.withAliases == 0 || len(s.groups.reserved.queue) == 0 {
		return time.Time{}, false
	}
	return s.groups.reserved.queue[0].until, true
}
