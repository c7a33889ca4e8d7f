package masters

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
	"toponym/sim"
)

// twoFrameworks is a cluster with a task of each of two frameworks.
func twoFrameworks(t *testing.T) *sim.Cluster {
	t.Helper()
	c := sim.NewCluster(sim.Options{})
	agent, err := c.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.0.0.1:5051")})
	noError(t, err)
	for _, name := range []string{"marathon", "chronos"} {
		id, err := c.AddFramework(sim.Framework{Name: name})
		noError(t, err)
		_, err = c.StartTask(sim.Task{Name: "in-" + name, FrameworkID: id, AgentID: agent})
		noError(t, err)
	}
	return c
}

// TestEachRealmHasItsAuthentication: the two APIs are in realms of their own.
func TestEachRealmHasItsAuthentication(t *testing.T) {
	some := []Credential{{Principal: "p", Secret: "s"}, {"few", "s", []string{"chronos"}}, {Principal: "odd", Secret: "a:b"}}
	for _, tt := range []struct {
		name, header, leader string
		auth                 Auth
		state, v1            int
	}{
		{"none", "", "10.0.1.10:5050", Auth{}, 200, 200},
		{"the first alone", "", "10.0.1.10:5050", Auth{ReadOnly: true, Credentials: some}, 401, 200},
		{"both", "", "10.0.1.10:5050", Auth{true, true, some}, 401, 401},
		{"a leader is not asked for", "", "", Auth{true, true, some}, 401, 401},
		{"p:s", "Basic cDpz", "10.0.1.10:5050", Auth{true, true, some}, 200, 200},
		{"p:s without a leader", "Basic cDpz", "", Auth{true, true, some}, 503, 503},
		{"p:t", "Basic cDp0", "10.0.1.10:5050", Auth{true, true, some}, 401, 401},
		{"lower case", "basic cDpz", "10.0.1.10:5050", Auth{true, true, some}, 401, 401},
		{"a colon in the secret", "Basic b2RkOmE6Yg==", "10.0.1.10:5050", Auth{true, true, some}, 401, 401},
		{"not base64", "Basic p:s", "10.0.1.10:5050", Auth{true, true, some}, 401, 401},
		{"some only", "Basic ZmV3OnM=", "10.0.1.10:5050", Auth{true, true, some}, 200, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := sim.NewMaster(twoFrameworks(t), sim.MasterOptions{Addr: testAddr, Admit: tt.auth.Admit})
			m.SetLeader(tt.leader)
			for _, r := range []*http.Request{
				httptest.NewRequest("GET", "/master/state", nil),
				httptest.NewRequest("POST", "/api/v1", strings.NewReader(`{"type":"GET_STATE"}`)),
			} {
				r.Header.Set("Content-Type", "application/json")
				if tt.header != "" {
					r.Header.Set("Authorization", tt.header)
				}
				want, realm := tt.state, `Basic realm="mesos-master-readonly"`
				if r.Method == "POST" {
					want, realm = tt.v1, `Basic realm="mesos-master-readwrite"`
				}
				w := httptest.NewRecorder()
				m.ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("%s: %d, want %d", r.URL, w.Code, want)
				}
				if got := w.Header().Get("WWW-Authenticate"); (got == realm) != (want == 401) {
					t.Errorf("%s: WWW-Authenticate %q", r.URL, got)
				}
				if want != 200 {
					continue
				}
				sees := tt.name != "some only"
				if body := w.Body.String(); strings.Contains(body, "in-marathon") != sees || !strings.Contains(body, "in-chronos") {
					t.Errorf("%s shows what it should not, or not what it should", r.URL)
				}
			}
		})
	}
}

// TestFrozenMasterSaysNothing: a frozen master keeps its connections and sends
// nothing, not even heartbeats; after the thaw it sends everything.
func TestFrozenMasterSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Freezer
		c := twoFrameworks(t)
		p := testutil.ServePipes(t, testAddr, sim.NewMaster(c, sim.MasterOptions{Addr: testAddr, Gate: f.Wait}))
		in := p.Subscribe(t)
		in.Skip(t, 2)
		f.Freeze()
		f.Freeze()
		_, err := c.AddFramework(sim.Framework{Name: "late"})
		noError(t, err)
		came := make(chan []byte)
		go func() { came <- in.Next(t) }()
		select {
		case b := <-came:
			t.Errorf("a frozen master sent %s", b)
		case <-time.After(time.Hour):
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if f.Wait(ctx) {
			t.Error("a request would be answered")
		}
		f.Thaw()
		f.Thaw()
		if got := decode(t, string(<-came))["type"]; got != "FRAMEWORK_ADDED" {
			t.Errorf("after the thaw: %v, want FRAMEWORK_ADDED", got)
		}
	})
}

// TestStreamHidesFrameworksOfOthers: whoever may not see a framework does not
// hear of it.
func TestStreamHidesFrameworksOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoFrameworks(t)
		auth := Auth{ReadWrite: true, Credentials: []Credential{{"p", "s", []string{"chronos"}}}}
		p := testutil.ServePipes(t, testAddr, sim.NewMaster(c, sim.MasterOptions{Addr: testAddr, Admit: auth.Admit}))
		in := p.Subscribe(t, "Authorization: Basic cDpz\r\n")
		if first := in.Next(t); bytes.Contains(first, []byte("marathon")) {
			t.Errorf("the first record shows a hidden framework: %s", first)
		}
		in.Next(t)
		for _, f := range c.Frameworks() {
			if f.Name == "marathon" {
				_, err := c.StartTask(sim.Task{Name: "more", FrameworkID: f.ID, AgentID: c.Agents()[0].ID})
				noError(t, err)
			}
		}
		_, err := c.AddFramework(sim.Framework{Name: "chronos"})
		noError(t, err)
		if got := decode(t, string(in.Next(t)))["type"]; got != "FRAMEWORK_ADDED" {
			t.Errorf("got %v, want FRAMEWORK_ADDED", got)
		}
	})
}
