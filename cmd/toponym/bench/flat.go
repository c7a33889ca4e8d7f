//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The states of Toponym while its latency is measured.
const (
	stateIdle    = "idle"
	stateReading = "reading"
)

// flatRun is one measurement of latency at a constant rate.
type flatRun struct {
	Round, Cores int
	Server       string
	State        string
	Load         load
	Reads        int     // states read during the run
	CPU          float64 // fraction of one core that the server used
	Memory
	Peak      float64 // MB of resident memory since the start
	OtherUse  float64 // fraction of the cores that other programs used
	Disturbed bool
}

// flat measures latency on one core and on two, idle and while a large state is
// read again and again.
func (l *lab) flat() (all []flatRun, err error) {
	if len(l.cores) < 4 {
		l.logf("with fewer than 4 cores the master shares a core with the generator, and on two cores with the server")
	}
	for round := 1; round <= l.o.Rounds; round++ {
		for cores := 1; cores <= 2; cores++ {
			for _, state := range []string{stateIdle, stateReading} {
				for _, b := range l.builds() {
					r, err := l.flatOnce(b, l.serverCores(cores), state)
					if err != nil {
						return all, err
					}
					r.Round, r.Server = round, b.name
					all = append(all, r)
					l.logf("round %d of %d, %d cores, %s, %s: p99 %.0f µs, p99.9 %.0f µs, %d lost, %d reads",
						round, l.o.Rounds, cores, state, b.name, r.Load.Latency.P99, r.Load.Latency.P999, r.Load.Lost, r.Reads)
				}
			}
		}
	}
	return all, nil
}

// serverCores returns n cores for the server. It uses the generator's core last.
func (l *lab) serverCores(n int) []int {
	out := []int{l.o.ServerCore}
	for _, c := range append(slices.Clone(l.cores), l.o.ClientCore) {
		if len(out) < n && !slices.Contains(out, c) && (c != l.o.ClientCore || len(l.cores) == 2) {
			out = append(out, c)
		}
	}
	return out
}

// masterCore returns a core that is otherwise unused, or the generator's.
func (l *lab) masterCore(server []int) int {
	for _, c := range l.cores {
		if c != l.o.ClientCore && !slices.Contains(server, c) {
			return c
		}
	}
	return l.o.ClientCore
}

// flatOnce starts a new cluster and a new server, so that each run begins with the
// same memory.
func (l *lab) flatOnce(b build, cores []int, state string) (r flatRun, err error) {
	r = flatRun{Cores: len(cores), State: state}
	masterCore := l.masterCore(cores)
	c, err := l.startCluster("master", l.o.FlatTasks, []int{masterCore})
	if err != nil {
		return r, err
	}
	defer l.stop(c.proc)
	refresh := time.Hour
	if state == stateReading {
		refresh = time.Second
	}
	s, err := l.startToponym(b, cores, c.addr, refresh, nil)
	if err != nil {
		return r, err
	}
	defer l.stop(s.proc)
	if _, err := os.Stat(l.queryFile(setMix)); err != nil {
		z, err := s.readZone()
		if err != nil {
			return r, err
		}
		l.logf("%d tasks, %d records", l.o.FlatTasks, z.records())
		if err := l.writeQueries(z, setMix); err != nil {
			return r, err
		}
		disableGC()
	}
	o := order{mode: modePaced, server: s.addr, queries: l.queryFile(setMix), duration: time.Second, sockets: 8, rate: l.o.Rate}
	if _, _, err := l.own(o); err != nil { // warms up
		return r, err
	}
	o.duration = time.Duration(l.o.FlatSeconds * float64(time.Second))
	from, err := now()
	if err != nil {
		return r, err
	}
	before, err := c.reads()
	if err != nil {
		return r, err
	}
	var client usage
	if r.Load, client, err = l.own(o); err != nil {
		return r, err
	}
	after, err := c.reads()
	if err != nil {
		return r, err
	}
	to, err := now()
	if err != nil {
		return r, err
	}
	r.Reads = after - before
	cpu := used(from, to, s.proc)
	r.CPU = cpu.Seconds() / to.at.Sub(from.at).Seconds()
	all := append(slices.Clone(cores), l.o.ClientCore, masterCore)
	slices.Sort(all)
	r.OtherUse = otherUse(from, to, slices.Compact(all), cpu+used(from, to, c.proc)+client.cpu+to.self-from.self)
	r.Disturbed = r.OtherUse > disturbedAbove
	m, err := to.procs.memory(s.proc.pid())
	if err != nil {
		return r, err
	}
	r.Memory = m.megabytes()
	r.Peak, err = peak(s.proc.pid())
	return r, err
}

// peak returns the largest resident memory of a process so far, in MB.
func peak(pid int) (float64, error) {
	var kb float64
	text := field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM")
	if _, err := fmt.Sscanf(strings.TrimSpace(text), "%f kB", &kb); err != nil {
		return 0, fmt.Errorf("VmHWM %q: %w", text, err)
	}
	return kb * 1024 / 1e6, nil
}
