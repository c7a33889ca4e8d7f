//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
)

// attackGroup is what the three rows of an attack have in common.
type attackGroup struct {
	attack string
	cores  int
	server string
}

func (r *report) printAttacks(w io.Writer) {
	o := r.Options
	fmt.Fprintf(w, "Latency of the mix at a constant rate of %s queries per second with a cluster of %s tasks, before an attack, during it, and from %v after its end on. Medians of %d rounds of %.0f, %.0f and %.0f s; the maximum is that of all rounds, failures are sums. The machine has %d cores.\n\n",
		number(float64(o.AttackRate), 0), number(float64(o.AttackTasks), 0), attackRest, o.Rounds,
		o.calmSeconds(), o.AttackSeconds, o.calmSeconds(), r.Machine.Cores)
	for _, a := range attacks {
		fmt.Fprintf(w, "- `%s`: %s\n", a.name, a.what)
	}
	fmt.Fprintln(w)
	phases := []struct {
		name string
		of   func(attackRun) attackPhase
	}{
		{"idle", func(x attackRun) attackPhase { return x.Idle }},
		{"attack", func(x attackRun) attackPhase { return x.Attacked }},
		{"after", func(x attackRun) attackPhase { return x.Past }},
	}
	var rows [][]string
	for _, group := range groups(r.Attacks, func(x attackRun) attackGroup { return attackGroup{x.Attack, x.Cores, x.Server} }) {
		var runs []attackRun
		mark := ""
		for _, x := range r.Attacks {
			if (attackGroup{x.Attack, x.Cores, x.Server}) == group {
				runs = append(runs, x)
				if x.Disturbed {
					mark = "*"
				}
			}
		}
		for _, phase := range phases {
			of := func(figure func(attackPhase) float64) float64 {
				return medianOf(runs, func(x attackRun) float64 { return figure(phase.of(x)) })
			}
			longest, failed := 0.0, 0
			for _, x := range runs {
				p := phase.of(x)
				longest = max(longest, p.Load.Latency.Max)
				failed += int(p.Load.Lost+p.Load.OtherCodes) + p.Bystanders.TCPFailed + p.Bystanders.ForwardFailed
			}
			times := medianOf(runs, func(x attackRun) float64 { return phase.of(x).Load.Latency.P99 / x.Idle.Load.Latency.P99 })
			rows = append(rows, []string{group.attack + mark, fmt.Sprint(group.cores), group.server, phase.name,
				number(of(func(p attackPhase) float64 { return p.Load.Latency.P50 }), 0),
				number(of(func(p attackPhase) float64 { return p.Load.Latency.P90 }), 0),
				number(of(func(p attackPhase) float64 { return p.Load.Latency.P99 }), 0),
				number(times, 2),
				number(of(func(p attackPhase) float64 { return p.Load.Latency.P999 }), 0),
				number(longest, 0), fmt.Sprint(failed),
				number(100*of(func(p attackPhase) float64 { return p.CPU }), 0),
				number(of(func(p attackPhase) float64 { return p.PSS }), 0),
				number(of(func(p attackPhase) float64 { return p.Peak }), 0)})
		}
	}
	table(w, 4, []string{"attack", "cores", "server", "phase", "p50 µs", "p90 µs", "p99 µs", "× idle", "p99.9 µs", "max µs", "failed", "core %", "PSS MB", "peak MB"}, rows)
	fmt.Fprintf(w, "A latency is the time from just before a query is sent until the kernel has the response. `× idle` is that of p99. `failed` counts queries without an answer and those of two honest clients, of which one opens a TCP connection for each query and the other asks an upstream server that answers. `peak` is the largest resident memory in the phase. The attackers run at the lowest priority on the core of the generator. A run in which other programs used more than %.0f %% of the cores is marked *.\n", 100*disturbedAbove)
}
