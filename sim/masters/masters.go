// Package masters runs several simulated masters of one cluster, of which one
// leads: elections, failovers, ZooKeeper, HTTPS, authentication and processes
// that freeze. Command mesos-sim and tests use it; the server's binary does not
// contain it.
package masters

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"toponym/sim"
	"toponym/sim/scenario"
)

// Options are the settings of Masters.
type Options struct {
	// Listen are the addresses that the masters listen on, one each, such as
	// "127.0.0.1:5050". Port 0 lets the kernel choose.
	Listen []string
	// Hostnames are the masters' --hostname; their addresses if there is none.
	Hostnames []string
	// Master has the options of all masters. Addr, Hostname, Process and Gate are set for
	// each master.
	Master sim.MasterOptions
	// TLS is for HTTPS; the masters speak HTTP when it is nil.
	TLS *tls.Config
	// Session is how long the others take a dead leader for the leader: the session
	// timeout of ZooKeeper, 10 seconds when 0.
	Session time.Duration
	// Election is how long nobody leads after that.
	Election time.Duration
	// Reregister is the time over which agents and schedulers register with a new leader.
	Reregister time.Duration
	// ZooKeeper is where the masters announce themselves; they do not when it is nil.
	ZooKeeper *ZooKeeper

	// Seed chooses the order in which agents return.
	Seed uint64
	// Bind opens a port; net.Listen for TCP when nil.
	Bind func(address string) (net.Listener, error)
}

// Masters are several masters of one cluster, of which one leads. They can be
// killed, frozen and started again one by one. It is safe for concurrent use.
type Masters struct {
	cluster    *sim.Cluster
	simulation *scenario.Simulation // nil without a control API
	options    Options

	mu       sync.Mutex
	members  []*member
	leader   *member // nil when nobody leads
	process  int     // number of the leader's process that leads
	led      bool    // there has been a leader, so a new one has to recover
	idle     bool    // an election found no master
	order    int     // of the last announcement
	rng      *rand.Rand
	timers   map[*time.Timer]struct{}
	returns  int // number of failovers: ends the return of agents to an older leader
	failures chan error
	stopped  bool
	ended    chan struct{} // closed when stopped
}

// member is one master and its state.
type member struct {
	index  int
	addr   netip.AddrPort
	starts int

	alive   bool
	frozen  bool
	since   time.Time // when it was frozen
	deposed bool      // it led when it was frozen, and its session has ended
	order   int       // of its announcement: the lowest leads; 0 without one
	master  *sim.Master
	freezer Freezer
	server  *http.Server
	listen  net.Listener
	node    *announcement // nil without ZooKeeper
}

// New makes masters that do not listen yet.
func New(c *sim.Cluster, o Options) (*Masters, error) {
	if len(o.Listen) == 0 {
		return nil, errors.New("masters: no address for a master to listen on")
	}
	o.Session = cmp.Or(o.Session, 10*time.Second)
	if o.Bind == nil {
		o.Bind = func(address string) (net.Listener, error) { return net.Listen("tcp", address) }
	}
	return &Masters{
		cluster:  c,
		options:  o,
		rng:      rand.New(rand.NewPCG(o.Seed, 3)),
		timers:   make(map[*time.Timer]struct{}),
		failures: make(chan error, 1),
		ended:    make(chan struct{}),
	}, nil
}

// Listen opens all ports, announces the masters and makes the first one lead. Requests are
// served from then on, until Run ends.
func (s *Masters) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, address := range s.options.Listen {
		m := &member{index: i}
		s.members = append(s.members, m)
		if err := s.startProcess(m, address); err != nil {
			s.stop()
			return err
		}
	}
	s.elect()
	return nil
}

// Run waits until ctx ends or the HTTP server of a master fails. Then it ends all masters.
func (s *Masters) Run(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.failures:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	return err
}

func (s *Masters) stop() {
	s.stopped = true
	for t := range s.timers {
		t.Stop()
	}
	clear(s.timers)
	close(s.ended)
	for _, m := range s.members {
		if m.alive {
			m.stopProcess()
		}
		if m.node != nil {
			m.node.close()
			m.node = nil
		}
	}
}

// startProcess starts the process of a master.
func (s *Masters) startProcess(m *member, address string) error {
	l, err := s.options.Bind(address)
	if err != nil {
		return fmt.Errorf("masters: master %d: %w", m.index, err)
	}
	if m.addr, err = netip.ParseAddrPort(l.Addr().String()); err != nil {
		l.Close()
		return fmt.Errorf("masters: master %d: %w", m.index, err)
	}
	o := s.options.Master
	o.Addr, o.Hostname = m.addr, ""
	if m.index < len(s.options.Hostnames) {
		o.Hostname = s.options.Hostnames[m.index]
	}
	m.starts++
	o.Process, o.Gate = m.starts, m.freezer.Wait
	m.master = sim.NewMaster(s.cluster, o)
	m.master.SetLeader(s.leaderFor(m))
	m.frozen, m.deposed = false, false
	m.freezer.Thaw()
	if z := s.options.ZooKeeper; z == nil {
		s.order++
		m.order = s.order
	} else {
		node, err := z.announce(m.master, s.options.Session, cmp.Or(z.Limit, 15*time.Second))
		if err != nil {
			l.Close()
			return fmt.Errorf("masters: master %d: %w", m.index, err)
		}
		s.register(m, node)
	}
	m.alive, m.listen = true, l
	m.server = &http.Server{
		Handler:           s.handler(m.master),
		TLSConfig:         s.options.TLS,
		ReadHeaderTimeout: 10 * time.Second,
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // Mesos speaks HTTP/1.1 only
	}
	server := m.server
	go func() {
		serve := func() error { return server.Serve(sim.Listener(l)) }
		if server.TLSConfig != nil {
			serve = func() error { return server.ServeTLS(l, "", "") }
		}
		if err := serve(); err != http.ErrServerClosed && !errors.Is(err, net.ErrClosed) {
			select {
			case s.failures <- fmt.Errorf("masters: master %d: %w", m.index, err):
			default:
			}
		}
	}()
	return nil
}

// handler serves a master, with the control API beside it.
func (s *Masters) handler(m *sim.Master) http.Handler {
	if s.simulation == nil {
		return m
	}
	return s.simulation.Handler(m)
}

// stopProcess ends the process of a master as SIGKILL does.
func (m *member) stopProcess() {
	m.alive = false
	m.master.BreakStreams()
	m.freezer.Thaw() // so that the requests it blocked end
	m.server.Close()
	m.listen.Close() // the server does not know it yet if it has just been started
}

// Len returns the number of masters, dead ones included.
func (s *Masters) Len() int { return len(s.options.Listen) }

// Addr returns the address of the i-th master.
func (s *Masters) Addr(i int) netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members[i].addr
}

// Master returns the i-th master. After Start it is another one.
func (s *Masters) Master(i int) *sim.Master {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members[i].master
}

// Leader returns the number of the leader as the masters see it, which may have died just
// now; -1 when there is none.
func (s *Masters) Leader() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leader == nil {
		return -1
	}
	return s.leader.index
}
