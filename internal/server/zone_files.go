package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/zone"
)

// zoneFiles are the master files of staticZones. They are read again when they
// change.
type zoneFiles struct {
	paths  []string
	o      zone.Options
	log    logrus.FieldLogger
	stamps []stamp // as of the last reading
	failed string  // what the last reading failed with, so that it is logged once
}

func newZoneFiles(c *config.Config, o zone.Options, log logrus.FieldLogger) *zoneFiles {
	return &zoneFiles{paths: c.StaticZones, o: o, log: log}
}

const (
	// staticInterval is how often a look is taken whether a file changed.
	staticInterval = 2 * time.Second

	// freshness is how old a file must be for its time to tell all changes:
	// some file systems count in seconds.
	freshness = 2 * time.Second
)

// load reads all files. The error is zone.ZoneFileErrors, or that of reading.
func (f *zoneFiles) load() (*zone.StaticRecords, error) {
	if len(f.paths) == 0 {
		return nil, nil
	}
	f.stamps = f.look()
	var files []zone.ZoneFile
	var faults zone.ZoneFileErrors
	for _, path := range f.paths {
		text, err := readBounded(path, zone.MaxZoneFileSize+1)
		if err != nil {
			faults = append(faults, zone.ZoneFileError{File: path, Problem: reason(err)})
			continue
		}
		files = append(files, zone.ZoneFile{Name: path, Text: text})
	}
	static, err := zone.ReadZoneFiles(files, f.o)
	if len(faults) > 0 {
		// What lacks a file is half a truth: its names are in no zone.
		return nil, faults
	}
	return static, err
}

// CheckZoneFiles reads the files of staticZones and returns what is wrong in
// them: a zone.ZoneFileErrors, or the error of reading.
func CheckZoneFiles(c *config.Config) error {
	_, z, err := recordsAndZone(c)
	if err != nil {
		return err
	}
	_, err = newZoneFiles(c, z, nil).load()
	return err
}

// reason is an error of the file system without the path, which is named beside.
func reason(err error) string {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return "cannot be read: " + err.Error()
}

// readBounded reads at most so many octets of a file.
func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}

// look takes the stamps of the files. That of a file that changed just now, or
// cannot be looked at, is zero.
func (f *zoneFiles) look() []stamp {
	stamps := make([]stamp, len(f.paths))
	for i, path := range f.paths {
		if s := stampOf(path); s.info != nil && time.Since(s.info.ModTime()) > freshness {
			stamps[i] = s
		}
	}
	return stamps
}

// changed reports whether a file may be another than when it was read.
func (f *zoneFiles) changed() bool {
	for i, s := range f.look() {
		if s.info == nil || !s.equal(f.stamps[i]) {
			return true
		}
	}
	return false
}

// Run reads the files again when they change, and gives their records to out,
// until ctx ends. What is wrong in a file is logged once, and what was read
// before stays.
func (f *zoneFiles) Run(ctx context.Context, out func(*zone.StaticRecords)) error {
	if len(f.paths) == 0 {
		return nil
	}
	ticker := time.NewTicker(staticInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if f.changed() {
			f.reload(out)
		}
	}
}

func (f *zoneFiles) reload(out func(*zone.StaticRecords)) {
	static, err := f.load()
	if err == nil {
		f.failed = ""
		out(static)
		return
	}
	if text := err.Error(); text != f.failed {
		f.failed = text
		f.log.Errorf("staticZones: what was read before stays: %s", firstFault(err))
	}
}

// firstFault is an error on one line.
func firstFault(err error) string {
	faults := (zone.ZoneFileErrors)(nil)
	if !errors.As(err, &faults) {
		return err.Error()
	}
	if len(faults) == 1 {
		return faults[0].Error()
	}
	return fmt.Sprintf("%v (and %d more: toponym check shows all)", faults[0], len(faults)-1)
}
