//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
)

// transferGroup is what the runs of one row have in common.
type transferGroup struct {
	part, server      string
	secondaries, rate int
}

func (r *report) printTransfers(w io.Writer) {
	o := r.Options
	of := groups(r.Transfers, func(x transferRun) transferGroup { return transferGroup{x.Part, x.Server, x.Secondaries, x.Rate} })
	rows := map[string][][]string{}
	for _, g := range of {
		var runs []transferRun
		mark := ""
		for _, x := range r.Transfers {
			if x.Part == g.part && x.Server == g.server && x.Secondaries == g.secondaries && x.Rate == g.rate {
				runs = append(runs, x)
				if x.Disturbed {
					mark = "*"
				}
			}
		}
		figure := func(f func(transferRun) float64, decimals int) string { return number(medianOf(runs, f), decimals) }
		cpu := func(decimals int) string { return figure(func(x transferRun) float64 { return x.CPU }, decimals) }
		pss := figure(func(x transferRun) float64 { return x.PSS }, 0)
		switch g.part {
		case partZones:
			rows[g.part] = append(rows[g.part], []string{g.server + mark, figure(func(x transferRun) float64 { return float64(x.Records) }, 0),
				figure(func(x transferRun) float64 { return float64(x.Bytes) / 1e6 }, 1), cpu(0), figure(func(x transferRun) float64 { return x.Wall }, 0), pss})
		case partDifferences:
			rows[g.part] = append(rows[g.part], []string{fmt.Sprint(g.secondaries) + mark, fmt.Sprint(g.rate), cpu(1),
				figure(func(x transferRun) float64 { return float64(x.Transfers) }, 0), figure(func(x transferRun) float64 { return float64(x.Records) }, 0),
				figure(func(x transferRun) float64 { return x.Lag.P50 / 1000 }, 1), figure(func(x transferRun) float64 { return x.Lag.P99 / 1000 }, 1),
				figure(func(x transferRun) float64 { return x.Lag.Max / 1000 }, 1), pss})
		case partAnswers:
			rows[g.part] = append(rows[g.part], []string{fmt.Sprint(g.secondaries) + mark, figure(func(x transferRun) float64 { return x.Latency.P50 }, 0),
				figure(func(x transferRun) float64 { return x.Latency.P99 }, 0), figure(func(x transferRun) float64 { return x.Latency.P999 }, 0),
				figure(func(x transferRun) float64 { return float64(x.Transfers) }, 0), cpu(0), pss})
		}
	}
	if len(rows[partZones]) > 0 {
		fmt.Fprintf(w, "AXFR of the domain and the address tree of a cluster of %s tasks, by one client on the other core, without TSIG. Medians of %d rounds.\n\n", number(float64(o.FlatTasks), 0), o.Rounds)
		table(w, 1, []string{"primary", "records", "MB", "CPU ms", "wall ms", "PSS MB"}, rows[partZones])
		fmt.Fprintln(w)
	}
	if len(rows[partDifferences]) > 0 {
		fmt.Fprintf(w, "Secondaries of the domain of a cluster of %s tasks that follow changes by NOTIFY and IXFR. The lag is the time from when the primary answers from a version until a secondary has it.\n\n", number(float64(o.LiveTasks), 0))
		table(w, 1, []string{"secondaries", "changes/s", "CPU ms/s", "transfers", "records", "lag p50 ms", "p99 ms", "max ms", "PSS MB"}, rows[partDifferences])
		fmt.Fprintln(w)
	}
	if len(rows[partAnswers]) > 0 {
		fmt.Fprintf(w, "Latency of the mix at a constant rate of %s queries per second on one core, while clients transfer the zones again and again.\n\n", number(float64(o.Rate), 0))
		table(w, 1, []string{"transfers at a time", "p50 µs", "p99 µs", "p99.9 µs", "transfers", "CPU ms/s", "PSS MB"}, rows[partAnswers])
	}
}
