package master

import (
	"iter"
	"time"

	"toponym/state"
)

// comparedAtOnce is how many tasks are compared before events have their turn.
const comparedAtOnce = 500

// compare gives put what a full state that was read beside a stream says other
// than what is believed. It does so in pieces, between which events of the
// stream go on: they are noted in the journal, which began when the state was
// asked for, and what they tell of is left to them.
func compare(g *guard, j *journal, s said, now time.Time, atOnce int, put func(state.Event)) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		c := g.cluster
		n := 0
		pause := func() bool {
			n++
			return n%atOnce != 0 || yield(struct{}{})
		}
		s.index()
		b := g.believe(now, j.correct(s, c))
		agents, frameworks := map[string]bool{}, map[string]bool{}
		for _, a := range b.out.Agents {
			agents[a.ID] = true
			put(state.Event{Agent: a})
		}
		for _, f := range b.out.Frameworks {
			frameworks[f.ID] = true
			put(state.Event{Framework: f})
		}
		put(state.Event{Masters: &state.Masters{Leader: s.Leader, All: s.Masters}})
		// What came is there before what went is gone.
		for _, t := range s.Tasks {
			if !j.told(t) {
				put(state.Event{Task: t})
			}
			if !pause() {
				return
			}
		}
		there := setOfAgents(s.Agents)
		for t := range c.Tasks() {
			_, shown := s.keys[t.Key]
			// The state does not show what is on an agent that came after it
			// was made.
			came := j.agents[t.AgentID] && !there[t.AgentID]
			if !shown && !came && !b.kept[t.AgentID] && !j.told(t) {
				put(state.Event{TaskGone: &t.Key})
			}
			if !pause() {
				return
			}
		}
		for a := range c.Agents() {
			if !agents[a.ID] && !j.agents[a.ID] {
				put(state.Event{AgentGone: a.ID})
			}
		}
		for f := range c.Frameworks() {
			if !frameworks[f.ID] && !j.frameworks[f.ID] {
				put(state.Event{FrameworkGone: f.ID})
			}
		}
		for _, e := range j.rest() {
			put(e)
		}
	}
}

func setOfAgents(agents []*state.Agent) map[string]bool {
	set := make(map[string]bool, len(agents))
	for _, a := range agents {
		set[a.ID] = true
	}
	return set
}
