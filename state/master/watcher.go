package master

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/state"
	"toponym/state/leader"
)

// Source is where the state comes from.
type Source uint8

// The sources. As a setting, Auto is the stream where a master has one, else
// the poll.
const (
	Auto Source = iota
	Stream
	Poll
)

// Options say where and how the state is read. Leaders, the durations, MaxBytes
// and Log are required.
type Options struct {
	Leaders  leader.Detector
	Source   Source
	HTTPS    bool
	TLS      func() *tls.Config // for each new connection of HTTPS; nil for the system's authorities
	Interval time.Duration      // between two polls, and the least between two states beside a stream
	Resync   time.Duration      // between two full states beside a stream
	// Reregister is for how long agents are retained that a new leader does not
	// have yet.
	Reregister time.Duration
	Timeout    time.Duration // from the first byte of a state to its last
	MaxBytes   int64         // of one answer or event, decompressed
	// KeepLabels are prefixes of the keys of labels that are kept beside those that
	// set parameters of records.
	KeepLabels []string
	Username   string // for Basic authentication; empty for none
	Password   string
	Account    func() (Account, error) // of the service that logs in, called for each login; nil for none
	Resolve    Resolve                 // of host names; nil for the system's resolver
	// Busy is called when a state begins to arrive, and what it returns when the
	// state has been published: in between a core is at work. It may be nil.
	Busy func() (done func())
	// Decoders is how many goroutines may decode a state as long as the owner has no data;
	// with less than 2 the one that reads it does. Those of later states would hold up others.
	Decoders int
	// Followed reports whether secondaries or watchers follow the changes. Publications
	// then have longer rests. It may be nil: nobody does.
	Followed func() bool
	// Background runs work that keeps a core busy and that nobody waits for, and
	// returns when it is done. It may be nil.
	Background func(func())
	Log        logrus.FieldLogger
}

// Owner owns the replica of the cluster that a Watcher keeps up to date. The
// watcher calls it from one goroutine at a time.
type Owner interface {
	// Update calls f once, with exclusive access to the replica. The replica
	// must not be used after f has returned.
	Update(f func(*state.Replica))
	// Prepare does what a Publish will have to do for the updates so far, where nothing
	// is visible yet: further updates may come before that.
	Prepare()
	// Publish makes all updates visible. It is called once for updates that
	// belong together.
	Publish()
}

// Watcher follows the leading master and keeps a replica of its cluster up to
// date.
type Watcher struct {
	o      Options
	client *client
	hosts  *hosts
	report report
	status statusBoard

	hasData atomic.Bool // the cluster has data, of a master or of the snapshot

	// The fields below belong to Run.
	owner        Owner
	replica      replicaStatus
	pidsUnknown  bool      // frameworks came whose pids no full state has told yet
	retryStream  time.Time // when to ask for a stream again after a master had none
	noStreamFrom time.Time // since when there has been neither a stream nor a reason to poll
}

// replicaStatus is what the last update left behind in the replica.
type replicaStatus struct {
	started     bool
	nextExpiry  time.Time
	retained    int
	unconfirmed bool
}

// New returns a watcher. It starts nothing.
func New(o Options) *Watcher {
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	w := &Watcher{o: o, client: newClient(o), hosts: newHosts(o.Resolve, time.Now), report: report{log: o.Log}}
	w.client.decoders = w.decoders
	return w
}

// decoders is how many goroutines may decode a state now.
func (w *Watcher) decoders() int {
	if w.hasData.Load() {
		return 1
	}
	return w.o.Decoders
}

// TakeOver makes w, which has not begun, go on with the status, the counts and the
// resolved host names of a watcher whose Run has returned, and whose owner w gets.
func (w *Watcher) TakeOver(before *Watcher) {
	w.status.s = before.Status()
	w.status.lost()
	w.hosts.takeOver(before.hosts)
	w.pidsUnknown = before.pidsUnknown
	w.hasData.Store(before.hasData.Load())
}

// Times of trying again.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// streamRetry is how often a master that had no stream is asked for one.
	streamRetry = 10 * time.Minute
	// lastingStream is how long a stream lasts that was no failure: after a
	// shorter one the wait for the next one grows.
	lastingStream = 10 * time.Second
	// recoveryTime is how long a master may take to recover after its election:
	// it gives up after a minute (--registry_fetch_timeout). Until then
	// `/master/state` may be empty and answered with 200 all the same.
	recoveryTime = time.Minute
	// noStreamTime is for how long a master may be without a stream, for
	// whatever reason, before its state is polled: longer than it takes to
	// recover.
	noStreamTime = 2 * recoveryTime
	// aliveTimeout is how long a master may take that is said to be alive.
	aliveTimeout = 300 * time.Millisecond
	// slowPatience is for how long a master may send its state before others are
	// asked who leads: an old leader may trickle.
	slowPatience = 10 * time.Second
	// silencePatience is for how long a master may be silent before others are
	// asked who leads, and probeInterval how often they are.
	silencePatience = 2 * time.Second
	probeInterval   = 2 * time.Second
	probeTimeout    = 2 * time.Second
)

// Run follows the leading master until ctx ends, and has the owner update the
// replica. What fails is tried again, soon at first and then at growing
// intervals, but at least once per Interval. It always returns nil.
func (w *Watcher) Run(ctx context.Context, owner Owner) error {
	w.owner = owner
	w.update(func(*state.Replica) {})
	failures := 0
	for ctx.Err() == nil {
		wait, err := w.runOnce(ctx, &failures)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			w.status.lost()
			if other := (*otherLeaderError)(nil); errors.As(err, &other) {
				w.report.switched(other)
				wait, failures = 0, 0 // the failures were those of another master
				w.retryStream = time.Time{}
				if other.now != (leader.Address{}) {
					w.o.Leaders.SetLeading(other.now)
				}
			} else {
				w.report.failed(err, w.hasData.Load())
				w.status.failed(err, time.Now())
				wait = max(retryDelay(failures, w.o.Interval), retryAfter(err))
				failures++
			}
		}
		w.wait(ctx, wait, err, &failures)
		w.expire(time.Now())
	}
	return nil
}

// wait waits before the state is polled again, or, after a failure, is tried to be read
// again.
func (w *Watcher) wait(ctx context.Context, d time.Duration, err error, failures *int) {
	waiting, cancel := context.WithCancel(ctx)
	var checks sync.WaitGroup
	defer checks.Wait()
	defer cancel()
	returned := make(chan struct{})
	switch {
	case d <= checkInterval || errors.As(err, new(*statusError)): // the masters answer, or ask to be left alone
	case err != nil:
		masters := w.o.Leaders.Candidates()
		checks.Go(func() { w.client.awaitReturn(waiting, masters, returned) })
	case w.Status().Source == Poll:
		at := w.Status().Leader
		checks.Go(func() { w.checkWhilePolling(waiting, at) })
	}
	select {
	case <-ctx.Done():
	case <-w.o.Leaders.Changed():
		w.retryStream = time.Time{}
		*failures = 0
	case <-returned:
	case <-time.After(d):
	}
}

// runOnce polls the state once, or follows a stream to its end. It returns for
// how long to wait then, or an error.
func (w *Watcher) runOnce(ctx context.Context, failures *int) (wait time.Duration, err error) {
	if w.o.Source == Poll || w.o.Source == Auto && time.Now().Before(w.retryStream) {
		if err = w.poll(ctx); err == nil {
			*failures = 0
		}
		return w.o.Interval, err
	}
	began := time.Now()
	followed, err := w.follow(ctx)
	if followed && time.Since(began) >= lastingStream {
		*failures = 0
	}
	if followed || ctx.Err() != nil || errors.As(err, new(*otherLeaderError)) {
		w.noStreamFrom = time.Time{}
		return 0, err
	}
	if w.noStreamFrom.IsZero() {
		w.noStreamFrom = began
	}
	if w.o.Source == Stream || !hasNoStream(err) && time.Since(w.noStreamFrom) <= noStreamTime {
		return 0, err
	}
	if perr := w.poll(ctx); errors.As(perr, new(*otherLeaderError)) {
		return 0, perr
	} else if perr != nil {
		return 0, err
	}
	if w.hasStarted(ctx, err) {
		return retryDelay(0, w.o.Interval), nil
	}
	// The master answers, so it lacks the stream alone.
	w.report.polling(err, w.o.Interval)
	w.retryStream = time.Now().Add(streamRetry)
	*failures = 0
	return w.o.Interval, nil
}

// hasStarted reports whether a master that did not know the operator API when it
// was asked for a stream knows it now. A master that starts knows nothing for
// some 35 ms.
func (w *Watcher) hasStarted(ctx context.Context, err error) bool {
	e := (*statusError)(nil)
	if !errors.As(err, &e) || e.status != http.StatusNotFound {
		return false
	}
	_, known := w.client.isRecovered(ctx, w.Status().Leader)
	return known
}

// update calls f with the replica and keeps what the watcher has to know of it.
func (w *Watcher) update(f func(*state.Replica)) {
	before := w.replica.retained
	w.owner.Update(func(r *state.Replica) {
		r.ReregisterTimeout = w.o.Reregister
		f(r)
		tasks, agents, frameworks := r.Cluster().Counts()
		w.replica = replicaStatus{
			started: r.Started(), nextExpiry: r.NextExpiry(), retained: r.Retained(), unconfirmed: r.Unconfirmed(),
		}
		w.hasData.Store(r.Started() || tasks+agents+frameworks > 0)
	})
	if w.replica.retained != before {
		w.status.retained(w.replica.retained)
	}
}

// expire gives up what has been retained for long enough.
func (w *Watcher) expire(now time.Time) {
	if at := w.replica.nextExpiry; at.IsZero() || now.Before(at) {
		return
	}
	agents := 0
	w.update(func(r *state.Replica) { agents = r.Expire(now) })
	w.report.expired(agents)
	w.owner.Publish()
}

// background runs work that keeps a core busy. As long as there is nothing to
// answer from, it is what all wait for, and does not give way to others.
func (w *Watcher) background(f func()) {
	if w.o.Background == nil || !w.hasData.Load() {
		f()
		return
	}
	w.o.Background(f)
}

// poll reads the full state once.
func (w *Watcher) poll(ctx context.Context) (err error) {
	a := w.newAttempt(ctx)
	defer a.cancel()
	w.background(func() {
		defer w.client.busy.end()
		_, err = ask(a, func(at leader.Address) (*document, error) { return w.pollFrom(a.ctx, at) })
	})
	a.stopWatching()
	return err
}

// pollFrom reads the full state of the leader, which is found through a master of
// any role.
func (w *Watcher) pollFrom(ctx context.Context, at leader.Address) (*document, error) {
	doc, lead, err := w.client.fullState(ctx, at, firstByteTimeout, false)
	if err != nil {
		return nil, err
	}
	w.complete(ctx, doc, leader.Address{Host: doc.leader.Host, Port: doc.leader.Port})
	if err := w.isPremature(ctx, lead, doc); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // look-ups may have been broken off
	}
	w.o.Leaders.SetLeading(lead)
	w.takeIn(lead, doc, func() {})
	w.pidsUnknown = false
	w.report.polled(lead, w.counts(), doc)
	w.status.polled(lead, time.Now())
	return doc, nil
}

// isPremature returns an error for the first state where it may come from a
// master that has not recovered: it would make every name one that does not
// exist. The operator API knows; where there is none, time tells.
func (w *Watcher) isPremature(ctx context.Context, lead leader.Address, doc *document) error {
	if w.replica.started || doc.AfterRecovery || !doc.Empty() {
		return nil
	}
	recovered, known := w.client.isRecovered(ctx, lead)
	if recovered {
		return nil
	}
	if known {
		return fmt.Errorf("%s: the state is empty, and the master has not recovered yet", lead)
	}
	age := doc.LeaderAge
	if at, known := doc.Leadership.ElectedAt(); age == 0 && known {
		age = time.Since(at).Abs() // clocks differ
	}
	if age < recoveryTime && doc.Leadership.Elected != 0 {
		return fmt.Errorf("%s: the state is empty, and the master was elected only now: it may not have recovered yet", lead)
	}
	return nil
}

// complete fills in what is known of masters, and the addresses of host names.
func (w *Watcher) complete(ctx context.Context, doc *document, lead leader.Address) {
	doc.Leader, doc.Masters = mastersOf(lead, w.o.Leaders.Masters())
	w.hosts.fill(ctx, &doc.FullState)
}

// mastersOf returns the leader, and the known masters in a stable order, with
// the leader at the end where it is none of them.
func mastersOf(lead leader.Address, known []leader.Address) (state.Master, []state.Master) {
	leading := state.Master{Host: lead.Host, Port: lead.Port}
	var all []state.Master
	for _, a := range known {
		all = append(all, state.Master{Host: a.Host, Port: a.Port})
	}
	if leading.Host != "" && !slices.ContainsFunc(all, leading.Equal) {
		all = append(all, leading)
	}
	return leading, all
}

// takeIn reconciles the replica with a full state and publishes it.
func (w *Watcher) takeIn(lead leader.Address, doc *document, prepare func()) {
	now := time.Now()
	failover := false
	w.update(func(r *state.Replica) {
		before, _ := r.Leadership()
		led := r.Cluster().Leader()
		failover = led.Host != "" && (led.Host != doc.Leader.Host || led.Port != doc.Leader.Port)
		if before.Known() && doc.Leadership.Known() {
			failover = !before.Same(doc.Leadership)
		}
		for range r.Reconcile(now, &doc.FullState, nil) {
		}
	})
	prepare()
	w.owner.Publish()
	if failover {
		w.retryStream = time.Time{} // this one may have a stream
		w.status.failover(now)
		w.report.failover(lead, w.replica.retained)
	}
}

// counts are the numbers of what is answered from.
func (w *Watcher) counts() (n clusterCounts) {
	w.update(func(r *state.Replica) { n.tasks, n.agents, n.frameworks = r.Cluster().Counts() })
	return n
}

// attempt is one round of asking masters for the state. It ends early when
// another master is found to lead, so that one which is frozen does not hold up
// what comes after it.
type attempt struct {
	ctx        context.Context
	end        context.CancelCauseFunc
	candidates []leader.Address
	activity   *activity
	stop       chan struct{}
	stopped    chan struct{}
}

// otherLeaderError ends what is done with a master because another one leads.
type otherLeaderError struct{ now, before leader.Address }

func (e *otherLeaderError) Error() string {
	return fmt.Sprintf("another master leads now: %s, and no longer %s", e.now, e.before)
}

// newAttempt starts to watch for another leader.
func (w *Watcher) newAttempt(ctx context.Context) *attempt {
	a := &attempt{candidates: w.o.Leaders.Candidates(), stop: make(chan struct{}), stopped: make(chan struct{})}
	a.ctx, a.activity = withActivity(ctx)
	a.ctx, a.end = context.WithCancelCause(a.ctx)
	go w.watchLeader(a)
	return a
}

func (a *attempt) cancel() { a.end(nil) }

// stopWatching ends the watch for another leader. What was begun may go on.
func (a *attempt) stopWatching() {
	close(a.stop)
	<-a.stopped
}

// watchLeader ends an attempt when the detector sees another leader, or when the
// master that is asked is silent or slow and another one says that it leads.
func (w *Watcher) watchLeader(a *attempt) {
	defer close(a.stopped)
	timer := time.NewTimer(silencePatience)
	defer timer.Stop()
	reported, progressed := leader.Address{}, time.Now()
	defer w.status.reading(nil)
	for {
		select {
		case <-a.stop:
			return
		case <-a.ctx.Done():
			return
		case <-w.o.Leaders.Changed():
			if c := w.o.Leaders.Candidates(); !slices.Equal(c, a.candidates) {
				e := &otherLeaderError{}
				e.before, _, _ = a.activity.waiting()
				if len(c) > 0 {
					e.now = c[0]
				}
				a.end(e)
				return
			}
		case <-timer.C:
			at, silence, total := a.activity.waiting()
			w.noteReading(a, at, total, &progressed)
			if left := min(silencePatience-silence, slowPatience-total); left > 0 {
				timer.Reset(min(left, silencePatience))
				continue
			}
			if at != reported && silence >= silencePatience {
				reported = at
				w.report.waiting(at, silence, len(a.candidates) > 1)
				w.status.waiting(at, time.Now())
			}
			probe := context.WithValue(a.ctx, activityKey{}, (*activity)(nil))
			if other, found := w.client.findLeader(probe, a.candidates, at); found {
				a.end(&otherLeaderError{now: other.at, before: at})
				return
			}
			timer.Reset(probeInterval)
		}
	}
}

// progressInterval is how often it is logged how far reading a state is.
const progressInterval = 5 * time.Second

// noteReading tells how far reading a state is. Little of it is worth a word only
// where the master trickles.
func (w *Watcher) noteReading(a *attempt, at leader.Address, total time.Duration, logged *time.Time) {
	bytes, of := a.activity.progress()
	if at == (leader.Address{}) || bytes == 0 || bytes < smallAnswer && total < slowPatience {
		return
	}
	r := &Reading{At: at, Since: time.Now().Add(-total), Bytes: bytes, Total: of}
	w.status.reading(r)
	if time.Since(*logged) >= progressInterval {
		*logged = time.Now()
		w.report.reading(r)
	}
}

// ask asks the candidates one after the other until one gives what is wanted.
func ask[T any](a *attempt, from func(leader.Address) (*T, error)) (*T, error) {
	var errs []error
	for _, at := range a.candidates {
		got, err := from(at)
		if got != nil {
			return got, nil
		}
		if err != nil {
			errs = append(errs, err)
		}
		if a.ctx.Err() != nil {
			break
		}
	}
	if other := (*otherLeaderError)(nil); errors.As(context.Cause(a.ctx), &other) {
		return nil, other
	}
	if len(errs) == 0 {
		return nil, errors.New("no masters to ask")
	}
	return nil, errors.Join(errs...)
}

// findLeader asks candidates side by side who leads. It returns a leader that
// answers itself and is none of those that are given.
func (c *client) findLeader(ctx context.Context, candidates []leader.Address, except ...leader.Address) (leadership, bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan *leadership)
	asked := 0
	for _, at := range candidates {
		if slices.Contains(except, at) {
			continue
		}
		asked++
		go func() {
			l, err := c.whoLeads(ctx, at, probeTimeout)
			answer := &l
			if err != nil || slices.Contains(except, l.at) {
				answer = nil
			}
			select {
			case answers <- answer:
			case <-ctx.Done():
			}
		}()
	}
	for range asked {
		select {
		case l := <-answers:
			if l != nil {
				return *l, true
			}
		case <-ctx.Done():
			return leadership{}, false
		}
	}
	return leadership{}, false
}

// isRefused reports whether a request was refused or its path is unknown.
func isRefused(err error) bool {
	e := (*statusError)(nil)
	return errors.As(err, &e) && e.status >= 400 && e.status <= 404
}
