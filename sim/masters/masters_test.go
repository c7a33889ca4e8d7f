package masters

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/scenario"
)

var testAddr = netip.MustParseAddrPort("10.0.1.10:5050")

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t testing.TB, body string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %.100s", err, body)
	}
	return v
}

// stage is three masters of a small cluster, without a network.
type stage struct {
	*Masters
	t       *testing.T
	cluster *sim.Cluster
	at      map[string]*testutil.PipeListener // by address; the newest
}

func newStage(t *testing.T, o Options) *stage {
	simulation, err := scenario.New(&scenario.Scenario{Tasks: 100, Agents: scenario.Agents{Count: 100}}, scenario.Options{Seed: 1})
	noError(t, err)
	return newStageOf(t, simulation, o)
}

func newStageOf(t *testing.T, simulation *scenario.Simulation, o Options) *stage {
	s := &stage{t: t, cluster: simulation.Cluster, at: map[string]*testutil.PipeListener{}}
	o.Listen = []string{"10.0.0.1:5050", "10.0.0.2:5050", "10.0.0.3:5050"}
	o.Hostnames = []string{"m1.test", "m2.test"}
	o.Bind = func(address string) (net.Listener, error) {
		p := testutil.NewPipeListener(netip.MustParseAddrPort(address))
		s.at[address] = p
		return p, nil
	}
	var err error
	s.Masters, err = Serve(simulation, o)
	noError(t, err)
	noError(t, s.Listen())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); noError(t, <-done) })
	return s
}

// says is what master i answers now.
func (s *stage) says(i int) string {
	s.t.Helper()
	p := s.at[s.options.Listen[i]]
	status, location, body := p.Do(s.t, "GET", "/state", "")
	v1, _, _ := p.Do(s.t, "POST", "/api/v1", `{"type":"GET_HEALTH"}`)
	if status == 200 {
		v := decode(s.t, body)
		return fmt.Sprintf("%d %d %d", v1, len(v["slaves"].([]any)), len(v["recovered_slaves"].([]any)))
	}
	return fmt.Sprintf("%d %s%s", status, location, map[bool]string{true: body}[status == 503])
}

func (s *stage) want(when string, want ...string) {
	s.t.Helper()
	for i, w := range want {
		if got := s.says(i); got != w {
			s.t.Errorf("%s: master %d says %q, want %q", when, i, got, w)
		}
	}
}

func TestFirstInLineLeadsAfterTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{
			Master:   sim.MasterOptions{Recovery: 2 * time.Second},
			Election: time.Second, Reregister: time.Minute,
		})
		const (
			to1 = "307 //m1.test:5050/master/state"
			to2 = "307 //m2.test:5050/master/state"
			to3 = "307 //10.0.0.3:5050/master/state"
		)
		s.want("at first", "503 0 0", to1, to1)
		time.Sleep(2 * time.Second)
		s.want("recovered", "200 100 0", to1, to1)
		in := s.at["10.0.0.1:5050"].Subscribe(t)
		in.Next(t)

		noError(t, s.Kill(0))
		for {
			b, err := in.Chunk()
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				break
			}
			if err != nil || len(b) == 0 {
				t.Fatalf("the stream ends with %q, %v", b, err)
			}
		}
		s.want("killed", "0 ", to1, to1)
		time.Sleep(9900 * time.Millisecond)
		s.want("its session lasts", "0 ", to1, to1)
		time.Sleep(200 * time.Millisecond)
		s.want("its session is over", "0 ", "503 No leader elected", "503 No leader elected")
		time.Sleep(time.Second)
		s.want("a new leader", "0 ", "503 0 0", to2)
		time.Sleep(2 * time.Second)
		s.want("it has the registry", "0 ", "200 0 100", to2)
		time.Sleep(30 * time.Second)
		var registered, recovered, v1 int
		fmt.Sscan(s.says(1), &v1, &registered, &recovered)
		if registered < 40 || registered > 60 || registered+recovered != 100 {
			t.Errorf("%d agents are back after half the time, %d are not", registered, recovered)
		}
		time.Sleep(32 * time.Second)
		s.want("all are back", "0 ", "200 100 0", to2)
		for _, f := range s.cluster.Frameworks() {
			if f.Disconnected || f.Recovered {
				t.Errorf("%s is not back", f.Name)
			}
		}
		_, _, body := s.at["10.0.0.2:5050"].Do(t, "POST", "/api/v1", `{"type":"GET_TASKS"}`)
		if tasks := decode(t, body)["get_tasks"].(map[string]any)["tasks"].([]any); len(tasks) != 100 {
			t.Errorf("the new leader shows %d tasks, want 100", len(tasks))
		}

		before := s.Master(0).Info()
		noError(t, s.Start(0))
		if bytes.Equal(s.Master(0).Info(), before) {
			t.Error("another process has the same id")
		}
		s.want("the first is last in line", to2, "200 100 0", to2)

		noError(t, s.Freeze(1))
		time.Sleep(11100 * time.Millisecond)
		if s.Leader() != 2 {
			t.Errorf("after the leader froze, %d leads", s.Leader())
		}
		noError(t, s.Thaw(1))
		s.want("the frozen one finds that it leads no more", to3, "0 ")
		noError(t, s.Freeze(0))
		noError(t, s.Thaw(0))
		s.want("a frozen standby is what it was", to3)

		noError(t, s.Freeze(0))
		noError(t, s.Kill(2))
		time.Sleep(time.Minute)
		if s.Leader() != -1 {
			t.Errorf("%d was elected while it was frozen", s.Leader())
		}
		noError(t, s.Thaw(0))
		time.Sleep(1100 * time.Millisecond)
		if s.Leader() != 0 {
			t.Errorf("%d leads, want the one that is back", s.Leader())
		}
		noError(t, s.Kill(0))
		time.Sleep(time.Minute)
		if s.Leader() != -1 {
			t.Errorf("%d of the dead leads", s.Leader())
		}
		noError(t, s.Start(1))
		s.want("the only one", "0 ", "503 No leader elected", "0 ")
		time.Sleep(1100 * time.Millisecond)
		s.want("is elected", "0 ", "503 0 0", "0 ")
	})
}

// TestRestartedLeaderDoesNotLead: a leader that is back before its session is over is
// not the leader, though the others go on saying so.
func TestRestartedLeaderDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{Election: time.Second})
		noError(t, s.Kill(0))
		time.Sleep(time.Second)
		noError(t, s.Start(0))
		s.want("back", "503 No leader elected", "307 //m1.test:5050/master/state")
		time.Sleep(10100 * time.Millisecond)
		s.want("a new leader", "307 //m2.test:5050/master/state", "200 100 0")
	})
}

func TestImpossibleActionsAreErrors(t *testing.T) {
	if _, err := New(sim.NewCluster(sim.Options{}), Options{}); err == nil {
		t.Error("no masters at all")
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, Options{})
		for name, err := range map[string]error{
			"start of the living":  s.Start(0),
			"thaw of the awake":    s.Thaw(0),
			"no such master":       s.Kill(3),
			"none":                 s.Freeze(-1),
			"start of none":        s.Start(7),
			"twice":                func() error { s.Freeze(1); return s.Freeze(1) }(),
			"the dead are dead":    func() error { s.Kill(2); return s.Kill(2) }(),
			"the dead do not thaw": s.Thaw(2),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
}

// TestAllMastersListenOrNone: all of them listen, or none.
func TestAllMastersListenOrNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	defer l.Close()
	s, err := New(sim.NewCluster(sim.Options{}), Options{Listen: []string{"127.0.0.1:0", l.Addr().String()}})
	noError(t, err)
	if err := s.Listen(); err == nil {
		t.Error("a taken port was opened")
	}
	testutil.NothingListens(t, s.Addr(0).String()) // the first master does not go on without the second
}
