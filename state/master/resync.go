package master

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"toponym/state"
	"toponym/state/leader"
)

// settle is how long a reading waits that is asked for because of an event:
// others like it mostly follow.
const settle = 2 * time.Second

// resync reads the state now and then beside a stream, which does not tell
// everything: agents that are unreachable or gone leave without a word. In
// between, when frameworks came of which it does not tell the pid, the state
// is read for these alone.
type resync struct {
	full  time.Time // when the next full state is to be read
	light time.Time // when the next is to be read for pids; zero for never
	last  time.Time // when the last of either was asked for

	journal *journal // what came since it was asked for; nil while none is read
	done    chan reread
	cancel  context.CancelFunc

	// While a state is compared piece by piece: always ready, the next piece,
	// and the state.
	pieces   chan struct{}
	piece    func() (struct{}, bool)
	stopping func()
	compared *document
}

// reread is a state that was read beside a stream.
type reread struct {
	light bool
	doc   *document
	at    leader.Address // who answered
	said  said
	err   error
}

// first plans the first reading: at once where the beginning of the stream
// leaves something to learn.
func (r *resync) first(f *follower, unknownLeader, pids bool) {
	now := time.Now()
	r.done = make(chan reread, 1)
	r.full, r.last = now.Add(about(f.o.Resync)), now
	if unknownLeader {
		r.full = now
	} else if pids {
		r.light = now
	}
}

// soon is when a reading may begin that an event asks for: not more often than
// a poll would.
func (r *resync) soon(f *follower, now time.Time) time.Time {
	at, least := r.last.Add(f.o.Interval), now.Add(settle)
	if at.Before(least) {
		return least
	}
	return at
}

// settles has a full state read soon: it shows which tasks of an agent that
// came back are over.
func (r *resync) settles(f *follower, now time.Time) {
	if at := r.soon(f, now); at.Before(r.full) {
		r.full = at
	}
}

// learns has the pids of frameworks read soon.
func (r *resync) learns(f *follower, now time.Time) {
	if r.light.IsZero() {
		r.light = r.soon(f, now)
	}
}

// next is when a reading is to begin; zero while one is under way.
func (r *resync) next() time.Time {
	switch {
	case r.journal != nil:
		return time.Time{}
	case !r.light.IsZero() && r.light.Before(r.full):
		return r.light
	}
	return r.full
}

// start begins a reading when it is time.
func (r *resync) start(ctx context.Context, f *follower, now time.Time) {
	if r.journal != nil || now.Before(r.next()) {
		return
	}
	light := now.Before(r.full)
	if r.journal, r.last, r.light = newJournal(), now, (time.Time{}); !light {
		r.full = now.Add(about(f.o.Resync))
	}
	ctx, r.cancel = context.WithCancel(ctx)
	w, at, lead := f.Watcher, f.at, f.lead
	go func() {
		var got reread
		w.background(func() { got = w.readBeside(ctx, at, lead, light) })
		r.done <- got
	}()
}

// stop waits for the end of a reading that is under way.
func (r *resync) stop(f *follower) {
	if r.journal == nil {
		return
	}
	if r.cancel(); r.pieces == nil {
		<-r.done
	} else {
		r.stopping()
	}
	f.fetcher.work.end()
}

// resynced takes in a state that was read beside the stream. It gives an error
// when the stream is not that of the leader.
func (f *follower) resynced(ctx context.Context, r reread) error {
	s := &f.resync
	now := time.Now()
	if r.err != nil {
		s.finish(f)
		if ctx.Err() == nil {
			f.report.notResynced(r.err)
			f.status.failed(r.err, now)
			again := now.Add(about(max(f.o.Interval, retryAfter(r.err))))
			if r.light {
				s.light = again
			} else {
				s.full = again
			}
		}
		return nil
	}
	if f.guard.unsure && f.isNamedBy(r) {
		f.guard.named(r.doc.who)
	}
	if known := f.guard.leader; !f.guard.unsure && r.doc.who.known() && known.known() && !known.same(r.doc.who) {
		s.finish(f)
		return fmt.Errorf("the state is that of another leader than the event stream of %s", f.at)
	}
	if own, err := leader.ParseAddress(pidOf(r.doc.leader)); err == nil {
		f.lead = own
	}
	if r.light {
		f.learnPIDs(r.doc.frameworks)
		s.finish(f)
		f.report.resynced(r.doc)
		return nil
	}
	carry(r.doc, f.sink.Cluster)
	s.compared, s.pieces = r.doc, make(chan struct{})
	close(s.pieces)
	s.piece, s.stopping = iter.Pull(compare(f.guard, s.journal, r.said, now, comparedAtOnce, f.put))
	return nil
}

// isNamedBy reports whether a state is of the master whose stream is followed,
// which did not say who it is: it was answered where the stream comes from, by
// one that led before the stream began. Else it may be of another one that leads
// since, and the stream be dead.
func (f *follower) isNamedBy(r reread) bool {
	at, known := r.doc.who.electedAt()
	return r.at == f.at && known && at.Before(f.began)
}

// comparePiece takes in the next piece of a state.
func (f *follower) comparePiece() {
	runtime.Gosched() // queries have their turn
	s := &f.resync
	if _, more := s.piece(); more {
		return
	}
	f.report.resynced(s.compared)
	f.status.resynced(time.Now())
	f.status.keeping(f.guard.keeping())
	s.finish(f)
}

// finish ends a reading.
func (r *resync) finish(f *follower) {
	r.cancel()
	r.journal, r.pieces, r.piece, r.stopping, r.compared = nil, nil, nil, nil, nil
	f.fetcher.work.end()
}

// learnPIDs takes in what only a state says of frameworks, unless the stream
// has told of them since.
func (f *follower) learnPIDs(frameworks []*state.Framework) {
	for _, w := range frameworks {
		if f.sink.Cluster.Framework(w.ID) != nil && !f.resync.journal.frameworks[w.ID] {
			f.put(state.Event{Framework: w})
		}
	}
}
