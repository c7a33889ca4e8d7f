package dnstap

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/internal/backoff"
	"toponym/resolver/tap"
)

// Options of a [Sink].
type Options struct {
	// Network and Address say where messages go: "unix" and a path, "tcp" and
	// host:port, or "file" and a path.
	Network, Address string

	Identity, Version string // of this server, in each message; empty: left out
	Types             Types
	Rate              int   // queries per second whose messages are written at most; 0: no limit
	FileBytes         int64 // size of a file, in bytes, at which another one is begun

	Counters *tap.Counters
	Log      logrus.FieldLogger // says when messages can no longer be written, and can again
}

// NewCounters returns counters for the messages of all sinks that will be.
func NewCounters() *tap.Counters {
	return tap.NewCounters("toponym_dnstap_messages_total",
		"Dnstap messages, by result: written, or dropped because of dnstapRate, or because the consumer was slow or not there.")
}

// Sink is a consumer of dnstap messages. It is a [tap.Observer].
type Sink struct {
	o       Options
	log     logrus.FieldLogger
	out     output
	encoder *encoder
	limiter *tap.Limiter
	queue   *queue
	ready   atomic.Bool // messages can be written
}

// New returns a sink. It opens and starts nothing.
func New(o Options) *Sink {
	s := &Sink{
		o:       o,
		log:     o.Log.WithFields(logrus.Fields{"network": o.Network, "addr": o.Address}),
		encoder: newEncoder(o.Identity, o.Version, o.Types),
		limiter: tap.NewLimiter(o.Rate),
		queue:   newQueue(),
	}
	if o.Network == "file" {
		s.out = newFile(o.Address, o.FileBytes)
	} else {
		s.out = &connection{network: o.Network, address: o.Address}
	}
	return s
}

// Observe implements [tap.Observer].
func (s *Sink) Observe(events []tap.Event) {
	pass := 0
	if s.ready.Load() {
		pass = s.limiter.Take(time.Now(), len(events))
	}
	dropped := countAll(s.encoder, events[pass:])
	if pass > 0 {
		dropped += s.queue.add(s.encoder, events[:pass])
	}
	if dropped > 0 {
		s.o.Counters.Dropped.Add(uint64(dropped))
	}
}

const (
	// flushInterval is how long messages wait for others.
	flushInterval = 100 * time.Millisecond

	// Pauses between two attempts to open what could not be opened, or written.
	firstPause = 250 * time.Millisecond
	maxPause   = 15 * time.Second
)

// Run writes messages until ctx ends, and then those that are there. A consumer that
// cannot be reached, or takes nothing for some time, is tried again.
func (s *Sink) Run(ctx context.Context) {
	failures, failing := 0, false
	for ctx.Err() == nil {
		err := s.out.open(ctx)
		if err == nil {
			if failing || failures == 0 {
				s.log.Info("writing dnstap messages")
			}
			failing = false
			var wrote bool
			if wrote, err = s.copy(ctx); wrote {
				failures = 0
			}
		}
		if ctx.Err() != nil {
			break
		}
		if !failing {
			failing = true
			s.log.WithError(err).Warn("cannot write dnstap messages; they are dropped until that is possible")
		}
		_ = backoff.Wait(ctx, backoff.Delay(failures, firstPause, maxPause)) // the loop looks at ctx
		failures++
	}
	s.ready.Store(false)
	s.writeRest(ctx)
	s.out.close()
}

// copy writes messages until there is an error, or ctx ends. It reports whether any
// were written. What still waits after an error is written when that is possible again.
func (s *Sink) copy(ctx context.Context) (wrote bool, err error) {
	s.ready.Store(true)
	defer s.ready.Store(false)
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	for {
		select {
		case c := <-s.queue.full:
			if err := s.write(ctx, c); err != nil {
				return wrote, err
			}
			wrote = true
		case <-tick.C:
			s.queue.collect()
		case <-ctx.Done():
			return wrote, nil
		}
	}
}

// writeRest writes what is there at the end, as far as that is possible soon.
func (s *Sink) writeRest(ctx context.Context) {
	s.queue.collect()
	end := time.Now().Add(closeTimeout)
	for {
		select {
		case c := <-s.queue.full:
			if !s.out.isOpen() || time.Now().After(end) {
				s.o.Counters.Dropped.Add(uint64(c.messages))
			} else if err := s.write(ctx, c); err != nil {
				end = time.Time{} // the rest is dropped too
			}
		default:
			return
		}
	}
}

// write writes a chunk, and counts its messages.
func (s *Sink) write(ctx context.Context, c *chunk) error {
	defer s.queue.release(c)
	err := s.out.write(ctx, c.b)
	if err != nil {
		s.o.Counters.Dropped.Add(uint64(c.messages))
		return err
	}
	s.o.Counters.Written.Add(uint64(c.messages))
	return nil
}
