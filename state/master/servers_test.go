package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/sim"
	"toponym/state"
	"toponym/state/leader"
)

// serve starts a server and gives its address.
func serve(t testing.TB, h http.Handler) leader.Address {
	t.Helper()
	return start(t, httptest.NewUnstartedServer(h), false)
}

func start(t testing.TB, s *httptest.Server, https bool) leader.Address {
	t.Helper()
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // broken connections are what many tests are about
	if https {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return addressOf(t, s.Listener.Addr())
}

func addressOf(t testing.TB, a net.Addr) leader.Address {
	t.Helper()
	at, err := leader.ParseAddress(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// nobody is an address on which nothing listens.
func closedPort(t testing.TB) leader.Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return addressOf(t, l.Addr())
}

// simulated starts a simulated master of a cluster with one agent.
func simulated(t testing.TB) (*sim.Master, leader.Address) {
	t.Helper()
	c := sim.NewCluster(sim.Options{Seed: 1})
	if _, err := c.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.0.0.11:5051")}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(nil)
	m := sim.NewMaster(c, sim.MasterOptions{Addr: netip.MustParseAddrPort(s.Listener.Addr().String())})
	s.Config.Handler = m
	return m, start(t, s, false)
}

// stateOf is the body of a master that answers at pid and says who leads.
func stateOf(pid, lead leader.Address) string {
	return fmt.Sprintf(`{"pid": "master@%s", "leader": "master@%s", "slaves": [{"id": "S0", "pid": "slave(1)@10.0.0.11:5051"}]}`, pid, lead)
}

// leading answers as the leader on the address it was asked.
func leading(w http.ResponseWriter, r *http.Request) {
	at, err := leader.ParseAddress(r.Host)
	if err != nil || r.URL.Path != "/master/state" {
		http.NotFound(w, r)
		return
	}
	io.WriteString(w, stateOf(at, at))
}

// redirecting sends a client away as a standby does.
func redirecting(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{location}
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// options are good for servers on this host.
func options(masters ...leader.Address) Options {
	silent := logrus.New()
	silent.Out = io.Discard
	return Options{
		Leaders:    leader.NewStatic(masters),
		Source:     Poll,
		Interval:   time.Minute,
		Resync:     5 * time.Minute,
		Reregister: 10 * time.Minute,
		Timeout:    10 * time.Second,
		MaxBytes:   1 << 20,
		Log:        silent,
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, errors.New("no look-ups in this test")
		},
	}
}

// owner is an Owner whose replica tests look at.
type owner struct {
	replica *state.Replica
	publish func(*state.Cluster) // may be nil
	prepare func(*state.Cluster) // may be nil
}

func newOwner() *owner { return &owner{replica: state.NewReplica()} }

func (o *owner) Update(f func(*state.Replica)) { f(o.replica) }

func (o *owner) Prepare() {
	if o.prepare != nil {
		o.prepare(o.replica.Cluster())
	}
}

func (o *owner) Publish() {
	if o.publish != nil {
		o.publish(o.replica.Cluster())
	}
}

// reconcile takes in a full state without a journal.
func reconcile(r *state.Replica, now time.Time, s *state.FullState) {
	for range r.Reconcile(now, s, nil) {
	}
}

// counting is an owner that calls published at each publication.
func counting(published func()) *owner {
	o := newOwner()
	o.publish = func(*state.Cluster) { published() }
	return o
}

// readOnce polls once. Nothing may be published beside an error.
func readOnce(t testing.TB, w *Watcher) (*state.FullState, error) {
	t.Helper()
	published := 0
	o := counting(func() { published++ })
	w.owner = o
	w.update(func(*state.Replica) {})
	err := w.poll(t.Context())
	want := 1
	if err != nil {
		want = 0
	}
	if published != want {
		t.Fatalf("published %d times, want %d; error %v", published, want, err)
	}
	if err != nil {
		return nil, err
	}
	return o.replica.Cluster().FullState(), nil
}

// wantLeader polls once and wants the state of a master.
func wantLeader(t testing.TB, w *Watcher, want leader.Address) {
	t.Helper()
	s, err := readOnce(t, w)
	if err != nil {
		t.Fatal(err)
	}
	if s.Leader.Host != want.Host || s.Leader.Port != want.Port || len(s.Agents) != 1 {
		t.Fatalf("the state of %s:%d with %d agents, want that of %s", s.Leader.Host, s.Leader.Port, len(s.Agents), want)
	}
}

// wantError polls once and wants an error with each of the texts. The port on
// this side of a connection must not be in it: it is another one each time.
func wantError(t testing.TB, w *Watcher, texts ...string) {
	t.Helper()
	_, err := readOnce(t, w)
	if err == nil {
		t.Fatalf("no error, want %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q, want %q in it", err, text)
		}
	}
	if strings.Contains(err.Error(), "->") || len(err.Error()) > 500 {
		t.Errorf("got error %q, want no port of this side and at most 500 bytes", err)
	}
}
