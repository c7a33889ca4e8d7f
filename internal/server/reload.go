package server

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/filewatch"
)

// Source is where the settings come from, to be read again.
type Source struct {
	file     string
	inForce  filewatch.Version // of the file that was read last
	environ  []string
	hangup   <-chan os.Signal // makes the server read the file at once
	interval time.Duration    // between two looks at the file
}

// fileInterval is how often the server looks whether the file has changed.
const fileInterval = 2 * time.Second

// NewSource describes settings that were read from a file and from environment
// variables ("NAME=value"). Whatever arrives on hangup makes the server read
// them again at once. It must be called before the file is read, so that a
// change meanwhile is not missed.
func NewSource(file string, environ []string, hangup <-chan os.Signal) *Source {
	return &Source{file: file, inForce: filewatch.Stat(file), environ: environ, hangup: hangup, interval: fileInterval}
}

// followSettings reads the settings again on SIGHUP, and when
// the file has changed and then stayed the same for one look. It returns when
// ctx ends.
func (s *Server) followSettings(ctx context.Context, from Source, n *notifier) {
	tick := time.NewTicker(from.interval)
	defer tick.Stop()
	last := from.inForce
	for {
		select {
		case <-ctx.Done():
			return
		case <-from.hangup:
			from.inForce = filewatch.Stat(from.file)
			s.log.WithField("file", from.file).Info("reading the settings again: SIGHUP was received")
		case <-tick.C:
			now := filewatch.Stat(from.file)
			rests := now.Equal(last)
			last = now
			if !now.Exists() || !rests || now.Equal(from.inForce) {
				continue
			}
			from.inForce = now
			s.log.WithField("file", from.file).Info("reading the settings again: the file has changed")
		}
		n.reloading()
		s.metrics.countReload(s.reload(from))
		n.ready(s.statusLine())
	}
}

// reload reads the settings and follows what can be followed at once. A file
// with an error changes nothing; good tells whether there was none.
func (s *Server) reload(from Source) (good bool) {
	next, warnings, err := config.Load(from.file, from.environ)
	for _, w := range warnings {
		s.log.WithField("setting", w.Key).Warn(w.Text)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			s.log.WithField("error", strings.TrimSpace(line)).Error("cannot use the changed settings; keeping the previous ones")
		}
		return false
	}
	merged, changes := s.config.Load().Follow(next)
	live := false
	for _, c := range changes {
		log := s.log.WithFields(logrus.Fields{"setting": c.Key, "from": c.From, "to": c.To})
		if c.Live {
			live = true
			log.Info("a setting has changed")
		} else {
			log.Warn("a changed setting needs a restart; keeping the previous value")
		}
	}
	if len(changes) == 0 {
		s.log.Info("no setting has changed")
	}
	if live {
		if err := s.apply(merged); err != nil {
			s.log.WithError(err).Error("cannot use the changed settings; keeping the previous ones")
			return false
		}
	}
	return true
}

// apply applies settings that differ from the present ones only in reloadable
// settings. It returns when answers reflect them.
func (s *Server) apply(c *config.Config) error {
	r, z, err := recordsAndZone(c)
	if err != nil {
		return err
	}
	if s.dns != nil {
		if err := s.secondaries.configure(c); err != nil {
			return err
		}
		s.dns.SetUpstreams(upstreams(c.Resolvers))
	}
	s.config.Store(c)
	s.pipeline.configure(r, z)
	return nil
}
