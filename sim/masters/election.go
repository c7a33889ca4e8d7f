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

// electable reports whether a master can become the leader.
func (m *member) electable() bool {
	return m.alive && !m.frozen && m.order > 0 && (m.node == nil || m.node.connected())
}

// register gives a master the place in line that its node in ZooKeeper has.
func (s *Masters) register(m *member, node *announcement) {
	m.node, m.order = node, node.number+1
	locked := func(do func()) func() {
		return func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if m.node == node && !s.stopped {
				do()
			}
		}
	}
	go node.watch(locked(s.electAgain), locked(func() {
		node.abandon()
		m.node = nil
		if !m.frozen { // it notices when it is thawed
			s.sessionLost(m)
		}
	}))
}

// sessionLost is what a master does when its session in ZooKeeper has ended: a leader
// exits. A standby knows no leader until it has announced itself again.
func (s *Masters) sessionLost(m *member) {
	if s.leads(m) {
		m.stopProcess()
		s.leaderLost(m)
		return
	}
	m.order = 0
	m.master.SetLeader("")
	go s.announceAgain(m, m.starts, m.master)
}

// announceAgain announces a standby whose session has ended, once ZooKeeper is back. The
// nodes of the ended sessions are there for the time of another session.
func (s *Masters) announceAgain(m *member, process int, master *sim.Master) {
	for {
		node, err := s.options.ZooKeeper.announce(master, s.options.Session, 10*time.Second)
		s.mu.Lock()
		current := m.alive && m.starts == process && !s.stopped
		switch {
		case err == nil && !current:
			node.close()
		case err == nil:
			s.register(m, node)
			master.SetLeader(s.leaderFor(m))
			s.later(s.options.Session, s.electAgain)
		}
		s.mu.Unlock()
		if err == nil || !current {
			return
		}
		select {
		case <-s.ended:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
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
	if m.deposed {
		s.kill(m)
		return nil
	}
	m.freezer.Thaw()
	switch {
	case s.options.ZooKeeper == nil:
		if time.Since(m.since) >= s.options.Session {
			s.order++
			m.order = s.order
		}
	case m.node != nil:
		m.node.reconnect()
	default:
		s.sessionLost(m)
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
	if m.starts == s.process {
		m.deposed, m.order = true, 0
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
		if m.electable() && (s.leader == nil || m.order < s.leader.order) {
			s.leader = m
		}
	}
	if s.leader == nil {
		s.idle = true // until electAgain
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
