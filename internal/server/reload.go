package server

import (
	"context"
	"os"
	"strings"
	"time"

	"toponym/config"
	"toponym/records"
	"toponym/zone"
)

// Source is where the settings come from, to be read again.
type Source struct {
	file    string
	read    stamp // of the file that is in force
	environ []string
	hangup  <-chan os.Signal // has them read at once
	every   time.Duration    // between two looks at the file
}

// NewSource describes settings that were read from a file and from environment
// variables ("NAME=value"). Whatever arrives on hangup makes the server read
// them again at once. It must be called when the file has just been read.
func NewSource(file string, environ []string, hangup <-chan os.Signal) *Source {
	return &Source{file: file, read: stampOf(file), environ: environ, hangup: hangup, every: watchFile}
}

// watchFile is how often run looks at the file. To look is cheap, works on every
// file system and through every kind of link, and needs no care for editors
// that write a new file in the place of the old one.
const watchFile = 2 * time.Second

// followSettings reads the settings again when the process is told to, and when the
// file has changed and then stayed as it is for one look. It returns when ctx
// ends.
func (s *Server) followSettings(ctx context.Context, from Source, n *notifier) error {
	tick := time.NewTicker(from.every)
	defer tick.Stop()
	inForce := from.read
	last := inForce
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-from.hangup:
			inForce = stampOf(from.file)
			s.log.Info("reading the settings again, as the process was told to")
		case <-tick.C:
			now := stampOf(from.file)
			settled := now.equal(last)
			last = now
			if now.info == nil || !settled || now.equal(inForce) {
				continue
			}
			inForce = now
			s.log.Infof("reading the settings again: %s has changed", from.file)
		}
		n.reloading()
		s.metrics.Reloaded(s.reload(from))
		n.ready(s.statusLine())
	}
}

// reload reads the settings and follows them where that can be done now. A file
// with a fault changes nothing.
func (s *Server) reload(from Source) (good bool) {
	next, warnings, err := config.Load(from.file, from.environ)
	for _, w := range warnings {
		s.log.Warn(w)
	}
	if err != nil {
		s.log.Error("the settings cannot be used, those before stay in force:")
		for line := range strings.Lines(err.Error()) {
			s.log.Error(strings.TrimSpace(line))
		}
		return false
	}
	merged, changes := s.config.Load().Follow(next)
	live := false
	for _, c := range changes {
		if c.Live {
			live = true
			s.log.Infof("%s is %s now, it was %s", c.Key, c.To, c.From)
		} else {
			s.log.Warnf("%s needs a restart: %s stays in force, not %s", c.Key, c.From, c.To)
		}
	}
	switch {
	case len(changes) == 0:
		s.log.Info("no setting has changed")
	case live:
		if err := s.apply(merged); err != nil {
			s.log.Errorf("the settings cannot be used, those before stay in force: %v", err)
			return false
		}
	}
	return true
}

// apply puts settings in force that differ from the present ones only where
// that is possible now.
func (s *Server) apply(c *config.Config) error {
	r, z, err := recordsAndZone(c)
	if err != nil {
		return err
	}
	if s.dns != nil {
		s.dns.SetUpstreams(upstreams(c.Resolvers))
	}
	inBackground(func() { s.pipeline.remake(r, z) })
	s.config.Store(c)
	return nil
}

// remake makes all records anew, after other rules. Events wait meanwhile,
// queries do not.
func (p *pipeline) remake(r records.Options, z zone.Options) {
	p.mu.Lock()
	defer p.mu.Unlock()
	z.Static = p.o.Static
	p.o = z
	current := p.zones.Current()
	if !current.Ready() {
		p.set = records.NewSet(r)
		p.zones.Swap(zone.NewEmpty(z))
		return
	}
	set, changes := records.Build(p.cluster, r)
	p.set = set
	p.logOmitted(changes.Omitted)
	p.zones.Swap(zone.Compile(set, z, zone.NextSerial(max(current.Serial(), p.lowest), p.now()), changes.Names...))
}

// enumerate lists the records of now.
func (p *pipeline) enumerate() records.Enumeration { return p.records().Enumerate() }

// explain tells who owns the records of a name.
func (p *pipeline) explain(n records.Name) records.Explanation { return p.records().Explain(n) }

// records are those of now.
func (p *pipeline) records() *records.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.set
}
