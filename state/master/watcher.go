package master

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/state"
	"toponym/state/leader"
)

// Source is where the state comes from.
type Source uint8

// The sources. Auto is the stream where a master has one, else the poll.
const (
	Auto Source = iota
	Stream
	Poll
)

// Options say where the state is read from.
type Options struct {
	Leaders  leader.Detector
	Source   Source
	HTTPS    bool
	TLS      func() *tls.Config // for each new connection of HTTPS; nil for the system's
	Interval time.Duration      // between two readings of a poll, and the least between two beside a stream
	Resync   time.Duration      // between two readings beside a stream
	// Reregister is for how long agents that a new leader does not have yet are
	// believed in.
	Reregister time.Duration
	Timeout    time.Duration // of asking one of Masters, all redirects included
	MaxBytes   int64         // of one answer or event, decompressed
	Username   string        // for Basic authentication; empty for none
	Password   string
	Account    func() (Account, error) // who logs in, for each login; nil for nobody
	Resolve    Resolve                 // of host names; nil for the system's resolver
	// Busy is called when a state begins to arrive, and what it gives when all
	// is done with it: in between a core is at work. It may be nil.
	Busy func() (done func())
	// Background runs what keeps a core at work, and comes back when it is
	// done. It may be nil.
	Background func(func())
	Log        logrus.FieldLogger
}

// Sink takes what is believed of the cluster. All is called from the goroutine
// of Run, or while that waits.
type Sink struct {
	// Cluster is what was believed so far. Run reads it; only Apply changes it.
	Cluster *state.Cluster
	// Apply takes an event into the cluster.
	Apply func(state.Event)
	// Publish makes all that was applied visible. It is called once for events
	// that came together.
	Publish func()
}

// Watcher follows the leading master.
type Watcher struct {
	o       Options
	fetcher *fetcher
	hosts   *hosts
	report  report
	status  statusBoard

	// What follows belongs to Run.
	sink     Sink
	guard    *guard
	tryAgain time.Time // when to try the stream again after a master had none
	lacking  time.Time // since when there is neither a stream nor a reason to poll
}

// New returns a watcher. It does nothing before Run.
func New(o Options) *Watcher {
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	scheme := "http"
	if o.HTTPS {
		scheme = "https"
	}
	return &Watcher{
		o: o,
		fetcher: &fetcher{
			client: &http.Client{
				Transport:     newTransport(o),
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			},
			scheme:   scheme,
			auth:     o.authentication(),
			maxBytes: o.MaxBytes,
			old:      map[leader.Address]bool{},
			work:     work{busy: o.Busy},
		},
		hosts:  newHosts(o.Resolve, time.Now),
		report: report{log: o.Log},
	}
}

// Times of trying again.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// streamRetry is how often a master that had no stream is asked for one.
	streamRetry = 10 * time.Minute
	// lived is how long a stream lasts that was not in vain: after a shorter
	// one the next is waited for ever longer.
	lived = 10 * time.Second
	// lackTime is for how long a master may be without a stream, for whatever
	// reason, before its state is polled: longer than it takes to recover.
	lackTime = 2 * registryTime
)

// Run follows the leading master until ctx ends and tells the sink what is
// believed. What fails is tried again, first soon and then ever later, but not
// later than the interval. It gives no error.
func (w *Watcher) Run(ctx context.Context, sink Sink) error {
	w.sink, w.guard = sink, newGuard(sink.Cluster, w.o.Reregister)
	failures := 0
	for ctx.Err() == nil {
		wait, err := w.turn(ctx, &failures)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			w.report.failed(err)
			w.status.failed(err, time.Now())
			if errors.Is(err, errOtherLeader) {
				wait, failures = 0, 0 // who failed so often was another one
				w.tryAgain = time.Time{}
			} else {
				wait = max(retryDelay(failures, w.o.Interval), retryAfter(err))
				failures++
			}
		}
		select {
		case <-ctx.Done():
		case <-w.o.Leaders.Changed():
			w.tryAgain = time.Time{}
			failures = 0
		case <-time.After(wait):
		}
		w.expire(time.Now())
	}
	return nil
}

// turn reads the state once, or follows the stream to its end. It gives for how
// long to wait then, or an error.
func (w *Watcher) turn(ctx context.Context, failures *int) (wait time.Duration, err error) {
	if w.o.Source == Poll || w.o.Source == Auto && time.Now().Before(w.tryAgain) {
		if err = w.poll(ctx); err == nil {
			*failures = 0
		}
		return w.o.Interval, err
	}
	began := time.Now()
	followed, err := w.follow(ctx)
	if followed && time.Since(began) >= lived {
		*failures = 0
	}
	if followed || ctx.Err() != nil {
		w.lacking = time.Time{}
		return 0, err
	}
	if w.lacking.IsZero() {
		w.lacking = began
	}
	none := lacksStream(err) || time.Since(w.lacking) > lackTime
	if w.o.Source == Stream || !none {
		return 0, err
	}
	if perr := w.poll(ctx); errors.Is(perr, errOtherLeader) {
		return 0, perr
	} else if perr != nil {
		return 0, err
	}
	if w.hasStarted(ctx, err) {
		return retryDelay(0, w.o.Interval), nil
	}
	// The master answers, so it is the stream that it does not have.
	w.report.polling(err, w.o.Interval)
	w.tryAgain = time.Now().Add(streamRetry)
	*failures = 0
	return w.o.Interval, nil
}

// hasStarted reports whether a master that did not know the operator API when it was
// asked for a stream knows it now: one that starts knows nothing at first, for
// some 35 ms.
func (w *Watcher) hasStarted(ctx context.Context, err error) bool {
	e := (*statusError)(nil)
	if !errors.As(err, &e) || e.status != http.StatusNotFound {
		return false
	}
	_, known := w.fetcher.recovered(ctx, w.Status().Leader)
	return known
}

// expire gives up what was believed in for long enough.
func (w *Watcher) expire(now time.Time) {
	events := w.guard.expire(now)
	for _, e := range events {
		w.sink.Apply(e)
	}
	if len(events) > 0 {
		w.report.gaveUp(events)
		w.sink.Publish()
	}
	w.status.keeping(w.guard.keeping())
}

// background runs what keeps a core at work.
func (w *Watcher) background(f func()) {
	if w.o.Background == nil {
		f()
		return
	}
	w.o.Background(f)
}
