//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// bigApp is a number of instances that fits in no response over UDP with a
// client's default size.
const bigApp = 300

func serveBig(t *testing.T, more settings) *server {
	t.Helper()
	c := newCluster(t)
	c.app(t, "big", bigApp, "10.2.0.1", 9000)
	return serve(t, newMaster(t, c.Cluster), more)
}

// A response that does not fit has as many whole records as fit, and TC.
func TestTruncation(t *testing.T) {
	t.Parallel()
	s := serveBig(t, nil)
	all := sorted(addressesFrom("10.2.0.1", bigApp))
	for _, c := range []struct {
		line     string
		size     int // limit of the response; 0: none
		min, max int // records
		tc       bool
	}{
		// Each record takes 16 bytes. Header and question leave room for 29
		// records, or fewer with the cookie that dig sends.
		{"dig +noedns +ignore big.marathon.mesos A", 512, 25, 29, true},
		{"dig +bufsize=512 +ignore big.marathon.mesos A", 512, 25, 28, true},
		{"dig +bufsize=100 +ignore big.marathon.mesos A", 512, 25, 28, true}, // below the minimum of RFC 6891
		{"dig +bufsize=1232 +ignore big.marathon.mesos A", 1232, 65, 74, true},
		{"dig +bufsize=4096 +ignore big.marathon.mesos A", 4096, 240, 255, true},
		{"dig +bufsize=8192 +ignore big.marathon.mesos A", 8192, 300, 300, false},
		{"kdig +ignore big.marathon.mesos A", 512, 25, 29, true},
		{"kdig +ignore +edns +bufsize=1232 big.marathon.mesos A", 1232, 65, 74, true},
		{"kdig +ignore +edns +bufsize=4096 big.marathon.mesos A", 4096, 240, 255, true},
		{"drill -u big.marathon.mesos A", 512, 25, 29, true},
		{"drill -b 4096 big.marathon.mesos A", 4096, 240, 255, true},
		{"dig +tcp big.marathon.mesos A", 0, 300, 300, false},
		{"dig +tcp +noedns big.marathon.mesos A", 0, 300, 300, false},
		{"kdig +tcp big.marathon.mesos A", 0, 300, 300, false},
		{"drill -t big.marathon.mesos A", 0, 300, 300, false},
	} {
		t.Run(c.line, func(t *testing.T) {
			client, _, _ := strings.Cut(c.line, " ")
			require(t, client)
			got := ask(t, s.port, c.line)
			if got.status != "NOERROR" || got.flag("tc") != c.tc || !got.flag("aa") {
				t.Errorf("got %s with flags %v, want NOERROR and TC %v", got.status, got.flags, c.tc)
			}
			if n := len(got.answer); n < c.min || n > c.max {
				t.Errorf("records: got %d, want %d to %d", n, c.min, c.max)
			}
			if c.size > 0 && got.size > c.size {
				t.Errorf("size: got %d bytes, want at most %d", got.size, c.size)
			}
			wantSubset(t, data(got.answer), all)
		})
	}
}

// wantSubset checks that each record is one of those expected, and occurs once.
func wantSubset(t *testing.T, got, all []string) {
	t.Helper()
	for i, g := range sorted(got) {
		if !slices.Contains(all, g) {
			t.Errorf("got %s, want one of the expected records", g)
		}
		if i > 0 && g == sorted(got)[i-1] {
			t.Errorf("got %s twice, want it once", g)
		}
	}
}

// Clients repeat a truncated query over TCP and get all records.
func TestRetryOverTCP(t *testing.T) {
	t.Parallel()
	s := serveBig(t, nil)
	addresses := sorted(addressesFrom("10.2.0.1", bigApp))
	var targets, glue []string
	for i, a := range addressesFrom("10.2.0.1", bigApp) {
		target := instance("big", i) + ".marathon.mesos."
		targets = append(targets, "_big._tcp.marathon.mesos. SRV 0 1 9000 "+target)
		glue = append(glue, target+" A "+a)
	}
	for _, way := range []string{"dig", "dig +noedns", "dig +bufsize=4096", "kdig", "kdig +edns", "drill -a"} {
		t.Run(way, func(t *testing.T) {
			client, _, _ := strings.Cut(way, " ")
			require(t, client)
			got := ask(t, s.port, way+" big.marathon.mesos A")
			if got.flag("tc") || client != "drill" && (got.over != "TCP" || !got.truncatedFirst) {
				t.Errorf("got a response over %s with flags %v, truncated before: %v; want TCP after a truncated one", got.over, got.flags, got.truncatedFirst)
			}
			if found := sorted(data(got.answer)); !slices.Equal(found, addresses) {
				t.Errorf("addresses: got %d, want all %d", len(found), len(addresses))
			}
			got = ask(t, s.port, way+" _big._tcp.marathon.mesos SRV")
			if !slices.Equal(got.answer, sorted(targets)) {
				t.Errorf("targets: got %d, want all %d", len(got.answer), len(targets))
			}
			if !slices.Equal(got.additional, sorted(glue)) {
				t.Errorf("addresses of targets: got %d, want all %d", len(got.additional), len(glue))
			}
		})
	}
}

// Truncated responses differ: otherwise clients without TCP would use only some of
// the instances.
func TestTruncationIsFair(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveBig(t, nil)
	seen := map[string]bool{}
	questions := slices.Repeat([]string{"big.marathon.mesos A"}, 150)
	for _, a := range askMany(t, s.port, questions, "+noedns", "+ignore") {
		for _, d := range data(a.answer) {
			seen[d] = true
		}
	}
	// The probability that an address is in none of the 150 is 3e-7.
	if len(seen) < bigApp-3 {
		t.Errorf("addresses in 150 truncated responses: got %d, want %d", len(seen), bigApp)
	}
}

// SetTruncateBit: false is for clients that cannot handle TC.
func TestWithoutTruncateBit(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveBig(t, settings{"SetTruncateBit": false})
	got := ask(t, s.port, "dig +noedns big.marathon.mesos A")
	if got.flag("tc") || got.over != "UDP" || len(got.answer) < 25 {
		t.Errorf("got %s, flags %v, %d records; want those that fit over UDP, without TC", got.over, got.flags, len(got.answer))
	}
}
