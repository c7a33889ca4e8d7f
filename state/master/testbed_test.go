package master

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/sim"
	"toponym/sim/marathon"
	simmasters "toponym/sim/masters"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/state/leader"
)

// wires carry requests to handlers by address, without a network, so that
// the clock of a synctest bubble can go on. A handler that panics breaks its
// connection, as in net/http.
type memoryNetwork struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	asked []string // method, path and call of each request
}

func (n *memoryNetwork) set(at string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[at] = h
}

func (n *memoryNetwork) requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked)
}

func (n *memoryNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	what := r.Method + " " + r.URL.Path
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		what += " " + string(body)
	}
	n.mu.Lock()
	h := n.hosts[r.URL.Host]
	if r.URL.Path != healthPath { // which is asked all the time
		n.asked = append(n.asked, what)
	}
	n.mu.Unlock()
	if h == nil {
		_, err := refused()
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	body, w := io.Pipe()
	conn := &memoryConn{header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}, body: w, begun: make(chan struct{})}
	go func() {
		defer func() {
			err := error(nil)
			if recover() != nil {
				err = io.ErrUnexpectedEOF
			}
			conn.WriteHeader(http.StatusOK)
			w.CloseWithError(err)
		}()
		h.ServeHTTP(conn, r.WithContext(ctx))
	}()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	select {
	case <-conn.begun:
		return &http.Response{StatusCode: conn.status, Header: conn.sent, Body: &cancelBody{body, cancel}, ContentLength: -1, Request: r}, nil
	case <-ctx.Done():
		cancel()
		return nil, r.Context().Err()
	}
}

type memoryConn struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	begun        chan struct{}
	once         sync.Once
}

func (c *memoryConn) Header() http.Header { return c.header }
func (c *memoryConn) Flush()              {}
func (c *memoryConn) WriteHeader(status int) {
	c.once.Do(func() {
		c.status, c.sent = status, c.header.Clone()
		close(c.begun)
	})
}

func (c *memoryConn) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	return c.body.Write(p)
}

// SetWriteDeadline is there for those who set one.
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

type cancelBody struct {
	io.ReadCloser
	cancel func()
}

func (c *cancelBody) Close() error { c.cancel(); return c.ReadCloser.Close() }

// bed is a watcher on simulated masters in a bubble.
type testbed struct {
	t       *testing.T
	network *memoryNetwork
	cluster *sim.Cluster
	watcher *Watcher
	freezer simmasters.Freezer // of the first master
	log     *logtest.Hook

	mu           sync.Mutex
	owner        *owner
	publications []time.Duration // since the beginning
	lines        []string        // what was believed at the last publication
	each         func(c *state.Cluster)
}

// first is the address of the master of a bed.
var first = leader.Address{Host: "10.0.1.10", Port: 5050}

func addrPort(a leader.Address) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// newBed has a small living cluster and one master of it. The watcher does not
// run yet.
func newTestbed(t *testing.T, change func(*Options)) *testbed {
	c := sim.NewCluster(sim.Options{Seed: 1})
	b := &testbed{t: t, cluster: c, network: &memoryNetwork{hosts: map[string]http.Handler{}}, owner: newOwner()}
	b.master(first, sim.MasterOptions{})
	logger, hook := logtest.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	o := options(first)
	o.Source, o.Log, o.MaxBytes = Auto, logger, 64<<20
	if change != nil {
		change(&o)
	}
	b.log = hook
	b.watcher = New(o)
	b.watcher.client.http.Transport = b.network
	return b
}

func (b *testbed) master(at leader.Address, o sim.MasterOptions) *sim.Master {
	o.Addr = addrPort(at)
	if at == first {
		o.Gate = b.freezer.Wait
	}
	m := sim.NewMaster(b.cluster, o)
	b.network.set(at.String(), m)
	return m
}

// populate adds agents, frameworks and tasks.
func (b *testbed) populate(tasks int) []*marathon.Scheduler {
	b.t.Helper()
	apps, err := scenario.Populate(b.cluster, scenario.Spec{Tasks: tasks, Agents: 5, Seed: 3})
	if err != nil {
		b.t.Fatal(err)
	}
	return apps
}

// run has the watcher run until stop is called, and at the longest until the
// test ends.
func (b *testbed) run() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		b.owner.publish = func(c *state.Cluster) {
			l := clusterLines(c)
			b.mu.Lock()
			b.lines, b.publications = l, append(b.publications, time.Since(began))
			b.mu.Unlock()
			if b.each != nil {
				b.each(c)
			}
		}
		b.watcher.Run(ctx, b.owner)
	}()
	return func() { cancel(); <-done }
}

// now is what is believed.
func (b *testbed) published() []string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines
}

// has reports whether an agent is believed in.
func (b *testbed) hasAgent(agent string) bool {
	return slices.ContainsFunc(b.published(), func(l string) bool { return strings.HasPrefix(l, "agent "+agent+" ") })
}

// runs are the tasks that are believed to run.
func (b *testbed) runningTasks() []string {
	return slices.DeleteFunc(slices.Clone(b.published()), func(l string) bool {
		return !strings.HasPrefix(l, "task ") || !strings.Contains(l, " RUNNING")
	})
}

// clusterLines describe a cluster, a line for each thing in it.
func clusterLines(c *state.Cluster) []string {
	var l []string
	for a := range c.Agents() {
		l = append(l, fmt.Sprintf("agent %s %q %s %v", a.ID, a.Hostname, pid(a.PID), a.Addrs))
	}
	for f := range c.Frameworks() {
		l = append(l, fmt.Sprintf("framework %s %q %q %s %v", f.ID, f.Name, f.Hostname, pid(f.PID), f.Addrs))
	}
	for t := range c.Tasks() {
		l = append(l, "task "+describe(t))
	}
	slices.Sort(l)
	return append(l, fmt.Sprintf("led by %v of %v", c.Leader(), c.Masters()))
}

// truth is what the master's state says.
func (b *testbed) reported(at leader.Address) []string {
	b.t.Helper()
	w := New(b.watcher.o)
	w.client.http.Transport = b.network
	doc, _, err := w.client.fullState(b.t.Context(), at, firstByteTimeout, false)
	if err != nil {
		b.t.Fatal(err)
	}
	w.complete(b.t.Context(), doc, leader.Address{Host: doc.leader.Host, Port: doc.leader.Port})
	c := state.NewCluster()
	c.Reconcile(&doc.FullState, nil)
	return clusterLines(c)
}

// wantLines compares two descriptions.
func wantLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	g, w := map[string]int{}, map[string]int{}
	for _, l := range got {
		g[l]++
	}
	for _, l := range want {
		w[l]++
	}
	if maps.Equal(g, w) {
		return
	}
	for _, l := range got {
		if w[l] == 0 {
			t.Errorf("%s: got %s, want it gone", what, l)
		}
	}
	for _, l := range want {
		if g[l] == 0 {
			t.Errorf("%s: want %s, got nothing like it", what, l)
		}
	}
}

// logged are the messages of the log from a level on that have a text in them.
func (b *testbed) logged(text string) (n int) {
	for _, m := range messages(b.log, logrus.InfoLevel) {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}
