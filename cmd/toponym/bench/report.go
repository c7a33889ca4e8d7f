//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// print writes the tables of BENCHMARKS.md.
func (r *report) print(w io.Writer) {
	r.Machine.print(w)
	if r.Options.Live {
		r.printLive(w)
		return
	}
	if r.Options.Transfer {
		r.printTransfers(w)
		return
	}
	if r.Options.Node {
		r.printNodes(w)
		return
	}
	if r.Options.Attack {
		r.printAttacks(w)
		return
	}
	if r.Options.Flat {
		r.printFlat(w)
		return
	}
	if r.Options.Watch {
		r.printWatch(w)
		return
	}
	r.printZone(w)
	r.printRuns(w)
	r.printRatios(w)
	r.printMemory(w)
}

func (m *machine) print(w io.Writer) {
	fmt.Fprintf(w, "Machine: %s, %d cores, %s of memory, Linux %s. %s, commit %s, %s.\n",
		m.CPU, m.Cores, m.Memory, m.Kernel, m.Go, m.Commit, m.Date)
	var parts []string
	for _, pkg := range []string{"nsd", "knot", "unbound", "dnsmasq-base", "dnsdist", "dnsperf"} {
		if v := m.Versions[pkg]; v != "" {
			parts = append(parts, pkg+" "+v)
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "Debian packages: %s.\n", strings.Join(parts, ", "))
	}
	if v := m.Versions[corednsName]; v != "" {
		fmt.Fprintf(w, "CoreDNS %s.\n", v)
	}
	for _, name := range []string{nsdName, knotName} {
		if v := m.Versions[name+builtSuffix]; v != "" {
			fmt.Fprintf(w, "%s is %s, built from source.\n", name+builtSuffix, v)
		}
	}
	if m.Siblings != "" {
		fmt.Fprintf(w, "The server's core shares its hardware with others: %s.\n", m.Siblings)
	}
	fmt.Fprintln(w)
}

func (r *report) printZone(w io.Writer) {
	z, o := r.Zone, r.Options
	if o.Forward {
		fmt.Fprintf(w, "Forwarding to NSD, which has the generator's core, %s names.\n", number(float64(z.Names), 0))
	} else {
		printCluster(w, z)
	}
	fmt.Fprintf(w, "Medians of %d rounds of %v s for each server in turn; server on core %d, generator on core %d; %d sockets with %d queries in flight each.\n",
		o.Rounds, o.Seconds, o.ServerCore, o.ClientCore, o.Sockets, o.Window)
	if o.Threads > 1 {
		fmt.Fprintf(w, "Each server has %d threads and as many cores, the last of which is the generator's on a machine of two: compare the CPU times only.\n", o.Threads)
	}
	if o.Veth {
		fmt.Fprintf(w, "Queries go through a pair of virtual network interfaces between network namespaces.\n")
	}
	if len(z.Skipped) > 0 {
		fmt.Fprintf(w, "Skipped because they are missing: %s.\n", strings.Join(z.Skipped, ", "))
	}
	rounds, disturbed, repeated := 0, 0, 0
	for _, x := range r.Runs {
		if !x.Kept {
			repeated++
			continue
		}
		rounds++
		if x.Disturbed {
			disturbed++
		}
	}
	fmt.Fprintf(w, "Other programs used more than %.0f %% of a core in %d of %d runs, marked *; %d disturbed runs were repeated and do not count.\n\n",
		100*disturbedAbove, disturbed, rounds, repeated)
	for _, c := range o.cases() {
		if o.wants(c.name) {
			fmt.Fprintf(w, "- `%s`: %s\n", c.name, c.what)
		}
	}
	fmt.Fprintln(w)
}

func printCluster(w io.Writer, z *zoneFacts) {
	fmt.Fprintf(w, "Cluster: %s tasks, %s names, %s records; %s has %d addresses.\n",
		number(float64(z.Tasks), 0), number(float64(z.Names), 0), number(float64(z.Records), 0), z.Big, z.BigAddresses)
}

// each calls visit for every case and generator with runs.
func (r *report) each(visit func(c benchCase, generator string)) {
	for _, c := range r.Options.cases() {
		for _, g := range r.Options.Generators {
			if len(kept(r.Runs, c.name, g, toponymName)) > 0 {
				visit(c, g)
			}
		}
	}
}

// servers returns the measured servers, Toponym first.
func (r *report) servers() (out []string) {
	for _, x := range r.Runs {
		if !slices.Contains(out, x.Server) {
			out = append(out, x.Server)
		}
	}
	return out
}

func (r *report) printRuns(w io.Writer) {
	var rows [][]string
	r.each(func(c benchCase, g string) {
		for _, s := range r.servers() {
			runs := kept(r.Runs, c.name, g, s)
			if len(runs) == 0 {
				continue
			}
			mark, lost, odd := "", uint64(0), uint64(0)
			for _, x := range runs {
				if x.Disturbed {
					mark = "*"
				}
				lost += x.Load.Lost
				odd += x.Load.OtherCodes
			}
			of := func(figure func(run) float64) float64 { return medianOf(runs, figure) }
			tc := "–" // dnsperf does not count them
			if g == genOwn {
				tc = number(100*of(func(x run) float64 { return float64(x.Load.Truncated) / float64(x.Load.Answered) }), 1)
			}
			rows = append(rows, []string{c.name, g, s + mark,
				number(of(func(x run) float64 { return x.Load.Rate }), 0),
				number(of(func(x run) float64 { return x.CPU }), 2),
				number(100*of(func(x run) float64 { return x.Busy }), 0),
				orDash(of(func(x run) float64 { return x.Load.Latency.P50 }), 0),
				orDash(of(func(x run) float64 { return x.Load.Latency.P99 }), 0),
				orDash(of(func(x run) float64 { return x.Load.Latency.P999 }), 0),
				number(of(func(x run) float64 { return x.Load.Bytes }), 0),
				tc, number(float64(lost), 0), number(float64(odd), 0)})
		}
	})
	table(w, 3, []string{"case", "generator", "server", "queries/s", "CPU µs/query", "core %", "p50 µs", "p99 µs", "p99.9 µs", "bytes", "TC %", "lost", "errors"}, rows)
	fmt.Fprint(w, "CPU is user and system time over all threads and children. Latencies are those of a closed loop: mostly the wait behind other queries. `core %` is the part of a core that the server used: where it is far below 100 for each thread, the generator was the limit (or another program, *), and only the CPU time counts. Lost and errors (rcodes other than NOERROR and NXDOMAIN) are sums.\n\n")
}

func (r *report) printRatios(w io.Writer) {
	servers := r.servers()
	if len(servers) < 2 {
		return
	}
	head := []string{"case", "generator"}
	for _, s := range servers[1:] {
		head = append(head, toponymName+"/"+s, "range")
	}
	head = append(head, "promises")
	var rows [][]string
	r.each(func(c benchCase, g string) {
		ours := kept(r.Runs, c.name, g, toponymName)
		row := []string{c.name, g + r.mark(c, g)}
		var all [][]run
		for _, s := range servers[1:] {
			theirs := kept(r.Runs, c.name, g, s)
			if s != beforeName { // promises are about other programs
				all = append(all, theirs)
			}
			p := paired(ours, theirs)
			row = append(row, number(p.median, 2), p.spread())
		}
		var verdicts []string
		for _, p := range c.promises {
			to, against := p.of, kept(r.Runs, c.name, g, p.of)
			if to == "" {
				to, against = "the best", best(all...)
			}
			verdicts = append(verdicts, p.verdict(to, paired(ours, against)))
		}
		rows = append(rows, append(row, strings.Join(verdicts, "; ")))
	})
	fmt.Fprint(w, "CPU time per query as a fraction of the peer's; medians of the ratios of each round:\n\n")
	table(w, 2, head, rows)
}

// verdict says whether a promise was kept, if that is known.
func (p promise) verdict(to string, found ratio) string {
	text := fmt.Sprintf("≤ %.2f × %s", p.most, to)
	switch {
	case found.median <= p.most:
		text += ": kept"
	case found.median > p.most:
		text += ": missed"
	}
	return text
}

// mark returns * for a row with a disturbed run.
func (r *report) mark(c benchCase, generator string) string {
	for _, x := range r.Runs {
		if x.Kept && x.Disturbed && x.Case == c.name && x.Generator == generator {
			return "*"
		}
	}
	return ""
}

func (r *report) printMemory(w io.Writer) {
	var rows [][]string
	for _, s := range r.Zone.Servers {
		var runs []run
		for _, x := range r.Runs {
			if x.Server == s.Name {
				runs = append(runs, x)
			}
		}
		if len(runs) == 0 {
			continue
		}
		last := runs[len(runs)-1]
		rows = append(rows, []string{s.Name, number(s.Fresh.PSS, 1), number(last.PSS, 1), number(last.RSS, 1)})
	}
	fmt.Fprint(w, "Memory of all processes of a server, in MB:\n\n")
	table(w, 1, []string{"server", "PSS when ready", "PSS at the end", "RSS at the end"}, rows)
}
