package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toponym/state"
)

// resolver answers from a table, counts what it is asked, and takes its time.
type resolver struct {
	table map[string]string // addresses by name, separated by spaces; a name that is missing fails
	takes time.Duration     // for each answer

	mu          sync.Mutex
	asked       []string
	now, atOnce int // questions at the same time, and the most there were
}

func (r *resolver) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	r.asked = append(r.asked, host)
	r.now++
	r.atOnce = max(r.atOnce, r.now)
	addrs, ok := r.table[host]
	r.mu.Unlock()
	defer func() { r.mu.Lock(); r.now--; r.mu.Unlock() }()
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !ok {
		return nil, errors.New("no such host")
	}
	var list []netip.Addr
	for _, a := range strings.Fields(addrs) {
		list = append(list, netip.MustParseAddr(a))
	}
	return list, nil
}

// questions gives what was asked since the last time, sorted.
func (r *resolver) questions() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.asked)
	q := strings.Join(r.asked, " ")
	r.asked = nil
	return q
}

// agents makes a snapshot of agents without pids.
func agents(hostnames ...string) *state.FullState {
	s := &state.FullState{}
	for i, h := range hostnames {
		s.Agents = append(s.Agents, &state.Agent{ID: fmt.Sprint("S", i), Hostname: h})
	}
	return s
}

// filled gives the addresses of the first agent after filling in.
func filled(t testing.TB, h *hosts, hostnames ...string) string {
	t.Helper()
	s := agents(hostnames...)
	h.fill(t.Context(), s)
	return fmt.Sprint(s.Agents[0].Addrs)
}

func TestWhoseAddress(t *testing.T) {
	table := map[string]string{"a.example": "10.0.0.1", "b.example": "10.0.0.2", "under_score.example": "10.0.0.3"}
	tests := []struct {
		what, pidHost, hostname string
		want                    string
		asked                   string
	}{
		{"the address of the pid", "10.0.0.9", "a.example", "[10.0.0.9]", ""},
		{"the name of the pid", "a.example", "b.example", "[10.0.0.1]", "a.example b.example"},
		{"a name in the pid that is none", "missing.example", "b.example", "[10.0.0.2]", "b.example missing.example"},
		{"an address for a host name beats a name in the pid", "a.example", "10.0.0.8", "[10.0.0.8]", ""},
		{"no pid", "", "b.example", "[10.0.0.2]", "b.example"},
		{"no pid, and an address", "", "10.0.0.8", "[10.0.0.8]", ""},
		{"IPv6", "fd00::1", "", "[fd00::1]", ""},
		{"IPv4 in IPv6", "::ffff:10.0.0.7", "", "[10.0.0.7]", ""},
		{"an underscore", "", "under_score.example", "[10.0.0.3]", "under_score.example"},
		{"an address of no use in the pid", "0.0.0.0", "b.example", "[10.0.0.2]", "b.example"},
		{"an address of no use for a host name", "", "::", "[]", ""},
		{"the same", "", "0.0.0.0", "[]", ""},
		{"an address of one host only", "fe80::1%eth0", "", "[]", ""},
		{"a page in HTML", "", "<!DOCTYPE html><html>404</html>", "[]", ""},
		{"a page in HTML beside a name", "a.example", "<html>", "[10.0.0.1]", "a.example"},
		{"a URL", "", "http://a.example/", "[]", ""},
		{"a name with a space", "", "a.example ", "[]", ""},
		{"a name too long", "", strings.Repeat("a.", 127), "[]", ""},
		{"nothing", "", "", "[]", ""},
	}
	for _, tt := range tests {
		r := &resolver{table: table}
		s := agents(tt.hostname)
		s.Agents[0].PID.Host = tt.pidHost
		s.Frameworks = []*state.Framework{{ID: "F", Hostname: tt.hostname, PID: state.UPID{Host: tt.pidHost}}}
		newHosts(r.resolve, time.Now).fill(t.Context(), s)
		if got := fmt.Sprint(s.Agents[0].Addrs); got != tt.want || fmt.Sprint(s.Frameworks[0].Addrs) != got {
			t.Errorf("%s: %s for the agent, %v for the framework, want %s", tt.what, got, s.Frameworks[0].Addrs, tt.want)
		}
		if q := r.questions(); q != tt.asked {
			t.Errorf("%s: asked for %q, want %q", tt.what, q, tt.asked)
		}
	}
}

func TestMastersAreLookedUp(t *testing.T) {
	r := &resolver{table: map[string]string{"m1.example": "10.0.0.1", "m2.example": "10.0.0.2 fd00::2"}}
	s := &state.FullState{
		Leader:  state.Master{Host: "m2.example", Port: 5050},
		Masters: []state.Master{{Host: "m1.example", Port: 5050}, {Host: "m2.example", Port: 5050}, {Host: "10.0.0.3", Port: 5050}, {Host: "m4.example"}},
	}
	newHosts(r.resolve, time.Now).fill(t.Context(), s)
	got := fmt.Sprint(s.Leader.Addrs, s.Masters[0].Addrs, s.Masters[1].Addrs, s.Masters[2].Addrs, s.Masters[3].Addrs)
	if want := "[10.0.0.2 fd00::2] [10.0.0.1] [10.0.0.2 fd00::2] [10.0.0.3] []"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if q := r.questions(); q != "m1.example m2.example m4.example" {
		t.Errorf("got look-ups of %q, want none", q)
	}
}

func TestAddressesInAnotherOrderAreNoChange(t *testing.T) {
	for _, answer := range []string{
		"fd00::1 10.0.0.2 10.0.0.1",
		"10.0.0.1 10.0.0.1 ::ffff:10.0.0.2 fd00::1",
		"10.0.0.2 :: 0.0.0.0 fe80::1%eth0 fd00::1 10.0.0.1",
	} {
		r := &resolver{table: map[string]string{"a": answer}}
		if got := filled(t, newHosts(r.resolve, time.Now), "a"); got != "[10.0.0.1 10.0.0.2 fd00::1]" {
			t.Errorf("of %s: got %s, want [10.0.0.1 10.0.0.2 fd00::1]", answer, got)
		}
	}
}

// The test goes through the life of one name.
func TestHowLongAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{table: map[string]string{}}
		h := newHosts(r.resolve, time.Now)
		for _, step := range []struct {
			what    string
			wait    time.Duration
			answers string // from here on; "" for none
			asked   bool
			want    string
		}{
			{"not known yet", 0, "", true, "[]"},
			{"a failure is remembered", negativeTTL - 1, "10.0.0.1", false, "[]"},
			{"for its time", 1, "10.0.0.1", true, "[10.0.0.1]"},
			{"an answer is remembered", positiveTTL - 1, "10.0.0.2", false, "[10.0.0.1]"},
			{"for its time", 1, "10.0.0.2", true, "[10.0.0.2]"},
			{"the name is gone: what was known stays", positiveTTL, "", true, "[10.0.0.2]"},
			{"that is a failure, and remembered", negativeTTL - 1, "10.0.0.3", false, "[10.0.0.2]"},
			{"it fails again", 1, "", true, "[10.0.0.2]"},
			{"an answer of no use is a failure too", negativeTTL, "0.0.0.0", true, "[10.0.0.2]"},
			{"and back again", negativeTTL, "10.0.0.3", true, "[10.0.0.3]"},
		} {
			time.Sleep(step.wait)
			r.table["a"] = step.answers
			if step.answers == "" {
				delete(r.table, "a")
			}
			// The second agent has the same name, which is asked for once.
			got, asked := filled(t, h, "a", "a"), r.questions()
			if got != step.want || (asked == "a") != step.asked {
				t.Errorf("%s: %s, asked for %q; want %s, asked: %t", step.what, got, asked, step.want, step.asked)
			}
		}
	})
}

func TestNamesThatNoStateHasAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{table: map[string]string{"stays": "10.0.0.1"}}
		h := newHosts(r.resolve, time.Now)
		for i := range 100 {
			filled(t, h, "stays", fmt.Sprint("once-", i))
			time.Sleep(negativeTTL)
		}
		if len(h.found) > 3 {
			t.Errorf("got %d names remembered, want those of the state", len(h.found))
		}
		delete(r.table, "stays")
		time.Sleep(24 * time.Hour)
		if got := filled(t, h, "stays"); got != "[10.0.0.1]" {
			t.Errorf("a name of the state: got %s, want its address", got)
		}
	})
}

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("a", i, ".example")
	}
	return list
}

func TestFewQuestionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{table: map[string]string{}, takes: 10 * time.Millisecond}
		begin := time.Now()
		filled(t, newHosts(r.resolve, time.Now), names(80)...)
		if r.atOnce != lookupsAtOnce || len(r.asked) != 80 {
			t.Errorf("got %d look-ups, %d at once, want at most %d at once", len(r.asked), r.atOnce, lookupsAtOnce)
		}
		if took := time.Since(begin); took != 80/lookupsAtOnce*r.takes {
			t.Errorf("took %v", took)
		}
	})
}

// The known addresses are used meanwhile, and the delay does not depend on the
// number of names.
func TestHangingResolverDelaysAStateForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &resolver{table: map[string]string{"a0.example": "10.0.0.1"}}
		h := newHosts(r.resolve, time.Now)
		filled(t, h, "a0.example")
		time.Sleep(positiveTTL)
		r.takes = time.Hour
		begin := time.Now()
		if got := filled(t, h, names(1000)...); got != "[10.0.0.1]" {
			t.Errorf("a known name: got %s, want its address", got)
		}
		if took := time.Since(begin); took != lookupTimeout {
			t.Errorf("took %v, want %v", took, lookupTimeout)
		}
		begin = time.Now()
		filled(t, h, names(1000)...)
		if took := time.Since(begin); took != 0 {
			t.Errorf("the next state: got it after %v, want it at once", took)
		}
	})
}

// A connection does not wait for a resolver, and an answer that is refused costs
// no look-up.
func TestLookUpsComeAfterReading(t *testing.T) {
	body := strings.Replace(stateOf(m1, m1), "10.0.0.11", "a1.example", 1)
	for _, whole := range []bool{true, false} {
		sent := body
		if !whole {
			sent = body[:len(body)-1]
		}
		read := strings.NewReader(sent)
		asked := 0
		o := options(m1)
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			asked++
			if read.Len() > 0 || host != "a1.example" {
				t.Errorf("got a look-up of %s with %d bytes left to read, want it after decoding", host, read.Len())
			}
			return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
		}
		w := New(o)
		w.client.http.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(read)}, nil
		})
		s, err := readOnce(t, w)
		if (err == nil) != whole || (asked == 1) != whole {
			t.Errorf("got %d look-ups for %+v, %v, want none", asked, s, err)
		}
		if whole && fmt.Sprint(s.Agents[0].Addrs) != "[10.0.0.1]" {
			t.Errorf("got addresses %v, want those of the pid", s.Agents[0].Addrs)
		}
	}
}
