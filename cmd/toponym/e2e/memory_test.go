//go:build e2e && linux

package e2e_test

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// memoryOf returns a value of /proc/PID/status such as VmRSS, in bytes.
func (p *process) memoryOf(t *testing.T, field string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), field+":")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	return kB << 10
}

// Answers about all tasks take little memory beside the zone, also several at a
// time. TASKS is the number of tasks.
func TestAnswersAboutAllTasksTakeLittleMemory(t *testing.T) {
	t.Parallel()
	const most = 20 << 20 // bytes
	tasks := cmp.Or(os.Getenv("TASKS"), "20000")
	m := simulate(t, "-tasks", tasks)
	s := serve(t, &master{addr: m.masters[0]}, settings{"refreshSeconds": 600})
	read := func(path, from string) (size int64) {
		d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c := http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
		resp, err := c.Get(s.url + path)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		size, err = io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got status %d and error %v, want 200", path, resp.StatusCode, err)
		}
		return size
	}
	// The memory that reading the state took is given back 10 s after it, and on a busy
	// machine a few pages at a time for minutes, which do not matter.
	const few = 1 << 20
	lowest, since := s.memoryOf(t, "VmRSS"), time.Now()
	for time.Since(since) < 15*time.Second {
		time.Sleep(100 * time.Millisecond)
		if now := s.memoryOf(t, "VmRSS"); now < lowest-few {
			lowest, since = now, time.Now()
		}
	}
	for _, path := range []string{"/v1/enumerate", "/v1/axfr", "/v1/instances", "/v1/sd/prometheus"} {
		for _, readers := range []int{1, 3} {
			before := s.memoryOf(t, "VmRSS")
			// Makes VmHWM begin again, see proc_pid_clear_refs(5).
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0); err != nil {
				t.Skip(err)
			}
			var all sync.WaitGroup
			begin := time.Now()
			for i := range readers {
				all.Go(func() {
					size := read(path, fmt.Sprintf("127.0.0.%d", 2+i))
					if i == 0 {
						t.Logf("%s of %s tasks: %d bytes in %v", path, tasks, size, time.Since(begin).Round(time.Millisecond))
					}
				})
			}
			all.Wait()
			more := s.memoryOf(t, "VmHWM") - before
			t.Logf("%s of %s tasks, %d at a time: %.1f MB beside %.1f MB", path, tasks, readers, float64(more)/(1<<20), float64(before)/(1<<20))
			if more > most {
				t.Errorf("%s, %d at a time: got %d bytes more than before, want at most %d", path, readers, more, most)
			}
		}
	}
}
