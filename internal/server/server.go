// Package server runs one Toponym server: it reads the cluster from the
// leading master, turns it into records and a zone, and answers over DNS and
// HTTP.
//
// It is the only package that knows all stages of the data's way from the
// master to the answer (leader, master, state, records, zone, resolver, api)
// and connects them. cmd/toponym reads the command line and starts a Server.
//
// Always true: New opens and starts nothing, Listen opens every socket, and
// Run returns only after everything that it started has ended.
package server

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/api"
	"toponym/config"
	"toponym/internal/metrics"
	"toponym/resolver"
	"toponym/state/leader"
	"toponym/state/master"
	"toponym/zone"
)

// Options are what a Server needs to know. They are not changed after New.
type Options struct {
	Config  *config.Config
	Version string // shown by /v1/version and toponym_build_info
	URL     string // of the project; shown by /v1/version
	Log     logrus.FieldLogger

	// Source is where the settings were read, so that Run follows their changes.
	// It is nil where settings cannot change.
	Source *Source
	// Sockets are used in place of the listeners of the settings; nil for none.
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
	config      atomic.Pointer[config.Config] // in force
	zooKeeper   *leader.ZooKeeper             // nil where the masters are a list
	watcher     *master.Watcher
	zoneFiles   *zoneFiles
	pipeline    *pipeline
	snapshotter *snapshotter // nil without stateDir
	metrics     *metrics.Metrics
	started     time.Time
	dns         *resolver.Server // nil where dnson is false
	http        *api.Server      // nil where httpon is false
}

// New connects the parts of a server. It opens and starts nothing. An error in
// the files of staticZones is a zone.ZoneFileErrors.
func New(o Options) (*Server, error) {
	c := o.Config
	recordsOpts, zoneOpts, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	files := newZoneFiles(c, zoneOpts, o.Log)
	if zoneOpts.Static, err = files.load(); err != nil {
		return nil, err
	}
	detector, zooKeeper := leaders(c, o.Log)
	masterOpts, err := masterOptions(c, detector, o.Log)
	if err != nil {
		return nil, err
	}
	var watcher *master.Watcher
	tuned := newTuning(o.TuneRuntime, func() bool { return watcher.Status().Source == master.Stream })
	masterOpts.Background = inBackground
	masterOpts.Busy = tuned.busy
	watcher = master.New(masterOpts)

	s := &Server{o: o, log: o.Log, zooKeeper: zooKeeper, watcher: watcher, zoneFiles: files, started: time.Now()}
	s.config.Store(c)
	s.metrics = metrics.New(o.Version, s.values)
	if zooKeeper != nil {
		s.metrics.Register(zooKeeper)
	}
	s.pipeline = newPipeline(pipelineOptions{
		records: recordsOpts, zone: zoneOpts, log: o.Log, now: time.Now,
		lastHeard: s.lastHeard, observeLag: s.metrics.Lag, countOmission: s.countOmission,
	})
	if c.StateDir != "" {
		s.snapshotter = newSnapshotter(c.StateDir, func() time.Duration { return s.config.Load().SnapshotInterval }, s.pipeline, o.Log)
	}
	if c.DNSOn {
		s.dns = resolver.New(s.pipeline.zones, resolverOptions(c, o.Log, tuned.cores))
	}
	if c.HTTPOn {
		h := apiOptions(c, s.pipeline, o)
		h.Status, h.Metrics = s.status, s.metrics.Handler(o.Log)
		h.Config = func(serial uint32) any { return s.config.Load().V1(serial) }
		s.http = api.New(h)
	}
	return s, nil
}

// Listen opens all sockets, so that errors in their settings are known before
// anything runs.
func (s *Server) Listen() error {
	if s.o.Sockets != nil {
		if err := s.adopt(s.o.Sockets); err != nil {
			return err
		}
	}
	if s.dns != nil && !s.dns.Addr().IsValid() {
		if err := s.dns.Listen(); err != nil {
			return err
		}
		s.log.Infof("answering DNS on %s, UDP and TCP", s.dns.Addr())
	}
	if s.http != nil && !s.http.Addr().IsValid() {
		if err := s.http.Listen(); err != nil {
			return err
		}
		s.log.Infof("answering HTTP on %s", s.http.Addr())
	}
	return nil
}

// DNSAddr returns where DNS is answered, after Listen. It is invalid where
// dnson is false.
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
func (s *Server) Run(ctx context.Context) error {
	s.restore()
	g, ctx := errgroup.WithContext(ctx)
	if s.zooKeeper != nil {
		g.Go(func() error { return s.zooKeeper.Run(ctx) })
	}
	g.Go(func() error {
		s.firstLook(ctx)
		return s.watcher.Run(ctx, s.pipeline.sink())
	})
	g.Go(func() error { return s.zoneFiles.Run(ctx, s.pipeline.setStatic) })
	if s.dns != nil {
		g.Go(func() error { return s.dns.Run(ctx) })
	}
	if s.http != nil {
		g.Go(func() error { return s.http.Run(ctx) })
	}
	if s.snapshotter != nil {
		g.Go(func() error {
			inBackground(func() { s.snapshotter.run(ctx) })
			return nil
		})
	}
	manager := newNotifier(s.o.NotifyManager, s.log)
	if s.o.NotifyManager {
		manager.ready(s.statusLine())
		g.Go(func() error { return s.reportStatus(ctx, manager) })
		g.Go(func() error { <-ctx.Done(); manager.stopping(); return nil })
	}
	if s.o.Source != nil {
		g.Go(func() error { return s.followSettings(ctx, *s.o.Source, manager) })
	}
	err := g.Wait()
	if s.snapshotter != nil {
		s.snapshotter.save()
	}
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// firstLookTimeout is how long the start waits for ZooKeeper to name the
// leader before the masters of the settings, or nobody, are asked.
const firstLookTimeout = 2 * time.Second

func (s *Server) firstLook(ctx context.Context) {
	if s.zooKeeper == nil {
		return
	}
	timeout := time.NewTimer(firstLookTimeout)
	defer timeout.Stop()
	select {
	case <-s.zooKeeper.Synced():
	case <-timeout.C:
	case <-ctx.Done():
	}
	// The leader that was found so far is asked first, and need not be a reason
	// to read all a second time.
	select {
	case <-s.zooKeeper.Changed():
	default:
	}
}

// restorePatience is how long queries wait for the snapshot. They come to open
// sockets, and to wait is better for them than to fail. A disk that does not
// answer must not keep the server from starting.
const restorePatience = 2 * time.Second

// restore makes the pipeline answer from the snapshot on disk.
func (s *Server) restore() {
	if s.snapshotter == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c := s.snapshotter.load(time.Now()); c != nil {
			s.pipeline.restore(c)
		}
	}()
	select {
	case <-done:
	case <-time.After(restorePatience):
		s.log.Warnf("the snapshot could not be read within %v; going on without it", restorePatience)
	}
	s.pipeline.open()
}
