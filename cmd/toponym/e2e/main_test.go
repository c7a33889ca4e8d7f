//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// toponym is the program under test, and mesosSim the simulated cluster before it.
// Both are built once for all tests.
var toponym, mesosSim string

// patience bounds single exchanges with clients and servers, which take
// milliseconds on an idle machine. It is long enough for any machine: only a
// peer that hangs makes a test wait so long.
const patience = 5 * time.Minute

// oneTry bounds exchanges that are repeated until they succeed: a peer that is just
// starting may accept a connection, or take a packet, and never answer it.
const oneTry = 2 * time.Second

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	if os.Getenv(goLookup) != "" {
		return m.Run() // in a namespace, where nothing can be built
	}
	dir, err := os.MkdirTemp("", "toponym-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	toponym, mesosSim = filepath.Join(dir, "toponym"), filepath.Join(dir, "mesos-sim")
	if out, err := exec.Command("go", "build", "-o", dir+"/", "toponym/cmd/toponym", "toponym/cmd/mesos-sim").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
