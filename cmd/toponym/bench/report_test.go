//go:build bench && linux && (amd64 || arm64)

package main

import (
	"math"
	"strings"
	"testing"
)

const dnsperfText = `[Status] Testing complete (time limit)

Statistics:

  Queries sent:         10915
  Queries completed:    10403 (95.31%)
  Queries lost:         512 (4.69%)

  Response codes:       NOERROR 9902 (95.18%), SERVFAIL 5 (0.05%), NXDOMAIN 496 (4.77%)
  Average packet size:  request 66, response 535
  Run time (s):         3.001716
  Queries per second:   3465.684295

  Average Latency (s):  0.002190 (min 0.000015, max 0.043942)
  Latency StdDev (s):   0.003770

Connection Statistics:

  Reconnections:        185

  Average Latency (s):  0.025854 (min 0.000021, max 1.023486)
`

func TestParseDnsperf(t *testing.T) {
	l, err := parseDnsperf(dnsperfText)
	if err != nil {
		t.Fatal(err)
	}
	if l.Sent != 10915 || l.Answered != 10403 || l.Lost != 512 || l.Reopened != 185 || l.NoError != 9902 ||
		l.NXDomain != 496 || l.OtherCodes != 5 || l.Bytes != 535 || l.Rate != 3465.684295 || l.Seconds != 3.001716 {
		t.Errorf("%+v", l)
	}
	if math.Round(l.Latency.Mean) != 2190 || math.Round(l.Latency.Max) != 43942 {
		t.Errorf("%+v", l.Latency)
	}
	if _, err := parseDnsperf("Error: nobody is there\n"); err == nil {
		t.Error("no answers, no error")
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{0, 0, "0"}, {999, 0, "999"}, {1000, 0, "1,000"}, {-1234567.89, 1, "-1,234,567.9"}, {4.756, 2, "4.76"}, {math.NaN(), 2, "–"},
	} {
		if got := number(c.x, c.decimals); got != c.want {
			t.Errorf("%v: %q, want %q", c.x, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, 1, []string{"name", "µs"}, [][]string{{"toponym", "3.9"}, {"nsd", "14.8"}})
	want := `| name    |   µs |
| ------- | ---: |
| toponym |  3.9 |
| nsd     | 14.8 |

`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestPrint: ratios are those of the runs that count, and a disturbed one is
// marked.
func TestPrint(t *testing.T) {
	r := report{
		Options: options{Rounds: 3, Generators: []string{genOwn}},
		Zone:    &zoneFacts{Servers: []serverFacts{{toponymName, Memory{40, 40}}, {nsdName, Memory{90, 80}}}},
		Runs:    append(costs(toponymName, 4, 8, 9), costs(nsdName, 5, 10, 10)...),
	}
	for i := range r.Runs {
		r.Runs[i].Load.Answered = 1
	}
	r.Runs[1].Disturbed = true
	var b strings.Builder
	r.print(&b)
	for _, want := range []string{
		"| a    | own       | toponym* |",
		"| a    | own*      |        0.80 | 0.80–0.90 | ≤ 0.85 × nsd: kept |",
		"in 1 of 6 runs",
		"| nsd     |           80.0 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestPrintFlat(t *testing.T) {
	r := report{Options: options{Flat: true, Rounds: 2}}
	for i, p999 := range []float64{100, 150, 200, 400} {
		state := []string{stateIdle, stateReading}[i%2]
		r.Flat = append(r.Flat, flatRun{Round: i/2 + 1, Cores: 1, Server: toponymName, State: state, Reads: i, Load: load{Lost: uint64(i), Latency: latency{P999: p999, Max: 10 * p999}}})
	}
	var b strings.Builder
	r.print(&b)
	for _, want := range []string{
		"| toponym | 1     | idle    |      0 |      0 |      150 |        |  2,000 |    2 |",
		"| toponym | 1     | reading |      0 |      0 |      275 |   1.75 |  4,000 |    4 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
