package sim

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a net.Listener without a network, so that it can stand in a
// synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

// serve runs a server of h on pipes until the test ends.
func serve(t *testing.T, h http.Handler) *pipes {
	p := &pipes{make(chan net.Conn), make(chan struct{})}
	srv := &http.Server{Handler: h}
	served := make(chan error)
	go func() { served <- srv.Serve(p) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// streamReader is a client of SUBSCRIBE that looks at every byte.
type streamReader struct {
	conn net.Conn
	in   *bufio.Reader
}

func (p *pipes) subscribe(t *testing.T, headers ...string) *streamReader {
	t.Helper()
	client, server := net.Pipe()
	p.conns <- server
	const body = `{"type":"SUBSCRIBE"}`
	fmt.Fprintf(client, "POST /api/v1 HTTP/1.1\r\nHost: master\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n%sContent-Length: %d\r\n\r\n%s",
		strings.Join(headers, ""), len(body), body)
	r := &streamReader{conn: client, in: bufio.NewReader(client)}
	// The headers are read by hand, for net/http would take the chunks apart.
	for line := ""; line != "\r\n"; {
		var err error
		line, err = r.in.ReadString('\n')
		noError(t, err)
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatal(line)
		}
		if strings.HasPrefix(line, "Content-Encoding") || strings.HasPrefix(line, "Mesos-Stream-Id") {
			t.Errorf("header %q", line)
		}
	}
	t.Cleanup(func() { client.Close() })
	return r
}

// chunk reads a chunk; the last one is empty.
func (r *streamReader) chunk() ([]byte, error) {
	line, err := r.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, err
	}
	return b[:n], nil
}

// next reads a record, which has to fill a chunk.
func (r *streamReader) next(t *testing.T) []byte {
	t.Helper()
	b, err := r.chunk()
	noError(t, err)
	length, message, _ := bytes.Cut(b, []byte("\n"))
	if n, err := strconv.Atoi(string(length)); err != nil || n != len(message) {
		t.Fatalf("a chunk of %d bytes says %q", len(b), length)
	}
	return message
}

// rest reads n records.
func (r *streamReader) rest(t *testing.T, n int) (records [][]byte) {
	t.Helper()
	for range n {
		records = append(records, r.next(t))
	}
	return records
}

// brief writes an event in a word or two.
func brief(t *testing.T, record []byte) string {
	t.Helper()
	v := decode(t, record)
	kind := v["type"].(string)
	switch kind {
	case "TASK_ADDED":
		task := v["task_added"].(map[string]any)["task"].(map[string]any)
		n := 0
		if s, ok := task["statuses"]; ok {
			n = len(s.([]any))
		}
		return fmt.Sprintf("%s %s %s %d", kind, task["name"], task["state"], n)
	case "TASK_UPDATED":
		u := v["task_updated"].(map[string]any)
		s := u["status"].(map[string]any)
		out := fmt.Sprintf("%s %s %s", kind, u["state"], s["state"])
		if s["uuid"] == nil {
			out += " by the master"
		}
		if h, ok := s["healthy"]; ok {
			out += fmt.Sprintf(" healthy %v", h)
		}
		return out
	}
	return kind
}

// scene is a small cluster with what an event can be about.
type scene struct {
	*Cluster
	t        *testing.T
	marathon string
	agents   []string
}

func newScene(t *testing.T) *scene {
	s := &scene{Cluster: NewCluster(Options{Now: clock()}), t: t}
	for _, a := range []string{"10.0.0.1:5051", "10.0.0.2:5051"} {
		id, err := s.AddAgent(Agent{Addr: netip.MustParseAddrPort(a), Attributes: []Label{{Key: "rack", Value: "r1"}}})
		noError(t, err)
		s.agents = append(s.agents, id)
	}
	var err error
	s.marathon, err = s.AddFramework(Framework{Name: "marathon", Capabilities: []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE"}})
	noError(t, err)
	return s
}

func (s *scene) start(name string, agent int) string {
	s.t.Helper()
	id, err := s.StartTask(Task{Name: name, FrameworkID: s.marathon, AgentID: s.agents[agent]})
	noError(s.t, err)
	return id
}

var eventSteps = []struct {
	name string
	do   func(s *scene)
	want []string
}{
	{"a task at once", func(s *scene) { s.start("web", 0) }, []string{
		"TASK_ADDED web TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING", // the state is newer than the status
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
	}},
	{"a task step by step", func(s *scene) {
		id, err := s.LaunchTask(Task{Name: "slow", FrameworkID: s.marathon, AgentID: s.agents[1]})
		noError(s.t, err)
		for _, want := range []string{TaskStarting, TaskRunning, TaskRunning} {
			state, err := s.AdvanceTask(s.marathon, id)
			noError(s.t, err)
			if state != want {
				s.t.Errorf("state %s, want %s", state, want)
			}
		}
		noError(s.t, s.SetHealth(s.marathon, id, false))
		noError(s.t, s.SetHealth(s.marathon, id, false))
		noError(s.t, s.SetHealth(s.marathon, id, true))
		noError(s.t, s.KillTask(s.marathon, id))
		noError(s.t, s.EndTask(s.marathon, id, TaskKilled))
	}, []string{
		"TASK_ADDED slow TASK_STAGING 0",
		"TASK_UPDATED TASK_STARTING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy false",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy false", // again at each check
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING healthy true",
		"TASK_UPDATED TASK_KILLING TASK_KILLING",
		"TASK_UPDATED TASK_KILLED TASK_KILLED",
	}},
	{"an agent that stops answering, without a word of its own", func(s *scene) {
		noError(s.t, s.MarkUnreachable(s.agents[0]))
	}, []string{"TASK_UPDATED TASK_UNREACHABLE TASK_UNREACHABLE by the master"}},
	{"and returns, its tasks first, with their statuses", func(s *scene) {
		noError(s.t, s.Reregister(s.agents[0]))
	}, []string{"TASK_ADDED web TASK_RUNNING 2", "AGENT_ADDED"}},
	{"what nobody is told of", func(s *scene) {
		noError(s.t, s.SetDeactivated(s.agents[0], true))
		noError(s.t, s.SetDeactivated(s.agents[0], false))
		noError(s.t, s.SetConnected(s.marathon, false))
	}, nil},
	{"a scheduler that is back", func(s *scene) {
		noError(s.t, s.SetConnected(s.marathon, true))
	}, []string{"FRAMEWORK_UPDATED"}},
	{"an agent that is marked gone, without a word of its own", func(s *scene) {
		noError(s.t, s.MarkGone(s.agents[0]))
	}, []string{"TASK_UPDATED TASK_GONE_BY_OPERATOR TASK_GONE_BY_OPERATOR by the master"}},
	{"an agent that unregisters", func(s *scene) {
		s.start("last", 1)
		noError(s.t, s.RemoveAgent(s.agents[1]))
	}, []string{
		"TASK_ADDED last TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_LOST TASK_LOST by the master",
		"AGENT_REMOVED",
	}},
	{"a framework that is torn down", func(s *scene) {
		a, err := s.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.3:5051")})
		noError(s.t, err)
		s.agents = append(s.agents, a)
		s.start("torn", 2)
		done := s.start("done", 2)
		noError(s.t, s.FinishTask(s.marathon, done, TaskFinished))
		noError(s.t, s.RemoveFramework(s.marathon))
	}, []string{
		"AGENT_ADDED",
		"TASK_ADDED torn TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_ADDED done TASK_STAGING 0",
		"TASK_UPDATED TASK_RUNNING TASK_STARTING",
		"TASK_UPDATED TASK_RUNNING TASK_RUNNING",
		"TASK_UPDATED TASK_FINISHED TASK_FINISHED",
		"TASK_UPDATED TASK_KILLED TASK_KILLED by the master",
		"TASK_UPDATED TASK_FINISHED TASK_KILLED by the master",
		"FRAMEWORK_REMOVED",
	}},
	{"a framework that comes", func(s *scene) {
		id, err := s.AddFramework(Framework{Name: "second", Hostname: "h", WebUI: "u", Principal: "p", Labels: []Label{{Key: "k", Value: "v"}}})
		noError(s.t, err)
		s.marathon = id
	}, []string{"FRAMEWORK_ADDED"}},
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
		in := p.subscribe(t)
		if got := brief(t, in.next(t)); got != "SUBSCRIBED" {
			t.Fatal(got)
		}
		if got := brief(t, in.next(t)); got != "HEARTBEAT" {
			t.Fatal(got)
		}
		for _, step := range eventSteps {
			step.do(s)
			// A mark, so that what is not told is seen not to be told.
			s.Cluster.mu.Lock()
			s.publish(nil, "MARK", "mark", func(*encoder) {})
			s.Cluster.mu.Unlock()
			var got []string
			for {
				b := brief(t, in.next(t))
				if b == "MARK" {
					break
				}
				got = append(got, b)
			}
			if fmt.Sprint(got) != fmt.Sprint(step.want) {
				t.Errorf("%s:\n got %s\nwant %s", step.name, strings.Join(got, "\n     "), strings.Join(step.want, "\n     "))
			}
		}
	})
}

// everyEvent gives the records of all the steps, and of a new leader's stream.
func everyEvent(t *testing.T) (records [][]byte) {
	t.Helper()
	s := newScene(t)
	p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
	in := p.subscribe(t)
	records = in.rest(t, 2)
	for _, step := range eventSteps {
		step.do(s)
		records = append(records, in.rest(t, len(step.want))...)
	}
	return records
}

// TestFailoverEvents: the first agent to return tells of a framework that the
// new leader does not know; the second is preceded by its tasks.
func TestFailoverEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.start("web", 0)
		s.start("api", 1)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
		old := p.subscribe(t)
		old.rest(t, 2)
		s.Failover()
		if _, err := old.chunk(); err != io.EOF && err != io.ErrUnexpectedEOF {
			t.Errorf("the old leader's stream: %v", err)
		}
		in := p.subscribe(t)
		first := in.next(t)
		if strings.Contains(string(first), "marathon") || !strings.Contains(string(first), `"recovered_agents":[{"hostname":"10.0.0.`) {
			t.Errorf("the first record is %s", first)
		}
		in.next(t)
		noError(t, s.Reregister(s.agents[0]))
		noError(t, s.SetConnected(s.marathon, true))
		noError(t, s.Reregister(s.agents[1]))
		var got []string
		for _, r := range in.rest(t, 6) {
			got = append(got, brief(t, r))
		}
		want := []string{
			"AGENT_ADDED", "FRAMEWORK_ADDED", "TASK_ADDED web TASK_RUNNING 2",
			"FRAMEWORK_UPDATED",
			"TASK_ADDED api TASK_RUNNING 2", "AGENT_ADDED",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
		in := p.subscribe(t)
		in.rest(t, 2)
		start := time.Now()
		for i := 1; i <= 3; i++ {
			if got := string(in.next(t)); got != `{"type":"HEARTBEAT"}` {
				t.Fatal(got)
			}
			if d := time.Since(start); d != time.Duration(i)*15*time.Second {
				t.Errorf("heartbeat %d came after %v", i, d)
			}
		}
	})
}

// TestEnds: how a stream can end is what a client learns from.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(m *Master, p *pipes)
		last bool // chunk
	}{
		{"killed", func(m *Master, _ *pipes) { m.BreakStreams() }, false},
		{"not the leader any more", func(m *Master, _ *pipes) { m.SetLeader("other:5050") }, false},
		{"evicted", func(m *Master, _ *pipes) { m.CloseStreams() }, true},
		{"one subscriber more", func(_ *Master, p *pipes) { p.subscribe(t) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr, MaxSubscribers: 1})
				p := serve(t, m)
				in := p.subscribe(t)
				in.rest(t, 2)
				if tt.name == "one subscriber more" {
					p.subscribe(t)
				} else {
					tt.do(m, p)
				}
				b, err := in.chunk()
				if tt.last && (err != nil || len(b) > 0) {
					t.Errorf("chunk %q, error %v, want a last chunk", b, err)
				}
				if !tt.last && err == nil {
					t.Errorf("chunk %q, want the end of the connection", b)
				}
				if tt.last { // the connection is as good as new
					fmt.Fprint(in.conn, "GET /health HTTP/1.1\r\nHost: master\r\n\r\n")
					resp, err := http.ReadResponse(in.in, nil)
					noError(t, err)
					if resp.StatusCode != 200 {
						t.Error(resp.Status)
					}
				}
			})
		})
	}
}

// TestSlowSubscriber: who does not read is let go before it takes all memory,
// and the others notice nothing.
func TestSlowSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr, MaxWaiting: 10000})
		p := serve(t, m)
		slow, quick := p.subscribe(t), p.subscribe(t)
		slow.rest(t, 2)
		quick.rest(t, 2)
		for i := range 100 {
			s.start("web", i%2)
			quick.rest(t, 3)
		}
		if n := m.Subscribers(); n != 1 {
			t.Errorf("%d subscribers", n)
		}
		n := 0
		for {
			b, err := slow.chunk()
			noError(t, err)
			if len(b) == 0 {
				break // a proper end
			}
			n++
		}
		if n == 0 || n > 30 {
			t.Errorf("%d records came before the end", n)
		}
	})
}

// TestFreeze: a frozen master keeps its connections and says nothing, not even
// heartbeats; after that all comes.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr})
		p := serve(t, m)
		in := p.subscribe(t)
		in.rest(t, 2)
		m.Freeze()
		m.Freeze()
		s.start("web", 0)
		came := make(chan []byte)
		go func() { came <- in.next(t) }()
		select {
		case b := <-came:
			t.Errorf("it said %s", b)
		case <-time.After(time.Hour):
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if m.thawed(ctx) {
			t.Error("a request would be answered")
		}
		m.Thaw()
		m.Thaw()
		if got := brief(t, <-came); got != "TASK_ADDED web TASK_STAGING 0" {
			t.Error(got)
		}
	})
}

// TestFilteredStream: who may not see a framework does not hear of it.
func TestFilteredStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr, Auth: Auth{
			ReadWrite: true, Credentials: []Credential{{"p", "s", []string{"chronos"}}},
		}}))
		in := p.subscribe(t, "Authorization: Basic cDpz\r\n")
		if first := in.next(t); strings.Contains(string(first), "marathon") {
			t.Errorf("%s", first)
		}
		in.next(t)
		s.start("web", 0)
		_, err := s.AddFramework(Framework{Name: "chronos"})
		noError(t, err)
		if got := brief(t, in.next(t)); got != "FRAMEWORK_ADDED" {
			t.Error(got)
		}
	})
}

// TestBigSubscribed: the first record may be too big for a chunk; its length
// is right all the same.
func TestBigSubscribed(t *testing.T) {
	s := newScene(t)
	for range 4000 {
		s.start("web", 0)
	}
	p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
	in := p.subscribe(t)
	var all []byte
	chunks := 0
	for {
		b, err := in.chunk()
		noError(t, err)
		all = append(all, b...)
		chunks++
		length, message, _ := bytes.Cut(all, []byte("\n"))
		n, err := strconv.Atoi(string(length))
		noError(t, err)
		if len(message) > n {
			t.Fatal("the record is longer than it says")
		}
		if len(message) == n {
			decode(t, message)
			break
		}
	}
	if chunks < 2 || chunks > 3 {
		t.Errorf("%d bytes in %d chunks", len(all), chunks)
	}
}
