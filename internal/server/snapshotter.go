package server

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	disk "toponym/state/snapshot"
)

// snapshotter keeps the cluster on disk, so that the next process has something to
// answer from, whether or not a master is there.
type snapshotter struct {
	dir      *disk.Dir
	every    func() time.Duration // between two writings at least
	known    func() *known
	contents func() (*disk.Contents, uint64)
	log      logrus.FieldLogger

	info   atomic.Pointer[disk.Info] // of what is on disk; nil for nothing
	errors atomic.Uint64             // writings that failed

	// Of the goroutine that runs it.
	changes   uint64    // as of the last writing
	confirmed time.Time // likewise
	tried     time.Time // when the last writing ended, well or not
	failing   bool      // which was logged
}

func newSnapshotter(dir string, every func() time.Duration, p *pipeline, log logrus.FieldLogger) *snapshotter {
	return &snapshotter{dir: disk.NewDir(dir), every: every, known: p.tell, contents: p.contents, log: log}
}

// load gives what is on disk, or nil. A file that cannot be read is no reason
// not to start; one that is damaged is put where it can be looked at.
func (k *snapshotter) load(now time.Time) *disk.Contents {
	c, info, err := k.dir.Load(now)
	switch {
	case err == nil:
		k.info.Store(&info)
		k.log.Infof("answering from the snapshot in %s until a master is heard: %d tasks, %d agents, %d frameworks, %v old",
			k.dir.File(), len(c.State.Tasks), len(c.State.Agents), len(c.State.Frameworks), now.Sub(info.Confirmed).Round(time.Second))
	case errors.Is(err, fs.ErrNotExist):
		k.log.Debugf("there is no snapshot in %s yet", k.dir.File())
	case errors.Is(err, disk.ErrVersion):
		k.log.Infof("%s is not used: %v", k.dir.File(), err)
	case errors.Is(err, disk.ErrDamaged):
		aside, moveErr := k.dir.SetAside(now)
		if aside == "" {
			k.log.Warnf("%s is not used: %v; it cannot be moved away: %v", k.dir.File(), err, moveErr)
			break
		}
		k.log.Warnf("%s is not used: %v; it is in %s now", k.dir.File(), err, aside)
	default:
		k.log.Warnf("%s cannot be read: %v", k.dir.File(), err)
	}
	return c
}

// look is how often run looks whether there is something to write.
const look = time.Second

// run writes the snapshot until ctx ends. What comes after a quiet time is
// written soon, and a cluster that always changes once in each interval.
func (k *snapshotter) run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if k.tried.IsZero() || time.Since(k.tried) >= k.every() {
				k.save()
			}
		}
	}
}

// save writes the snapshot where the cluster has changed, and confirms it where
// it has not. Before a master has said anything there is nothing to write that
// is not there.
func (k *snapshotter) save() {
	now := k.known()
	if !now.live() {
		return
	}
	var err error
	switch info := k.info.Load(); {
	case info == nil || k.failing || now.changes != k.changes:
		err = k.write()
	case now.confirmed.After(k.confirmed):
		if err = k.dir.Confirm(now.confirmed); err != nil {
			err = k.write() // somebody took it away
			break
		}
		k.confirmed = now.confirmed
		k.info.Store(&disk.Info{Size: info.Size, Confirmed: now.confirmed})
	default:
		return
	}
	k.tried = time.Now()
	if err != nil {
		k.errors.Add(1)
	}
	switch {
	case err != nil && !k.failing:
		k.log.Warnf("the snapshot cannot be written: %v; trying again every %v", err, k.every())
	case err == nil && k.failing:
		k.log.Info("the snapshot is written again")
	}
	k.failing = err != nil
}

func (k *snapshotter) write() error {
	c, changes := k.contents()
	began := time.Now()
	info, err := k.dir.Save(c)
	if err != nil {
		return err
	}
	k.changes, k.confirmed = changes, c.Confirmed
	k.info.Store(&info)
	k.log.Debugf("the snapshot was written in %v: %d tasks, %d octets", time.Since(began).Round(time.Millisecond), len(c.State.Tasks), info.Size)
	return nil
}
