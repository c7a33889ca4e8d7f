package masters

import (
	"fmt"
	"time"

	"toponym/sim"
)

// Kill ends a master as SIGKILL does. If it led, the others redirect clients to it until its
// session ends; then nobody leads for the time of an election, and then the master that
// was announced first.
func (s *Masters) Kill(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.member(i)
	if err != nil {
		return err
	}
	if !m.alive {
		return fmt.Errorf("masters: master %d is not alive", i)
	}
	s.kill(m)
	return nil
}

func (s *Masters) kill(m *member) {
	m.stopProcess()
	if m.node != nil {
		m.node.abandon()
		m.node = nil
	}
	s.expire(m)
}

// expire ends the session of a dead or frozen leader after the session timeout.
func (s *Masters) expire(m *member) {
	if !s.leads(m) {
		return
	}
	process := s.process
	s.later(s.options.Session, func() {
		if s.leader == m && s.process == process && (!m.alive || m.frozen || m.starts != process) {
			s.leaderLost(m)
		}
	})
}

// leads reports whether a master leads, and not an earlier process at its address.
func (s *Masters) leads(m *member) bool { return s.leader == m && m.starts == s.process }

// Start starts a dead master again, as the last in line.
func (s *Masters) Start(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.member(i)
	if err != nil {
		return err
	}
	if m.alive {
		return fmt.Errorf("masters: master %d is alive", i)
	}
	if err := s.startProcess(m, m.addr.String()); err != nil {
		return err
	}
	s.electAgain()
	return nil
}

// electAgain repeats an election that found no master.
func (s *Masters) electAgain() {
	if s.idle {
		s.idle = false
		s.later(s.options.Election, s.elect)
	}
}

// Freeze freezes a master, see Freezer. A leader loses its session with that, but does not
// know it yet.
func (s *Masters) Freeze(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.member(i)
	if err != nil {
		return err
	}
	if !m.alive || m.frozen {
		return fmt.Errorf("masters: master %d is dead or frozen already", i)
	}
	m.frozen, m.since = true, time.Now()
	m.freezer.Freeze()
	if m.node != nil {
		m.node.disconnect()
	}
	s.expire(m)
	return nil
}

// Thaw lets a frozen master continue. A former leader ends, because it finds its session
// lost. A standby whose session has ended becomes the last in line.
func (s *Masters) Thaw(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.member(i)
	if err != nil {
		return err
	}
	if !m.alive || !m.frozen {
		return fmt.Errorf("masters: master %d is not frozen", i)
	}
	m.frozen = false
	if m.order == 0 {
		s.kill(m)
		return nil
	}
	if time.Since(m.since) >= s.options.Session {
		s.order++
		m.order = s.order
	}
	m.freezer.Thaw()
	if m.node != nil {
		m.node.reconnect()
	}
	s.electAgain()
	return nil
}

func (s *Masters) member(i int) (*member, error) {
	if i < 0 || i >= len(s.members) {
		return nil, fmt.Errorf("masters: no master %d", i)
	}
	return s.members[i], nil
}

// leaderLost ends the leadership of a master.
func (s *Masters) leaderLost(m *member) {
	if m.starts == s.process { // it is frozen, and out of line
		m.order = 0
	}
	s.leader = nil
	s.announceLeader()
	s.later(s.options.Election, s.elect)
}

// elect makes the first in line the leader.
func (s *Masters) elect() {
	if s.leader != nil {
		return
	}
	for _, m := range s.members {
		if m.alive && !m.frozen && m.order > 0 && (s.leader == nil || m.order < s.leader.order) {
			s.leader = m
		}
	}
	if s.leader == nil {
		s.idle = true // Start and Thaw try again
		return
	}
	s.process = s.leader.starts
	if s.led {
		s.cluster.Failover()
		s.returns++
		s.reregister(s.returns)
	}
	s.led = true
	s.announceLeader()
}

// announceLeader tells the masters who leads, except a former leader that is frozen.
func (s *Masters) announceLeader() {
	for _, m := range s.members {
		if m.alive && m.order > 0 {
			m.master.SetLeader(s.leaderFor(m))
		}
	}
}

// leaderFor returns the leader as a master sees it. A restarted master does not lead, even
// if the leader that died had the same address.
func (s *Masters) leaderFor(m *member) string {
	if s.leader == nil || s.leader == m && !s.leads(m) {
		return ""
	}
	return s.leader.master.HostPort()
}

// reregister brings the agents and schedulers to the new leader one by one.
func (s *Masters) reregister(failover int) {
	var agents, frameworks []string
	for _, a := range s.cluster.Agents() {
		if a.State == sim.AgentRecovered {
			agents = append(agents, a.ID)
		}
	}
	for _, f := range s.cluster.Frameworks() {
		if f.Recovered {
			frameworks = append(frameworks, f.ID)
		}
	}
	s.rng.Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] })
	s.rng.Shuffle(len(frameworks), func(i, j int) { frameworks[i], frameworks[j] = frameworks[j], frameworks[i] })
	allAgents, allFrameworks := len(agents), len(frameworks)
	const parts = 100
	part := 0
	var next func()
	next = func() {
		if s.returns != failover {
			return
		}
		part++
		// An error means that it has come back already, or is gone.
		for left := allAgents * (parts - part) / parts; len(agents) > left; agents = agents[1:] {
			s.cluster.Reregister(agents[0])
		}
		for left := allFrameworks * (parts - part) / parts; len(frameworks) > left; frameworks = frameworks[1:] {
			s.cluster.SetConnected(frameworks[0], true)
		}
		if part < parts {
			s.later(s.options.Reregister/parts, next)
		}
	}
	if s.options.Reregister <= 0 {
		part = parts - 1
	}
	s.later(s.options.Master.Recovery+s.options.Reregister/parts, next)
}

// later calls do after a time, unless Run has ended by then.
func (s *Masters) later(d time.Duration, do func()) {
	if s.stopped {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, t)
		if !s.stopped {
			do()
		}
	})
	s.timers[t] = struct{}{}
}
