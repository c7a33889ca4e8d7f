package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
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

// serve is the command that answers for a cluster.
func serve(ctx context.Context, args []string, env environment) int {
	fs := flags("serve", "toponym answers for the tasks of a Mesos cluster.", env.stderr)
	file := fs.String("config", "config.json", "the settings: JSON, YAML or TOML")
	showVersion := fs.Bool("version", false, "print the version")
	verbose := verbosity(fs)
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	if *showVersion {
		fmt.Fprintln(env.stdout, version())
		return statusOK
	}

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	c, warnings, err := config.Load(*file, env.vars)
	log := newLog(env.stderr, *verbose)
	for _, w := range warnings {
		log.Warn(w)
	}
	if err != nil {
		reportFaults(env, err)
		return statusFailed
	}
	in, err := inherited()
	var s *server
	if err == nil {
		s, err = newServer(c, log, tuneRuntime())
	}
	if faults := (zone.ZoneFileErrors)(nil); errors.As(err, &faults) {
		reportFaults(env, err)
		return statusFailed
	}
	if err == nil {
		s.from = &source{file: c.File, read: stampOf(c.File), environ: env.vars, hangup: hangup, every: watchFile}
		err = s.adopt(in)
	}
	if err == nil {
		err = s.listen()
	}
	if err == nil {
		err = s.run(ctx)
	}
	if err != nil {
		log.Error(err)
		return statusFailed
	}
	return statusOK
}

// server is all rooms of one process.
type server struct {
	log       logrus.FieldLogger
	config    atomic.Pointer[config.Config] // in force
	from      *source                       // of the settings; nil for those that cannot change
	zooKeeper *leader.ZooKeeper             // nil when the masters are a list
	watcher   *master.Watcher
	static    *staticFiles
	pipeline  *pipeline
	keeper    *keeper // nil without stateDir
	metrics   *metrics.Metrics
	started   time.Time
	dns       *resolver.Server // nil when dnson is false
	http      *api.Server      // nil when httpon is false
}

// newServer builds the rooms, for a number of cores. Nothing runs or listens
// yet.
func newServer(c *config.Config, log logrus.FieldLogger, tuned *tuning) (*server, error) {
	r, z, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	static := newStaticFiles(c, z, log)
	if z.Static, err = static.load(); err != nil {
		return nil, err
	}
	l, zooKeeper := leaders(c, log)
	m, err := masterOptions(c, l, log)
	if err != nil {
		return nil, err
	}
	m.Background = inBackground
	m.Busy = tuned.busy
	s := &server{
		log: log, zooKeeper: zooKeeper, watcher: master.New(m), static: static,
		pipeline: newPipeline(r, z, log), started: time.Now(),
	}
	tuned.following = func() bool { return s.watcher.Status().Source == master.Stream }
	s.config.Store(c)
	s.metrics = metrics.New(version(), s.values)
	s.pipeline.heard, s.pipeline.shown, s.pipeline.leftOut = s.heard, s.metrics.Lag, s.leftOut
	if c.StateDir != "" {
		s.keeper = newKeeper(c.StateDir, func() time.Duration { return s.config.Load().SnapshotInterval }, s.pipeline, log)
	}
	if c.DNSOn {
		s.dns = resolver.New(s.pipeline.zones, resolverOptions(c, log, tuned.cores))
	}
	if c.HTTPOn {
		o := apiOptions(c, s.pipeline, log)
		o.Status, o.Metrics = s.status, s.metrics.Handler(log)
		o.Config = func(serial uint32) any { return s.config.Load().V1(serial) }
		s.http = api.New(o)
	}
	return s, nil
}

// listen opens all sockets, so that what is wrong with them is known before
// anything runs.
func (s *server) listen() error {
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

// dnsAddr is where DNS is answered.
func (s *server) dnsAddr() netip.AddrPort { return s.dns.Addr() }

// run answers until ctx ends or a room fails.
func (s *server) run(ctx context.Context) error {
	s.restore()
	n := newNotifier(s.log)
	g, ctx := errgroup.WithContext(ctx)
	if s.zooKeeper != nil {
		g.Go(func() error { return s.zooKeeper.Run(ctx) })
	}
	g.Go(func() error {
		s.firstLook(ctx)
		return s.watcher.Run(ctx, s.pipeline.sink())
	})
	g.Go(func() error { return s.static.Run(ctx, s.pipeline.static) })
	if s.dns != nil {
		g.Go(func() error { return s.dns.Run(ctx) })
	}
	if s.http != nil {
		g.Go(func() error { return s.http.Run(ctx) })
	}
	if s.keeper != nil {
		g.Go(func() error {
			inBackground(func() { s.keeper.run(ctx) })
			return nil
		})
	}
	if s.from != nil { // a program of its own, not part of another
		n.ready(s.line())
		g.Go(func() error { return s.watch(ctx, n) })
		g.Go(func() error { return s.follow(ctx, *s.from, n) })
		g.Go(func() error { <-ctx.Done(); n.stopping(); return nil })
	}
	err := g.Wait()
	if s.keeper != nil {
		s.keeper.save()
	}
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// firstLookTimeout is how long the masters of the settings, or nobody, are not
// asked at the start because ZooKeeper may know better.
const firstLookTimeout = 2 * time.Second

func (s *server) firstLook(ctx context.Context) {
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

// restore has the pipeline know what is on disk.
func (s *server) restore() {
	if s.keeper == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c := s.keeper.load(time.Now()); c != nil {
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
