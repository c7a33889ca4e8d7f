package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toponym/state"
	"toponym/state/leader"
)

// pace is how soon after the first change of a burst all of it is published at
// the latest, and how long lies between two publications when changes come
// without a pause. A change that comes alone is published at once.
const pace = 5 * time.Millisecond

// follow subscribes to whoever leads and follows the stream to its end. It
// reports whether there was one.
func (w *Watcher) follow(ctx context.Context) (followed bool, err error) {
	var errs []error
	asking, done, cancel := w.untilOtherLeader(ctx)
	defer cancel()
	recovering := false
	for _, at := range w.o.Leaders.Candidates() {
		// One that is frozen must not hold up the one that is about to be ready.
		if recovering && !w.fetcher.alive(asking, at) {
			continue
		}
		s, err := w.open(asking, at)
		if err == nil {
			done()
			return true, w.followStream(ctx, s)
		}
		w.fetcher.work.end()
		errs = append(errs, err)
		if asking.Err() != nil {
			break
		}
		recovering = recovering || notReady(err)
	}
	done()
	if otherLeader(asking) {
		return false, errOtherLeader
	}
	if len(errs) == 0 {
		return false, errors.New("no masters to ask")
	}
	return false, errors.Join(errs...)
}

// follower follows one stream.
type follower struct {
	*Watcher
	*stream
	lead leader.Address // as the master names itself, which may differ from where it was asked

	changed   time.Time // when the oldest change came that is not published; zero for none
	published time.Time

	resync resync
	news   chan func() // what look-ups found, to be done in the loop
}

func (w *Watcher) followStream(ctx context.Context, s *stream) error {
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &follower{Watcher: w, stream: s, lead: s.at, news: make(chan func())}
	if own, err := leader.ParseAddress(s.who.pid); err == nil {
		f.lead = own
	}
	w.o.Leaders.SetLeading(s.at)
	pids := false
	w.background(func() {
		defer w.fetcher.work.end()
		pids = carry(s.first.doc, w.sink.Cluster)
		s.first.doc.who = s.who
		state := w.said(ctx, s.first.doc, f.lead)
		if ctx.Err() == nil {
			w.believe(s.at, state)
			w.status.following(s.at, time.Now())
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.report.following(s.at, s.first.doc)
	f.published = time.Now()
	f.resync.first(f, !s.who.known(), pids)
	s.first.doc = nil // the cluster has it now

	messages, ended := make(chan message, mostWaiting), make(chan error, 1)
	go func() { ended <- s.read(ctx, messages) }()
	err := f.loop(ctx, messages, ended)
	// Nothing of this stream may go on while the next one begins.
	cancel()
	s.close()
	f.resync.stop(f)
	f.publish()
	return err
}

// loop takes in what comes until the stream ends.
func (f *follower) loop(ctx context.Context, messages <-chan message, ended <-chan error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(f.next()))
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			f.take(ctx, m)
			f.drain(ctx, messages)
		case err := <-ended:
			f.drain(ctx, messages)
			return err
		case r := <-f.resync.done:
			if err := f.resynced(ctx, r); err != nil {
				return err
			}
		case <-f.resync.pieces:
			f.comparePiece()
		case do := <-f.news:
			do()
		case <-f.o.Leaders.Changed():
			if err := f.leadersChanged(ctx); err != nil {
				return err
			}
		case <-timer.C:
		}
		now := time.Now()
		if f.due(now) {
			f.publish()
		}
		if at := f.guard.next(); !at.IsZero() && !now.Before(at) {
			f.expire(now)
		}
		f.resync.start(ctx, f, now)
	}
}

// next is when there is something to do though nothing came.
func (f *follower) next() time.Time {
	at := f.resync.next()
	earlier := func(t time.Time) {
		if at.IsZero() || !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	earlier(f.guard.next())
	if !f.changed.IsZero() {
		earlier(f.publishAt())
	}
	if at.IsZero() {
		return time.Now().Add(time.Hour)
	}
	return at
}

// publishAt is when what has changed is to be published. The last publication
// is before the change, so that is never later than pace after the change.
func (f *follower) publishAt() time.Time { return f.published.Add(pace) }

func (f *follower) due(now time.Time) bool {
	return !f.changed.IsZero() && !now.Before(f.publishAt())
}

func (f *follower) publish() {
	if !f.changed.IsZero() {
		f.sink.Publish()
		f.changed, f.published = time.Time{}, time.Now()
	}
}

// drain takes in all that has been read.
func (f *follower) drain(ctx context.Context, messages <-chan message) {
	for {
		select {
		case m := <-messages:
			f.take(ctx, m)
		default:
			return
		}
	}
}

// take takes in what was read.
func (f *follower) take(ctx context.Context, m message) {
	now := time.Now()
	f.guard.heard = now
	f.status.event(m, now)
	if m.faults.count > 0 {
		f.report.faults(m.faults)
	}
	if !m.known {
		f.report.unknown(m.kind)
	}
	if m.event != (state.Event{}) {
		f.apply(ctx, now, m.event)
	}
}

// apply takes in one event.
func (f *follower) apply(ctx context.Context, now time.Time, e state.Event) {
	switch {
	case e.Agent != nil:
		f.locateAgent(ctx, e.Agent)
	case e.Framework != nil:
		if !carryPID(e.Framework, f.sink.Cluster) { // only a state says it
			f.resync.learns(f, now)
		}
		f.locateFramework(ctx, e.Framework)
	}
	f.resync.journal.note(e, f.sink.Cluster)
	f.sink.Apply(f.guard.event(now, e))
	if f.guard.unsettled() {
		f.resync.settles(f, now)
	}
	if f.changed.IsZero() {
		f.changed = now
	}
}

// leadersChanged looks whether another master leads now.
func (f *follower) leadersChanged(ctx context.Context) error {
	if c := f.o.Leaders.Candidates(); len(c) > 0 && c[0] != f.at && c[0] != f.lead {
		return fmt.Errorf("%w: %s, and no longer %s", errOtherLeader, c[0], f.at)
	}
	m := masters(f.lead, f.o.Leaders.Masters())
	var hosts wants
	hosts.masters(&m.Leader, m.All)
	set := func() {
		f.sink.Apply(state.Event{Masters: m})
		f.changed = time.Now()
	}
	if f.hosts.remembered(hosts) {
		f.lookUp(ctx, hosts, set)
		return nil
	}
	set()
	return nil
}
