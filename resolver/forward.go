package resolver

import (
	"context"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/upstream"
	"toponym/zone"
)

// Upstream says where a server upstream is, and how to speak with it.
type Upstream = upstream.Address

// UpstreamStats are what is known of a server upstream.
type UpstreamStats = upstream.Stats

// CacheStats are counts of the cache.
type CacheStats = cache.Stats

// Forward says what becomes of names that are not in our zones. The zero value
// of a number means its default.
type ForwardOptions struct {
	// Upstreams are the servers that are asked. Without any, those of ResolvConf
	// are, as that file is at the time.
	Upstreams  []Upstream
	ResolvConf string // /etc/resolv.conf by default

	// Zones are servers for the names of a part of the tree, by its name. The
	// longest zone counts.
	ZoneUpstreams map[string][]Upstream

	AllowedClients     []netip.Prefix // clients that this is done for
	RecursionAvailable bool           // tell them so: RA (RFC 1035, section 4.1.1)
	Timeout            time.Duration  // for one question; 5 s

	MinTTL, MaxTTL time.Duration // bounds on how long answers are kept; 0 and 24 h
	MaxStale       time.Duration // for how long they serve in need when that is over (RFC 8767); below 0: never; 24 h
	CacheEntries   int           // 200,000
	CacheBytes     int           // 64 MiB

	MaxPending          int // queries that wait for servers upstream at a time; 20,000
	MaxPendingPerClient int // of those, the ones of one client; 5,000
}

func (o ForwardOptions) withDefaults() ForwardOptions {
	def := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	def(&o.CacheEntries, 200_000)
	def(&o.CacheBytes, 64<<20)
	def(&o.MaxPending, 20_000)
	def(&o.MaxPendingPerClient, 5_000)
	if o.MaxTTL <= 0 {
		o.MaxTTL = 24 * time.Hour
	}
	if o.MaxStale == 0 {
		o.MaxStale = 24 * time.Hour
	}
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	return o
}

// forwarder answers for names that are not ours with what other servers say.
type forwarder struct {
	o       ForwardOptions
	log     logrus.FieldLogger
	cache   *cache.Cache
	reader  cache.Reader
	client  *upstream.Client
	special specialZones

	zones            map[string]*upstream.Group // by name in wire form
	defaultGroup     atomic.Pointer[upstream.Group]
	configured       atomic.Pointer[[]Upstream] // for the rest
	upstreamsChanged chan struct{}              // they have changed

	seed    maphash.Seed
	shards  [flightShards]flightShard
	pending pendingLimits
	counts  struct{ shared, failed, refused atomic.Uint64 }

	inflight atomic.Int64 // flights
}

func newForwarder(o ForwardOptions, store *zone.Store, log logrus.FieldLogger) *forwarder {
	o = o.withDefaults()
	f := &forwarder{
		o:                o,
		log:              log,
		cache:            cache.New(cache.Options{Entries: o.CacheEntries, Bytes: o.CacheBytes, Stale: max(o.MaxStale, 0)}),
		client:           upstream.New(upstream.Options{Timeout: o.Timeout, Log: log}),
		special:          newSpecialZones(),
		zones:            map[string]*upstream.Group{},
		upstreamsChanged: make(chan struct{}, 1),
		seed:             maphash.MakeSeed(),
		pending:          pendingLimits{maxPerClient: o.MaxPendingPerClient, max: o.MaxPending, perClient: map[netip.Addr]int{}},
	}
	for i := range f.shards {
		f.shards[i].m = map[string]*flight{}
	}
	f.reader = cache.Reader{MinTTL: o.MinTTL, MaxTTL: o.MaxTTL, InBailiwick: func(name []byte) bool {
		return !inOurZones(store.Current(), name)
	}}
	for name, servers := range o.ZoneUpstreams {
		f.zones[wireName(name)] = f.client.Group(servers)
	}
	f.defaultGroup.Store(f.client.Group(nil)) // until the start
	f.configured.Store(&o.Upstreams)
	return f
}

// ours reports whether a name is within a zone of ours. Reverse names are, if
// anything of ours has that address.
func inOurZones(z *zone.Zone, name []byte) bool {
	_, result := z.Lookup(name, 0)
	return result != zone.OutOfZone && !(result == zone.NXDomain && dnswire.IsReverse(name))
}

// wireName is a name in lower-case wire form. What is no name is that of nothing.
func wireName(s string) string {
	var b [dnswire.MaxName + 1]byte
	n, err := dns.PackDomainName(dns.CanonicalName(s), b[:], 0, nil, false)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// group is the servers for a name in lower-case wire form.
func (f *forwarder) group(name []byte) *upstream.Group {
	if g := f.zone(name); g != nil {
		return g
	}
	return f.defaultGroup.Load()
}

// zone is the servers that were named for the names of a zone, or nil.
func (f *forwarder) zone(name []byte) *upstream.Group {
	if len(f.zones) == 0 {
		return nil
	}
	for i := 0; ; i += 1 + int(name[i]) {
		if g := f.zones[string(name[i:])]; g != nil {
			return g
		}
		if name[i] == 0 {
			return nil
		}
	}
}

// landed waits until no client waits any more, or final ends.
func (f *forwarder) drain(final context.Context) {
	if f == nil {
		return
	}
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for f.pending.total() > 0 {
		select {
		case <-ticker.C:
		case <-final.Done():
			return
		}
	}
}

const drainInterval = 5 * time.Millisecond

// start looks after the servers upstream until the context ends. own tells our
// addresses, which are never asked.
func (f *forwarder) start(ctx context.Context, own func(netip.AddrPort) bool, all *sync.WaitGroup) {
	for name, servers := range f.o.ZoneUpstreams {
		if others := f.withoutOwnAddresses(servers, own); len(others) < len(servers) {
			f.client.Release(f.zones[wireName(name)])
			f.zones[wireName(name)] = f.client.Group(others)
		}
	}
	all.Go(func() { f.client.Run(ctx) })
	r := defaultUpstreams{f: f, isOwn: own}
	r.refresh()
	all.Go(func() { r.run(ctx) })
}

// others are the servers but for our own addresses.
func (f *forwarder) withoutOwnAddresses(servers []Upstream, own func(netip.AddrPort) bool) []Upstream {
	others := slices.DeleteFunc(slices.Clone(servers), func(u Upstream) bool { return own(u.AddrPort) })
	if len(others) < len(servers) {
		f.log.Warnf("of the upstream servers %v those are left out that are this server itself", servers)
	}
	return others
}

// SetUpstreams changes [Forward.Upstreams], also while the server runs. Questions
// that were asked go on.
func (s *Server) SetUpstreams(servers []Upstream) {
	if s.forward == nil {
		return
	}
	s.forward.configured.Store(&servers)
	select {
	case s.forward.upstreamsChanged <- struct{}{}:
	default:
	}
}

// ForwardStats are counts since the start.
type ForwardStats struct {
	Upstreams []UpstreamStats
	Cache     CacheStats
	Waiting   int    // queries that wait for servers upstream now
	Shared    uint64 // queries that waited for an answer that another had asked for
	Failed    uint64 // questions that no server could answer
	Refused   uint64 // queries that were too many to be waiting
}

// Forwards reports whether names that are not ours are forwarded.
func (s *Server) Forwards() bool { return s.forward != nil }

// Collectors are the metrics of forwarding: of the upstream servers and the cache.
func (s *Server) Collectors() []prometheus.Collector {
	if s.forward == nil {
		return nil
	}
	return []prometheus.Collector{s.forward.client, s.forward.cache}
}

// ForwardStats are counts of what was asked of others. They are zero when
// nothing is forwarded.
func (s *Server) ForwardStats() ForwardStats {
	f := s.forward
	if f == nil {
		return ForwardStats{}
	}
	return ForwardStats{
		Upstreams: f.client.Stats(),
		Cache:     f.cache.Stats(),
		Waiting:   f.pending.total(),
		Shared:    f.counts.shared.Load(),
		Failed:    f.counts.failed.Load(),
		Refused:   f.counts.refused.Load(),
	}
}

// RateStats are counts of the replies that were too many for a network of
// clients.
type RateStats struct {
	Dropped uint64 // not sent
	Slipped uint64 // sent with nothing but TC set
}

// RateStats are counts since the start.
func (s *Server) RateStats() RateStats {
	if s.rateLimiter == nil {
		return RateStats{}
	}
	return RateStats{Dropped: s.rateLimiter.dropped.Load(), Slipped: s.rateLimiter.slipped.Load()}
}
