package server

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/config"
	"toponym/state/leader"
	"toponym/state/master"
)

// masters finds the leading master and follows it. Other settings take the place of
// the whole of it, while what it has read stays.
type masters struct {
	zooKeeper *leader.ZooKeeper // nil if the settings do not name it
	local     *leader.Local     // nil if the settings name ZooKeeper or masters
	watcher   *master.Watcher
}

// mastersSettings are those that masters depends on.
var mastersSettings = []string{
	"zk", "masters", "mesos", "refreshSeconds", "stateTimeoutSeconds", "zkDetectionTimeout", "MesosHTTPSOn", "CACertFile", "CertFile", "KeyFile",
	"mesosAuthentication", "mesosCredentials.principal", "mesosCredentials.secret", "IAMConfigFile", "stateSource", "resyncSeconds",
	"stateMaxBytes", "agentReregisterTimeout", "keepLabels",
}

func (s *Server) newMasters(c *config.Config) (*masters, error) {
	return newMasters(c, s.log, func(o *master.Options) {
		o.Background, o.Busy = s.inBackground, s.tuning.busy
		o.Decoders = s.tuning.cores
		o.Followed = func() bool { return s.pipeline.history.Followed(time.Now()) }
	})
}

// newMasters returns the masters of the settings. It completes the options of the watcher
// with a function.
func newMasters(c *config.Config, log logrus.FieldLogger, complete func(*master.Options)) (*masters, error) {
	detector, err := newDetector(c, log)
	if err != nil {
		return nil, err
	}
	o, err := masterOptions(c, detector, log)
	if err != nil {
		return nil, err
	}
	complete(&o)
	m := &masters{watcher: master.New(o)}
	m.zooKeeper, _ = detector.(*leader.ZooKeeper)
	m.local, _ = detector.(*leader.Local)
	return m, nil
}

// run follows the leading master until ctx ends. It begins when before returns.
func (m *masters) run(ctx context.Context, owner master.Owner, before func(context.Context)) error {
	g, ctx := errgroup.WithContext(ctx)
	if m.zooKeeper != nil {
		g.Go(func() error { return m.zooKeeper.Run(ctx) })
	}
	if m.local != nil {
		g.Go(func() error { return m.local.Run(ctx) })
	}
	g.Go(func() error {
		m.awaitLeader(ctx)
		before(ctx)
		if ctx.Err() != nil {
			return nil // a zone may still be made of the snapshot
		}
		return m.watcher.Run(ctx, owner)
	})
	return g.Wait()
}

// awaitLeader waits until ZooKeeper has named the leader, but not for long.
func (m *masters) awaitLeader(ctx context.Context) {
	if m.zooKeeper == nil {
		return
	}
	wait(ctx, m.zooKeeper.Synced(), leaderTimeout)
	// The leader found so far is asked first anyway, so this change is no reason
	// to read everything a second time.
	select {
	case <-m.zooKeeper.Changed():
	default:
	}
}

// followMasters follows the leading master with the settings of the moment until ctx
// ends. It begins when before returns.
func (s *Server) followMasters(ctx context.Context, before func(context.Context)) error {
	for {
		m := s.masters.Load()
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- m.run(running, s.pipeline, before) }()
		select {
		case err := <-ended:
			stop()
			return err
		case next := <-s.nextMasters:
			stop()
			if err := <-ended; err != nil || ctx.Err() != nil {
				return err
			}
			next.watcher.TakeOver(m.watcher)
			s.masters.Store(next)
		}
	}
}

// replaceMasters has other masters followed. It does not wait for them.
func (s *Server) replaceMasters(next *masters) {
	select {
	case <-s.nextMasters: // which has not begun
	default:
	}
	s.nextMasters <- next
}

// masterStatus is what is being done with the leading master.
func (s *Server) masterStatus() master.Status { return s.masters.Load().watcher.Status() }

// concernsMasters reports whether a change is one of mastersSettings.
func concernsMasters(changes []config.Change) bool {
	return slices.ContainsFunc(changes, func(c config.Change) bool { return c.Live && slices.Contains(mastersSettings, c.Key) })
}

// Describe implements prometheus.Collector.
func (m *masters) Describe(ch chan<- *prometheus.Desc) {
	m.watcher.Describe(ch)
	m.zooKeeper.Describe(ch) // which needs no value
}

// Collect implements prometheus.Collector.
func (m *masters) Collect(ch chan<- prometheus.Metric) {
	m.watcher.Collect(ch)
	if m.zooKeeper != nil {
		m.zooKeeper.Collect(ch)
	}
}

// mastersCollector collects the metrics of the masters of the moment.
type mastersCollector struct{ server *Server }

// Describe implements prometheus.Collector.
func (c mastersCollector) Describe(ch chan<- *prometheus.Desc) { c.server.masters.Load().Describe(ch) }

// Collect implements prometheus.Collector.
func (c mastersCollector) Collect(ch chan<- prometheus.Metric) { c.server.masters.Load().Collect(ch) }
