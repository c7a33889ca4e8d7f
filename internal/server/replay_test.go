package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/records"
	"toponym/state"
	"toponym/state/master"
)

// marks are when the states of a recorded life were taken.
var marks = []struct {
	state string
	at    float64 // seconds since 1970
}{
	{"state-01-empty.json", 1795223863.0},
	{"state-02-running.json", 1795223871.0},
	{"state-03-unhealthy.json", 1795223877.5},
	{"state-04-after-endings.json", 1795223892.5},
	{"state-05-agent-unreachable.json", 1795223900.7},
	{"state-06-agent-back.json", 1795223907.8},
	{"state-07-framework-disconnected.json", 1795223915.5},
	{"state-08-agent-gone.json", 1795223960.5},
}

// startOn runs a server that reads from masters.
func followMasters(t *testing.T, change func(*config.Config), masters ...*player) (s *Server, stop func()) {
	t.Helper()
	c := config.Defaults()
	for _, m := range masters {
		c.Masters = append(c.Masters, config.HostPort{Host: m.at.Addr().String(), Port: m.at.Port()})
	}
	c.Refresh, c.Resync, c.ReverseDNSOn = 200*time.Millisecond, time.Hour, true
	c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
	if change != nil {
		change(c)
	}
	log, hook := test.NewNullLogger()
	s = newTestServer(t, c, log)
	s.pipeline.checkPublications(t)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: got %v, want no error", err)
		}
		if t.Failed() {
			for _, e := range hook.AllEntries() {
				t.Log(e.Message, e.Data)
			}
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// namesOf lists all names of a set with their data.
func namesOf(set *records.Set) []string {
	var all []string
	for n, d := range set.All() {
		all = append(all, fmt.Sprint(n, " ", d.A, d.AAAA, d.SRV, d.PTR))
	}
	slices.Sort(all)
	return all
}

// recordedState returns the cluster of a recorded state, and its names. The masters and
// the addresses of schedulers, which the resolver of this host knows or not, are
// those of the server.
func recordedState(t *testing.T, s *Server, body []byte) (*state.Cluster, []string) {
	t.Helper()
	snap, err := master.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	s.pipeline.mu.Lock()
	defer s.pipeline.mu.Unlock()
	for _, f := range snap.Frameworks {
		if known := s.pipeline.cluster.Framework(f.ID); known != nil && known.Hostname == f.Hostname {
			f.Addrs = known.Addrs
		}
	}
	snap.Leader, snap.Masters = s.pipeline.cluster.Leader(), s.pipeline.cluster.Masters()
	c := state.NewCluster()
	d := c.Reconcile(snap, nil)
	set := records.NewSet(s.pipeline.records)
	set.Update(c, d)
	return c, namesOf(set)
}

func clusterText(c *state.Cluster) (tasks, rest []string) {
	for x := range c.Tasks() {
		tasks = append(tasks, jsonOf(x))
	}
	for x := range c.Agents() {
		rest = append(rest, "agent "+jsonOf(x))
	}
	for x := range c.Frameworks() {
		rest = append(rest, "framework "+jsonOf(x))
	}
	slices.Sort(tasks)
	slices.Sort(rest)
	return tasks, rest
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(string(b), "[]", "null")
}

// same waits until the server's cluster is that of a recorded state: its tasks
// alone, or everything, names included.
func (p *player) waitForState(t *testing.T, s *Server, body []byte, all bool) {
	t.Helper()
	testutil.EventuallyEqual(t, "", func() string {
		want, wantNames := recordedState(t, s, body)
		s.pipeline.mu.Lock()
		got, gotRest := clusterText(s.pipeline.cluster)
		gotNames := namesOf(s.pipeline.set)
		s.pipeline.mu.Unlock()
		w, wantRest := clusterText(want)
		diff := differences(got, w)
		if all {
			diff = append(diff, differences(gotRest, wantRest)...)
			diff = append(diff, differences(gotNames, wantNames)...)
		}
		return strings.Join(diff[:min(len(diff), 20)], "\n")
	}, "differences from the recorded state; %+v", s.masterStatus())
}

// differences lists what is in only one of two sorted lists.
func differences(got, want []string) (diff []string) {
	for len(got)+len(want) > 0 {
		switch {
		case len(want) == 0 || len(got) > 0 && got[0] < want[0]:
			diff, got = append(diff, "too much: "+got[0]), got[1:]
		case len(got) == 0 || want[0] < got[0]:
			diff, want = append(diff, "missing: "+want[0]), want[1:]
		default:
			got, want = got[1:], want[1:]
		}
	}
	return diff
}

// The server follows the recorded stream of a cluster, whatever pieces it comes
// in, and has at each mark what the state of that time has: the tasks at once,
// and everything with the full state that is read beside.
func TestRecordedStreamIsFollowed(t *testing.T) {
	file := recordingsOf(t)
	rec := readRecording(t, file("subscribe-lifecycle.raw"), file("subscribe-lifecycle.times.tsv"))
	r := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		what   string
		pieces func(left int) int
		resync time.Duration
		who    bool // GET_MASTER is answered
	}{
		{"all at once", func(left int) int { return left }, 100 * time.Millisecond, true},
		{"odd pieces", func(int) int { return 1 + r.IntN(3000) }, 100 * time.Millisecond, true},
		{"byte by byte", func(int) int { return 1 }, 100 * time.Millisecond, true},
		{"without states", func(left int) int { return left }, time.Hour, true},
		{"of an unknown leader", func(left int) int { return left }, 100 * time.Millisecond, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			p := newPlayer(t, rec.raw)
			p.pieces, p.who, p.upto = tt.pieces, tt.who, rec.records[2]
			if tt.who {
				p.state = file("state-01-empty.json")
			}
			s, _ := followMasters(t, func(c *config.Config) { c.Resync = tt.resync }, p)
			streams := func() int { return s.masterStatus().Streams }
			testutil.EventuallyEqual(t, 1, streams, "streams")
			for _, m := range marks {
				body := file(m.state)
				p.set(func() { p.state, p.upto = nil, rec.until(m.at) })
				p.waitForState(t, s, body, false)
				if tt.resync < time.Second && (tt.who || m.at > 1795223900) {
					p.set(func() { p.state = body })
					p.waitForState(t, s, body, true)
				}
			}
			if got := streams(); got != 1 {
				t.Errorf("streams at the end: got %d, want 1", got)
			}
		})
	}
}

// A stream is cut at any byte, and the next one begins with what GET_STATE
// answered at a later time and goes on from there.
func TestRecordedStreamInTwoPartsIsFollowed(t *testing.T) {
	file := recordingsOf(t)
	rec := readRecording(t, file("subscribe-lifecycle.raw"), file("subscribe-lifecycle.times.tsv"))
	state := bytes.TrimSuffix(bytes.TrimSpace(bytes.Replace(file("v1-GET_STATE-running.json"), []byte(`"type":"GET_STATE"`), []byte(`"type":"SUBSCRIBED"`), 1)), []byte("}"))
	state = append(bytes.Replace(state, []byte(`"get_state":`), []byte(`"subscribed":{"get_state":`), 1), "}}"...)
	var later bytes.Buffer
	fmt.Fprintf(&later, "%d\n%s", len(state), state)
	raw := append(chunked(t, later.Bytes()).raw, rec.raw[rec.until(1795223871):]...)
	r := rand.New(rand.NewPCG(2, 2))
	for range 12 {
		cut := rec.records[1] + r.IntN(rec.until(1795223871)-rec.records[1])
		t.Run(fmt.Sprint("cut at ", cut), func(t *testing.T) {
			p := newPlayer(t, rec.raw)
			p.set(func() { p.state, p.upto = file("state-01-empty.json"), cut })
			s, _ := followMasters(t, func(c *config.Config) { c.Resync = time.Hour }, p)
			testutil.EventuallyEqual(t, cut, func() (n int) { p.set(func() { n = p.written }); return n }, "bytes written")
			p.set(func() { p.raw, p.upto = raw, len(raw) })
			p.hangUp()
			p.waitForState(t, s, file("state-08-agent-gone.json"), false)
		})
	}
}
