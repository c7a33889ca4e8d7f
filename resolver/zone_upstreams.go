package resolver

import (
	"slices"
	"time"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/upstream"
)

// zoneUpstreams are the servers for the names of some domains. It is immutable.
type zoneUpstreams struct {
	groups  map[string]*upstream.Group // by name in wire form
	servers map[string][]Upstream      // that are asked, likewise
	names   map[string]string          // as in the settings, likewise
}

// group returns the servers for a name in lower-case wire form: those of its closest
// domain, nil for none.
func (z *zoneUpstreams) group(name []byte) *upstream.Group { return z.groups[z.domain(name)] }

// domain is the closest domain that a name is at or below, in wire form; "" for none.
func (z *zoneUpstreams) domain(name []byte) string {
	if len(z.groups) == 0 {
		return ""
	}
	for i := 0; ; i += 1 + int(name[i]) {
		if _, ok := z.groups[string(name[i:])]; ok {
			return string(name[i:])
		}
		if name[i] == 0 {
			return ""
		}
	}
}

// newZoneUpstreams returns the servers of domains, whose groups are those of another
// value where the servers are the same.
func (f *forwarder) newZoneUpstreams(zones map[string][]Upstream, previous *zoneUpstreams) *zoneUpstreams {
	z := &zoneUpstreams{groups: map[string]*upstream.Group{}, servers: map[string][]Upstream{}, names: map[string]string{}}
	for text, servers := range zones {
		name := wireName(text)
		if f.isOwn != nil {
			servers = f.withoutOwnAddresses(servers, f.isOwn)
		}
		z.names[name], z.servers[name] = text, servers
		if g := previous.groups[name]; g != nil && slices.Equal(previous.servers[name], servers) {
			z.groups[name] = g
		} else {
			z.groups[name] = f.client.Group(servers)
		}
	}
	return z
}

// replaceZones has the names of domains asked of other servers. What the cache holds
// from the servers before is forgotten. Questions that are already being asked go on;
// their answers are not kept. The caller holds configuring.
func (f *forwarder) replaceZones(zones map[string][]Upstream) {
	before := f.zones.Load()
	next := f.newZoneUpstreams(zones, before)
	var changed []string
	for name, g := range before.groups {
		if next.groups[name] != g {
			changed = append(changed, name)
		}
	}
	for name := range next.groups {
		if before.groups[name] == nil {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return
	}
	f.zones.Store(next)
	f.cache.Remove(func(k cache.Key) bool {
		return slices.ContainsFunc(changed, func(zone string) bool { return string(k.Name()) == zone || dnswire.IsBelow(k.Name(), zone) })
	})
	for name, g := range before.groups {
		if next.groups[name] != g {
			f.client.Release(g)
		}
	}
}

// forwardLimits are those of ForwardOptions that may change. Values are immutable.
type forwardLimits struct {
	zones          map[string][]Upstream // ZoneUpstreams
	minTTL, maxTTL time.Duration
	maxPending     int64
}

func newForwardLimits(o ForwardOptions) *forwardLimits {
	return &forwardLimits{zones: o.ZoneUpstreams, minTTL: o.MinTTL, maxTTL: o.MaxTTL, maxPending: int64(o.MaxPending)}
}

// configure applies other options, see [Server.Configure]. Questions that are already
// being asked are not affected.
func (f *forwarder) configure(o ForwardOptions) {
	f.configuring.Lock()
	defer f.configuring.Unlock()
	f.limits.Store(newForwardLimits(o))
	f.pending.setBounds(o)
	f.cache.SetLimits(cacheOptions(o))
	f.client.SetTimeout(o.Timeout)
	f.replaceZones(o.ZoneUpstreams)
	f.setUpstreams(o.Upstreams)
}

// setUpstreams replaces [ForwardOptions.Upstreams].
func (f *forwarder) setUpstreams(servers []Upstream) {
	f.configured.Store(&servers)
	select {
	case f.upstreamsChanged <- struct{}{}:
	default:
	}
}

func cacheOptions(o ForwardOptions) cache.Options {
	return cache.Options{Entries: o.CacheEntries, Bytes: o.CacheBytes, Stale: o.MaxStale}
}
