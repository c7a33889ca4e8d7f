package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/records"
	"toponym/resolver/dnstap"
	"toponym/resolver/querylog"
	"toponym/resolver/tap"
)

// observers are the query log and dnstap, as the settings want them: both watch the
// queries that package resolver answers.
type observers struct {
	tap       *tap.Tap
	version   string
	newLogger func(io.Writer) logrus.FieldLogger
	log       logrus.FieldLogger
	lines     *tap.Counters // of the query log
	messages  *tap.Counters // of dnstap
	changed   chan struct{} // the settings may want something else
}

func newObservers(o Options) *observers {
	return &observers{tap: new(tap.Tap), version: o.Version, newLogger: o.NewLogger, log: o.Log, lines: querylog.NewCounters(), messages: dnstap.NewCounters(),
		changed: make(chan struct{}, 1)}
}

// configure makes the observers follow the settings that are current now.
func (o *observers) configure() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// run runs what the settings want until ctx ends.
func (o *observers) run(ctx context.Context, current func() *config.Config) {
	var log activeObserver[querylog.Options]
	var stream activeObserver[dnstap.Options]
	defer func() { log.stop(); stream.stop() }()
	for {
		c := current()
		log.follow(ctx, o.tap, queryLogOptions(c), o.newQueryLog)
		stream.follow(ctx, o.tap, dnstapOptions(c, o.version), o.newDnstap)
		select {
		case <-o.changed:
		case <-ctx.Done():
			return
		}
	}
}

// observer is a query log or a consumer of dnstap.
type observer interface {
	tap.Observer
	Run(ctx context.Context)
}

// activeObserver is an observer that runs, if the settings want one.
type activeObserver[O any] struct {
	options *O // that it was made from; nil without an observer
	end     func()
}

// follow replaces the observer if other options are wanted than those that it has.
func (r *activeObserver[O]) follow(ctx context.Context, t *tap.Tap, want *O, make func(O) observer) {
	if reflect.DeepEqual(r.options, want) {
		return
	}
	r.stop()
	r.options = want
	if want == nil {
		return
	}
	o := make(*want)
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { o.Run(ctx) })
	remove := t.Add(o)
	r.end = func() {
		remove()
		cancel()
		all.Wait()
	}
}

// stop ends the observer, if there is one, and waits until it has written the last.
func (r *activeObserver[O]) stop() {
	if r.end != nil {
		r.end()
	}
	*r = activeObserver[O]{}
}

func (o *observers) newQueryLog(with querylog.Options) observer {
	with.NewLogger, with.Counters, with.Log = o.newLogger, o.lines, o.log
	return querylog.New(with)
}

func (o *observers) newDnstap(with dnstap.Options) observer {
	with.Counters, with.Log = o.messages, o.log
	return dnstap.New(with)
}

// queryLogOptions are those of the settings; nil if they want no query log.
func queryLogOptions(c *config.Config) *querylog.Options {
	if c.QueryLog == "" {
		return nil
	}
	o := &querylog.Options{
		Clients: c.QueryLogClients, Sample: c.QueryLogSample, Rate: c.QueryLogRate, FileBytes: c.QueryLogBytes,
	}
	if c.QueryLog != config.QueryLogToLog {
		o.File = c.QueryLog
	}
	for _, name := range c.QueryLogNames {
		n, _ := records.ParseName(name) // package config has checked it
		o.Names = append(o.Names, []byte(n))
	}
	for _, code := range c.QueryLogCodes {
		o.Rcodes = append(o.Rcodes, rcode(code))
	}
	return o
}

// dnstapOptions are those of the settings; nil if they want no dnstap.
func dnstapOptions(c *config.Config, version string) *dnstap.Options {
	if c.Dnstap.Network == "" {
		return nil
	}
	types, _ := dnstap.ParseTypes(c.DnstapMessages) // package config has checked them
	o := &dnstap.Options{
		Network: c.Dnstap.Network, Address: c.Dnstap.Address, Identity: c.DnstapIdentity, Version: fmt.Sprint("toponym ", version),
		Types: types, Rate: c.DnstapRate, FileBytes: c.DnstapBytes,
	}
	if o.Identity == "" {
		o.Identity, _ = os.Hostname()
	}
	return o
}

// rcode is a response code by its name in the setting queryLogCodes.
func rcode(name string) uint16 {
	if name == config.QueryLogUnanswered {
		return querylog.Unanswered
	}
	for code := range uint16(32) {
		if strings.EqualFold(tap.RcodeName(code), name) {
			return code
		}
	}
	return querylog.Unanswered // not reached: package config has checked it
}
