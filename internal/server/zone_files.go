package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/filewatch"
	"toponym/zone"
)

// zoneFiles are the files of the setting staticZones. They are read again when
// they change.
type zoneFiles struct {
	files  *filewatch.Files
	zone   zone.Options
	added  string // records of the profile, as a zone file
	log    logrus.FieldLogger
	failed string // the error of the last load, which has been logged; "" if there was none
}

func newZoneFiles(c *config.Config, o zone.Options, log logrus.FieldLogger) *zoneFiles {
	return &zoneFiles{files: filewatch.NewFiles(c.StaticZones...), zone: o, added: c.ProfileZones(), log: log}
}

// ZoneFileCheck reads the files of staticZones for config.Load, so that their errors
// are reported beside those of the settings.
var ZoneFileCheck = config.Check{
	Keys: []string{"staticZones", "domain", "addressDomains", "aliases", "SOAMname", "SOARname"},
	Run: func(c *config.Config) error {
		_, z, err := recordsAndZone(c)
		if err != nil {
			return err
		}
		_, err = newZoneFiles(c, z, nil).load(context.Background())
		return err
	},
}

// load reads all files; nil stands for no records. The error is a
// zone.ZoneFileErrors.
func (f *zoneFiles) load(ctx context.Context) (*zone.StaticRecords, error) {
	if len(f.files.Paths()) == 0 && f.added == "" {
		return nil, nil
	}
	f.files.MarkRead()
	var files []zone.ZoneFile
	if f.added != "" {
		files = append(files, zone.ZoneFile{Name: "the setting profile", Text: []byte(f.added)})
	}
	for _, path := range f.files.Paths() {
		text, err := filewatch.Read(ctx, path, zone.MaxZoneFileSize+1)
		files = append(files, zone.ZoneFile{Name: path, Text: text, Err: withoutPath(err)})
	}
	return zone.ReadZoneFiles(files, f.zone)
}

// withoutPath returns an error of the file system without the path, for messages that
// name it already.
func withoutPath(err error) error {
	if e := (*os.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// zoneFileInterval is the time between two checks for changed files.
const zoneFileInterval = 2 * time.Second

// staticZones are the files of the moment.
type staticZones struct {
	mu    sync.Mutex // held while records of files are put into the zone
	files *zoneFiles
}

// replace has other files followed, and calls apply, which puts their records into the
// zone.
func (s *staticZones) replace(files *zoneFiles, apply func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
	apply()
}

// run reads the files again when they change and passes their records to out,
// until ctx ends. While a file cannot be used, all records stay as they are, and
// the reason is logged once.
func (s *staticZones) run(ctx context.Context, out func(*zone.StaticRecords)) {
	every(ctx, zoneFileInterval, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.files.files.Changed() {
			s.files.reload(ctx, out)
		}
	})
}

func (f *zoneFiles) reload(ctx context.Context, out func(*zone.StaticRecords)) {
	static, err := f.load(ctx)
	switch {
	case err == nil:
		f.failed = ""
		out(static)
	case ctx.Err() == nil && err.Error() != f.failed:
		f.failed = err.Error()
		f.log.WithField("error", firstError(err)).Error("cannot use the files of staticZones; keeping their previous records")
	}
}

// firstError is the first of several errors, on one line.
func firstError(err error) string {
	all := (zone.ZoneFileErrors)(nil)
	if !errors.As(err, &all) {
		return err.Error()
	}
	if len(all) == 1 {
		return all[0].Error()
	}
	return fmt.Sprintf("%v (and %d more: toponym check shows all)", all[0], len(all)-1)
}

// TransferZones returns the names of the zones that a secondary needs copies of to
// answer like a server with these settings, with the dot at the end. It reads the
// files of staticZones.
func TransferZones(c *config.Config) (names []string, err error) {
	_, o, err := recordsAndZone(c)
	if err != nil {
		return nil, err
	}
	if o.Static, err = newZoneFiles(c, o, nil).load(context.Background()); err != nil {
		return nil, err
	}
	for _, n := range zone.NewEmpty(o, zone.SameSerial(1)).TransferZones() {
		names = append(names, n.String())
	}
	return names, nil
}

// Addresses returns the addresses under which a server with these settings is
// reached from other hosts: those of the setting listener, or all addresses of this
// host.
func Addresses(c *config.Config) ([]netip.Addr, error) { return serverAddrs(c.Listener) }
