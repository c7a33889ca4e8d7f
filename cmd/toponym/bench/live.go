//go:build bench && linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// liveRun is one measurement with a cluster that changes all the time.
type liveRun struct {
	Round, Tasks int
	Server       string
	Served       float64 // seconds from the first request to the master to the first answer
	First        delays  // from the first state on, while it is read again and memory is given back
	Delay        delays
	Changes      float64 // per second, in the first half
	CPU          float64 // µs per change, in the first half
	Ready        Memory  // a few seconds after the first state
	Half         Memory  // half-way
	After        Memory
	OtherUse     float64
	Disturbed    bool
}

// leaderName is a name that each cluster has.
const leaderName = "leader.mesos"

// firstTime is how long the delays after the first state are measured: the first
// resync comes within it, and memory is given back.
const firstTime = 15 * time.Second

// live follows small and large clusters that change at the same rate.
func (l *lab) live() (all []liveRun, err error) {
	for round := 1; round <= l.o.Rounds; round++ {
		for _, tasks := range []int{l.o.LiveTasks / 100, l.o.LiveTasks} {
			for _, b := range l.builds() {
				r, err := l.liveOnce(b, tasks)
				if err != nil {
					return all, err
				}
				r.Round, r.Server = round, b.name
				all = append(all, r)
				l.logf("round %d of %d, %d tasks, %s: served after %.1f s; at most %.0f µs at first; p99 %.0f µs, %.1f µs CPU for each of %.0f changes per second",
					round, l.o.Rounds, tasks, b.name, r.Served, r.First.Max, r.Delay.P99, r.CPU, r.Changes)
			}
		}
	}
	return all, nil
}

// liveOnce measures the CPU time in the first half of the run and the delays in the
// second: the queries of the probe cost the server more than the changes.
func (l *lab) liveOnce(b build, tasks int) (r liveRun, err error) {
	r.Tasks = tasks
	addr, err := freePort()
	if err != nil {
		return r, err
	}
	master, err := l.start("live", []int{l.o.ClientCore}, l.self, childLive, "-listen", addr.String(),
		"-tasks", strconv.Itoa(tasks), "-seed", strconv.FormatUint(l.o.Seed, 10), "-rate", strconv.Itoa(l.o.LiveRate))
	if err != nil {
		return r, err
	}
	defer l.stop(master)
	figure := func(path string) (float64, error) {
		text, err := get("http://" + addr.String() + path)
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(text, 64)
	}
	steps := func() (float64, error) { return figure(stepsPath) }
	if err := master.await(2*time.Minute, func() error { _, err := steps(); return err }); err != nil {
		return r, err
	}
	cores := l.serverCores(l.o.LiveCores)
	s, err := l.startToponym(b, cores, addr, time.Hour, nil)
	if err != nil {
		return r, err
	}
	defer l.stop(s.proc)
	if a, err := askOver("udp", s.addr, leaderName, "A", 0, time.Second); err != nil || len(a.answer) == 0 {
		return r, errors.Join(err, fmt.Errorf("%s has no address: %s", leaderName, a.code))
	}
	if r.Served, err = figure(askedPath); err != nil {
		return r, err
	}
	if r.First, err = l.delays(addr.String(), s.addr.String(), firstTime); err != nil {
		return r, err
	}

	from, err := now()
	if err != nil {
		return r, err
	}
	if r.Ready, err = resident(from, s.proc); err != nil {
		return r, err
	}
	first, err := steps()
	if err != nil {
		return r, err
	}
	half := time.Duration(l.o.LiveSeconds / 2 * float64(time.Second))
	time.Sleep(half)
	last, err := steps()
	if err != nil {
		return r, err
	}
	to, err := now()
	if err != nil {
		return r, err
	}
	if r.Half, err = resident(to, s.proc); err != nil {
		return r, err
	}
	cpu := used(from, to, s.proc)
	r.Changes = (last - first) / to.at.Sub(from.at).Seconds()
	r.CPU = float64(cpu) / float64(time.Microsecond) / (last - first)
	all := slices.Compact(slices.Sorted(slices.Values(append(cores, l.o.ClientCore))))
	r.OtherUse = otherUse(from, to, all, cpu+used(from, to, master)+to.self-from.self)
	r.Disturbed = r.OtherUse > disturbedAbove

	if r.Delay, err = l.delays(addr.String(), s.addr.String(), half); err != nil {
		return r, err
	}
	if to, err = now(); err != nil {
		return r, err
	}
	r.After, err = resident(to, s.proc)
	return r, err
}

// delays makes the master measure how long its changes take to become visible.
func (l *lab) delays(master, server string, d time.Duration) (late delays, err error) {
	u := "http://" + master + probePath + "?" + url.Values{"dns": {server}, "seconds": {fmt.Sprint(d.Seconds())}}.Encode()
	resp, err := (&http.Client{Timeout: d + time.Minute}).Get(u)
	if err != nil {
		return late, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // if it fails, the error is shorter
		return late, fmt.Errorf("looking how late changes are: %s", text)
	}
	return late, json.NewDecoder(resp.Body).Decode(&late)
}

func resident(m moment, p *process) (Memory, error) {
	mem, err := m.procs.memory(p.pid())
	return mem.megabytes(), err
}

// liveGroup is what the runs of one row of the table have in common.
type liveGroup struct {
	tasks  int
	server string
}

// groups returns the keys of runs in the order in which they occur first.
func groups[R any, K comparable](runs []R, key func(R) K) (keys []K) {
	for _, x := range runs {
		if k := key(x); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (r *report) printLive(w io.Writer) {
	o := r.Options
	fmt.Fprintf(w, "A simulated cluster with %s changes of tasks per second, followed through its event stream for %v s. Medians of %d rounds; the maximum is that of all rounds. Toponym has %d of %d cores, the master one.\n\n",
		number(float64(o.LiveRate), 0), o.LiveSeconds, o.Rounds, o.LiveCores, r.Machine.Cores)
	var rows [][]string
	for _, group := range groups(r.Live, func(x liveRun) liveGroup { return liveGroup{x.Tasks, x.Server} }) {
		var runs []liveRun
		longest, first, mark := 0.0, 0.0, ""
		for _, x := range r.Live {
			if (liveGroup{x.Tasks, x.Server}) == group {
				runs = append(runs, x)
				longest, first = max(longest, x.Delay.Max), max(first, x.First.Max)
				if x.Disturbed {
					mark = "*"
				}
			}
		}
		if len(runs) == 0 {
			continue
		}
		of := func(figure func(liveRun) float64) float64 { return medianOf(runs, figure) }
		rows = append(rows, []string{group.server + mark, number(float64(group.tasks), 0),
			number(of(func(x liveRun) float64 { return x.Changes }), 0),
			number(of(func(x liveRun) float64 { return x.CPU }), 1),
			number(of(func(x liveRun) float64 { return x.Delay.P50 }), 0),
			number(of(func(x liveRun) float64 { return x.Delay.P99 }), 0),
			number(longest, 0), number(first, 0),
			number(of(func(x liveRun) float64 { return x.Served }), 1),
			number(of(func(x liveRun) float64 { return x.Ready.PSS }), 0),
			number(of(func(x liveRun) float64 { return x.Half.PSS }), 0),
			number(of(func(x liveRun) float64 { return x.After.PSS }), 0)})
	}
	table(w, 1, []string{"server", "tasks", "changes/s", "CPU µs/change", "p50 µs", "p99 µs", "max µs", "max at first", "served after, s", "PSS MB ready", "half-way", "end"}, rows)
	fmt.Fprintf(w, "p50, p99 and max are the time from a change in the master until a response over UDP shows it, measured every %v; max at first is that of the first %v after the first state. The first answer is served so long after the first request to the master, looked at every 50ms. CPU is the user and system time of the process. A run in which other programs used more than %.0f %% of both cores is marked *.\n", probeInterval, firstTime, 100*disturbedAbove)
}
