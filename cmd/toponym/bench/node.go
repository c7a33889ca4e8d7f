//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// nodeRun is one measurement of a server that a node could run: Toponym itself, or a
// secondary of it.
type nodeRun struct {
	Round, Tasks, Records int
	Case                  string
	Load                  load
	CPU                   float64 // µs per response
	Server                string
	Fresh                 Memory // with all zones, before the first query
	After                 Memory
	Transfer              float64 // ms of CPU until it had all zones
	OtherUse              float64
	Disturbed             bool
}

// nodeKinds are the secondaries that a node may run, by what "toponym secondary" calls
// them. Their configurations are those that it prints.
var nodeKinds = []struct {
	kind, pkg, program string
	args               func(file string) []string
}{
	{"unbound", "unbound", "unbound", func(file string) []string { return []string{"-d", "-c", file} }},
	{knotName, "knot", "knotd", knotArgs},
	{nsdName, "nsd", "nsd", func(file string) []string { return []string{"-d", "-u", "root", "-c", file} }},
}

// nodeSettles is for how long the processes of a secondary have to stay the same before
// it is measured: NSD replaces its own after each transfer.
const nodeSettles = 5 * time.Second

// settled waits until the processes of a server stay the same.
func (s *server) settled() error {
	var before []int
	since := time.Now()
	return s.proc.await(time.Minute, func() error {
		all, err := readProcesses()
		if err != nil {
			return err
		}
		tree := all.tree(s.proc.pid())
		slices.Sort(tree)
		if !slices.Equal(tree, before) {
			before, since = tree, time.Now()
		}
		if time.Since(since) < nodeSettles {
			return errors.New("its processes have changed")
		}
		return nil
	})
}

// nodeNames are the names of nodeKinds.
func nodeNames() (names []string) {
	for _, k := range nodeKinds {
		names = append(names, k.kind)
	}
	return names
}

// nodes measures what a node costs, with each cluster.
func (l *lab) nodes() (all []nodeRun, err error) {
	for _, tasks := range l.o.NodeTasks {
		runs, err := l.nodesOf(tasks)
		all = append(all, runs...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// nodesOf measures all servers with the zones of one cluster.
func (l *lab) nodesOf(tasks int) (all []nodeRun, err error) {
	c, err := l.startCluster("master", tasks, []int{l.o.ClientCore})
	if err != nil {
		return nil, err
	}
	defer l.stop(c.proc)
	primary, err := l.startToponym(build{toponymName, l.toponym}, []int{l.o.ServerCore}, c.addr, time.Hour, anybody)
	if err != nil {
		return nil, err
	}
	defer l.stop(primary.proc)
	z, err := primary.readZone()
	if err != nil {
		return nil, err
	}
	if err := l.writeQueries(z, setMix); err != nil {
		return nil, err
	}
	fresh := map[string]nodeRun{}
	note := func(s *server) error {
		m, err := now()
		if err != nil {
			return err
		}
		r := nodeRun{Server: s.name, Tasks: tasks, Records: z.records(), Transfer: micros(m.procs.cpu(s.proc.pid())) / 1000}
		r.Fresh, err = resident(m, s.proc)
		fresh[s.name] = r
		return err
	}
	servers := []*server{primary}
	if err := note(primary); err != nil {
		return nil, err
	}
	for i, k := range nodeKinds {
		if !slices.Contains(l.o.Peers, k.kind) {
			continue
		}
		s, err := l.startNode(i, primary)
		if errors.Is(err, errMissing) {
			l.logf("SKIPPED %s: %v", k.kind, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		defer l.stop(s.proc)
		if err := s.settled(); err != nil {
			return nil, err
		}
		if err := note(s); err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	if err := l.checkNodes(z, servers); err != nil {
		return nil, err
	}
	z = nil
	disableGC()
	for _, s := range servers {
		if _, _, err := l.load(s, cases[0], genOwn, time.Second/2); err != nil {
			return nil, fmt.Errorf("warming up %s: %w", s.name, err)
		}
	}
	for round := 1; round <= l.o.Rounds; round++ {
		for _, c := range cases {
			if c.set != setMix || !l.o.wants(c.name) {
				continue
			}
			runs, err := l.attempts(servers, c, genOwn)
			if err != nil {
				return all, err
			}
			for _, one := range runs {
				if !one.Kept {
					continue
				}
				r := fresh[one.Server]
				r.Round, r.Case, r.Load, r.CPU, r.After = round, c.name, one.Load, one.CPU, one.Memory
				r.OtherUse, r.Disturbed = max(one.OtherOnServerCore, one.OtherOnClientCore), one.Disturbed
				all = append(all, r)
			}
			l.logf("round %d of %d, %d tasks, %s:%s", round, l.o.Rounds, tasks, c.name, brief(runs))
		}
	}
	return all, nil
}

// startNode starts a secondary with the configuration that "toponym secondary" prints,
// and waits until it has all zones.
func (l *lab) startNode(i int, primary *server) (*server, error) {
	k := nodeKinds[i]
	program, err := l.ensure(k.program, k.pkg)
	if err != nil {
		return nil, err
	}
	s := &server{name: k.kind}
	if s.addr, err = freePort(); err != nil {
		return nil, err
	}
	dir := l.path(fmt.Sprintf("%s-%d", k.kind, primary.addr.Port())) // it must not find the zones of another cluster
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(l.ctx, l.toponym, "secondary", k.kind, "-config", l.path(toponymName+".json"),
		"-primary", primary.addr.String(), "-listen", s.addr.String(), "-dir", dir)
	var text, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &faults
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("toponym secondary %s: %w\n%s", k.kind, err, faults.Bytes())
	}
	file := l.path(k.kind + ".conf")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if s.proc, err = l.start(s.name, []int{l.o.ServerCore}, program, k.args(file)...); err != nil {
		return nil, err
	}
	for _, zone := range transferZones {
		want, err := serialAt(primary.addr, zone)
		if err != nil {
			return nil, err
		}
		err = s.proc.await(15*time.Minute, func() error {
			got, err := serialAt(s.addr, zone)
			if err == nil && got != want {
				err = fmt.Errorf("serial %s of %s, want %s", got, zone, want)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// serialAt asks a server for the serial of a zone.
func serialAt(addr netip.AddrPort, zone string) (string, error) {
	r, err := ask(addr, zone, "SOA")
	if err != nil {
		return "", err
	}
	if len(r.answer) != 1 {
		return "", fmt.Errorf("%s for the SOA record of %s", r.code, zone)
	}
	fields := strings.Fields(r.answer[0])
	if len(fields) != 11 {
		return "", fmt.Errorf("SOA record %q", r.answer[0])
	}
	return fields[6], nil
}

// checkNodes checks that all servers answer a sample of the queries alike. What they
// add to an answer, and how much of it they send over UDP, is theirs.
func (l *lab) checkNodes(z *zoneData, servers []*server) error {
	lines, err := z.querySet(setMix, l.o.Seed)
	if err != nil {
		return err
	}
	for _, line := range lines[:min(len(lines), sampleSize)] {
		name, qtype, _ := strings.Cut(line, " ")
		err := same(servers, func(s *server) (response, error) {
			r, err := ask(s.addr, name, qtype)
			r.truncated = false
			return r, err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return l.ctx.Err()
}

// nodeGroup is what the runs of one row of the table have in common.
type nodeGroup struct {
	tasks  int
	server string
}

func (r *report) printNodes(w io.Writer) {
	o := r.Options
	fmt.Fprintf(w, "Servers of a node: Toponym, which follows the master, and secondaries of it, configured by `toponym secondary`. Medians of %d rounds of %v s for each server in turn; server on core %d, generator on core %d.\n\n",
		o.Rounds, o.Seconds, o.ServerCore, o.ClientCore)
	var rows [][]string
	for _, g := range groups(r.Nodes, func(x nodeRun) nodeGroup { return nodeGroup{x.Tasks, x.Server} }) {
		runs := slices.DeleteFunc(slices.Clone(r.Nodes), func(x nodeRun) bool { return nodeGroup{x.Tasks, x.Server} != g })
		mark := ""
		if slices.ContainsFunc(runs, func(x nodeRun) bool { return x.Disturbed }) {
			mark = "*"
		}
		row := []string{g.server + mark, number(float64(g.tasks), 0), number(float64(runs[0].Records), 0)}
		for _, c := range cases {
			of := slices.DeleteFunc(slices.Clone(runs), func(x nodeRun) bool { return x.Case != c.name })
			switch {
			case c.set != setMix:
			case len(of) == 0:
				row = append(row, "–", "–", "–")
			default:
				row = append(row, number(medianOf(of, func(x nodeRun) float64 { return x.CPU }), 2),
					number(medianOf(of, func(x nodeRun) float64 { return x.Load.Bytes }), 0),
					number(medianOf(of, func(x nodeRun) float64 {
						return 100 * float64(x.Load.Truncated) / float64(max(x.Load.Answered, 1))
					}), 1))
			}
		}
		rows = append(rows, append(row, number(runs[0].Transfer, 0),
			number(runs[0].Fresh.PSS, 0), number(medianOf(runs, func(x nodeRun) float64 { return x.After.PSS }), 0)))
	}
	table(w, 1, []string{"server", "tasks", "records", "mix: CPU µs/query", "bytes", "TC %", "mix+edns: CPU µs/query", "bytes", "TC %", "CPU ms until ready", "PSS MB ready", "PSS MB end"}, rows)
	fmt.Fprintf(w, "CPU and memory are those of all processes of a server. Records are those of the domain; the servers also have the address trees and the aliases. A row is marked * if other programs used more than %.0f %% of a core in one of its runs.\n", 100*disturbedAbove)
}
