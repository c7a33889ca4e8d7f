package leader

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
)

// knowledge is what ZooKeeper has told. It stays when ZooKeeper falls silent,
// and is safe for concurrent use.
type electionState struct {
	settings []Address
	changed  chan struct{}
	first    chan struct{}

	mu     sync.Mutex
	lead   node      // the leader that was seen last; zero: none yet
	nodes  []node    // all that could be read when there were any, lowest sequence first
	live   bool      // the election is in sight
	led    Address   // who answered as the leader last
	looks  bool      // first is closed
	sorted []Address // of nodes, as Masters gives them
}

func newElectionState(masters []Address) electionState {
	return electionState{settings: masters, changed: make(chan struct{}, 1), first: make(chan struct{})}
}

// Changed gives something when another master leads, or others stand for
// election.
func (k *electionState) Changed() <-chan struct{} { return k.changed }

// FirstLook is closed when ZooKeeper has been looked at: it has said who leads
// or that nobody does, or no server gave a session. Before, there may be
// nobody to ask.
func (k *electionState) Synced() <-chan struct{} { return k.first }

// Led notes that a master answered as the leader.
func (k *electionState) SetLeading(a Address) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.led = a
}

// Candidates are the elected leader, the master that led last, the others that
// stand for election, and the masters of the settings. While ZooKeeper is
// away, the one that led last is likelier to lead than the one elected last.
func (k *electionState) Candidates() []Address {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := []Address{k.lead.addr, k.lead.byName}
	if k.led != (Address{}) && k.led == k.lead.byName {
		slices.Reverse(c) // a certificate may be for the name only
	}
	if k.live {
		c = append(c, k.led)
	} else {
		c = slices.Insert(c, 0, k.led)
	}
	for _, n := range k.nodes {
		c = append(c, n.addr)
	}
	c = append(c, k.settings...)
	return distinct(c)
}

// distinct keeps the first of each address, in place.
func distinct(all []Address) []Address {
	kept := all[:0]
	for _, a := range all {
		if a != (Address{}) && !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Masters are those that stand for election, by address: all servers of a
// cluster number them alike, before and after a restart. As long as none was
// seen they are those of the settings.
func (k *electionState) Masters() []Address {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.sorted) == 0 {
		return k.settings
	}
	return k.sorted
}

// elected takes in who stands for election, lowest sequence first. It gives
// the leader, if one is in sight, and tells whether it is another one.
func (k *electionState) elected(nodes []node) (lead Address, moved bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = true
	readable := make([]node, 0, len(nodes))
	var addrs []Address
	for _, n := range nodes {
		if n.addr != (Address{}) {
			readable = append(readable, n)
			addrs = append(addrs, n.addr)
		}
	}
	others := false
	if len(readable) > 0 { // nobody there is no reason to forget all
		slices.SortFunc(addrs, compareAddresses)
		addrs = slices.Compact(addrs)
		others = !slices.Equal(addrs, k.sorted)
		k.nodes, k.sorted = readable, addrs
	}
	if len(nodes) > 0 && nodes[0].addr != (Address{}) {
		// A master that was started anew is another leader, also where it is
		// found at the same address.
		lead, moved = nodes[0].addr, nodes[0] != k.lead
		k.lead = nodes[0]
	}
	if moved || others {
		select {
		case k.changed <- struct{}{}:
		default: // nobody has noticed the last change yet
		}
	}
	return lead, moved
}

// blind notes that the election is out of sight.
func (k *electionState) markStale() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = false
}

// looked notes that ZooKeeper has been looked at.
func (k *electionState) markSynced() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.looks {
		k.looks = true
		close(k.first)
	}
}

// compareAddresses sorts addresses as numbers, before names.
func compareAddresses(a, b Address) int {
	x, errX := netip.ParseAddr(a.Host)
	y, errY := netip.ParseAddr(b.Host)
	var byHost int
	switch {
	case errX == nil && errY == nil:
		byHost = x.Compare(y)
	case errX == nil:
		byHost = -1
	case errY == nil:
		byHost = 1
	default:
		byHost = cmp.Compare(a.Host, b.Host)
	}
	return cmp.Or(byHost, cmp.Compare(a.Port, b.Port))
}
