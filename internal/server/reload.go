package server

import (
	"context"
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/api"
	"toponym/config"
	"toponym/internal/filewatch"
	"toponym/state/leader"
)

// Source is where the settings come from, to be read again.
type Source struct {
	file     string
	current  filewatch.Version // of the file that was read last
	sum      [sha256.Size]byte // of that file if current is recent
	last     filewatch.Version // of the file when it was looked at last
	missing  bool              // whether the file has been away for two looks
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
	if path, err := config.AbsolutePath(file, environ); err == nil { // otherwise reading it says why not
		file = path
	}
	s := &Source{file: file, environ: environ, hangup: hangup, interval: fileInterval}
	s.markRead()
	return s
}

// markRead takes the file of now as the one that is read. It is to be called before the
// file is read, so that a change meanwhile is seen afterwards.
func (s *Source) markRead() {
	s.current = filewatch.Stat(s.file)
	s.last = s.current
	if s.current.Recent() {
		s.sum = s.checksum()
	}
}

// checksum is that of the file, 0 if it cannot be read or is not regular: whoever writes
// to a pipe ends when a reader goes away.
func (s *Source) checksum() (sum [sha256.Size]byte) {
	if !s.current.Regular() {
		return sum
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	data, err := filewatch.Read(ctx, s.file, maxChecksum)
	if err != nil {
		return sum
	}
	return sha256.Sum256(data)
}

// maxChecksum is how much of the file is compared where its time does not tell.
const maxChecksum = 16 << 20

// look looks at the file. It is to be read if it is not the one that was read last and
// has stayed the same since the last look: an editor may not have finished before. A file
// that was missing at the last look too is reported once.
func (s *Source) look() (read, missing bool) {
	now := filewatch.Stat(s.file)
	rests := now.Equal(s.last)
	s.last = now
	if !rests {
		return false, false
	}
	wasMissing := s.missing
	if s.missing = !now.Exists(); s.missing {
		return false, !wasMissing
	}
	if !now.Equal(s.current) {
		return true, false
	}
	if s.current.Recent() {
		if s.checksum() != s.sum {
			return true, false
		}
		s.current = now
	}
	return false, false
}

// followSettings reads the settings again on SIGHUP, and when
// the file has changed and then stayed the same for one look. It returns when
// ctx ends.
func (s *Server) followSettings(ctx context.Context, from Source, n *notifier) {
	tick := time.NewTicker(from.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-from.hangup:
			from.markRead()
			s.log.WithField("file", from.file).Info("reading the settings again: SIGHUP was received")
		case <-tick.C:
			read, missing := from.look()
			if missing {
				s.log.WithField("file", from.file).Warn("the file of settings is missing: the settings stay as they are, but the next start would fail")
			}
			if !read {
				continue
			}
			from.markRead()
			s.log.WithField("file", from.file).Info("reading the settings again: the file has changed")
		}
		n.reloading()
		reading := s.reload(ctx, from)
		s.reading.Store(reading)
		s.metrics.countReload(reading.LastError == nil, len(reading.RestartNeeded))
		n.ready(s.statusLine())
	}
}

// reload reads the settings and follows what can be followed at once. A file
// with an error changes nothing.
func (s *Server) reload(ctx context.Context, from Source) *api.SettingsStatus {
	now := time.Now()
	refused := func(err error) *api.SettingsStatus {
		s.logRefused(err)
		return &api.SettingsStatus{
			ReadAt: now, RestartNeeded: s.reading.Load().RestartNeeded,
			LastError: &leader.Failure{Text: strings.ReplaceAll(err.Error(), "\n", "; "), Time: now},
		}
	}
	good := &api.SettingsStatus{ReadAt: now}
	next, warnings, err := config.Load(from.file, from.environ, ZoneFileCheck)
	for _, w := range warnings {
		s.log.WithField("setting", w.Key).Warn(w.Text)
	}
	if err != nil {
		return refused(err)
	}
	merged, changes := s.config.Load().Follow(next)
	live := false
	for _, c := range changes {
		if c.Live {
			live = true
		} else {
			good.RestartNeeded = append(good.RestartNeeded, c.Key)
			s.log.WithFields(changeFields(c)).Warn("a changed setting needs a restart; keeping the previous value")
		}
	}
	if len(changes) == 0 {
		s.log.Info("no setting has changed")
	}
	if live {
		if err := s.apply(ctx, merged, changes); err != nil {
			return refused(err)
		}
		for _, c := range changes {
			if c.Live {
				s.log.WithFields(changeFields(c)).Info("a setting has changed")
			}
		}
	}
	return good
}

func changeFields(c config.Change) logrus.Fields {
	return logrus.Fields{"setting": c.Key, "from": c.From, "to": c.To}
}

// concernsListeners reports whether DNS is to be answered elsewhere.
func concernsListeners(changes []config.Change) bool {
	return slices.ContainsFunc(changes, func(c config.Change) bool { return c.Key == "listener" || c.Key == "port" })
}

// logRefused logs why settings cannot be used, each reason in a line.
func (s *Server) logRefused(err error) {
	for line := range strings.Lines(err.Error()) {
		s.log.WithField("error", strings.TrimSpace(line)).Error("cannot use the changed settings; keeping the previous ones")
	}
}

// apply applies settings that differ from the present ones only in reloadable
// settings: all of them, or none if there is an error. It returns when answers reflect
// them; other masters are followed some time later.
func (s *Server) apply(ctx context.Context, c *config.Config, changes []config.Change) error {
	// What can fail comes first.
	if err := c.Check(); err != nil {
		return err // of several settings, some of which need a restart
	}
	r, z, err := recordsAndZone(c)
	if err != nil {
		return err
	}
	files := newZoneFiles(c, z, s.log)
	if z.Static, err = files.load(ctx); err != nil {
		return err
	}
	var next *masters
	if concernsMasters(changes) {
		if next, err = s.newMasters(c); err != nil {
			return err
		}
	}
	access, err := accessRules(c, s.log)
	if err != nil {
		return err
	}
	if s.dns != nil {
		openFiles := openFilesLimit()
		tcpConnections, _, watchers := connectionLimits(openFiles, c, s.tuning.cores)
		o := resolverOptions(c, s.log, s.tuning.cores, tcpConnections)
		listen := func() {}
		if concernsListeners(changes) {
			listeners, err := s.dns.OpenListeners(o.Listen, o.Port)
			if err != nil {
				return dnsListenError(c, err)
			}
			defer listeners.Close()
			listen = func() { listeners.Use(ctx) }
			if s.adoptedDNS {
				s.log.Warn("the settings listener and port are not used: DNS is answered on sockets of the service manager")
			}
		}
		if err := s.secondaries.configure(c); err != nil {
			return err
		}
		logConnectionLimits(openFiles, c, tcpConnections, watchers, s.log)
		s.dns.Configure(o)
		listen()
	}
	if s.http != nil {
		s.http.SetAccess(access)
	}
	s.config.Store(c)
	if s.observers != nil {
		s.observers.configure()
	}
	s.static.replace(files, func() { s.pipeline.configure(r, z) })
	if next != nil {
		s.replaceMasters(next)
	}
	return nil
}
