package server

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/state/leader"
	"toponym/state/snapshot"
	"toponym/zone"
)

// snapshotter keeps a snapshot of the cluster on disk, so that the next process
// can answer even if no master does.
type snapshotter struct {
	dir      *snapshot.Dir
	interval func() time.Duration // minimum time between two snapshots
	pipeline *pipeline
	catalog  func() []snapshot.ZoneVersion // of zones that are not made by the pipeline
	log      logrus.FieldLogger

	disk      chan struct{}                  // held while dir is used
	decoded   atomic.Bool                    // whether load has finished
	bytesRead func() int64                   // by load so far
	failure   atomic.Pointer[leader.Failure] // why the last attempt failed; nil if it did not
	noted     uint32                         // the serial limit on disk; used on disk only

	// Used by the goroutine of run only.
	changes   uint64        // of the cluster, as of the snapshot on disk
	version   uint64        // of the zones, likewise
	serial    uint32        // newest of all zones, likewise
	confirmed time.Time     // likewise
	tried     time.Time     // when the last attempt ended
	took      time.Duration // by the last attempt
	failing   bool          // whether the last attempt failed, which was logged
}

// ProbeStateDir finds out whether snapshots can be written to a directory. It leaves
// nothing there.
func ProbeStateDir(dir string) error { return snapshot.Probe(dir) }

func newSnapshotter(dir string, interval func() time.Duration, p *pipeline, log logrus.FieldLogger) *snapshotter {
	s := &snapshotter{dir: snapshot.NewDir(dir), interval: interval, pipeline: p, disk: make(chan struct{}, 1)}
	s.catalog = func() []snapshot.ZoneVersion { return nil }
	s.bytesRead = s.dir.BytesRead
	s.log = log.WithField("file", s.dir.File())
	return s
}

// onDisk calls f, which uses the disk, and returns its error or that of ctx,
// whichever comes first: a file system that does not respond must not keep the
// process from ending. Only one f at a time uses the disk, until it returns.
func (s *snapshotter) onDisk(ctx context.Context, f func() error) error {
	select {
	case s.disk <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.disk }()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load reads the snapshot; nil means that there is no usable one. A damaged one
// is set aside so that it can be examined.
func (s *snapshotter) load(ctx context.Context, now time.Time) *snapshot.Contents {
	defer s.decoded.Store(true)
	var c *snapshot.Contents
	err := s.onDisk(ctx, func() (err error) { c, _, err = s.dir.Load(now); return err })
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		s.log.Debug("there is no snapshot yet")
	case errors.Is(err, snapshot.ErrVersion):
		s.log.WithError(err).Info("the snapshot was written by another version and is not used")
	case errors.Is(err, snapshot.ErrDamaged):
		aside, moveErr := s.dir.SetAside(now)
		if aside == "" {
			s.log.WithError(err).WithField("rename_error", moveErr).Warn("the snapshot is damaged and is not used")
			break
		}
		s.log.WithError(err).WithField("renamed_to", aside).Warn("the snapshot is damaged and is not used")
	default:
		s.log.WithError(err).Warn("the snapshot cannot be read")
	}
	return c
}

// loadZones reads what the snapshot knows of zones, and when it was confirmed last;
// nil without a usable one, and where no serial limit was noted either. load tells of
// errors.
func (s *snapshotter) loadZones(ctx context.Context) (*snapshot.Zones, time.Time) {
	var c *snapshot.Zones
	var confirmed time.Time
	err := s.onDisk(ctx, func() (err error) {
		limit, noted, limitErr := s.dir.SerialLimit()
		c, confirmed, err = s.dir.LoadZones()
		switch {
		case limitErr != nil:
			return err
		case err != nil:
			c, confirmed = &snapshot.Zones{}, noted
		}
		c.SerialLimit = zone.NewerSerial(c.SerialLimit, limit)
		return nil
	})
	if err != nil || ctx.Err() != nil {
		return nil, time.Time{} // the disk may still be read, so the variables are not
	}
	return c, confirmed
}

// startReserve is how many serials may be used from the start until the first snapshot
// has been written: those of a minute in which everything changes all the time.
const startReserve = 1 << 14

// reserveSerials notes on disk which serials this process may use before it writes a
// snapshot: were it to end before, the next one would use them for other content.
// secondaries says whether anybody may have the zones, and so notice.
func (s *snapshotter) reserveSerials(ctx context.Context, secondaries bool) {
	limit := s.pipeline.firstSerial() + startReserve
	if err := s.onDisk(ctx, func() error { return s.noteLimit(limit) }); err != nil && ctx.Err() == nil {
		s.log.WithError(err).Warn("stateDir cannot be written")
		if secondaries {
			s.log.Warn("the serials that may be used cannot be noted on disk; secondaries may miss changes if this process is killed before it writes a snapshot")
		}
	}
}

// noteLimit notes a serial limit, unless a newer one has been. It is called on disk.
func (s *snapshotter) noteLimit(limit uint32) error {
	if s.noted != 0 && !zone.SerialAfter(limit, s.noted) {
		return nil
	}
	if err := s.dir.NoteSerialLimit(limit); err != nil {
		return err
	}
	s.noted = limit
	return nil
}

// diskTimeout bounds the time to read the next part of a snapshot.
const diskTimeout = 5 * time.Second

// await waits until the snapshot has been restored: what a new leader does not
// know yet is retained only if it was known before. Reading a large snapshot may
// take long, but a disk that no longer responds does not keep the server from
// its master.
func (s *snapshotter) await(ctx context.Context, restored <-chan struct{}) {
	for before := int64(-1); !wait(ctx, restored, diskTimeout) && ctx.Err() == nil; {
		now := s.bytesRead()
		if now == before && !s.decoded.Load() {
			s.log.WithField("bytes", now).Warn("the disk does not give the snapshot; asking the masters without it")
			return
		}
		before = now
	}
}

// snapshotCheck is the time between two checks whether there is something to write.
const snapshotCheck = time.Second

// run writes snapshots until ctx ends. A change after a quiet time is written
// within snapshotCheck; a cluster that changes all the time is written once in
// each interval.
func (s *snapshotter) run(ctx context.Context) {
	var low background
	every(ctx, snapshotCheck, func() {
		if s.tried.IsZero() || time.Since(s.tried) >= s.pause() {
			s.save(ctx, low.run)
		}
	})
}

// failurePause is the time from a failure to the next attempt, unless that takes long: a
// disk that can be written again should soon be said to be. failureShare of the time at
// most is spent on attempts that fail.
const (
	failurePause = 2 * time.Second
	failureShare = 20
)

// pause is the time from the last attempt to the next.
func (s *snapshotter) pause() time.Duration {
	if s.failing {
		return min(max(failurePause, failureShare*s.took), s.interval())
	}
	return s.interval()
}

// save writes a snapshot if the cluster has changed, and confirms the last one if it
// has not. Before a master has sent its state there is nothing to
// write that is not on disk already. background runs what keeps a core busy.
func (s *snapshotter) save(ctx context.Context, background func(func())) {
	now := s.pipeline.currentInfo()
	if !now.live() {
		return
	}
	began := time.Now()
	_, version := s.pipeline.history.Index()
	var err error
	switch {
	case s.dir.Info() == nil || s.failing || now.changes != s.changes || version != s.version:
		err = s.write(ctx, background)
	case now.confirmed.After(s.confirmed):
		if err = s.onDisk(ctx, func() error { return s.dir.Confirm(now.confirmed) }); err != nil {
			err = s.write(ctx, background) // the file may have been removed
			break
		}
		s.confirmed = now.confirmed
	default:
		return
	}
	if ctx.Err() != nil {
		return
	}
	s.tried, s.took = time.Now(), time.Since(began)
	s.failure.Store(nil)
	if err != nil {
		s.failure.Store(&leader.Failure{Text: err.Error(), Time: s.tried})
	}
	switch {
	case err != nil && !s.failing:
		s.log.WithError(err).WithField("retry", min(failurePause, s.interval())).Warn("the snapshot cannot be written")
	case err == nil && s.failing:
		s.log.Info("the snapshot can be written again")
	}
	s.failing = err != nil
}

// reserveFactor is how many times as many serials as between the last two snapshots
// may be used before the next is written: writing may fail for some time.
const reserveFactor = 64

// serialReserve is by how much serials may grow before the next snapshot, when
// the newest is this one now.
func (s *snapshotter) serialReserve(newest uint32) uint32 {
	if s.serial == 0 || !zone.SerialAfter(newest, s.serial) {
		return minSerialReserve
	}
	return max(minSerialReserve, uint32(min(uint64(newest-s.serial)*reserveFactor, 1<<28)))
}

func (s *snapshotter) write(ctx context.Context, background func(func())) error {
	// Not in the background: events wait while the cluster is copied.
	c, z, version, changes := s.pipeline.contents()
	began := time.Now()
	var info snapshot.Info
	var serial uint32
	err := s.onDisk(ctx, func() (err error) {
		background(func() {
			c.Zones.Versions, serial = versionsOf(z)
			for _, v := range s.catalog() {
				c.Zones.Versions = append(c.Zones.Versions, v)
				serial = zone.NewerSerial(serial, v.Serial)
			}
			c.Zones.SerialLimit = serial + s.serialReserve(serial)
			if info, err = s.dir.Save(c); err == nil {
				err = s.noteLimit(c.Zones.SerialLimit)
			}
		})
		return err
	})
	if err != nil {
		return err
	}
	s.changes, s.confirmed, s.version, s.serial = changes, c.Confirmed, version, serial
	s.log.WithFields(logrus.Fields{
		"tasks": len(c.State.Tasks), "bytes": info.Size, "duration": time.Since(began).Round(time.Millisecond),
	}).Debug("the snapshot was written")
	return nil
}
