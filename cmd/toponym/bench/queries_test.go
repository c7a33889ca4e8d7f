//go:build bench && linux && (amd64 || arm64)

package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestBiggest(t *testing.T) {
	// slave.mesos. has more addresses and is no app.
	if b := example(t).biggest(); b.name != "web.marathon.mesos." {
		t.Errorf("the biggest app is %v", b)
	}
}

func TestMix(t *testing.T) {
	z := example(t)
	z.As = slices.DeleteFunc(z.As, func(s rrset) bool { return !sameDomain(s.name, z.Domain) })
	lines, err := z.querySet(setMix, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := z.querySet(setMix, 1)
	if err != nil || !slices.Equal(lines, again) {
		t.Error("the same seed gives other queries")
	}
	counts := map[string]float64{}
	for _, line := range lines {
		name, qtype, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(name, "absent-"):
			qtype = "absent"
		case qtype == "AAAA" && z.dualStack[name]:
			t.Fatalf("%s has AAAA", name)
		}
		counts[qtype]++
	}
	for kind, percent := range map[string]float64{"A": 70, "SRV": 20, "AAAA": 5, "absent": 5} {
		if got := 100 * counts[kind] / float64(len(lines)); math.Abs(got-percent) > 0.5 {
			t.Errorf("%.1f %% %s, want %v", got, kind, percent)
		}
	}
}

func TestSets(t *testing.T) {
	z := example(t)
	lines, err := z.querySet(setBig, 1)
	if err != nil || !slices.Equal(lines, []string{"web.marathon.mesos. A"}) {
		t.Errorf("big: %v, %v", lines, err)
	}
	lines, err = z.querySet(setSingle, 1)
	if err != nil || slices.Contains(lines, "web.marathon.mesos. A") || !slices.Contains(lines, "db.marathon.mesos. A") {
		t.Errorf("single: %v", err)
	}
	z.SRVs[0].values = make([]string, streamRecords+1)
	if _, err := z.querySet(setMix, 1); err != nil {
		t.Error(err)
	}
	if _, err := z.querySet(setStream, 1); err == nil {
		t.Error("a set too big for a stream was taken")
	}
}

func TestQuery(t *testing.T) {
	got, err := query("a.bc.", 33, 1232)
	want := "\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x01a\x02bc\x00\x00\x21\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
	if err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, name := range []string{"", "a..b.", strings.Repeat("a", 64), strings.Repeat("abcdefg.", 40)} {
		if _, err := query(name, 1, 0); err == nil {
			t.Errorf("%.20q became a query", name)
		}
	}
	if _, err := readQueries(strings.NewReader("a.b MX\n"), 0); err == nil {
		t.Error("an unknown type was read")
	}
	if _, err := readQueries(strings.NewReader(""), 0); err == nil {
		t.Error("an empty file was read")
	}
}
