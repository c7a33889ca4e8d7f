//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
	"math"
)

func (r *report) printFlat(w io.Writer) {
	o := r.Options
	fmt.Fprintf(w, "Latency of the mix at a constant rate of %s queries per second. The state of a cluster of %s tasks is read once (idle) or again and again, one second after the last time (reading). Medians of %d rounds of %v s; the maximum is that of all rounds, lost and reads are sums. The machine has %d cores.\n\n",
		number(float64(o.Rate), 0), number(float64(o.FlatTasks), 0), o.Rounds, o.FlatSeconds, r.Machine.Cores)
	var rows [][]string
	for _, group := range groups(r.Flat, func(x flatRun) flatGroup { return flatGroup{x.Cores, x.Server} }) {
		idle := r.flatRuns(group, stateIdle)
		for _, state := range []string{stateIdle, stateReading} {
			runs := r.flatRuns(group, state)
			if len(runs) == 0 {
				continue
			}
			var lost, longest, lag float64
			reads, mark := 0, ""
			for _, x := range runs {
				lost += float64(x.Load.Lost)
				longest = max(longest, x.Load.Latency.Max)
				lag = max(lag, x.Load.Lag)
				reads += x.Reads
				if x.Disturbed {
					mark = "*"
				}
			}
			of := func(figure func(flatRun) float64) float64 { return medianOf(runs, figure) }
			times := ""
			if state == stateReading {
				times = number(timesIdle(idle, runs), 2)
			}
			rows = append(rows, []string{group.server, fmt.Sprint(group.cores), state + mark,
				number(of(func(x flatRun) float64 { return x.Load.Latency.P50 }), 0),
				number(of(func(x flatRun) float64 { return x.Load.Latency.P99 }), 0),
				number(of(func(x flatRun) float64 { return x.Load.Latency.P999 }), 0),
				times, number(longest, 0), number(lost, 0), number(lag, 0), fmt.Sprint(reads),
				number(100*of(func(x flatRun) float64 { return x.CPU }), 0),
				number(of(func(x flatRun) float64 { return x.PSS }), 0),
				number(of(func(x flatRun) float64 { return x.Peak }), 0)})
		}
	}
	table(w, 3, []string{"server", "cores", "state", "p50 µs", "p99 µs", "p99.9 µs", "× idle", "max µs", "lost", "lag µs", "reads", "core %", "PSS MB", "peak MB"}, rows)
	fmt.Fprintf(w, "A latency is the time from just before a query is sent until the kernel has the response. `lag` is the largest delay of the generator itself. `× idle` is the median of the ratios of p99.9 in each round. A run in which other programs used more than %.0f %% of the cores is marked *.\n", 100*disturbedAbove)
}

// flatGroup is what two rows of the table, idle and reading, have in common.
type flatGroup struct {
	cores  int
	server string
}

func (r *report) flatRuns(group flatGroup, state string) (out []flatRun) {
	for _, x := range r.Flat {
		if x.Cores == group.cores && x.Server == group.server && x.State == state {
			out = append(out, x)
		}
	}
	return out
}

// timesIdle compares p99.9 round by round.
func timesIdle(idle, reading []flatRun) float64 {
	byRound := map[int]float64{}
	for _, x := range idle {
		byRound[x.Round] = x.Load.Latency.P999
	}
	var xs []float64
	for _, x := range reading {
		if base := byRound[x.Round]; base > 0 {
			xs = append(xs, x.Load.Latency.P999/base)
		}
	}
	if len(xs) == 0 {
		return math.NaN()
	}
	return median(xs)
}
