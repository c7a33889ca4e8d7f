//go:build bench && linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Load generators.
const (
	genOwn     = "own"
	genDnsperf = "dnsperf"
)

// disturbedAbove is the fraction of a core that other programs may use before a run
// counts as disturbed.
const disturbedAbove = 0.05

// run is one measurement of a server with a case and a generator.
type run struct {
	Case, Generator, Server string
	Round, Attempt          int

	Load load
	CPU  float64 // µs of user and system time per response, of all threads and children
	Busy float64 // cores that the server used
	Memory
	OtherOnServerCore float64 // fraction of the server's cores that other programs used
	OtherOnClientCore float64 // fraction of the generator's core, or of all if the servers have it, too
	Disturbed         bool
	Kept              bool // counts, of the attempts of a round
}

// Memory is the memory of a server, in MB.
type Memory struct{ RSS, PSS float64 }

func (m memory) megabytes() Memory {
	return Memory{float64(m.RSS) / 1e6, float64(m.PSS) / 1e6}
}

// moment has the counters of the machine at some time.
type moment struct {
	at    time.Time
	procs processes
	busy  map[int]time.Duration
	self  time.Duration
}

func now() (m moment, err error) {
	m.at = time.Now()
	if m.procs, err = readProcesses(); err != nil {
		return m, err
	}
	if m.busy, err = readCores(); err != nil {
		return m, err
	}
	var r syscall.Rusage
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	m.self = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	return m, err
}

// used returns the CPU time of a process and its children between two moments.
func used(from, to moment, p *process) time.Duration {
	return to.procs.cpu(p.pid()) - from.procs.cpu(p.pid())
}

// otherUse returns the fraction of the given cores that programs other than ours
// used. Times are counted in ticks, so the difference may be slightly negative.
func otherUse(from, to moment, cores []int, ours time.Duration) float64 {
	var busy time.Duration
	for _, c := range cores {
		busy += to.busy[c] - from.busy[c]
	}
	wall := to.at.Sub(from.at) * time.Duration(len(cores))
	return max(0, (busy-ours).Seconds()/wall.Seconds())
}

// load runs a generator against a server.
func (l *lab) load(s *server, c benchCase, generator string, d time.Duration) (load, usage, error) {
	queries := l.queryFile(c.set)
	if c.set == setMisses {
		var err error
		if queries, err = l.missNames(d); err != nil {
			return load{}, usage{}, err
		}
	}
	o := order{mode: c.mode, server: s.addr, queries: queries, edns: c.edns,
		duration: d, sockets: l.o.Sockets, window: l.o.Window, recurse: l.o.Forward}
	if c.mode == modeTCP { // with the same number of outstanding queries
		o.sockets = min(o.sockets, connections)
		o.window = min(maxWindow, l.o.Sockets*l.o.Window/o.sockets)
	}
	if generator == genDnsperf {
		return l.dnsperf(o)
	}
	return l.own(o)
}

// own runs the own generator for an order.
func (l *lab) own(o order) (got load, u usage, err error) {
	out, u, err := l.generate(o)
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err == nil && got.Answered == 0 {
		err = fmt.Errorf("no answer to %d queries", got.Sent)
	}
	return got, u, err
}

// measure measures one server. All servers run all the time, so the CPU time of the
// idle ones counts as ours.
func (l *lab) measure(s *server, servers []*server, c benchCase, generator string) (r run, err error) {
	r = run{Case: c.name, Generator: generator, Server: s.name}
	from, err := now()
	if err != nil {
		return r, err
	}
	got, client, err := l.load(s, c, generator, time.Duration(l.o.Seconds*float64(time.Second)))
	if err != nil {
		return r, fmt.Errorf("%s, %s, %s: %w", c.name, generator, s.name, err)
	}
	to, err := now()
	if err != nil {
		return r, err
	}
	r.Load = got
	cpu := used(from, to, s.proc)
	r.CPU = micros(cpu) / float64(got.Answered)
	r.Busy = cpu.Seconds() / to.at.Sub(from.at).Seconds()
	var ours time.Duration
	for _, o := range servers {
		ours += used(from, to, o.proc)
	}
	generating := client.cpu + to.self - from.self + l.usedUpstream(from, to)
	if cores := l.serverCores(l.o.Threads); slices.Contains(cores, l.o.ClientCore) {
		r.OtherOnServerCore = otherUse(from, to, cores, ours+generating)
		r.OtherOnClientCore = r.OtherOnServerCore
	} else {
		r.OtherOnServerCore = otherUse(from, to, cores, ours)
		r.OtherOnClientCore = otherUse(from, to, []int{l.o.ClientCore}, generating)
	}
	r.Disturbed = max(r.OtherOnServerCore, r.OtherOnClientCore) > disturbedAbove
	m, err := to.procs.memory(s.proc.pid())
	r.Memory = m.megabytes()
	return r, err
}

// usedUpstream returns the CPU time of the upstream server, if there is one.
func (l *lab) usedUpstream(from, to moment) time.Duration {
	if l.upstream == nil {
		return 0
	}
	return used(from, to, l.upstream)
}
