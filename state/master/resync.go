package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toponym/state/leader"
)

// settle is how long a full state waits that is asked for because of an event:
// others like it mostly follow.
const settle = 2 * time.Second

// resync reads the whole state now and then beside a stream, which does not
// tell everything: agents that are unreachable or gone leave without a word,
// and frameworks have no pids.
type resync struct {
	at      time.Time // when the next is to be read
	last    time.Time // when the last full state was read, of whichever kind
	journal *journal  // what came since it was asked for; nil while none is read
	done    chan reread
	cancel  context.CancelFunc
}

// reread is a state that was read beside a stream.
type reread struct {
	doc  *document
	said said
	err  error
}

// first plans the first reading: at once where it has something to tell.
func (r *resync) first(f *follower, atOnce bool) {
	now := time.Now()
	r.done = make(chan reread, 1)
	r.at, r.last = now, now
	if !atOnce {
		r.at = now.Add(about(f.o.Resync))
	}
}

// soon has the next reading come soon, but not more often than a poll would.
func (r *resync) soon(f *follower, now time.Time) {
	at := r.last.Add(f.o.Interval)
	if least := now.Add(settle); at.Before(least) {
		at = least
	}
	if at.Before(r.at) {
		r.at = at
	}
}

// next is when a reading is to begin; zero while one is under way.
func (r *resync) next() time.Time {
	if r.journal != nil {
		return time.Time{}
	}
	return r.at
}

// start begins a reading when it is time.
func (r *resync) start(ctx context.Context, f *follower, now time.Time) {
	if r.journal != nil || now.Before(r.at) {
		return
	}
	r.journal = newJournal()
	r.at, r.last = now.Add(about(f.o.Resync)), now
	ctx, r.cancel = context.WithCancel(ctx)
	w, at, lead := f.Watcher, f.at, f.lead
	go func() {
		var got reread
		w.background(func() { got = w.readBeside(ctx, at, lead) })
		r.done <- got
	}()
}

// stop waits for the end of a reading that is under way.
func (r *resync) stop(f *follower) {
	if r.journal != nil {
		r.cancel()
		<-r.done
		f.fetcher.work.end()
	}
}

// readBeside reads the whole state of the master that is followed.
func (w *Watcher) readBeside(ctx context.Context, at, lead leader.Address) (r reread) {
	r.doc, r.err = w.readWhole(ctx, at)
	if r.err == nil {
		if own, err := leader.ParseAddress(pidOf(r.doc.leader)); err == nil {
			lead = own
		}
		r.said = w.said(ctx, r.doc, lead)
	}
	if ctx.Err() != nil {
		r.err = ctx.Err()
	}
	return r
}

// readWhole asks for the state, of the operator API where the state itself is
// not for us.
func (w *Watcher) readWhole(ctx context.Context, at leader.Address) (*document, error) {
	doc, _, err := w.fetch(ctx, at)
	refused := (*statusError)(nil)
	if err == nil || !errors.As(err, &refused) || refused.status < 400 || refused.status > 404 {
		return doc, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	resp, _, v1err := w.fetcher.call(ctx, at, "GET_STATE")
	if v1err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	w.fetcher.work.begin()
	m, v1err := newEventDecoder().read(&limited{r: resp.Body, left: w.o.MaxBytes, max: w.o.MaxBytes})
	if v1err != nil || m.doc == nil {
		return nil, errors.Join(err, v1err)
	}
	return m.doc, nil
}

// resynced takes in a state that was read beside the stream. It gives an error
// when the stream is not that of the leader.
func (f *follower) resynced(ctx context.Context, r reread) error {
	j := f.resync.journal
	f.resync.journal = nil
	f.resync.cancel()
	now := time.Now()
	if r.err != nil {
		f.fetcher.work.end()
		if ctx.Err() == nil {
			f.report.notResynced(r.err)
			f.status.failed(r.err, now)
			f.resync.at = now.Add(about(max(f.o.Interval, retryAfter(r.err))))
		}
		return nil
	}
	if known := f.guard.leader; r.doc.who.known() && known.known() && !known.same(r.doc.who) {
		f.fetcher.work.end()
		return fmt.Errorf("the state is that of another leader than the event stream of %s", f.at)
	}
	if own, err := leader.ParseAddress(pidOf(r.doc.leader)); err == nil {
		f.lead = own
	}
	f.background(func() {
		defer f.fetcher.work.end()
		carry(r.doc, f.sink.Cluster)
		f.believe(f.at, j.correct(r.said, f.sink.Cluster))
		for _, e := range j.rest() {
			f.sink.Apply(e)
		}
		f.sink.Publish()
	})
	f.changed, f.published = time.Time{}, time.Now()
	f.report.resynced(r.doc)
	f.status.resynced(now)
	return nil
}
