//go:build e2e

package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A server is killed again and again while it writes the snapshot. What it finds
// when it starts is always whole.
func TestKilledWhileTheSnapshotIsWritten(t *testing.T) {
	t.Parallel()
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	more := settings{"stateDir": dir, "snapshotSeconds": 1, "resyncSeconds": 1}
	sim := simulate(t, "-tasks", "3000", "-seed", "3", "-scenario", writeFile(t, "scenario.yaml", killScenario))
	m := &master{addr: sim.masters[0]}
	s := serveWithSnapshot(t, m, more)
	want, err := s.addresses("web.marathon.mesos")
	if err != nil || len(want) != 2 {
		t.Fatalf("web.marathon.mesos: got %v, %v, want two addresses", want, err)
	}
	writing := func() []string {
		files, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	inWrite, changes := 0, 0
	for i := range rounds {
		// The files that a snapshot is written to, before it replaces the last one.
		// One of the round before stays until the next is written.
		left := writing()
		now := ""
		eventually(t, "a snapshot is being written", func() (bool, string) {
			changes++
			sim.do(t, fmt.Sprintf(`{"do": "scale", "app": "canary", "count": %d}`, 2+changes%3))
			for began := time.Now(); time.Since(began) < time.Second; {
				for _, file := range writing() {
					if !slices.Contains(left, file) {
						now = file
						return true, ""
					}
				}
			}
			return false, "no file that is written to"
		})
		_ = s.cmd.Process.Kill()
		s.wait(t)
		if slices.Contains(writing(), now) {
			inWrite++
		}
		sim.freeze(t)
		s = s.restart(t, m, more)
		// Until a slow machine has read the snapshot the answer is SERVFAIL, never one
		// that is wrong.
		r := s.firstResponse(t, "web.marathon.mesos.")
		for r.Rcode == dns.RcodeServerFailure {
			r = s.firstResponse(t, "web.marathon.mesos.")
		}
		if got := addressesIn(r); !slices.Equal(got, want) {
			t.Errorf("round %d: first answer: got %v, want %v\n%s", i, got, want, r)
		}
		sim.thaw(t)
		if aside, err := filepath.Glob(filepath.Join(dir, "*.damaged-*")); err != nil || len(aside) > 0 {
			t.Fatalf("round %d: damaged snapshots: got %v, %v, want none", i, aside, err)
		}
	}
	t.Logf("killed within a write %d times of %d", inWrite, rounds)
	if inWrite == 0 {
		t.Error("the server was never killed within a write")
	}
}

const killScenario = `
apps:
  - {id: /canary, cmd: x}
  - id: /web
    cmd: x
    instances: 2
    networks: [{mode: container, name: dcos-1}]
    container: {type: MESOS, portMappings: []}
`
