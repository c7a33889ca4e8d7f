//go:build bench && linux && (amd64 || arm64)

package main

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	s, err := parseStat("42 (a (b) c) S 7 42 42 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 5 0 1234 1000 200")
	if err != nil || s.parent != 7 || s.cpu != 110*tick {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "42 (a", "42 (a) S 7", "42 (a) S x 42 42 0 -1 4194560 100 200 0 0 11 22 33 44", "42 (a) S 7 42 42 0 -1 4194560 100 200 0 0 11 x 33 44"} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestParseCores(t *testing.T) {
	busy, err := parseCores("cpu  1 1 1 1 1 1 1 1 1 1\ncpu0 1 2 4 1000 2000 8 16 32 64 128\ncpu1 100 0 0 7 0 0 0 0 100 0\nintr 5\n")
	if err != nil || busy[0] != 63*tick || busy[1] != 100*tick || len(busy) != 2 {
		t.Errorf("%v, %v", busy, err)
	}
	for _, text := range []string{"", "cpu0 1 2 x 4 5 6 7 8", "cpux 1 2 3 4 5 6 7 8"} {
		if _, err := parseCores(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestParseRollup(t *testing.T) {
	m, err := parseRollup("5581-7ffc ---p 00000000 00:00 0 [rollup]\nRss:  2048 kB\nPss:  1024 kB\nPss_Dirty:  4 kB\n")
	if err != nil || m != (memory{RSS: 2 << 20, PSS: 1 << 20}) {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := parseRollup("Rss: 1 kB\n"); err == nil {
		t.Error("without Pss")
	}
}

func TestTree(t *testing.T) {
	all := processes{
		1: {cpu: 1000}, 5: {parent: 1, cpu: 1}, 6: {parent: 5, cpu: 10}, 7: {parent: 6, cpu: 100}, 8: {parent: 1, cpu: 1000},
	}
	if got := all.tree(5); !slices.Equal(got, []int{5, 6, 7}) {
		t.Errorf("tree %v", got)
	}
	if got := all.cpu(5); got != 111 {
		t.Errorf("cpu %d", got)
	}
	if got := all.tree(99); got != nil {
		t.Errorf("tree of nobody: %v", got)
	}
}

// The CPU time and memory of this process are read from /proc.
func TestOwnProcess(t *testing.T) {
	m, err := now()
	for err == nil && m.procs.cpu(os.Getpid()) < tick {
		m, err = now() // uses CPU time
	}
	if err != nil {
		t.Fatal(err)
	}
	mem, err := m.procs.memory(os.Getpid())
	if err != nil || mem.PSS < 1<<20 || mem.RSS < mem.PSS {
		t.Errorf("memory %+v, %v", mem, err)
	}
	if mb, err := peak(os.Getpid()); err != nil || mb < 1 {
		t.Errorf("peak %v, %v", mb, err)
	}
}

func TestForeign(t *testing.T) {
	at := time.Now()
	from := moment{at: at, busy: map[int]time.Duration{0: time.Second, 1: 0}}
	to := moment{at: at.Add(10 * time.Second), busy: map[int]time.Duration{0: 10 * time.Second, 1: time.Second}}
	for _, c := range []struct {
		cores []int
		ours  time.Duration
		want  float64
	}{
		{[]int{0}, 8 * time.Second, 0.1},
		{[]int{0}, 9 * time.Second, 0},
		{[]int{0}, 10 * time.Second, 0},
		{[]int{0, 1}, 0, 0.5},
	} {
		if got := otherUse(from, to, c.cores, c.ours); got != c.want {
			t.Errorf("cores %v, ours %v: %v, want %v", c.cores, c.ours, got, c.want)
		}
	}
}

func TestCoreSet(t *testing.T) {
	if got := coreSet([]int{0, 3, 64, 130}).cores(); !slices.Equal(got, []int{0, 3, 64, 130}) {
		t.Errorf("cores %v", got)
	}
	before, err := affinity(0)
	if err != nil {
		t.Skip(err)
	}
	one := before.cores()[:1]
	err = pinned(one, func() error {
		now, err := affinity(0)
		if got := now.cores(); !slices.Equal(got, one) {
			t.Errorf("on %v, want %v", got, one)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
