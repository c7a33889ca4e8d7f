package master

import (
	"maps"
	"time"

	"toponym/state"
)

// registryTime is how long a master may take to recover after its election: it
// gives up itself after a minute (--registry_fetch_timeout). Until then
// `/master/state` may be empty and answered with 200 all the same.
const registryTime = time.Minute

// said is a full state as a master gave it.
type said struct {
	*state.FullState
	recovered []string // agents that have not come back
	who       identity
	v1        bool                       // from the operator API, which waits for the recovery
	later     map[string]bool            // agents that the stream has told of, and that came after this was made
	keys      map[state.TaskKey]struct{} // of Tasks; nil until somebody needs them
}

// index makes the keys.
func (s *said) index() {
	if s.keys == nil {
		s.keys = make(map[state.TaskKey]struct{}, len(s.Tasks))
		for _, t := range s.Tasks {
			s.keys[t.Key] = struct{}{}
		}
	}
}

// nothing reports whether a state tells of nothing at all.
func (s said) nothing() bool {
	return len(s.Agents)+len(s.Frameworks)+len(s.Tasks)+len(s.recovered) == 0
}

// unfounded reports whether a state may come from a master that has not
// recovered. Where something is known, it takes nothing away; where nothing is,
// it would make every name one that does not exist.
func (g *guard) unfounded(s said) bool { return !g.started && !s.v1 && s.nothing() }

// premature reports whether the master of a state may still be recovering.
func (g *guard) premature(now time.Time, s said) bool {
	at, known := s.who.electedAt()
	return known && now.Sub(at).Abs() < registryTime
}

// state gives what is believed after a full state: what it says, and what was
// believed before and must not be taken away by it yet.
//
// The tasks of s come to be the cluster's: nobody else may change them.
func (g *guard) state(now time.Time, s said) state.Event {
	b := g.believe(now, s)
	return state.Event{FullState: &b.out}
}

// believe takes a full state into the guard's account.
func (g *guard) believe(now time.Time, s said) *belief {
	g.learnLeader(now, s)
	b := &belief{guard: g, now: now, recovered: setOf(s.recovered), out: *s.FullState}
	b.agents(s.FullState)
	b.tasks(s)
	b.frameworks(s.FullState)
	maps.DeleteFunc(g.back, func(id string, _ *unconfirmed) bool { return !s.later[id] }) // shown what runs on them
	return b
}

// learnLeader opens the time of agents to come back when another master leads.
// They have had it where this server was cut off for as long, and the master
// was elected longer ago than that: clocks differ, so that alone says nothing.
func (g *guard) learnLeader(now time.Time, s said) {
	cutOff := now.Sub(g.heard) > g.timeout
	g.heard = now
	if g.started && g.leader.same(s.who) && !g.restarted(s) {
		g.leader = merged(g.leader, s.who)
		if g.unsure {
			clear(g.away) // it was the same all the time
			clear(g.quiet)
		}
		g.unsure = false
		return
	}
	// Who never says who leads is not another one each time.
	unnamed := g.unsure && !s.who.known()
	g.started, g.unsure = true, !s.who.known()
	if !g.unsure {
		g.leader = s.who
	}
	until := now.Add(g.timeout)
	if at, known := s.who.electedAt(); cutOff && known && now.Sub(at) > g.timeout && !s.nothing() {
		until = now
	}
	for a := range g.cluster.Agents() {
		if _, waiting := g.away[a.ID]; !waiting || !unnamed {
			g.away[a.ID] = absence{until: until}
		}
	}
	for f := range g.cluster.Frameworks() {
		if _, waiting := g.quiet[f.ID]; !waiting || !unnamed {
			g.quiet[f.ID] = until
		}
	}
	clear(g.back)
}

// named takes in who the leader is that has not said so: the one who has told of
// all that is known since. Nothing begins anew with that.
func (g *guard) named(who identity) {
	if g.unsure && who.known() && !g.leader.same(who) {
		g.leader, g.unsure = who, false
	}
}

// restarted reports whether a leader that seems to be the same cannot be: it
// has forgotten everything. Its id would have told, but not all give one.
func (g *guard) restarted(s said) bool {
	_, agents, _ := g.cluster.Counts()
	return s.nothing() && agents > 0 && (s.who.id == "" || g.leader.id == "")
}

// belief is a full state in the making.
type belief struct {
	*guard
	now       time.Time
	recovered map[string]bool
	out       state.FullState
	kept      map[string]bool      // agents that are believed in beside those that the master has
	missed    map[string]time.Time // frameworks of tasks that are kept, and until when these are
}

// agents keeps those that have not come back yet.
func (b *belief) agents(s *state.FullState) {
	b.kept = map[string]bool{}
	there := make(map[string]bool, len(s.Agents))
	for _, a := range s.Agents {
		there[a.ID] = true
		delete(b.away, a.ID)
	}
	for a := range b.cluster.Agents() {
		if there[a.ID] {
			continue
		}
		absent, waiting := b.away[a.ID]
		switch {
		case b.recovered[a.ID]:
			// The master waits for it, however long ago it was elected.
			if !waiting || !absent.listed && !b.now.Before(absent.until) {
				absent.until = b.now.Add(b.timeout)
			}
			absent.listed = true
		case !waiting, absent.listed: // the master knew it and gave it up
			delete(b.away, a.ID)
			continue
		}
		if !b.now.Before(absent.until) {
			delete(b.away, a.ID)
			continue
		}
		b.away[a.ID] = absent
		b.kept[a.ID] = true
		b.out.Agents = append(b.out.Agents, a)
	}
}

// tasks keeps those on agents that are kept.
func (b *belief) tasks(s said) {
	b.missed = map[string]time.Time{}
	if len(b.kept) == 0 {
		return
	}
	s.index()
	for id := range b.kept {
		until := b.away[id].until
		for t := range b.cluster.TasksOn(id) {
			if _, shown := s.keys[t.Key]; shown {
				continue
			}
			b.out.Tasks = append(b.out.Tasks, t)
			if until.After(b.missed[t.Key.Framework]) {
				b.missed[t.Key.Framework] = until
			}
		}
	}
}

// frameworks keeps those that have not come back yet, and those of tasks that
// are kept.
func (b *belief) frameworks(s *state.FullState) {
	there := make(map[string]bool, len(s.Frameworks))
	for _, f := range s.Frameworks {
		there[f.ID] = true
		delete(b.quiet, f.ID)
	}
	for f := range b.cluster.Frameworks() {
		if there[f.ID] {
			continue
		}
		until := b.quiet[f.ID]
		if missed := b.missed[f.ID]; missed.After(until) {
			until = missed
		}
		if !b.now.Before(until) {
			delete(b.quiet, f.ID)
			continue
		}
		b.quiet[f.ID] = until
		b.out.Frameworks = append(b.out.Frameworks, f)
	}
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, k := range list {
		set[k] = true
	}
	return set
}

// merged is what is known of a leadership of which two answers tell.
func merged(a, b identity) identity {
	if b.id != "" {
		a.id = b.id
	}
	if b.pid != "" {
		a.pid = b.pid
	}
	if b.elected != 0 {
		a.elected = b.elected
	}
	return a
}
