//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// zoneFacts describes what the servers serve.
type zoneFacts struct {
	Tasks, Names, Records int
	Big                   string // the app of setBig
	BigAddresses          int
	Servers               []serverFacts
	Skipped               []string `json:",omitempty"`
}

type serverFacts struct {
	Name  string
	Fresh Memory // when it was ready, before the first query
}

// compare measures Toponym and its peers, one after the other.
func (l *lab) compare() (*zoneFacts, []run, error) {
	facts := &zoneFacts{Tasks: l.o.Tasks}
	servers, z, err := l.startAll(facts)
	if err != nil {
		return facts, nil, err
	}
	generators := l.generators(facts)
	if len(generators) == 0 {
		return facts, nil, errors.New("no load generator is installed")
	}
	if err := l.writeQueries(z, setMix, setSingle, setStream, setBig); err != nil {
		return facts, nil, err
	}
	if err := l.checkSame(z, servers); err != nil {
		return facts, nil, err
	}
	for _, s := range servers { // warms up caches, pools and branch prediction
		for _, c := range []benchCase{cases[0], cases[4]} {
			if _, _, err := l.load(s, c, genOwn, time.Second/2); err != nil {
				return facts, nil, fmt.Errorf("warming up %s: %w", s.name, err)
			}
		}
	}
	disableGC()
	runs, err := l.rounds(servers, generators)
	return facts, runs, err
}

// startAll starts the cluster, Toponym, and the peers, which serve the same records.
func (l *lab) startAll(facts *zoneFacts) ([]*server, *zoneData, error) {
	c, err := l.startCluster("master", l.o.Tasks, []int{l.o.ClientCore})
	if err != nil {
		return nil, nil, err
	}
	fresh := func(s *server) error {
		m, err := now()
		if err != nil {
			return err
		}
		f, err := m.procs.memory(s.proc.pid())
		facts.Servers = append(facts.Servers, serverFacts{s.name, f.megabytes()})
		return err
	}
	var servers []*server
	for _, b := range l.builds() {
		// The state is read once, so that its cost is not measured here.
		s, err := l.startToponym(b, l.serverCores(l.o.Threads), c.addr, time.Hour, nil)
		if err != nil {
			return nil, nil, err
		}
		if err := fresh(s); err != nil {
			return nil, nil, err
		}
		servers = append(servers, s)
	}
	z, err := servers[0].readZone()
	if err != nil {
		return nil, nil, err
	}
	big := z.biggest()
	facts.Records, facts.Big, facts.BigAddresses = z.records(), big.name, len(big.values)
	facts.Names = z.names()
	l.logf("%d tasks, %d names, %d records; %s has %d addresses", l.o.Tasks, facts.Names, facts.Records, big.name, len(big.values))
	file, err := l.exportZone(z)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range l.o.allPeers() {
		if !l.o.measures(p) {
			continue
		}
		s, err := l.startPeer(p, l.serverCores(l.o.Threads), file, z.Domain)
		if errors.Is(err, errMissing) {
			l.skip(facts, p.name, err)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		servers = append(servers, s)
		if err := fresh(s); err != nil {
			return nil, nil, err
		}
	}
	return servers, z, l.ctx.Err()
}

// generators returns the selected generators that are installed.
func (l *lab) generators(facts *zoneFacts) (out []string) {
	for _, g := range l.o.Generators {
		if g == genDnsperf {
			if _, err := l.ensure("dnsperf", "dnsperf"); err != nil {
				l.skip(facts, g, err)
				continue
			}
		}
		out = append(out, g)
	}
	return out
}

func (l *lab) skip(facts *zoneFacts, name string, why error) {
	l.logf("SKIPPED %s: %v", name, why)
	facts.Skipped = append(facts.Skipped, name)
}

// rounds runs every case of every round, one server after the other. A round of a
// case that other programs disturbed is repeated; the least disturbed one counts.
func (l *lab) rounds(servers []*server, generators []string) (all []run, err error) {
	for round := 1; round <= l.o.Rounds; round++ {
		for _, c := range l.o.cases() {
			if !l.o.wants(c.name) {
				continue
			}
			for _, g := range generators {
				runs, err := l.attempts(servers, c, g)
				for i := range runs {
					runs[i].Round = round
				}
				all = append(all, runs...)
				if err != nil {
					return all, err
				}
				l.logf("round %d of %d, %s, %s:%s", round, l.o.Rounds, c.name, g, brief(runs))
			}
		}
	}
	return all, nil
}

func (l *lab) attempts(servers []*server, c benchCase, generator string) (all []run, err error) {
	best, least := 0, 0.0
	for attempt := 0; attempt <= l.o.Retries; attempt++ {
		worst := 0.0
		for _, s := range servers {
			if err := l.ctx.Err(); err != nil {
				return nil, err
			}
			if len(s.cases) > 0 && !slices.Contains(s.cases, c.name) {
				continue
			}
			r, err := l.measure(s, servers, c, generator)
			if err != nil {
				return nil, err
			}
			r.Attempt = attempt
			worst = max(worst, r.OtherOnServerCore, r.OtherOnClientCore)
			all = append(all, r)
		}
		if attempt == 0 || worst < least {
			best, least = attempt, worst
		}
		if worst <= disturbedAbove {
			break
		}
	}
	for i := range all {
		all[i].Kept = all[i].Attempt == best
	}
	return all, nil
}

// brief summarises the runs that count on one line.
func brief(runs []run) (out string) {
	for _, r := range runs {
		if !r.Kept {
			continue
		}
		out += fmt.Sprintf("  %s %.2f µs", r.Server, r.CPU)
		if r.Disturbed {
			out += "*"
		}
	}
	return out
}
