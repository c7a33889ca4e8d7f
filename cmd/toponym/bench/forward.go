//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"
)

// NSD serves the zone of the forwarded names.
const (
	forwardZone = "bench.example."
	fewNames    = 1_000
	manyNames   = 100_000
)

// Sets of queries.
const (
	setFew    = "few"
	setMany   = "many"
	setMisses = "unknown" // new names for each run
)

// forwardCases are the cases of -forward.
var forwardCases = []benchCase{
	{"hit-1k", "UDP: A of 1,000 names that are in the cache", setFew, modeUDP, 0, hitPromises},
	{"hit-1k+edns", "the same with EDNS", setFew, modeUDP, clientSize, hitPromises},
	{"hit-100k", "UDP: A of 100,000 names that are in the cache", setMany, modeUDP, 0, hitPromises},
	{"miss", "UDP: A of names that nobody has asked for", setMisses, modeUDP, 0, []promise{{0.8, corednsPlain}}},
}

var hitPromises = []promise{{1, ""}, {0.6, corednsName}}

func forwardCaseNames() (out []string) {
	for _, c := range forwardCases {
		out = append(out, c.name)
	}
	return out
}

// forward measures Toponym and its peers as forwarders, one after the other.
func (l *lab) forward() (*zoneFacts, []run, error) {
	facts := &zoneFacts{Names: manyNames}
	up, err := l.startUpstream()
	if err != nil {
		return facts, nil, fmt.Errorf("the server upstream: %w", err)
	}
	// The cluster does not matter here, so it is small.
	c, err := l.startCluster("master", 100, []int{l.o.ClientCore})
	if err != nil {
		return facts, nil, err
	}
	var servers []*server
	for _, b := range l.builds() {
		s, err := l.startToponym(b, []int{l.o.ServerCore}, c.addr, time.Hour, map[string]any{
			"externalon": true, "resolvers": []string{up.String()}, "forwardMax": 100_000, "forwardMaxClient": 100_000, "forwardMaxDomain": 100_000, "cacheEntries": 2_000_000, "cacheBytes": 1 << 30,
		})
		if err != nil {
			return facts, nil, err
		}
		servers = append(servers, s)
	}
	for _, p := range forwarders {
		if !slices.Contains(l.o.Peers, p.name) {
			continue
		}
		s, err := l.startForwarder(p, up)
		if errors.Is(err, errMissing) {
			l.skip(facts, p.name, err)
			continue
		}
		if err != nil {
			return facts, nil, err
		}
		servers = append(servers, s)
	}
	for _, s := range servers {
		m, err := now()
		if err != nil {
			return facts, nil, err
		}
		f, err := m.procs.memory(s.proc.pid())
		if err != nil {
			return facts, nil, err
		}
		facts.Servers = append(facts.Servers, serverFacts{s.name, f.megabytes()})
	}
	for set, count := range map[string]int{setFew: fewNames, setMany: manyNames} {
		if err := l.writeLines(set, count, func(i int) string { return fmt.Sprintf("n%d.%s A", i, forwardZone) }); err != nil {
			return facts, nil, err
		}
	}
	for _, s := range servers { // fills the caches
		if s.cases != nil {
			continue // it is measured with misses only
		}
		warm := benchCase{name: "warm", set: setMany, mode: modeUDP}
		for range 3 {
			if _, _, err := l.load(s, warm, genOwn, 3*time.Second); err != nil {
				return facts, nil, fmt.Errorf("warming up %s: %w", s.name, err)
			}
		}
	}
	disableGC()
	runs, err := l.rounds(servers, l.o.Generators)
	return facts, runs, err
}

// startUpstream starts NSD on the generator's core.
func (l *lab) startUpstream() (netip.AddrPort, error) {
	zone := l.path("upstream.zone")
	f, err := os.Create(zone)
	if err != nil {
		return netip.AddrPort{}, err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "$ORIGIN %s\n$TTL 86400\n@ SOA ns root 1 3600 600 86400 3600\n@ NS ns\nns A 127.0.0.1\n*.unknown A 192.0.2.1\n", forwardZone)
	for i := range manyNames {
		fmt.Fprintf(w, "n%d A 10.%d.%d.%d\n", i, i>>16&0xFF, i>>8&0xFF, i&0xFF)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return netip.AddrPort{}, err
	}
	p := peer{"upstream", "nsd", "nsd", nsdSettings("yes"), nsdArgs, "-v"}
	s, err := l.startPeer(p, []int{l.o.ClientCore}, zone, forwardZone)
	if err != nil {
		return netip.AddrPort{}, err
	}
	l.upstream = s.proc
	return s.addr, nil
}

// writeLines writes count lines to the query file of a set.
func (l *lab) writeLines(set string, count int, line func(i int) string) error {
	f, err := os.Create(l.queryFile(set))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range count {
		fmt.Fprintln(w, line(i))
	}
	return errors.Join(w.Flush(), f.Close())
}

// missesPerSecond exceeds the number of names that any server forwards in a second.
const missesPerSecond = 150_000

// missNames writes a query file of names that no earlier run has used.
func (l *lab) missNames(d time.Duration) (string, error) {
	l.missFiles++
	count := max(int(d.Seconds()*missesPerSecond), 1000)
	err := l.writeLines(setMisses, count, func(i int) string {
		return fmt.Sprintf("r%d-%d.unknown.%s A", l.missFiles, i, forwardZone)
	})
	return l.queryFile(setMisses), err
}
