package sim

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Mesos's defaults for --max_completed_tasks_per_framework and
// --max_completed_frameworks.
const (
	maxCompleted           = 1000
	maxCompletedFrameworks = 50
)

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
	id         string // of the first master: the ids of agents and frameworks begin with it
	nextAgent  uint64
	ordinals   []uint64 // of removed agents, for new ones to use
	nextFwk    int
	polls      uint64
	agents     list[string, Agent]
	nodes      map[string]*node // by agent
	frameworks list[string, framework]
	completed  []*framework
	networks   map[string]Network
	shares     map[shareKey]uint64
	inUse      map[addressKey]int
	updates    *rand.Rand // for the ids of status updates
	feed       feed
	listeners  []listener
	unknown    int // number of networks that describeNetworks made up
}

// framework is a framework with its tasks.
type framework struct {
	Framework
	tasks       list[string, Task]
	unreachable list[string, Task]
	completed   []*Task // oldest first
	shown       bool    // the leader knows it; after a failover only once it has registered again
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
		inUse:    make(map[addressKey]int),
		nodes:    make(map[string]*node),
		updates:  rand.New(rand.NewPCG(o.Seed, 1<<63)), // a generator of its own, so that other ids do not depend on it
	}
	c.id = c.uuid()
	return c
}

// Seed returns the seed of the options.
func (c *Cluster) Seed() uint64 { return c.seed }

// Now returns the time of the cluster's clock.
func (c *Cluster) Now() time.Time { return c.now() }

func (c *Cluster) uuid() string { return UUID(c.rng.Uint64(), c.rng.Uint64()) }

// mix is the finalizer of SplitMix64: nearby numbers give unrelated ones.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// UUID writes 128 bits as a random UUID (RFC 9562, version 4).
func UUID(hi, lo uint64) string {
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

// list keeps values in a reproducible order and finds them by key. Removing
// moves the last value into the gap: like Mesos, it promises no order.
type list[K comparable, V any] struct {
	keys   []K
	values []*V
	at     map[K]int
}

func (l *list[K, V]) get(key K) (*V, bool) {
	i, ok := l.at[key]
	if !ok {
		return nil, false
	}
	return l.values[i], true
}

// put adds v, or replaces what has the same key.
func (l *list[K, V]) put(key K, v *V) {
	if i, ok := l.at[key]; ok {
		l.values[i] = v
		return
	}
	if l.at == nil {
		l.at = make(map[K]int)
	}
	l.at[key] = len(l.values)
	l.keys = append(l.keys, key)
	l.values = append(l.values, v)
}

func (l *list[K, V]) remove(key K) {
	i, ok := l.at[key]
	if !ok {
		return
	}
	last := len(l.values) - 1
	l.keys[i], l.values[i] = l.keys[last], l.values[last]
	l.at[l.keys[i]] = i
	l.values[last] = nil
	clear(l.keys[last:])
	l.keys, l.values = l.keys[:last], l.values[:last]
	delete(l.at, key)
}
