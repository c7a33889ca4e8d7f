//go:build e2e

package e2e_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What frameworks write costs no more than in proportion to its size. Statements are
// counted, not time: those of the packages that make records and of the library
// functions that have loops. Where a list is limited, more costs nothing.
func TestWorkGrowsInProportion(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "records.test")
	if out, err := exec.Command("go", "test", "-c", "-covermode=count", "-coverpkg=toponym/records,toponym/state,slices,maps,strings",
		"-o", binary, "toponym/records").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	dir := t.TempDir()
	work := func(i, n int) string {
		cmd := exec.Command(binary, "-test.run", "^TestGrowthWork$", "-test.coverprofile", "cover.out")
		cmd.Dir, cmd.Env = dir, append(environ(), fmt.Sprintf("TOPONYM_TEST_GROWTH=%d:%d", i, n))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("case %d, size %d: %v\n%s", i, n, err, out)
		}
		return string(out)
	}
	statements := func(i, n int) int64 {
		work(i, n)
		return statementsIn(t, filepath.Join(dir, "cover.out"))
	}
	cases := 0
	for ; ; cases++ {
		var size int
		head, _, _ := strings.Cut(work(cases, 0), "\n")
		if _, err := fmt.Sscanf(head, "%d ", &size); err != nil {
			break // there are no more
		}
		_, name, _ := strings.Cut(head, " ")
		t.Run(name, func(t *testing.T) {
			// The work without the list, and what the sizes add to it. n log n is a
			// little more than four times as much.
			none := statements(cases, 1)
			small, large := statements(cases, size)-none, statements(cases, 4*size)-none
			t.Logf("%d statements for %d, %d for four times as many", small, size, large)
			if large > 5*small+int64(size) {
				t.Errorf("got %d statements for %d and %d for four times as many, want about four times as many statements", small, size, large)
			}
		})
	}
	if cases < 5 {
		t.Errorf("cases: got %d, want at least 5", cases)
	}
}

// statementsIn adds up how often each statement of a cover profile was run: a line is
// "file:from,to statements count".
func statementsIn(t *testing.T, file string) (sum int64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var at string
		var statements, count int64
		if _, err := fmt.Sscan(lines.Text(), &at, &statements, &count); err == nil {
			sum += statements * count
		}
	}
	if lines.Err() != nil || sum == 0 {
		t.Fatalf("%s: got %d statements, error %v", file, sum, lines.Err())
	}
	return sum
}
