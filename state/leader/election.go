package leader

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
)

// electionState is what ZooKeeper has said about the election. It outlives the
// sessions with ZooKeeper, and is safe for concurrent use.
type electionState struct {
	configured []Address
	changed    chan struct{}
	synced     chan struct{}

	mu         sync.Mutex
	leader     node      // the latest elected leader; zero: none yet
	nodes      []node    // the latest candidates that could be read, lowest sequence first
	masters    []Address // of nodes, sorted by address
	live       bool      // the election is being watched
	leading    Address   // of the master that last answered as the leader
	syncedOnce bool      // synced is closed
}

func newElectionState(masters []Address) electionState {
	return electionState{configured: masters, changed: make(chan struct{}, 1), synced: make(chan struct{})}
}

// Changed delivers an element when another master leads, or the set of
// candidates differs.
func (e *electionState) Changed() <-chan struct{} { return e.changed }

// Synced is closed once ZooKeeper has said who leads, or that no master does, or no
// server has given a session. Before, there may be no candidate.
func (e *electionState) Synced() <-chan struct{} { return e.synced }

// SetLeading records that a master answered as the leader.
func (e *electionState) SetLeading(a Address) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leading = a
}

// Candidates returns the elected leader, the master that last answered as the
// leader, the other masters of the election, and the configured ones. While
// ZooKeeper is unavailable, the master that last answered comes first: it is
// likelier to lead still than the one that was elected last.
func (e *electionState) Candidates() []Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := []Address{e.leader.addr, e.leader.byName}
	if e.leading != (Address{}) && e.leading == e.leader.byName {
		slices.Reverse(c) // its certificate may be for the name only
	}
	if e.live {
		c = append(c, e.leading)
	} else {
		c = slices.Insert(c, 0, e.leading)
	}
	for _, n := range e.nodes {
		c = append(c, n.addr)
	}
	c = append(c, e.configured...)
	return distinct(c)
}

// distinct keeps the first of equal addresses, in place, and drops the zero
// address.
func distinct(all []Address) []Address {
	kept := all[:0]
	for _, a := range all {
		if a != (Address{}) && !slices.Contains(kept, a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Masters returns the masters of the election, sorted by address, so that all
// name servers of a cluster number them alike, also after a restart. Before any
// was seen, it returns the configured ones.
func (e *electionState) Masters() []Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.masters) == 0 {
		return e.configured
	}
	return e.masters
}

// update records the nodes of the election, lowest sequence first. It returns
// the address of the leader, zero where that is unknown, and whether it is
// another leader than before. An empty election forgets no master.
func (e *electionState) update(nodes []node) (leader Address, moved bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.live = true
	readable := make([]node, 0, len(nodes))
	var addrs []Address
	for _, n := range nodes {
		if n.addr != (Address{}) {
			readable = append(readable, n)
			addrs = append(addrs, n.addr)
		}
	}
	others := false
	if len(readable) > 0 {
		slices.SortFunc(addrs, compareAddresses)
		addrs = slices.Compact(addrs)
		others = !slices.Equal(addrs, e.masters)
		e.nodes, e.masters = readable, addrs
	}
	if len(nodes) > 0 && nodes[0].addr != (Address{}) {
		// A restarted master at the same address has another node, and counts
		// as another leader, because it has forgotten its agents.
		leader, moved = nodes[0].addr, nodes[0] != e.leader
		e.leader = nodes[0]
	}
	if moved || others {
		select {
		case e.changed <- struct{}{}:
		default: // the last change has not been looked at yet
		}
	}
	return leader, moved
}

// markStale records that the election is no longer being watched.
func (e *electionState) markStale() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.live = false
}

// markSynced closes Synced.
func (e *electionState) markSynced() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.syncedOnce {
		e.syncedOnce = true
		close(e.synced)
	}
}

// compareAddresses orders IP addresses as numbers, and before host names.
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
