package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim/scenario"
	"toponym/state/master"
)

// A peak of memory belongs to a process, so the benchmark starts this test
// binary again with these variables.
const (
	envState   = "TOPONYM_BENCH_STATE"    // the file to read
	envNoTrees = "TOPONYM_BENCH_NO_TREES" // not empty: without address domains
)

// reading is what a child found out about itself: CPU time and time on the clock, in
// seconds, and the most memory that was resident, in 10^6 bytes, after the first state
// and after three more.
type reading struct {
	FirstCPU, FirstWall, FirstMB float64
	AgainCPU, AgainWall, AgainMB float64
	Records                      int
}

func TestMain(m *testing.M) {
	if file := os.Getenv(envState); file != "" {
		r, err := readStates(file)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(r)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// readStates does what the program does with a master's answer, four times, with the
// garbage collector as it is then, and as many goroutines.
func readStates(file string) (r reading, err error) {
	debug.SetGCPercent(gcPercent)
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	c := config.Defaults()
	if os.Getenv(envNoTrees) != "" {
		c.AddressDomains = nil
	}
	p, err := newTestPipeline(c, log)
	if err != nil {
		return r, err
	}
	for i := range 4 {
		before, began := testutil.CPUSeconds(), time.Now()
		f, err := os.Open(file)
		if err != nil {
			return r, err
		}
		decoders := 1
		if i == 0 {
			decoders = runtime.GOMAXPROCS(0)
		}
		s, err := master.DecodeWith(decoders, f)
		f.Close()
		if err != nil {
			return r, err
		}
		p.state(s)
		if i == 0 {
			r.FirstCPU, r.FirstWall = testutil.CPUSeconds()-before, time.Since(began).Seconds()
			if r.FirstMB, err = testutil.PeakMB(); err != nil {
				return r, err
			}
		} else {
			r.AgainCPU += (testutil.CPUSeconds() - before) / 3
			r.AgainWall += time.Since(began).Seconds() / 3
		}
	}
	n := p.zones.Current().Counts()
	r.Records = n.A + n.AAAA + n.SRV
	r.AgainMB, err = testutil.PeakMB()
	return r, err
}

// BenchmarkState takes a state of 100,000 tasks from its JSON to a zone that
// answers, and again three times, when nothing has changed: with the default settings,
// and without address trees.
func BenchmarkState(b *testing.B) {
	file := filepath.Join(b.TempDir(), "state.json")
	f, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := scenario.WriteState(w, scenario.Spec{Tasks: 100_000}); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	f.Close()
	b.Run("address-trees", func(b *testing.B) { benchmarkState(b, envState+"="+file) })
	b.Run("no-address-trees", func(b *testing.B) { benchmarkState(b, envState+"="+file, envNoTrees+"=1") })
}

func benchmarkState(b *testing.B, env ...string) {
	var sum reading
	for b.Loop() {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), env...)
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			b.Fatal(err)
		}
		var r reading
		if err := json.Unmarshal(out, &r); err != nil {
			b.Fatalf("%v in %q", err, out)
		}
		sum.FirstCPU += r.FirstCPU
		sum.FirstWall += r.FirstWall
		sum.AgainCPU += r.AgainCPU
		sum.AgainWall += r.AgainWall
		sum.FirstMB = max(sum.FirstMB, r.FirstMB)
		sum.AgainMB = max(sum.AgainMB, r.AgainMB)
		sum.Records = r.Records
	}
	n := float64(b.N)
	b.ReportMetric(sum.FirstCPU/n, "first-cpu-s")
	b.ReportMetric(sum.FirstWall/n, "first-wall-s")
	b.ReportMetric(sum.AgainCPU/n, "again-cpu-s")
	b.ReportMetric(sum.AgainWall/n, "again-wall-s")
	b.ReportMetric(sum.FirstMB, "first-MB")
	b.ReportMetric(sum.AgainMB, "again-MB")
	b.ReportMetric(float64(sum.Records), "records")
}
