package master

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/state"
	"toponym/state/leader"
)

// Options say where the state is read from.
type Options struct {
	Leaders  leader.Detector
	HTTPS    bool
	TLS      *tls.Config   // for HTTPS; nil for the system's
	Interval time.Duration // between two readings
	Timeout  time.Duration // of asking one of Masters, all redirects included
	MaxBytes int64         // of one answer, decompressed
	Username string        // for Basic authentication; empty for none
	Password string
	Resolve  Resolve // of host names; nil for the system's resolver
	// Busy is called when a state begins to arrive, and what it gives when all
	// is done with it: in between a core is at work. It may be nil.
	Busy func() (done func())
	Log  logrus.FieldLogger
}

// Watcher reads the state of the leading master over and over.
type Watcher struct {
	o       Options
	fetcher *fetcher
	hosts   *hosts
	stats   stats

	lastError string // what was logged, to log it once
	lastFault string
	following leader.Address
}

// How long to wait after failures.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

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
			maxBytes: o.MaxBytes,
			old:      map[leader.Address]bool{},
			work:     work{busy: o.Busy},
		},
		hosts: newHosts(o.Resolve, time.Now),
	}
}

// work tells when a core is at work: from the first octet of a state until all
// is done with it.
type work struct {
	busy func() (done func())
	done func()
}

func (w *work) begin() {
	if w.busy != nil && w.done == nil {
		w.done = w.busy()
	}
}

func (w *work) end() {
	if w.done != nil {
		w.done()
		w.done = nil
	}
}

// Run reads the state at once and then at each interval until ctx ends, and
// hands each good state to out. A reading that fails is tried again, first
// soon and then ever later, but not later than the interval.
func (w *Watcher) Run(ctx context.Context, out func(state.Event)) error {
	failures := 0
	for {
		wait := w.o.Interval
		if err := w.poll(ctx, out); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			w.failed(err)
			wait = backoff(failures, w.o.Interval)
			failures++
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.o.Leaders.Changed():
		case <-time.After(wait):
		}
	}
}

// backoff is how long to wait after a number of failures: twice as long after
// each, with a random part, so that all servers of a cluster do not ask a
// master that comes back at the same time.
func backoff(failures int, interval time.Duration) time.Duration {
	most := min(maxBackoff, interval)
	d := min(firstBackoff<<min(failures, 10), most)
	return d/2 + rand.N(d/2+1)
}

// poll reads the state once.
func (w *Watcher) poll(ctx context.Context, out func(state.Event)) error {
	defer w.fetcher.work.end()
	var errs []error
	for _, at := range w.o.Leaders.Candidates() {
		doc, lead, err := w.fetch(ctx, at)
		if err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		w.o.Leaders.Led(lead)
		s := snapshot(doc, w.o.Leaders.Masters())
		w.hosts.fill(ctx, s)
		if err := ctx.Err(); err != nil {
			return err // the look-ups may have been broken off
		}
		w.succeeded(lead, doc)
		out(state.Event{Snapshot: s})
		return nil
	}
	if len(errs) == 0 {
		return errors.New("no masters to ask")
	}
	return errors.Join(errs...)
}

// fetch asks one master. Each has the whole time for itself: a master that is
// frozen takes the connection and says nothing, and must not use up the time
// of the one that leads meanwhile.
func (w *Watcher) fetch(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	return w.fetcher.fetch(ctx, at)
}

// failed logs why no state was read: once, and again when the reason changes.
func (w *Watcher) failed(err error) {
	reason := strings.ReplaceAll(err.Error(), "\n", "; ")
	w.stats.failed(reason, time.Now())
	// What a master wrote, and where in its answer a fault is, may differ each
	// time. The reason is the same all the same.
	same := changing.ReplaceAllString(reason, "")
	if same == w.lastError {
		w.o.Log.Debugf("still no state: %s", reason)
		return
	}
	w.lastError = same
	w.o.Log.Warnf("no state of the cluster: %s; what was known stays; trying again", reason)
}

// changing is the part of a reason that is not the reason.
var changing = regexp.MustCompile(`"(?:[^"\\]|\\.)*"| at octet \d+`)

// succeeded logs a new leader, the end of a failure, and parts that were left
// out: each once.
func (w *Watcher) succeeded(lead leader.Address, doc *document) {
	if lead != w.following || w.lastError != "" {
		w.o.Log.Infof("reading the state of the leading master at %s: %d tasks, %d agents, %d frameworks",
			lead, len(doc.tasks), len(doc.agents), len(doc.frameworks))
	}
	w.following, w.lastError = lead, ""
	fault := ""
	if doc.faults.count > 0 {
		fault = fmt.Sprintf("%d parts of the state were left out, one of them: %s", doc.faults.count, doc.faults.example)
	}
	if fault != "" && fault != w.lastFault {
		w.o.Log.Warn(fault)
	}
	w.lastFault = fault
}
