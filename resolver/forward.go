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
	"toponym/resolver/tap"
	"toponym/resolver/upstream"
	"toponym/zone"
)

// Upstream is the address of an upstream server, and the transport to it.
type Upstream = upstream.Address

// ForwardOptions configure how names outside our zones are resolved. All bounds must be
// positive.
type ForwardOptions struct {
	// Upstreams are the servers that are asked. If there are none, the servers
	// that the file ResolvConf names are asked; it is read again every few
	// seconds.
	Upstreams  []Upstream
	ResolvConf string

	// ZoneUpstreams are the servers for the names below a domain, by the
	// domain's name. The longest domain counts.
	ZoneUpstreams map[string][]Upstream

	AllowedClients     []netip.Prefix // clients whose queries are forwarded
	RecursionAvailable bool           // set RA for them (RFC 1035, section 4.1.1)
	Timeout            time.Duration  // for one question

	MinTTL, MaxTTL time.Duration // bounds on how long answers are cached
	MaxStale       time.Duration // how long an expired answer may be used if no server answers (RFC 8767); 0: never
	CacheEntries   int
	CacheBytes     int

	// Bounds on the queries that wait for upstream servers: in all, those of one
	// client, and those for names that end in the same two labels.
	MaxPending          int
	MaxPendingPerClient int
	MaxPendingPerSuffix int
}

// forwarder resolves names outside our zones by asking upstream servers.
type forwarder struct {
	o      ForwardOptions
	log    logrus.FieldLogger
	store  *zone.Store
	cache  *cache.Cache
	client *upstream.Client

	// ask asks the servers of a group, as [upstream.Group.Ask] does.
	ask func(*upstream.Group, upstream.Question, upstream.Handler) upstream.Canceler

	isOwn            func(netip.AddrPort) bool // whether an address is this server; nil before the start
	limits           atomic.Pointer[forwardLimits]
	zones            atomic.Pointer[zoneUpstreams]
	defaultGroup     atomic.Pointer[upstream.Group]
	configured       atomic.Pointer[[]Upstream] // for the default group
	upstreamsChanged chan struct{}              // configured was replaced
	configuring      sync.Mutex                 // held while options are replaced

	seed     maphash.Seed
	shards   [flightShards]flightShard
	inflight atomic.Int64 // flights
	pending  pendingTable
	unsent   unsentResponses
	times    prometheus.Histogram // of questions
	counts   struct{ shared, failed, displaced atomic.Uint64 }
}

func newForwarder(o ForwardOptions, store *zone.Store, t *tap.Tap, log logrus.FieldLogger) *forwarder {
	f := &forwarder{
		times:            newForwardTimes(),
		o:                o,
		log:              log,
		store:            store,
		cache:            cache.New(cacheOptions(o)),
		ask:              (*upstream.Group).Ask,
		upstreamsChanged: make(chan struct{}, 1),
		seed:             maphash.MakeSeed(),
		pending:          newPendingTable(o),
	}
	f.client = upstream.New(upstream.Options{Timeout: o.Timeout, Tap: t, Log: log, Flush: f.flush})
	for i := range f.shards {
		f.shards[i].flights = map[uint64]*flight{}
	}
	f.limits.Store(newForwardLimits(o))
	f.zones.Store(f.newZoneUpstreams(o.ZoneUpstreams, &zoneUpstreams{}))
	f.defaultGroup.Store(f.client.Group(nil)) // until the start
	f.configured.Store(&o.Upstreams)
	return f
}

// outside reports whether a name in lower-case wire form is outside our zones, so
// that responses of upstream servers may have records of it.
func (f *forwarder) outside(name []byte) bool {
	_, result := f.store.Current().Lookup(name, 0)
	return result == zone.OutOfZone
}

// wireName returns a name in lower-case wire form, or "" if the text is not a name.
func wireName(s string) string {
	var b [dnswire.MaxName + 1]byte
	n, err := dns.PackDomainName(dns.CanonicalName(s), b[:], 0, nil, false)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// zoneGroup returns the servers that are configured for a domain of the name, or nil.
func (f *forwarder) zoneGroup(name []byte) *upstream.Group { return f.zones.Load().group(name) }

// answeredHere reports whether a question about a name outside our zones is answered
// locally: questions about special-use names, unless servers are configured for their
// domain, and the question that detects forwarding loops.
func (f *forwarder) answeredHere(name []byte, qtype uint16) bool {
	return qtype == dns.TypeHINFO && f.client.IsLoopProbe(name) || specialNames.find(name) != nil && f.zoneGroup(name) == nil
}

// unsentResponses are the queues of responses that have been made and are to be sent.
type unsentResponses struct {
	mu     sync.Mutex
	queues []flusher
}

// flusher sends the responses of a queue, without waiting for room in a socket.
type flusher interface{ flush() }

func (u *unsentResponses) add(q flusher) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queues = append(u.queues, q)
}

// flush sends the responses that have been made. Each goroutine that makes some calls it
// before it waits for something else, so that no response waits for another one.
func (f *forwarder) flush() {
	for {
		f.unsent.mu.Lock()
		last := len(f.unsent.queues) - 1
		if last < 0 {
			f.unsent.mu.Unlock()
			return
		}
		q := f.unsent.queues[last]
		f.unsent.queues[last] = nil
		f.unsent.queues = f.unsent.queues[:last]
		f.unsent.mu.Unlock()
		q.flush()
	}
}

// drain waits until no client waits for an answer, or final ends.
func (f *forwarder) drain(final context.Context) {
	if f == nil {
		return
	}
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for f.pending.open() > 0 {
		select {
		case <-ticker.C:
		case <-final.Done():
			return
		}
	}
}

const drainInterval = 5 * time.Millisecond

// start uses the upstream servers until the context ends. Addresses of this server,
// for which isOwn returns true, are never asked.
func (f *forwarder) start(ctx context.Context, isOwn func(netip.AddrPort) bool, all *sync.WaitGroup) {
	f.configuring.Lock()
	f.isOwn = isOwn
	f.replaceZones(f.limits.Load().zones)
	f.configuring.Unlock()
	all.Go(func() { f.client.Run(ctx) })
	d := defaultUpstreams{f: f, isOwn: isOwn}
	d.begin(ctx)
	all.Go(func() { d.run(ctx) })
}

// withoutOwnAddresses returns the servers without those that are this server itself.
func (f *forwarder) withoutOwnAddresses(servers []Upstream, isOwn func(netip.AddrPort) bool) []Upstream {
	others := slices.DeleteFunc(slices.Clone(servers), func(u Upstream) bool {
		own := isOwn(u.AddrPort)
		if own {
			f.log.WithField("upstream", u).Warn("ignoring an upstream server that is this server")
		}
		return own
	})
	return others
}

// Waiting returns the number of queries that wait for upstream servers. It may be called
// from any goroutine.
func (s *Server) Waiting() int {
	if f := s.responder.forward; f != nil {
		return f.pending.open()
	}
	return 0
}
