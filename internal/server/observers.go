package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/config"
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
	lines     querylog.Counters
	messages  dnstap.Counters
	changed   chan struct{} // the settings may want something else
}

func newObservers(o Options) *observers {
	return &observers{tap: new(tap.Tap), version: o.Version, newLogger: o.NewLogger, log: o.Log, changed: make(chan struct{}, 1)}
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
	var log, stream activeObserver
	defer func() { log.stop(); stream.stop() }()
	for {
		c := current()
		log.follow(ctx, o.tap, queryLogOptions(c), func(want any) observer {
			return o.newQueryLog(want.(*querylog.Options))
		})
		stream.follow(ctx, o.tap, dnstapOptions(c, o.version), func(want any) observer {
			return o.newDnstap(want.(*dnstap.Options))
		})
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
type activeObserver struct {
	options any // that it was made from; nil if there is none
	end     func()
}

// follow replaces the observer if other options are wanted than those that it has.
func (r *activeObserver) follow(ctx context.Context, t *tap.Tap, want any, make func(any) observer) {
	if reflect.DeepEqual(r.options, want) {
		return
	}
	r.stop()
	r.options = want
	if reflect.ValueOf(want).IsNil() {
		return
	}
	o := make(want)
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
func (r *activeObserver) stop() {
	if r.end != nil {
		r.end()
	}
	*r = activeObserver{}
}

func (o *observers) newQueryLog(options *querylog.Options) observer {
	with := *options
	with.NewLogger, with.Counters, with.Log = o.newLogger, &o.lines, o.log
	return querylog.New(with)
}

func (o *observers) newDnstap(options *dnstap.Options) observer {
	with := *options
	with.Counters, with.Log = &o.messages, o.log
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
		o.Names = append(o.Names, wireName(name))
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

// wireName is a domain name of the settings in lower-case wire form.
func wireName(name string) []byte {
	var b [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), b[:], 0, nil, false)
	if err != nil {
		return nil // not reached: package config has checked it
	}
	return b[:n:n]
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
