//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// smallDisk is a file system of a megabyte in a mount namespace of its own. It ends
// with the test.
type smallDisk struct {
	pid  string // of a process in the namespace
	dir  string // as processes in the namespace see it
	path string // as others see it
}

// newSmallDisk needs root. Without root the test is skipped, except in CI.
func newSmallDisk(t *testing.T) smallDisk {
	t.Helper()
	require(t, "unshare", "nsenter")
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("a mount namespace needs root")
		}
		t.Skip("a mount namespace needs root")
	}
	dir := t.TempDir()
	p := start(t, "unshare", "--mount", "--propagation", "private", "--", "sh", "-ec",
		fmt.Sprintf("mount -t tmpfs -o size=1m none %s; echo mounted; exec sleep 600", dir))
	eventually(t, "the disk is mounted", func() (bool, string) {
		if !p.running() {
			t.Fatalf("unshare has ended: %s", p.stderr.String())
		}
		return strings.Contains(p.stdout.String(), "mounted"), p.stderr.String()
	})
	pid := fmt.Sprint(p.cmd.Process.Pid)
	return smallDisk{pid, dir, filepath.Join("/proc", pid, "root", dir)}
}

// fill writes a file until there is no space left, and returns its path.
func (d smallDisk) fill(t *testing.T) string {
	t.Helper()
	file := filepath.Join(d.path, "filler")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		_, err := f.Write(make([]byte, size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			t.Fatal(err)
		}
	}
	return file
}

// A server whose disk is full answers and follows the cluster as before, says once that
// it cannot write, and writes again when there is space. What it had written before
// stays whole.
func TestAFullDiskHarmsNothing(t *testing.T) {
	t.Parallel()
	disk := newSmallDisk(t)
	more := settings{"stateDir": filepath.Join(disk.dir, "state"), "snapshotSeconds": 1, "resyncSeconds": 1}
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	run := func() {
		s.process = start(t, "nsenter", "-t", disk.pid, "-m", "--", toponym, "-config", configFile(t, m, s, more))
	}
	run()
	s.waitReady(t)
	eventually(t, "a snapshot is written", func() (bool, string) {
		st := s.status(t)
		return st.Snapshot != nil, fmt.Sprintf("%+v", st)
	})

	filler := disk.fill(t)
	known := len(s.stderr.String())
	c.end(t, "web", 0)
	eventually(t, "the log says that the snapshot cannot be written", func() (bool, string) {
		log := s.stderr.String()[known:]
		return strings.Contains(log, "the snapshot cannot be written") && strings.Contains(log, "no space left on device"), log
	})
	wantChange(t, s, "10.1.0.2", "10.1.0.3")

	// A server that starts now has what was written before.
	s.kill(t)
	m.stop()
	run()
	if got, want := addressesIn(s.firstResponse(t, "web.marathon.mesos.")), []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}; !slices.Equal(got, want) {
		t.Errorf("first response with a full disk: got %v, want %v", got, want)
	}
	m.start(t)
	wantChange(t, s, "10.1.0.2", "10.1.0.3")
	eventually(t, "the log says again that the snapshot cannot be written", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "the snapshot cannot be written"), log
	})

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says that the snapshot can be written", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "the snapshot can be written again"), log
	})
	if n := strings.Count(s.stderr.String(), "the snapshot cannot be written"); n != 1 {
		t.Errorf("warnings that the snapshot cannot be written: got %d, want 1", n)
	}
	s.kill(t)
	m.stop()
	run()
	if got, want := addressesIn(s.firstResponse(t, "web.marathon.mesos.")), []string{"10.1.0.2", "10.1.0.3"}; !slices.Equal(got, want) {
		t.Errorf("first response after the disk had space again: got %v, want %v", got, want)
	}
	if left, err := filepath.Glob(filepath.Join(disk.path, "state", "*.new-*")); err != nil || len(left) > 0 {
		t.Errorf("half-written files: got %v, %v, want none", left, err)
	}
}
