package master

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/state/leader"
)

// No state is read beside the stream.
func TestEventsKeepTheReplicaEqualToTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream; o.Resync = 1000 * time.Hour })
		apps := b.populate(60)
		defer b.run()()
		time.Sleep(maxRest) // pids come beside
		wantLines(t, "at first", b.published(), b.reported(first))
		asked := len(b.network.requests())
		life := scenario.NewLife(b.cluster, apps, scenario.LifeOptions{Seed: 7})
		for i := range 400 {
			life.Step()
			time.Sleep(maxRest)
			if i%40 == 0 {
				wantLines(t, "living", b.published(), b.reported(first))
			}
		}
		for _, r := range b.network.requests()[asked:] {
			if !strings.HasPrefix(r, "GET ") { // those of truth
				t.Errorf("got the request %s, want none", r)
			}
		}
	})
}

func TestRemovalsTakeTheirTasksAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream; o.Resync = 1000 * time.Hour })
		b.populate(60)
		defer b.run()()
		b.published()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(maxRest)
			wantLines(t, "after a removal", b.published(), b.reported(first))
		}
		must(b.cluster.RemoveAgent(b.cluster.Agents()[0].ID))
		must(b.cluster.RemoveFramework(b.cluster.Frameworks()[0].ID))
		must(b.cluster.SetConnected(b.cluster.Frameworks()[0].ID, false))
		must(b.cluster.SetConnected(b.cluster.Frameworks()[0].ID, true))
	})
}

// No event reports it: the tasks go at once, the agent with the next resync.
func TestUnreachableAgentGoesWithTheNextResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream })
		b.populate(60)
		defer b.run()()
		b.published()
		gone := b.cluster.Agents()[0].ID
		if err := b.cluster.MarkUnreachable(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(maxRest)
		now := b.published()
		if slices.ContainsFunc(now, func(l string) bool { return strings.Contains(l, " on "+gone+" ") }) {
			t.Error("after the agent became unreachable: got its tasks, want them gone")
		}
		if !slices.ContainsFunc(now, func(l string) bool { return strings.HasPrefix(l, "agent "+gone) }) {
			t.Error("before a full state: got the agent gone, want it there, since no event reports that")
		}
		time.Sleep(b.watcher.o.Resync * 2)
		wantLines(t, "after a full reading", b.published(), b.reported(first))
		if err := b.cluster.Reregister(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(maxRest)
		wantLines(t, "when it is back", b.published(), b.reported(first))
	})
}

// That is logged once, and a stream is asked for again from time to time.
func TestFallsBackToPolling(t *testing.T) {
	poll := "polling the state until there is one error="
	for _, tt := range []struct {
		what    string
		options sim.MasterOptions
		refuse  int
	}{
		{what: "no operator API", options: sim.MasterOptions{NoOperatorAPI: true}},
		{what: "not allowed", refuse: 403},
		{what: "wants to know who we are", refuse: 401},
		{what: "not this content type", refuse: 415},
		{what: "no such call", refuse: 501},
		{what: "a page", refuse: 200},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, nil)
				b.populate(20)
				m := b.master(first, tt.options)
				has := false
				b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/api/v1" && tt.refuse > 0 && !has {
						w.WriteHeader(tt.refuse)
						w.Write([]byte("<html>not here</html>"))
						return
					}
					m.ServeHTTP(w, r)
				}))
				defer b.run()()
				wantLines(t, "polled", b.published(), b.reported(first))
				time.Sleep(35 * time.Minute)
				synctest.Wait()
				if n := b.logged(poll); n != 1 {
					t.Errorf("got %d lines about polling, want 1: %q", n, messages(b.log, 4))
				}
				if s := b.watcher.Status(); s.Source != Poll || s.Leader != first {
					t.Errorf("status %+v", s)
				}
				has = true
				m = b.master(first, sim.MasterOptions{})
				time.Sleep(streamRetry + 2*time.Minute)
				synctest.Wait()
				if s := b.watcher.Status(); s.Source != Stream || s.Streams != 1 {
					t.Errorf("status %+v", s)
				}
			})
		})
	}
}

func TestStreamSettingNeverPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream })
		b.master(first, sim.MasterOptions{NoOperatorAPI: true})
		defer b.run()()
		time.Sleep(time.Hour)
		for _, r := range b.network.requests() {
			if !strings.HasPrefix(r, "POST /api/v1") {
				t.Fatalf("got the request %s, want none of its kind", r)
			}
		}
		if b.logged("status 404") != 1 {
			t.Errorf("got log %q, want one line with status 404", messages(b.log, 4))
		}
	})
}

func TestPollSettingNeverSubscribes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Poll })
		b.populate(20)
		defer b.run()()
		wantLines(t, "polled", b.published(), b.reported(first))
		time.Sleep(time.Hour)
		for _, r := range b.network.requests() {
			if r != "GET /master/state" {
				t.Fatalf("got the request %s, want none of its kind", r)
			}
		}
	})
}

// The operator API answers 503 until the registry has been read. The empty state
// is not asked for then.
func TestRecoveringMasterIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, nil)
		b.populate(20)
		b.master(first, sim.MasterOptions{Recovery: 8 * time.Second})
		defer b.run()()
		time.Sleep(7 * time.Second)
		if got := b.published(); got != nil {
			t.Errorf("got %q, want nothing before the recovery", got)
		}
		time.Sleep(20 * time.Second)
		wantLines(t, "recovered", b.published(), b.reported(first))
		if n := b.logged("no state of the cluster yet"); n != 1 {
			t.Errorf("got %d warnings, want 1: %q", n, messages(b.log, 4))
		}
	})
}

// Each is logged once, and the next stream begins soon.
func TestEndsOfAStreamAreToldApart(t *testing.T) {
	for _, tt := range []struct {
		what, says string
		end        func(b *testbed, m *sim.Master)
		within     time.Duration
	}{
		{"evicted", "too many subscribers", func(_ *testbed, m *sim.Master) { m.CloseStreams() }, time.Second},
		{"killed", "broke off", func(_ *testbed, m *sim.Master) { m.BreakStreams() }, time.Second},
		{"frozen", "has been silent for 45s, the time of 3 heartbeats", func(b *testbed, _ *sim.Master) {
			b.freezer.Freeze()
			time.AfterFunc(50*time.Second, b.freezer.Thaw)
		}, 80 * time.Second},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = Stream })
				b.populate(20)
				m := b.master(first, sim.MasterOptions{})
				defer b.run()()
				time.Sleep(time.Minute) // heartbeats keep it alive
				tt.end(b, m)
				time.Sleep(tt.within)
				synctest.Wait()
				if s := b.watcher.Status(); s.Streams != 2 {
					t.Errorf("got %d streams, want 2", s.Streams)
				}
				if n := b.logged(tt.says); n != 1 {
					t.Errorf("got %d lines with %q, want 1: %q", n, tt.says, messages(b.log, 4))
				}
				wantLines(t, "after", b.published(), b.reported(first))
			})
		})
	}
}

// The address in the redirect may differ from what the leader calls itself.
func TestStandbysRedirectOnBothAPIs(t *testing.T) {
	lead := leader.Address{Host: "10.0.1.11", Port: 5050}
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Leaders = leader.NewStatic([]leader.Address{first, lead}) })
		b.populate(20)
		standby := b.master(first, sim.MasterOptions{})
		standby.SetLeader(lead.String())
		b.master(lead, sim.MasterOptions{})
		defer b.run()()
		b.published()
		if s := b.watcher.Status(); s.Leader != lead || s.Source != Stream {
			t.Errorf("got status %+v, want %s followed by stream: %q", s, lead, messages(b.log, 4))
		}
	})
}

func TestWholeEventsAreNotHeldBackByHalfOnes(t *testing.T) {
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "SUBSCRIBE") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		whole := ""
		for _, text := range []string{subscribed, heartbeatEvent, agentAdded} {
			record := framed(text)
			whole += fmt.Sprintf("%x\r\n%s\r\n", len(record), record)
		}
		next := framed(taskAdded)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s%x\r\n%s", whole, len(next), next[:100])
		<-r.Context().Done()
	}))
	o := options(at)
	o.Source = Stream
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	owner := newOwner()
	owner.publish = func(c *state.Cluster) {
		if c.Agent("x-S0") != nil {
			cancel()
		}
	}
	New(o).Run(ctx, owner)
	if c := owner.replica.Cluster(); c.Agent("x-S0") == nil {
		t.Error("got no agent, want the one that was reported in a whole event")
	}
}
