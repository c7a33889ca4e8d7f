package master

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"toponym/internal/testutil"
	"toponym/sim/scenario"
)

// A peak of memory belongs to a process, so each reading has one of its own:
// this test binary, started again with these variables.
const (
	envReader = "TOPONYM_BENCH_READER" // "stream" or "encoding-json"
	envFile   = "TOPONYM_BENCH_FILE"
	envTasks  = "TOPONYM_BENCH_TASKS" // tasks in the state, 100,000 unless set
)

// reading is what a child found out about itself.
type reading struct {
	Tasks, Agents int
	CPUSeconds    float64 // user and system time, the collector's included
	WallSeconds   float64 // time on the clock
	PeakMB        float64 // most memory that was resident, in 10^6 bytes
}

var readers = map[string]func(io.Reader) (tasks, agents int, err error){
	"stream": func(r io.Reader) (int, int, error) {
		doc, err := decode(r, false)
		if err != nil {
			return 0, 0, err
		}
		return len(doc.Tasks), len(doc.Agents), nil
	},
	"encoding-json": func(r io.Reader) (int, int, error) {
		s, err := readPlain(r)
		if err != nil {
			return 0, 0, err
		}
		return s.tasks(), len(s.Slaves), nil
	},
}

// stateFile is written by the first benchmark that needs it.
var stateFile string

func TestMain(m *testing.M) {
	if name := os.Getenv(envReader); name != "" {
		if err := child(name, os.Getenv(envFile)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if stateFile != "" {
		os.RemoveAll(filepath.Dir(stateFile))
	}
	os.Exit(code)
}

// child reads a file and writes a reading.
func child(reader, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	before, began := testutil.CPUSeconds(), time.Now()
	tasks, agents, err := readers[reader](f)
	if err != nil {
		return err
	}
	r := reading{Tasks: tasks, Agents: agents, CPUSeconds: testutil.CPUSeconds() - before, WallSeconds: time.Since(began).Seconds()}
	if r.PeakMB, err = testutil.PeakMB(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// BenchmarkReadState reads the state of a big cluster from a file, as a stream
// and the usual way: all of it into memory, then encoding/json. The time that
// Go prints includes the start of a process; cpu-s and wall-s do not.
func BenchmarkReadState(b *testing.B) {
	tasks := 100_000
	if s := os.Getenv(envTasks); s != "" {
		var err error
		if tasks, err = strconv.Atoi(s); err != nil || tasks < 1 {
			b.Fatalf("%s=%s is no number of tasks", envTasks, s)
		}
	}
	file, size := bigState(b, tasks)
	agents := 0
	for _, reader := range []string{"stream", "encoding-json"} {
		b.Run(reader, func(b *testing.B) {
			b.SetBytes(size)
			var cpu, wall, peak float64
			for b.Loop() {
				r := readInChild(b, reader, file)
				if r.Tasks != tasks {
					b.Fatalf("%s saw %d tasks of %d", reader, r.Tasks, tasks)
				}
				if agents == 0 {
					agents = r.Agents
				}
				if r.Agents != agents {
					b.Fatalf("%s saw %d agents, the other reader %d", reader, r.Agents, agents)
				}
				cpu += r.CPUSeconds
				wall += r.WallSeconds
				peak = max(peak, r.PeakMB)
			}
			b.ReportMetric(cpu/float64(b.N), "cpu-s")
			b.ReportMetric(wall/float64(b.N), "wall-s")
			b.ReportMetric(peak, "peak-MB")
		})
	}
}

func readInChild(b *testing.B, reader, file string) reading {
	b.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envReader+"="+reader, envFile+"="+file)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.Fatal(err)
	}
	var r reading
	if err := json.Unmarshal(out, &r); err != nil {
		b.Fatalf("%v in %q", err, out)
	}
	return r
}

// bigState writes the state once for all benchmarks of this process.
func bigState(b *testing.B, tasks int) (file string, size int64) {
	b.Helper()
	if stateFile == "" {
		dir, err := os.MkdirTemp("", "toponym-bench-")
		if err != nil {
			b.Fatal(err)
		}
		stateFile = filepath.Join(dir, "state.json")
		f, err := os.Create(stateFile)
		if err != nil {
			b.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		if err := scenario.WriteState(w, scenario.Spec{Tasks: tasks}); err != nil {
			b.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(stateFile)
	if err != nil {
		b.Fatal(err)
	}
	return stateFile, info.Size()
}
