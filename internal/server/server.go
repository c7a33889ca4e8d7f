// Package server runs one Toponym server: it reads the cluster from the
// leading master, turns it into records and a zone, and answers over DNS and
// HTTP.
//
// It is the only package that knows all stages of the data's way from the
// master to the answer (leader, master, state, records, zone, resolver, api)
// and connects them. cmd/toponym reads the command line and starts a Server.
//
// Always true: New opens and starts nothing, Listen opens every socket, and Run
// returns only after everything that it started has ended, except what waits for
// the disk or makes a zone of the snapshot, which cannot be interrupted.
package server

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/api"
	"toponym/api/traefik"
	"toponym/config"
	"toponym/internal/handshake"
	"toponym/resolver"
	"toponym/state/master"
	"toponym/zone"
)

// Options configure a Server. They do not change after New.
type Options struct {
	Config  *config.Config
	Version string // shown by /v1/version and toponym_build_info
	URL     string // of the project; shown by /v1/version
	Log     logrus.Ext1FieldLogger

	// NewLogger returns a logger that writes lines in the form of Log elsewhere: those
	// of a query log in a file. It may be nil if the settings have none.
	NewLogger func(io.Writer) logrus.FieldLogger

	// Source is where the settings were read, so that Run follows their changes.
	// It is nil if settings cannot change.
	Source *Source
	// Sockets replace the listeners of the settings; nil if there are none.
	Sockets *Sockets
	// NotifyManager makes Run report readiness, status and liveness to the
	// service manager that started the process (sd_notify(3)).
	NotifyManager bool
	// TuneRuntime lets the server set the garbage collector and the number of
	// threads of the process, except for what GOGC and GOMAXPROCS set.
	TuneRuntime bool
}

// Server is one name server with everything that belongs to it.
type Server struct {
	o           Options
	log         logrus.FieldLogger
	config      atomic.Pointer[config.Config] // the current settings
	masters     atomic.Pointer[masters]
	nextMasters chan *masters                      // takes the place of masters; holds one
	reading     atomic.Pointer[api.SettingsStatus] // the last reading of the settings
	static      *staticZones
	pipeline    *pipeline
	snapshotter *snapshotter // nil without stateDir
	metrics     *serverMetrics
	trends      *trends
	profiles    net.Listener // nil if pprofListen is empty, and before Listen
	tuning      *tuning
	background  background // for reading states
	started     time.Time
	dns         *resolver.Server  // nil if dnson is false
	adoptedDNS  bool              // the service manager has opened the sockets of dns
	secondaries *secondaryServers // nil if dnson is false
	observers   *observers        // nil if dnson is false
	http        *api.Server       // nil if httpon is false
	traefik     traefik.Options
}

// New connects the parts of a server. It opens and starts nothing. An error in
// the files of staticZones is a zone.ZoneFileErrors.
func New(o Options) (*Server, error) {
	c := o.Config
	recordsOpts, zoneOpts, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	traefikOpts, err := traefikOptions(c)
	if err != nil {
		return nil, err
	}
	files := newZoneFiles(c, zoneOpts, o.Log)
	if zoneOpts.Static, err = files.load(context.Background()); err != nil {
		return nil, err
	}
	s := &Server{o: o, log: o.Log, static: &staticZones{files: files}, traefik: traefikOpts, started: time.Now(), metrics: newMetrics(o.Version)}
	s.config.Store(c)
	s.tuning = newTuning(o.TuneRuntime, func() bool { return s.masterStatus().Source == master.Stream })
	s.nextMasters = make(chan *masters, 1)
	s.reading.Store(&api.SettingsStatus{ReadAt: s.started})
	m, err := s.newMasters(c)
	if err != nil {
		return nil, err
	}
	s.masters.Store(m)
	agentZones := newAgentZones(c, recordsOpts.Rule)
	s.pipeline = newPipeline(pipelineOptions{
		records: recordsOpts, zone: zoneOpts, log: o.Log, now: time.Now,
		primaries:  primaries{number: c.PrimaryNumber, count: c.PrimaryCount},
		agentZones: agentZones,
		history:    zone.HistoryLimits{Versions: c.HistoryVersions, Bytes: c.HistoryBytes},
		background: new(background).run,
		lastHeard:  s.lastHeard, observeLag: s.metrics.observeLag, countOmission: s.metrics.countOmission,
	})
	if c.StateDir != "" {
		s.snapshotter = newSnapshotter(c.StateDir, func() time.Duration { return s.config.Load().SnapshotInterval }, s.pipeline, o.Log)
	}
	s.trends = newTrends(s.counts)
	openFiles := openFilesLimit()
	tcpConnections, httpConnections, watchers := connectionLimits(openFiles, c, s.tuning.cores)
	logConnectionLimits(openFiles, c, tcpConnections, watchers, o.Log)
	handshakes := handshake.NewLimit()
	if c.DNSOn {
		o := resolverOptions(c, o.Log, s.tuning.cores, tcpConnections)
		if o.TLS, err = tlsServer(len(c.TLSListen) > 0, "DNS over TLS", c.DNSTLS(), handshakes, o.Log); err != nil {
			return nil, err
		}
		if s.secondaries, err = s.newSecondaryServers(c, s.pipeline.history); err != nil {
			return nil, err
		}
		if s.snapshotter != nil {
			s.snapshotter.catalog = s.secondaries.catalogVersion
		}
		o.Transfers = s.secondaries.transfers
		s.observers = newObservers(s.o)
		o.Tap = s.observers.tap
		o.PreferZone = agentZones.preference(recordsOpts.Domain)
		s.dns = resolver.New(s.pipeline.zones, o)
		s.tuning.waiting = s.dns.Waiting
	}
	if c.HTTPOn {
		o := s.apiOptions(httpConnections, watchers)
		if o.TLS, err = tlsServer(len(c.HTTPSListen) > 0, "HTTPS", c.HTTPSTLS(), handshakes, s.log); err != nil {
			return nil, err
		}
		if o.Access, err = accessRules(c, s.log); err != nil {
			return nil, err
		}
		if s.dns != nil {
			o.Top = s.countTop
		}
		s.http = api.New(o)
		s.metrics.registry.MustRegister(s.http)
	}
	s.metrics.registry.MustRegister(newStateCollector(s), mastersCollector{s}, s.pipeline.zones)
	if s.dns != nil {
		s.metrics.registry.MustRegister(s.dns, s.secondaries.table, s.secondaries.notify, s.observers.lines, s.observers.messages)
	}
	if s.snapshotter != nil {
		s.metrics.registry.MustRegister(s.snapshotter.dir)
	}
	return s, nil
}

// inBackground runs f with a lower priority once there is something to answer from.
// Until then f is the most urgent work.
func (s *Server) inBackground(f func()) {
	if s.Zone().Ready() {
		s.background.run(f)
	} else {
		f()
	}
}

// DNSAddr returns the first address at which DNS is answered, after Listen. It is
// invalid where dnson is false, or while no address is there.
func (s *Server) DNSAddr() netip.AddrPort {
	if s.dns == nil {
		return netip.AddrPort{}
	}
	return s.dns.Addr()
}

// HTTPAddr returns where HTTP is answered, after Listen. It is invalid where
// httpon is false.
func (s *Server) HTTPAddr() netip.AddrPort {
	if s.http == nil {
		return netip.AddrPort{}
	}
	return s.http.Addr()
}

// Zone returns the zone that is answered from at this moment.
func (s *Server) Zone() *zone.Zone { return s.pipeline.zones.Current() }

// Run answers until ctx ends or a part of the server fails. Listen must have
// returned without an error before.
//
// Forwarded names, zone files and HTTP are served from the start; names of the
// cluster as soon as the snapshot or a master's state has been read.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	run := func(f func(context.Context)) { g.Go(func() error { f(ctx); return nil }) }
	restored := make(chan struct{})
	run(func(ctx context.Context) { s.restore(ctx, restored) })
	run(s.tuning.run)
	g.Go(func() error {
		return s.followMasters(ctx, func(ctx context.Context) {
			if s.snapshotter != nil {
				s.snapshotter.await(ctx, restored)
			}
		})
	})
	run(func(ctx context.Context) { s.static.run(ctx, s.pipeline.setStatic) })
	run(s.pipeline.runExpiry)
	run(s.trends.run)
	if s.profiles != nil {
		run(func(ctx context.Context) { serveProfiles(ctx, s.profiles) })
	}
	wait(ctx, restored, answerDelay)
	if s.dns != nil {
		g.Go(func() error { return s.dns.Run(ctx) })
		run(s.secondaries.run)
		run(func(ctx context.Context) { s.observers.run(ctx, s.config.Load) })
	}
	if s.http != nil {
		g.Go(func() error { return s.http.Run(ctx) })
	}
	if s.snapshotter != nil {
		run(s.snapshotter.run)
	}
	manager := newNotifier(s.o.NotifyManager, s.log)
	if s.o.NotifyManager {
		manager.ready(s.statusLine())
		run(func(ctx context.Context) { s.reportStatus(ctx, manager) })
		run(func(ctx context.Context) { <-ctx.Done(); manager.stopping() })
	}
	if s.o.Source != nil {
		run(func(ctx context.Context) { s.followSettings(ctx, *s.o.Source, manager) })
	}
	err := g.Wait()
	if s.snapshotter != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSaveTimeout)
		s.snapshotter.save(ctx, func(write func()) { write() })
		_ = s.snapshotter.onDisk(ctx, func() error { s.snapshotter.dir.Close(); return nil })
		cancel()
	}
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// lastSaveTimeout bounds the time to write a last snapshot at shutdown.
const lastSaveTimeout = 10 * time.Second

// leaderTimeout bounds the time at the start to wait for ZooKeeper to name the leader
// before the masters of the settings, if any, are asked.
const leaderTimeout = 2 * time.Second

// answerDelay is how long queries wait in their sockets for the snapshot to be
// read, which is better for clients than SERVFAIL.
const answerDelay = 750 * time.Millisecond

// restore answers from the snapshot on disk, unless a master has sent its state
// by then. It closes restored when that is done, or when there is nothing to
// restore.
func (s *Server) restore(ctx context.Context, restored chan<- struct{}) {
	defer close(restored)
	if s.snapshotter == nil {
		return
	}
	defer s.tuning.busy()()
	if zones, confirmed := s.snapshotter.loadZones(ctx); zones != nil {
		s.pipeline.restoreSerials(zones, confirmed)
		if s.secondaries != nil {
			s.secondaries.restoreCatalog(zones, s.pipeline.o.primaries)
		}
	}
	s.snapshotter.reserveSerials(ctx, len(s.config.Load().TransferAllow) > 0)
	c := s.snapshotter.load(ctx, time.Now())
	if c == nil {
		return
	}
	log := s.snapshotter.log.WithFields(logrus.Fields{
		"tasks": len(c.State.Tasks), "agents": len(c.State.Agents), "frameworks": len(c.State.Frameworks),
		"age": time.Since(c.Confirmed).Round(time.Second),
	})
	used := make(chan bool, 1)
	go func() { used <- s.pipeline.restore(c) }() // cannot be interrupted
	select {
	case <-ctx.Done():
	case ok := <-used:
		if ok {
			log.Info("answering from the snapshot until a master has sent its state")
		} else {
			log.Info("the snapshot was read too late and is not used: a master has sent its state")
		}
	}
}

// every calls a function at intervals until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// wait waits until done is closed, but no longer than a given time. It reports
// whether done is closed.
func wait(ctx context.Context, done <-chan struct{}, most time.Duration) bool {
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	select {
	case <-done:
		return true
	case <-timeout.C:
	case <-ctx.Done():
	}
	return false
}
