package master

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"toponym/state"
	"toponym/state/leader"
)

const (
	// settleTime is how long a full state is put off that an event makes
	// necessary: other such events mostly follow.
	settleTime = 2 * time.Second
	// removalInterval is the least time between two full states that are read
	// because of agents that were removed.
	removalInterval = 10 * time.Second
)

// follower follows one event stream: it applies what comes, publishes it, and
// reads the full state from time to time beside the stream (a resync), which
// does not report everything: agents that are unreachable or gone leave without
// an event. In between the state is read without its tasks where frameworks came
// whose pids no event reports. All but read runs in one goroutine.
type follower struct {
	*Watcher
	stream *stream
	lead   leader.Address // as the master calls itself; stream.at may differ

	pace pace // of publications

	nextFull    time.Time // when the next resync is due
	nextPIDs    time.Time // when the pids of frameworks are to be read; zero for never
	lastRequest time.Time // when either was requested last
	resync      *resync   // nil while no state is being read

	nextCheck time.Time     // when the master is to be asked for its health
	checking  bool          // it is being asked
	nextProbe time.Time     // when other masters are to be asked who leads
	probing   bool          // they are being asked
	results   chan func()   // of look-ups and probes, to be called in the loop
	switched  error         // another master leads
	always    chan struct{} // closed, and so always ready: for the pieces of a full state
}

// resync is a full state that is being read or compared beside a stream.
type resync struct {
	pidsOnly bool
	journal  *state.Journal // of the events since the request
	cancel   context.CancelFunc
	done     chan struct{} // closed when the fields below are set

	doc *document
	at  leader.Address // who answered
	err error

	// While the state is compared piece by piece:
	next func() (struct{}, bool)
	stop func()
}

// follow subscribes to the leader and follows the stream to its end. It reports
// whether there was a stream.
func (w *Watcher) follow(ctx context.Context) (followed bool, err error) {
	a := w.newAttempt(ctx)
	defer a.cancel()
	s, err := w.subscribe(a)
	a.stopWatching()
	if err != nil {
		return false, err
	}
	return true, w.followStream(ctx, s)
}

// subscribe opens the stream of the first candidate that has one.
func (w *Watcher) subscribe(a *attempt) (*stream, error) {
	recovering := false
	return ask(a, func(at leader.Address) (*stream, error) {
		// A frozen master must not hold up one that is about to be ready.
		if recovering && !w.client.answers(a.ctx, at, aliveTimeout) {
			return nil, nil
		}
		s, err := w.open(a.ctx, at)
		if err != nil {
			w.client.busy.end()
			recovering = recovering || isRecovering(err)
		}
		return s, err
	})
}

func (w *Watcher) followStream(ctx context.Context, s *stream) error {
	defer s.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &follower{Watcher: w, stream: s, lead: s.at, results: make(chan func()), always: make(chan struct{})}
	close(f.always)
	if own, err := leader.ParseAddress(s.lead.PID); err == nil {
		f.lead = own
	}
	w.o.Leaders.SetLeading(s.at)
	now := time.Now()
	f.lastRequest = now
	f.nextFull = now.Add(jitter(w.o.Resync))
	messages, ended := make(chan message, maxPendingEvents), make(chan error, 1)
	first := s.first.doc
	go func() { ended <- s.read(ctx, messages) }()
	prepare := func() { f.prepare(ctx, messages, ended) }
	if w.hasData.Load() || !f.isBehind() {
		prepare = func() {} // what there is is answered meanwhile
	}
	w.background(func() {
		defer w.client.busy.end()
		w.copyKnownPIDs(first)
		w.complete(ctx, first, f.lead)
		if ctx.Err() == nil {
			w.takeIn(s.at, first, prepare)
			w.status.following(s.at, time.Now())
		}
	})
	err := ctx.Err() // then perhaps nothing was taken in, and events alone are no cluster
	if err == nil {
		if f.isBehind() {
			f.catchUp(ctx, messages, ended, maxCatchUp)
		}
		w.report.following(s.at, w.counts(), first)
		now = time.Now()
		if !first.Leadership.Known() {
			f.nextFull = now // the full state says who leads
		} else if w.pidsUnknown && f.nextPIDs.IsZero() {
			f.nextPIDs = now.Add(min(now.Sub(s.began), settleTime))
		}
		f.nextProbe = now.Add(f.probeAfter())
		f.nextCheck = now.Add(checkInterval)
		first, s.first.doc = nil, nil // the replica has it now
		err = f.loop(ctx, messages, ended)
	}
	// Nothing of this stream may go on while the next one begins.
	cancel()
	s.close()
	f.stopReading()
	f.publish()
	return err
}

// Events gather while a full state is read and taken in, for seconds if it is large. It
// costs much less to publish them together.
const (
	// minBehind is how long that must have taken.
	minBehind = 100 * time.Millisecond
	// maxCatchUp is how long changes may wait for those that have gathered.
	maxCatchUp = 200 * time.Millisecond
	// maxPrepare is the same before there is anything to answer from.
	maxPrepare = 500 * time.Millisecond
	// catchUpPause is how long to wait before looking whether the stream is silent.
	catchUpPause = time.Millisecond
)

// isBehind reports whether events may have gathered since the stream began.
func (f *follower) isBehind() bool { return time.Since(f.stream.began) >= minBehind }

// prepare gets the records of a first state ready before they are published, with what
// has happened since the master sent it.
func (f *follower) prepare(ctx context.Context, messages <-chan message, ended chan error) {
	f.catchUp(ctx, messages, ended, maxPrepare)
	f.owner.Prepare()
	f.catchUp(ctx, messages, ended, maxPrepare)
}

// catchUp applies what has gathered, until the stream has nothing more to read, or some
// time has passed.
func (f *follower) catchUp(ctx context.Context, messages <-chan message, ended chan error, limit time.Duration) {
	pause := time.NewTimer(catchUpPause)
	defer pause.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); pause.Reset(catchUpPause) {
		select {
		case <-ctx.Done():
			return
		case m := <-messages:
			f.take(ctx, m)
		case err := <-ended:
			ended <- err // for loop
			return
		case <-pause.C:
			if f.stream.body.idle() > 0 && len(messages) == 0 {
				return
			}
		}
	}
}

// loop applies what comes until the stream ends.
func (f *follower) loop(ctx context.Context, messages <-chan message, ended <-chan error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(f.nextDue()))
		var read, piece <-chan struct{} // nil: nothing to wait for
		if r := f.resync; r != nil {
			if read = r.done; r.next != nil {
				read, piece = nil, f.always
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			f.take(ctx, m)
			f.drain(ctx, messages)
		case err := <-ended:
			f.drain(ctx, messages)
			return err
		case <-read:
			if err := f.startComparing(ctx); err != nil {
				return err
			}
		case <-piece:
			f.comparePiece()
		case do := <-f.results:
			do()
		case <-f.o.Leaders.Changed():
			f.leadersChanged(ctx)
		case <-timer.C:
		}
		if f.switched != nil {
			return f.switched
		}
		now := time.Now()
		if at, ok := f.pace.due(); ok && !now.Before(at) {
			f.publish()
		}
		if at := f.replica.nextExpiry; !at.IsZero() && !now.Before(at) {
			f.expire(now)
		}
		f.startReading(ctx, now)
		f.probe(ctx, now)
		f.check(ctx, now)
	}
}

// nextDue is when there is something to do even if nothing comes.
func (f *follower) nextDue() time.Time {
	at := f.nextProbe
	if !f.checking && f.nextCheck.Before(at) {
		at = f.nextCheck
	}
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if f.resync == nil {
		earlier(f.nextFull)
		earlier(f.nextPIDs)
	}
	earlier(f.replica.nextExpiry)
	if publication, ok := f.pace.due(); ok && publication.Before(at) {
		at = publication
	}
	return at
}

func (f *follower) publish() {
	if _, ok := f.pace.due(); ok {
		began := time.Now()
		f.owner.Publish()
		f.pace.published(began, time.Now(), f.o.Followed != nil && f.o.Followed())
	}
}

// drain applies all that has been read.
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

// take takes in a message.
func (f *follower) take(ctx context.Context, m message) {
	now := time.Now()
	f.status.event(m, now)
	f.noteAlive(f.stream.at, true)
	if m.issues.count > 0 {
		f.report.eventIssues(m.issues)
	}
	if m.known == "" {
		f.report.unknownEvent(m.kind)
	}
	if m.event != (state.Event{}) {
		f.apply(ctx, now, m.event)
	}
	if m.agentRemoved {
		f.scheduleFull(f.soon(now, min(f.o.Interval, removalInterval)))
	}
}

// apply applies one event.
func (f *follower) apply(ctx context.Context, now time.Time, e state.Event) {
	newFramework := e.Framework != nil && !f.copyKnownPID(e.Framework)
	switch {
	case e.Agent != nil:
		f.locateAgent(ctx, e.Agent)
	case e.Framework != nil:
		f.locateFramework(ctx, e.Framework)
	}
	f.update(func(r *state.Replica) { r.Apply(now, e, f.journal()) })
	if newFramework { // only the full state has its pid
		f.pidsUnknown = true
		if f.nextPIDs.IsZero() {
			f.nextPIDs = f.soon(now, f.o.Interval)
		}
	}
	if f.replica.unconfirmed {
		f.scheduleFull(f.soon(now, f.o.Interval))
	}
	f.pace.changed()
}

// amend applies what this server found itself.
func (f *follower) amend(e state.Event) {
	f.update(func(r *state.Replica) { r.Amend(e) })
	f.pace.changed()
}

func (f *follower) journal() *state.Journal {
	if f.resync == nil {
		return nil
	}
	return f.resync.journal
}

// soon is when a state may be requested that an event makes necessary, with a
// least time between two requests.
func (f *follower) soon(now time.Time, interval time.Duration) time.Time {
	at, earliest := f.lastRequest.Add(interval), now.Add(settleTime)
	if at.Before(earliest) {
		return earliest
	}
	return at
}

// scheduleFull brings the next resync forward.
func (f *follower) scheduleFull(at time.Time) {
	if at.Before(f.nextFull) {
		f.nextFull = at
	}
}

// startReading requests a state when it is due.
func (f *follower) startReading(ctx context.Context, now time.Time) {
	full := !now.Before(f.nextFull)
	if f.resync != nil || !full && (f.nextPIDs.IsZero() || now.Before(f.nextPIDs)) {
		return
	}
	f.lastRequest, f.nextPIDs = now, time.Time{}
	if full {
		f.nextFull = now.Add(jitter(f.o.Resync))
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &resync{pidsOnly: !full, journal: state.NewJournal(), cancel: cancel, done: make(chan struct{})}
	f.resync = r
	w, at, lead := f.Watcher, f.stream.at, f.lead
	go func() {
		defer close(r.done)
		w.background(func() { w.readBeside(ctx, r, at, lead) })
	}()
}

// readBeside reads the state of the master whose stream is followed.
func (w *Watcher) readBeside(ctx context.Context, r *resync, at, lead leader.Address) {
	// The heartbeats of the stream tell whether the master is alive.
	r.doc, r.at, r.err = w.client.fullState(ctx, at, max(firstByteTimeout, w.o.Timeout), r.pidsOnly)
	if !r.pidsOnly && isRefused(r.err) {
		// Not open to us; the operator API may be.
		if doc, at, err := w.client.getState(ctx, at); err == nil {
			r.doc, r.at, r.err = doc, at, nil
		}
	}
	if r.err == nil {
		if own, err := leader.ParseAddress(hostPort(r.doc.leader)); err == nil {
			lead = own
		}
		w.complete(ctx, r.doc, lead)
		r.doc.Index()
	}
	if ctx.Err() != nil {
		r.err = ctx.Err()
	}
}

// startComparing takes in a state that has been read. It returns an error when
// the stream is not that of the leader.
func (f *follower) startComparing(ctx context.Context) error {
	r := f.resync
	now := time.Now()
	if r.err != nil {
		f.endReading()
		if ctx.Err() == nil {
			f.report.notResynced(r.err)
			f.status.failed(r.err, now)
			again := now.Add(jitter(max(f.o.Interval, retryAfter(r.err))))
			if r.pidsOnly {
				f.nextPIDs = again
			} else {
				f.nextFull = again
			}
		}
		return nil
	}
	if f.otherLeader(now, r) {
		f.endReading()
		return fmt.Errorf("the state is that of another leader than the event stream of %s", f.stream.at)
	}
	if own, err := leader.ParseAddress(hostPort(r.doc.leader)); err == nil {
		f.lead = own
	}
	if r.pidsOnly {
		f.learnPIDs(r.doc.Frameworks)
		f.pidsUnknown = false
		f.endReading()
		f.report.resynced(r.doc)
		f.status.read()
		return nil
	}
	if !r.doc.AfterRecovery {
		f.pidsUnknown = false
	}
	f.copyKnownPIDs(r.doc)
	f.update(func(replica *state.Replica) {
		r.next, r.stop = iter.Pull(replica.Reconcile(now, &r.doc.FullState, r.journal))
	})
	return nil
}

// otherLeader reports whether a state is of another leader than the stream.
// Where the stream did not say whose it is, the state may name it.
func (f *follower) otherLeader(now time.Time, r *resync) (other bool) {
	f.update(func(replica *state.Replica) {
		if _, sure := replica.Leadership(); !sure && f.namesLeader(now, r) {
			replica.Identify(r.doc.Leadership)
		}
		l, sure := replica.Leadership()
		other = sure && l.Known() && r.doc.Leadership.Known() && !l.Same(r.doc.Leadership)
	})
	return other
}

// namesLeader reports whether a state surely is of the master whose stream is
// followed: it was answered where the stream comes from, by a master that had
// led before the stream began. Otherwise another one may lead since, and the
// stream be dead.
func (f *follower) namesLeader(now time.Time, r *resync) bool {
	return r.at == f.stream.at && r.doc.LeaderAge > now.Sub(f.stream.began)
}

// comparePiece takes in the next piece of a state.
func (f *follower) comparePiece() {
	runtime.Gosched() // queries get their turn
	r := f.resync
	more := false
	f.update(func(*state.Replica) { _, more = r.next() })
	f.pace.changed()
	if more {
		return
	}
	f.report.resynced(r.doc)
	f.status.resynced(time.Now())
	f.endReading()
}

func (f *follower) endReading() {
	f.resync.cancel()
	f.resync = nil
	f.client.busy.end()
}

// stopReading waits for the end of a request that is under way.
func (f *follower) stopReading() {
	r := f.resync
	if r == nil {
		return
	}
	if r.cancel(); r.stop != nil {
		f.update(func(*state.Replica) { r.stop() })
	}
	<-r.done
	f.endReading()
}

// learnPIDs takes in what only a state says of frameworks, unless the stream
// has reported them since.
func (f *follower) learnPIDs(frameworks []*state.Framework) {
	for _, w := range frameworks {
		known := false
		f.update(func(r *state.Replica) { known = r.Cluster().Framework(w.ID) != nil })
		if known && !f.resync.journal.HasFramework(w.ID) {
			f.amend(state.Event{Framework: w})
		}
	}
}

// probeAfter is for how long a stream may be silent before other masters are
// asked who leads: long before the stream is given up.
func (f *follower) probeAfter() time.Duration { return f.stream.heartbeat() + silencePatience }

// probe asks other masters who leads while the stream is silent.
func (f *follower) probe(ctx context.Context, now time.Time) {
	if f.probing || now.Before(f.nextProbe) {
		return
	}
	idle := f.stream.body.idle()
	if idle < f.probeAfter() {
		f.nextProbe = now.Add(f.probeAfter() - idle)
		return
	}
	candidates := f.o.Leaders.Candidates()
	f.report.waiting(f.stream.at, idle, len(candidates) > 1)
	f.probing = true
	go func() {
		other, found := f.client.findLeader(ctx, candidates, f.stream.at, f.lead)
		f.result(ctx, func() {
			f.probing = false
			f.nextProbe = time.Now().Add(probeInterval)
			if found && f.stream.body.idle() >= f.probeAfter() && !f.isLeader(other.Leadership) {
				f.switched = &otherLeaderError{now: other.at, before: f.stream.at}
			}
		})
	}()
}

// check asks the master for its health while the stream is silent.
func (f *follower) check(ctx context.Context, now time.Time) {
	if f.checking || now.Before(f.nextCheck) {
		return
	}
	idle := f.stream.body.idle()
	if idle < checkInterval {
		f.nextCheck = now.Add(checkInterval - idle)
		return
	}
	f.checking = true
	go func() {
		alive := f.client.isAlive(ctx, f.stream.at)
		f.result(ctx, func() {
			f.checking = false
			f.nextCheck = time.Now().Add(checkInterval)
			if alive || f.stream.body.idle() > checkTimeout {
				f.noteAlive(f.stream.at, alive)
			}
		})
	}()
}

// isLeader reports whether a leadership is that of the stream.
func (f *follower) isLeader(l state.Leadership) (is bool) {
	f.update(func(r *state.Replica) {
		known, sure := r.Leadership()
		is = sure && known.Same(l)
	})
	return is
}

// leadersChanged ends the stream where another master leads, and otherwise takes
// in the masters that are known now.
func (f *follower) leadersChanged(ctx context.Context) {
	if c := f.o.Leaders.Candidates(); len(c) > 0 && c[0] != f.stream.at && c[0] != f.lead {
		f.switched = &otherLeaderError{now: c[0], before: f.stream.at}
		return
	}
	m := &state.Masters{}
	m.Leader, m.All = mastersOf(f.lead, f.o.Leaders.Masters())
	var hosts hostLookups
	hosts.masters(&m.Leader, m.All)
	set := func() { f.amend(state.Event{Masters: m}) }
	if f.hosts.fillRemembered(hosts) {
		f.lookUp(ctx, hosts, set)
		return
	}
	set()
}

// locateAgent fills in the addresses of an agent that an event reported. A name
// is resolved beside the stream, and what was known is used until then.
func (f *follower) locateAgent(ctx context.Context, a *state.Agent) {
	var hosts hostLookups
	hosts.agent(a)
	if !f.hosts.fillRemembered(hosts) {
		return
	}
	same := func(known *state.Agent) bool {
		return known != nil && known.Hostname == a.Hostname && known.PID == a.PID
	}
	f.update(func(r *state.Replica) {
		if known := r.Cluster().Agent(a.ID); same(known) && len(a.Addrs) == 0 {
			a.Addrs = known.Addrs
		}
	})
	found := *a
	hosts = nil
	hosts.agent(&found)
	f.lookUp(ctx, hosts, func() {
		wanted := false
		f.update(func(r *state.Replica) { wanted = same(r.Cluster().Agent(a.ID)) })
		if wanted {
			f.amend(state.Event{Agent: &found})
		}
	})
}

// locateFramework does the same for a scheduler.
func (f *follower) locateFramework(ctx context.Context, w *state.Framework) {
	var hosts hostLookups
	hosts.framework(w)
	if !f.hosts.fillRemembered(hosts) {
		return
	}
	same := func(known *state.Framework) bool {
		return known != nil && known.Hostname == w.Hostname && known.PID == w.PID
	}
	f.update(func(r *state.Replica) {
		if known := r.Cluster().Framework(w.ID); same(known) && len(w.Addrs) == 0 {
			w.Addrs = known.Addrs
		}
	})
	found := *w
	hosts = nil
	hosts.framework(&found)
	f.lookUp(ctx, hosts, func() {
		wanted := false
		f.update(func(r *state.Replica) {
			known := r.Cluster().Framework(w.ID)
			wanted = same(known) && known.Name == found.Name
		})
		if wanted {
			f.amend(state.Event{Framework: &found})
		}
	})
}

// lookUp resolves hosts beside the loop, and calls then in the loop.
func (f *follower) lookUp(ctx context.Context, hosts hostLookups, then func()) {
	go func() {
		f.hosts.resolveAll(ctx, hosts)
		f.result(ctx, then)
	}()
}

// result calls do in the loop.
func (f *follower) result(ctx context.Context, do func()) {
	select {
	case f.results <- do:
	case <-ctx.Done():
	}
}

// copyKnownPIDs fills in the known pids of frameworks from the operator API, which
// has none, and notes whether some are unknown.
func (w *Watcher) copyKnownPIDs(doc *document) {
	if !doc.AfterRecovery {
		return
	}
	w.owner.Update(func(r *state.Replica) {
		for _, f := range doc.Frameworks {
			if !copyPID(f, r.Cluster().Framework(f.ID)) && f.PID.IsZero() {
				w.pidsUnknown = true
			}
		}
	})
}

// copyKnownPID does so for one framework. It reports whether nothing more is to
// be learned: the framework is known to have no pid.
func (w *Watcher) copyKnownPID(f *state.Framework) (none bool) {
	w.owner.Update(func(r *state.Replica) { none = copyPID(f, r.Cluster().Framework(f.ID)) })
	return none
}

// copyPID copies the pid of a known framework as long as it is on the same
// host. It reports whether that has none.
func copyPID(f, known *state.Framework) (none bool) {
	if !f.PID.IsZero() || known == nil || known.Hostname != f.Hostname {
		return false
	}
	f.PID, f.Addrs = known.PID, slices.Clone(known.Addrs)
	return f.PID.IsZero()
}

// jitter returns a duration that differs by up to a tenth each time, so that
// servers that started together do not stay together.
func jitter(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }
