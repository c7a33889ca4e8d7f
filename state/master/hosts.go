package master

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"toponym/state"
	"toponym/state/leader"
)

// Bounds of resolving host names. A cluster has few of them, and a resolver that
// does not answer must not delay a state for long.
const (
	lookupsAtOnce = 8
	lookupTimeout = 3 * time.Second  // for all names of one state
	positiveTTL   = 5 * time.Minute  // for addresses
	maxHosts      = 1 << 16          // that are remembered
	negativeTTL   = 30 * time.Second // for failures
)

// Resolve returns the addresses of a host name.
type Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

// hosts fills in the addresses of masters, agents and schedulers. A name that
// does not resolve keeps the addresses known before, or has none.
type hosts struct {
	resolve Resolve
	now     func() time.Time

	mu    sync.Mutex
	found map[string]*cachedHost
}

type cachedHost struct {
	addrs []netip.Addr
	until time.Time
}

func newHosts(r Resolve, now func() time.Time) *hosts {
	return &hosts{resolve: r, now: now, found: map[string]*cachedHost{}}
}

// takeOver copies what others have found.
func (h *hosts) takeOver(from *hosts) {
	from.mu.Lock()
	defer from.mu.Unlock()
	h.found = maps.Clone(from.found)
}

// hostLookup is a host whose addresses depend on names.
type hostLookup struct {
	addrs *[]netip.Addr
	names []string // in order of preference
}

// hostLookups are the hosts of a state whose addresses have to be resolved.
type hostLookups []hostLookup

// add sets the address of a host where one of its names is an address, and adds
// the host otherwise.
func (w *hostLookups) add(addrs *[]netip.Addr, names ...string) {
	// An address is preferred to a name.
	for _, n := range names {
		if a, err := state.ParseAddr(n); err == nil {
			*addrs = []netip.Addr{a}
			return
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !leader.IsHostName(n) })
	if len(names) > 0 {
		*w = append(*w, hostLookup{addrs, names})
	}
}

func (w *hostLookups) masters(lead *state.Master, all []state.Master) {
	w.add(&lead.Addrs, lead.Host)
	for i := range all {
		w.add(&all[i].Addrs, all[i].Host)
	}
}

func (w *hostLookups) agent(a *state.Agent)         { w.add(&a.Addrs, a.PID.Host, a.Hostname) }
func (w *hostLookups) framework(f *state.Framework) { w.add(&f.Addrs, f.PID.Host, f.Hostname) }

// fillLiterals fills in the addresses that a state contains, and returns the
// hosts that have to be resolved.
func fillLiterals(s *state.FullState) hostLookups {
	var w hostLookups
	w.masters(&s.Leader, s.Masters)
	for _, a := range s.Agents {
		w.agent(a)
	}
	for _, f := range s.Frameworks {
		w.framework(f)
	}
	return w
}

// fill resolves all host names of a state.
func (h *hosts) fill(ctx context.Context, s *state.FullState) {
	if w := fillLiterals(s); len(w) > 0 {
		h.resolveAll(ctx, w)
		h.dropExpired()
	}
}

// resolveAll resolves the names of hosts.
func (h *hosts) resolveAll(ctx context.Context, wants hostLookups) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(lookupsAtOnce)
	started := map[string]bool{}
	for _, w := range wants {
		for _, n := range w.names {
			if !started[n] && h.isDue(n) {
				started[n] = true
				g.Go(func() error { h.resolveOne(ctx, n); return nil })
			}
		}
	}
	_ = g.Wait() // resolveOne has no error: it leaves the name unknown
	h.fillKnown(wants)
}

// fillRemembered fills in the addresses that are known, and reports whether some
// names are due to be resolved.
func (h *hosts) fillRemembered(wants hostLookups) (due bool) {
	h.fillKnown(wants)
	for _, w := range wants {
		due = due || slices.ContainsFunc(w.names, h.isDue)
	}
	return due
}

// fillKnown fills in the addresses of the names that are known.
func (h *hosts) fillKnown(wants hostLookups) {
	for _, w := range wants {
		for _, n := range w.names {
			if addrs := h.addrs(n); len(addrs) > 0 {
				*w.addrs = addrs
				break
			}
		}
	}
}

// dropExpired forgets names that have expired. The names of the current state
// have not: they were resolved just now, even if in vain.
func (h *hosts) dropExpired() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	maps.DeleteFunc(h.found, func(_ string, l *cachedHost) bool { return !now.Before(l.until) })
}

func (h *hosts) isDue(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.found[name]
	return l == nil || !h.now().Before(l.until)
}

func (h *hosts) addrs(name string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.found[name]; l != nil {
		return l.addrs
	}
	return nil
}

func (h *hosts) resolveOne(ctx context.Context, name string) {
	found, err := h.resolve(ctx, name)
	var addrs []netip.Addr
	for _, a := range found {
		if a, perr := state.ParseAddr(a.String()); perr == nil {
			addrs = append(addrs, a)
		}
	}
	// Resolvers shuffle; equal answers must be equal lists.
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)

	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.found) >= maxHosts && h.found[name] == nil {
		return
	}
	if err != nil || len(addrs) == 0 {
		l := &cachedHost{until: h.now().Add(negativeTTL)}
		if before := h.found[name]; before != nil {
			l.addrs = before.addrs
		}
		h.found[name] = l
		return
	}
	h.found[name] = &cachedHost{addrs: addrs, until: h.now().Add(positiveTTL)}
}
