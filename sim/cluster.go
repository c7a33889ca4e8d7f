package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// maxCompleted is Mesos's default for --max_completed_tasks_per_framework.
const maxCompleted = 1000

// Options are the settings of a Cluster.
type Options struct {
	Seed uint64           // ids, addresses and orders follow from it
	Now  func() time.Time // the clock; time.Now when nil
	Name string           // the cluster's name; "sim" when empty
}

// Cluster is everything that a leading master knows. It is safe for
// concurrent use. Values given to it or taken from it share their slices and
// pointers with it and must not be changed.
type Cluster struct {
	name string
	seed uint64
	now  func() time.Time

	mu         sync.Mutex
	rng        *rand.Rand
	id         string // of the master that all agents and frameworks first met
	nextAgent  uint64
	nextFwk    int
	polls      uint64
	agents     list[Agent]
	frameworks list[framework]
	completed  []*framework
	networks   map[string]Network
	shares     map[shareKey]uint64
	inUse      map[netip.Addr]int
}

// framework is a framework with its tasks.
type framework struct {
	Framework
	tasks       list[Task]
	unreachable list[Task]
	completed   []*Task // oldest first
}

// NewCluster makes a cluster without agents, frameworks and tasks.
func NewCluster(o Options) *Cluster {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Name == "" {
		o.Name = "sim"
	}
	c := &Cluster{
		name:     o.Name,
		seed:     o.Seed,
		now:      o.Now,
		rng:      rand.New(rand.NewPCG(o.Seed, 0)),
		networks: make(map[string]Network),
		shares:   make(map[shareKey]uint64),
		inUse:    make(map[netip.Addr]int),
	}
	c.id = c.uuid()
	return c
}

func (c *Cluster) uuid() string { return uuid(c.rng.Uint64(), c.rng.Uint64()) }

// AddAgent registers an agent and returns its id.
func (c *Cluster) AddAgent(a Agent) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !a.Addr.Addr().IsValid() {
		return "", fmt.Errorf("sim: agent %q has no address", a.ID)
	}
	if a.Addr.Port() == 0 {
		a.Addr = netip.AddrPortFrom(a.Addr.Addr(), 5051)
	}
	if a.ID == "" {
		a.ID = fmt.Sprintf("%s-S%d", c.id, c.nextAgent)
	}
	if _, ok := c.agents.get(a.ID); ok {
		return "", fmt.Errorf("sim: agent %q is there already", a.ID)
	}
	a.ordinal = c.nextAgent
	c.nextAgent++
	if a.Hostname == "" {
		a.Hostname = a.Addr.Addr().String()
	}
	if r := a.Resources; r.CPUs == 0 && r.Mem == 0 && r.Disk == 0 && r.GPUs == 0 && r.Ports == nil {
		a.Resources = Resources{CPUs: 16, Mem: 65536, Disk: 524288, Ports: Ports{{31000, 32000}}}
	}
	if a.Registered.IsZero() {
		a.Registered = c.now()
	}
	c.agents.put(a.ID, &a)
	return a.ID, nil
}

// RemoveAgent ends an agent that leaves for good; its tasks are lost.
func (c *Cluster) RemoveAgent(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.agents.get(id); !ok {
		return fmt.Errorf("sim: no agent %q", id)
	}
	for _, f := range c.frameworks.values {
		for _, t := range slices.Concat(f.tasks.values, f.unreachable.values) {
			if t.AgentID == id {
				c.end(f, t, TaskLost)
			}
		}
	}
	c.agents.remove(id)
	return nil
}

// AddFramework registers a framework and returns its id.
func (c *Cluster) AddFramework(f Framework) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.ID == "" {
		f.ID = fmt.Sprintf("%s-%04d", c.id, c.nextFwk)
	}
	if _, ok := c.frameworks.get(f.ID); ok {
		return "", fmt.Errorf("sim: framework %q is there already", f.ID)
	}
	c.nextFwk++
	if f.User == "" {
		f.User = "root"
	}
	if f.Registered.IsZero() {
		f.Registered = c.now()
	}
	c.frameworks.put(f.ID, &framework{Framework: f})
	return f.ID, nil
}

// RemoveFramework tears a framework down: its tasks are killed, and it goes
// to the completed frameworks.
func (c *Cluster) RemoveFramework(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(id)
	if !ok {
		return fmt.Errorf("sim: no framework %q", id)
	}
	for _, t := range slices.Concat(f.tasks.values, f.unreachable.values) {
		c.end(f, t, TaskKilled)
	}
	f.Unregistered = c.now()
	c.frameworks.remove(id)
	c.completed = append(c.completed, f)
	return nil
}

// SetConnected says whether a framework's scheduler is there. Without it the
// framework keeps its tasks, and is shown as neither active nor connected.
func (c *Cluster) SetConnected(frameworkID string, connected bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.frameworks.get(frameworkID)
	if !ok {
		return fmt.Errorf("sim: no framework %q", frameworkID)
	}
	if connected && (f.Disconnected || f.Recovered) {
		f.Reregistered = c.now()
		if f.Recovered {
			f.Registered = f.Reregistered
		}
		f.Recovered = false
	}
	f.Disconnected = !connected
	return nil
}

// Agents gives the agents, whatever their state.
func (c *Cluster) Agents() []Agent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Agent
	for _, a := range c.agents.values {
		out = append(out, *a)
	}
	return out
}

// Frameworks gives the frameworks that are not completed.
func (c *Cluster) Frameworks() []Framework {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Framework
	for _, f := range c.frameworks.values {
		out = append(out, f.Framework)
	}
	return out
}

// uuid writes 128 bits as a random UUID (RFC 9562, version 4).
func uuid(hi, lo uint64) string {
	return string(appendUUID(make([]byte, 0, 36), hi, lo))
}

func appendUUID(b []byte, hi, lo uint64) []byte {
	const hex = "0123456789abcdef"
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := range 32 {
		v := hi
		if i >= 16 {
			v = lo
		}
		b = append(b, hex[v>>(60-4*(i%16))&15])
		switch i {
		case 7, 11, 15, 19:
			b = append(b, '-')
		}
	}
	return b
}
