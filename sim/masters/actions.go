package masters

import (
	"fmt"

	"toponym/sim"
	"toponym/sim/scenario"
)

// Serve makes the masters of a simulation. They answer its control API below
// /sim/, which can kill, start, freeze and thaw them.
func Serve(s *scenario.Simulation, o Options) (*Masters, error) {
	m, err := New(s.Cluster, o)
	if err != nil {
		return nil, err
	}
	m.simulation = s
	s.SetMasters(m.list)
	for name, do := range map[string]func(i int) error{
		"master-kill":   m.Kill,
		"master-start":  m.Start,
		"master-freeze": m.Freeze,
		"master-thaw":   m.Thaw,
	} {
		s.SetAction(name, func(a scenario.Action) ([]string, error) {
			i := m.Leader()
			if a.Master != nil {
				i = *a.Master
			}
			if i < 0 || i >= m.Len() {
				return nil, fmt.Errorf("no master %d", i)
			}
			return nil, do(i)
		})
	}
	return m, nil
}

// list returns all masters and the number of the leader, -1 without one.
func (s *Masters) list() ([]*sim.Master, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*sim.Master, len(s.members))
	leader := -1
	for i, m := range s.members {
		out[i] = m.master
		if m == s.leader {
			leader = i
		}
	}
	return out, leader
}
