//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// queryCount is the number of different questions of a case, which are repeated.
const queryCount = 100_000

// benchCase is one kind of queries.
type benchCase struct {
	name     string
	what     string // description
	set      string // set of queries
	mode     string
	edns     int // size; 0: none
	promises []promise
}

// promise is the largest CPU time of a query as a fraction of that of a peer; ""
// stands for the best peer.
type promise struct {
	most float64
	of   string
}

// Sets of queries.
const (
	setMix    = "mix"
	setStream = "stream"
	setSingle = "single"
	setBig    = "big"
)

// streamRecords is the largest SRV set of setStream: a larger response exceeds the
// TCP buffer of dnsperf.
const streamRecords = 100

// clientSize is the EDNS size of most clients (DNS flag day 2020).
const clientSize = 1232

// cases run in this order. EDNS sizes apply to the own generator.
var cases = []benchCase{
	{"mix", "UDP: 70 % A, 20 % SRV, 5 % AAAA without data, 5 % names that do not exist", setMix, modeUDP, 0, []promise{{0.85, nsdName}}},
	{"mix+edns", "the same with EDNS", setMix, modeUDP, clientSize, []promise{{0.85, nsdName}}},
	{"a", "UDP: A of names with one address", setSingle, modeUDP, 0, []promise{{0.85, nsdName}}},
	{"a+edns", "the same with EDNS", setSingle, modeUDP, clientSize, []promise{{0.85, nsdName}}},
	{"tcp", "TCP, pipelined: the mix without SRV sets of more than 100 records, as dnsperf does not take answers above 16 KiB", setStream, modeTCP, 0, []promise{{1, ""}}},
	{"tcp+edns", "the same with EDNS", setStream, modeTCP, clientSize, []promise{{1, ""}}},
	{"big", "UDP: A of the app with 200 instances, EDNS of 4096", setBig, modeUDP, 4096, []promise{{1, nsdName}}},
}

func caseNames() (out []string) {
	for _, c := range cases {
		out = append(out, c.name)
	}
	return out
}

// bigSize is the number of addresses in the response of setBig.
const bigSize = 200

// biggest returns the app with the most addresses, at most bigSize. Names directly
// below the domain are not apps: slave.D has the address of every agent.
func (z *zoneData) biggest() (out rrset) {
	depth := strings.Count(z.Domain, ".")
	for _, s := range z.As {
		if n := len(s.values); n > len(out.values) && n <= bigSize && strings.Count(s.name, ".") > depth+1 {
			out = s
		}
	}
	return out
}

// querySet returns the lines of a query file. The same seed gives the same lines.
func (z *zoneData) querySet(set string, seed uint64) ([]string, error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(sets []rrset) string { return sets[rng.IntN(len(sets))].name }
	var single, noSix, services []rrset
	for _, s := range z.SRVs {
		if set != setStream || len(s.values) <= streamRecords {
			services = append(services, s)
		}
	}
	for _, s := range z.As {
		if len(s.values) == 1 {
			single = append(single, s)
		}
		if !z.dualStack[s.name] {
			noSix = append(noSix, s)
		}
	}
	var draw func() string
	switch set {
	case setBig:
		b := z.biggest()
		if b.name == "" {
			return nil, fmt.Errorf("no app has an address")
		}
		return []string{b.name + " A"}, nil
	case setSingle:
		if len(single) == 0 {
			return nil, fmt.Errorf("no name has exactly one address")
		}
		draw = func() string { return pick(single) + " A" }
	default:
		if len(services) == 0 || len(noSix) == 0 {
			return nil, fmt.Errorf("no SRV records, or no name without AAAA")
		}
		draw = func() string {
			switch n := rng.IntN(100); {
			case n < 70:
				return pick(z.As) + " A"
			case n < 90:
				return pick(services) + " SRV"
			case n < 95:
				return pick(noSix) + " AAAA"
			}
			_, parent, _ := strings.Cut(pick(z.As), ".")
			return fmt.Sprintf("absent-%d.%s A", rng.IntN(1e6), parent)
		}
	}
	out := make([]string, queryCount)
	for i := range out {
		out[i] = draw()
	}
	return out, nil
}

// writeQueries writes the query files of sets.
func (l *lab) writeQueries(z *zoneData, sets ...string) error {
	for _, set := range slices.Compact(slices.Sorted(slices.Values(sets))) {
		lines, err := z.querySet(set, l.o.Seed)
		if err != nil {
			return err
		}
		f, err := os.Create(l.queryFile(set))
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) queryFile(set string) string { return l.path("queries-" + set) }
