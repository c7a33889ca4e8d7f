//go:build e2e

package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// answer is one response as dig, kdig or drill printed it.
type answer struct {
	status   string // NOERROR, NXDOMAIN, …
	flags    []string
	question string // "web.marathon.mesos. A", in the case of the response

	// Records as "owner TYPE data", sorted. The serial of SOA records is replaced
	// by SERIAL, because it differs from run to run.
	answer, authority, additional []string

	ttls []string // the different TTLs of these records

	edns int    // the server's UDP size; 0 without an OPT record
	over string // UDP or TCP; empty for drill, which does not show it
	size int    // in bytes

	truncatedFirst bool // a truncated response over UDP came first
}

func (a answer) flag(name string) bool { return slices.Contains(a.flags, name) }

var (
	headerLine  = regexp.MustCompile(`^;; ->>HEADER<<- .*(?:status|rcode): (\w+)`)
	flagsLine   = regexp.MustCompile(`^;; [Ff]lags: ([a-z ]*)[:;]`)
	countsIn    = regexp.MustCompile(`ANSWER: (\d+)[,;] AUTHORITY: (\d+)[,;] ADDITIONAL: (\d+)`)
	sectionLine = regexp.MustCompile(`^;; (QUESTION|ANSWER|AUTHORITY|ADDITIONAL) SECTION:`)
	ednsIn      = regexp.MustCompile(`(?i)^;.*\bversion:? \d+[,;] flags:.*; udp(?: size)?: (\d+)`)
	sizeIn      = regexp.MustCompile(`^;; (?:MSG SIZE  rcvd:|Received) (\d+)`)
	overIn      = regexp.MustCompile(`^;; (?:SERVER|From).*\((UDP|TCP)\)`)
	retryIn     = regexp.MustCompile(`(?i)^;;.*truncated.*(?:retrying|TCP)`)
	broken      = regexp.MustCompile(`(?i)bad packet|malformed|extra bytes|mismatch|unexpected|communications error|timed out|no servers could`)
)

// parseAnswers reads the output of dig, kdig or drill for one or more queries. It
// fails the test when a client complains about a response, or when the counts in a
// header differ from the records that follow.
func parseAnswers(t *testing.T, text string) []answer {
	t.Helper()
	var all []answer
	var counts []string
	truncated, section := false, ""
	check := func() {
		t.Helper()
		if len(all) == 0 {
			return
		}
		a := &all[len(all)-1]
		opt := 0
		if a.edns > 0 && counts[2] != strconv.Itoa(len(a.additional)) {
			opt = 1 // drill leaves the OPT record out of its count
		}
		for i, n := range []int{len(a.answer), len(a.authority), len(a.additional) + opt} {
			if counts[i] != strconv.Itoa(n) {
				t.Errorf("counts in the header: got %v, want those of the sections:\n%s", counts, tail(text))
			}
		}
		slices.Sort(a.answer)
		slices.Sort(a.authority)
		slices.Sort(a.additional)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if broken.MatchString(line) {
			t.Errorf("the client complained: %s", line)
		}
		if retryIn.MatchString(line) {
			truncated = true
		}
		if m := headerLine.FindStringSubmatch(line); m != nil {
			check()
			all = append(all, answer{status: m[1], truncatedFirst: truncated})
			counts, truncated, section = []string{"0", "0", "0"}, false, ""
			continue
		}
		if len(all) == 0 {
			continue
		}
		a := &all[len(all)-1]
		if m := flagsLine.FindStringSubmatch(line); m != nil && a.flags == nil {
			a.flags = strings.Fields(m[1])
			if c := countsIn.FindStringSubmatch(line); c != nil {
				counts = c[1:]
			}
		} else if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
		} else if m := ednsIn.FindStringSubmatch(line); m != nil {
			a.edns, _ = strconv.Atoi(m[1])
		} else if m := sizeIn.FindStringSubmatch(line); m != nil {
			a.size, _ = strconv.Atoi(m[1])
		} else if m := overIn.FindStringSubmatch(line); m != nil {
			a.over = m[1]
		} else if f := strings.Fields(strings.TrimLeft(line, "; ")); section == "QUESTION" && len(f) == 3 {
			a.question = f[0] + " " + f[2]
		} else if f := strings.Fields(line); len(f) >= 5 && line[0] != ';' {
			a.add(section, f)
		}
	}
	check()
	return all
}

// add appends a record, given as owner, TTL, class, type and data.
func (a *answer) add(section string, f []string) {
	if f[3] == "SOA" && len(f) > 6 {
		f[6] = "SERIAL"
	}
	if !slices.Contains(a.ttls, f[1]) {
		a.ttls = append(a.ttls, f[1])
	}
	record := f[0] + " " + strings.Join(f[3:], " ")
	switch section {
	case "ANSWER":
		a.answer = append(a.answer, record)
	case "AUTHORITY":
		a.authority = append(a.authority, record)
	case "ADDITIONAL":
		a.additional = append(a.additional, record)
	}
}

// data returns the data of records, without owner and type.
func data(records []string) []string {
	var all []string
	for _, r := range records {
		_, rest, _ := strings.Cut(r, " ")
		_, rest, _ = strings.Cut(rest, " ")
		all = append(all, rest)
	}
	return all
}
