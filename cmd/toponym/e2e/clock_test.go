//go:build e2e && linux && amd64

package e2e_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clock is the wall clock of a running process, which can be set without that of
// the machine. Go reads the time through the vDSO (vdso(7)), of which every process
// has a copy of its own once it is written to. The function is replaced by one that
// makes the system call and adds an offset to the wall clock; the monotonic clock
// stays right, as it does when somebody sets the clock of a machine.
type clock struct {
	p      *process
	offset int64 // where the offset is in the memory of the process
}

// clockCode replaces __vdso_clock_gettime(clockid edi, timespec *rsi). The offset in
// seconds follows it.
var clockCode = []byte{
	0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: CLOCK_REALTIME?
	0x75, 0x0a, // jne to ret
	0x48, 0x8b, 0x15, 0x04, 0, 0, 0, // mov rdx, [rip+4]: the offset
	0x48, 0x01, 0x16, // add [rsi], rdx: the seconds
	0xc3, // ret
}

// takeClock replaces the clock of a process. Where that is not possible the test is
// skipped.
func takeClock(t *testing.T, p *process) *clock {
	t.Helper()
	start, end := vdsoOf(t, p)
	image := make([]byte, end-start)
	if err := p.memory(func(f *os.File) error { _, err := f.ReadAt(image, start); return err }); err != nil {
		t.Skipf("the memory of a process cannot be read: %v", err)
	}
	lib, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := lib.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "__vdso_clock_gettime" })
	if i < 0 {
		t.Skip("the vDSO has no clock_gettime")
	}
	code := append(slices.Clone(clockCode), make([]byte, 8)...)
	at := start + int64(symbols[i].Value)
	eventually(t, "no thread reads the clock", func() (bool, string) {
		p.signal(t, syscall.SIGSTOP)
		defer p.signal(t, syscall.SIGCONT)
		if busy := p.threadsWithin(t, start, end); busy != "" {
			return false, busy
		}
		if err := p.memory(func(f *os.File) error { _, err := f.WriteAt(code, at); return err }); err != nil {
			t.Skipf("the memory of a process cannot be written: %v", err)
		}
		return true, ""
	})
	return &clock{p, at + int64(len(clockCode))}
}

// set sets the clock of the process: offset from the time of the machine.
func (c *clock) set(t *testing.T, offset time.Duration) {
	t.Helper()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(int64(offset.Seconds())))
	if err := c.p.memory(func(f *os.File) error { _, err := f.WriteAt(b[:], c.offset); return err }); err != nil {
		t.Fatal(err)
	}
}

// memory opens the memory of a process.
func (p *process) memory(use func(*os.File) error) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", p.cmd.Process.Pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f)
}

// vdsoOf returns where the vDSO of a process is.
func vdsoOf(t *testing.T, p *process) (start, end int64) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &start, &end); err != nil {
				t.Fatal(err)
			}
			return start, end
		}
	}
	t.Skip("the process has no vDSO")
	return 0, 0
}

// threadsWithin says which threads of a stopped process run code in a range, or that
// the process is not stopped yet.
func (p *process) threadsWithin(t *testing.T, start, end int64) string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("threads: got %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// "-1 sp pc" of a stopped thread, "number arguments sp pc" in a system call.
		fields := strings.Fields(string(text))
		if len(fields) < 3 {
			return file + ": " + string(text)
		}
		pc, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
		if err != nil || pc >= uint64(start) && pc < uint64(end) {
			return file + ": " + string(text)
		}
	}
	return ""
}

// loggedAt returns the time of the last line of a log.
func loggedAt(log string) (time.Time, error) {
	i := strings.LastIndex(log, "time=")
	if i < 0 {
		return time.Time{}, fmt.Errorf("no time in %q", tail(log))
	}
	text, _, _ := strings.Cut(strings.Trim(log[i+len("time="):], `"`), " ")
	return time.Parse(time.RFC3339, strings.Trim(text, "\"\n"))
}

// seesTime fails the test unless the server has the time of the machine and an
// offset.
func (s *server) seesTime(t *testing.T, what string, offset time.Duration) {
	t.Helper()
	known := len(s.stderr.String())
	s.signal(t, syscall.SIGHUP)
	eventually(t, what+": the log has the time", func() (bool, string) {
		logged, err := loggedAt(s.stderr.String()[known:])
		d := logged.Sub(time.Now().Add(offset))
		return err == nil && d.Abs() < 20*time.Second, fmt.Sprint(logged, err)
	})
}

// The clock is set by a minute and by a day, forward and back. No client notices,
// changes arrive, and a leader whose stream hangs is noticed.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"stream", "poll"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, "-scenario", writeFile(t, "scenario.yaml", outageScenario), "-heartbeat", "1s", "-session", "1h")
			m := &master{addr: sim.masters[0]}
			s := serve(t, m, settings{"stateSource": source, "refreshSeconds": 1, "resyncSeconds": 2,
				"stateDir": t.TempDir(), "snapshotSeconds": 1})
			w := s.watch(t, source, s.steadyNames(t, 80))
			c := takeClock(t, s.process)
			follows := func(what string, n int) {
				t.Helper()
				sim.do(t, fmt.Sprintf(`{"do": "scale", "app": "canary", "count": %d}`, n))
				eventually(t, what+": a change", func() (bool, string) {
					got, err := s.addresses("canary.marathon.mesos")
					return err == nil && len(got) == n, fmt.Sprint(got, err)
				})
			}
			const day = 24 * time.Hour
			for i, offset := range []time.Duration{time.Minute, 0, -time.Minute, 0, day, 0, -day, 0} {
				what := fmt.Sprintf("the clock is %v wrong", offset)
				c.set(t, offset)
				s.seesTime(t, what, offset)
				follows(what, 2+i%2)
				// A poll has the time of stateTimeoutSeconds.
				if source == "stream" {
					sim.do(t, `{"do": "master-freeze"}`)
					eventually(t, what+": the status says that the leader hangs", func() (bool, string) {
						st := s.status(t)
						return st.Error != nil, fmt.Sprintf("%+v", st)
					})
					sim.do(t, `{"do": "master-thaw", "master": 0}`)
				}
				follows(what+", afterwards", 1)
			}
			w.finish(t)
			s.terminate(t)
			if code := s.wait(t); code != 0 {
				t.Errorf("exit status: got %d, want 0", code)
			}
		})
	}
}
