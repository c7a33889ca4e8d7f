package master

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"toponym/state/leader"
)

func TestFirstOfTwoMastersIsDown(t *testing.T) {
	_, up := simulated(t)
	w := New(options(closedPort(t), up))
	wantLeader(t, w, up)
	wantLeader(t, w, up)
}

func TestAllMastersAreDown(t *testing.T) {
	a, b := closedPort(t), closedPort(t)
	wantError(t, New(options(a, b)), a.String()+": dial: connect: connection refused", b.String()+": dial")
	wantError(t, New(options()), "no masters to ask")
}

// Real masters answer 307 with "//host:port/master/state".
func TestRedirectOfAStandbyIsFollowed(t *testing.T) {
	standby, at := simulated(t)
	_, lead := simulated(t)
	standby.SetLeader(lead.String())
	w := New(options(at))
	wantLeader(t, w, lead)

	// The leader of the last time is asked first, without a redirect.
	standby.SetLeader("")
	wantLeader(t, w, lead)
}

func TestLeaderIsFoundAmongTheMasters(t *testing.T) {
	first, a := simulated(t)
	second, b := simulated(t)
	second.SetLeader(a.String())
	w := New(options(a, b))
	wantLeader(t, w, a)
	first.SetLeader(b.String())
	second.SetLeader(b.String())
	wantLeader(t, w, b)
	first.SetLeader("")
	second.SetLeader("")
	wantError(t, w, a.String()+`: status 503: "No leader elected"`, b.String()+`: status 503: "No leader elected"`)
	first.SetLeader(a.String())
	wantLeader(t, w, a)
}

// Standbys name a dead leader for some time.
func TestRedirectToADeadLeaderIsAnError(t *testing.T) {
	standby, at := simulated(t)
	dead := closedPort(t)
	standby.SetLeader(dead.String())
	wantError(t, New(options(at)), dead.String()+": dial")
}

func TestRedirectsThatLeadNowhere(t *testing.T) {
	var at leader.Address
	toItself := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { redirecting("//"+r.Host+r.URL.Path)(w, r) }))
	back := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { redirecting("//"+at.String()+r.URL.Path)(w, r) }))
	at = serve(t, redirecting("//"+back.String()+"/master/state"))
	_, end := simulated(t)
	chain := end
	for range maxHops {
		chain = serve(t, redirecting("//"+chain.String()+"/master/state"))
	}
	tests := []struct {
		what  string
		start leader.Address
		err   string
	}{
		{"to itself", toItself, "masters name each other as the leader"},
		{"back and forth", at, "masters name each other as the leader"},
		{"without end", chain, "too many redirects"},
		{"without a Location", serve(t, redirecting("")), "redirect without a Location"},
		{"to another scheme", serve(t, redirecting("https://10.0.0.1:5050/master/state")), "redirect from http to https is not allowed"},
		{"to no host", serve(t, redirecting("//:5050/master/state")), "is not host:port"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) { wantError(t, New(options(tt.start)), tt.err) })
	}
}

func TestAsManyRedirectsAsAllowed(t *testing.T) {
	_, end := simulated(t)
	chain := end
	for range maxHops - 1 {
		chain = serve(t, redirecting("//"+chain.String()+"/master/state"))
	}
	wantLeader(t, New(options(chain)), end)
}

func TestKindsOfRedirects(t *testing.T) {
	_, lead := simulated(t)
	for _, status := range []int{301, 302, 307, 308} {
		at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://"+lead.String()+"/anywhere?x=y")
			w.WriteHeader(status)
		}))
		wantLeader(t, New(options(at)), lead)
	}
}

// Standbys of old versions answer with an empty state that names the leader.
func TestLeaderThatAStandbyNamesIsAsked(t *testing.T) {
	_, lead := simulated(t)
	standby := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"pid": "master@%s", "leader": "master@%s", "slaves": []}`, r.Host, lead)
	}))
	wantLeader(t, New(options(standby)), lead)
}

func TestStateNamesItsLeader(t *testing.T) {
	elsewhere := leader.Address{Host: "10.99.0.1", Port: 5050}
	tests := []struct {
		what string
		body func(at leader.Address) string
		want func(at leader.Address) leader.Address // nil: refused
	}{
		{"itself", func(at leader.Address) string { return stateOf(at, at) }, func(at leader.Address) leader.Address { return at }},
		// Behind a proxy or NAT the pid is not the address that was asked.
		{"itself, at another address", func(leader.Address) string { return stateOf(elsewhere, elsewhere) }, func(leader.Address) leader.Address { return elsewhere }},
		{"somebody, and there is no pid", func(leader.Address) string {
			return `{"leader": "master@10.99.0.1:5050", "slaves": [{"id": "S0"}]}`
		}, func(leader.Address) leader.Address { return elsewhere }},
		{"nobody", func(at leader.Address) string {
			return `{"pid": "master@` + at.String() + `", "slaves": [{"id": "S0"}]}`
		}, nil},
		{"null", func(at leader.Address) string { return `{"leader": null, "pid": "master@` + at.String() + `"}` }, nil},
		{"what is no pid", func(at leader.Address) string { return `{"leader": "None", "pid": "master@` + at.String() + `"}` }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked, err := leader.ParseAddress(r.Host)
				if err != nil {
					t.Error(err)
				}
				io.WriteString(w, tt.body(asked))
			}))
			if tt.want == nil {
				wantError(t, New(options(at)), "the state names no leader")
				return
			}
			wantLeader(t, New(options(at)), tt.want(at))
		})
	}
}

func TestMasterOnIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on the loopback interface")
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(leading))
	s.Listener.Close()
	s.Listener = l
	at := start(t, s, false)
	wantLeader(t, New(options(at)), at)
	standby := serve(t, redirecting("//"+at.String()+"/master/state"))
	wantLeader(t, New(options(standby)), at)
}

// Mesos before 0.25 has the state at /master/state.json only.
func TestOldPathOfTheState(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	has := "/master/state.json"
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		if r.URL.Path != has {
			http.NotFound(w, r)
			return
		}
		at, _ := leader.ParseAddress(r.Host)
		io.WriteString(w, stateOf(at, at))
	}))
	w := New(options(at))
	for _, step := range []struct {
		what, has string
		asked     []string
	}{
		{"an old master", "/master/state.json", []string{"/master/state", "/master/state.json"}},
		{"the same again", "/master/state.json", []string{"/master/state.json"}},
		{"it was upgraded", "/master/state", []string{"/master/state.json", "/master/state"}},
		{"the same again", "/master/state", []string{"/master/state"}},
	} {
		mu.Lock()
		has, asked = step.has, nil
		mu.Unlock()
		wantLeader(t, w, at)
		if !slices.Equal(asked, step.asked) {
			t.Errorf("%s: asked for %q, want %q", step.what, asked, step.asked)
		}
	}
}

func TestStatusesThatAreErrors(t *testing.T) {
	tests := []struct {
		status int
		body   string
		want   []string
	}{
		{401, "", []string{"status 401", "mesosAuthentication", "mesosCredentials"}},
		{403, "", []string{"status 403", "mesosCredentials"}},
		{404, "", []string{"status 404 for /master/state and /master/state.json: is this a Mesos master?"}}, // also the first 35 ms of one
		{503, "No leader elected", []string{`status 503: "No leader elected"`}},
		{503, "Master has not finished recovery\n\nand more", []string{`status 503: "Master has not finished recovery"`}},
		{500, "", []string{": status 500"}},
		{502, "<html>" + strings.Repeat("x", 10_000), []string{`status 502: "<html>xxx`}},
		{503, "\x1b[2J\x00", []string{`status 503: "\x1b[2J\x00"`}}, // nothing a terminal obeys
		{204, "", []string{"status 204"}},
		{206, "{}", []string{"status 206"}}, // a part is not the whole
		{304, "", []string{"status 304"}},
	}
	for _, tt := range tests {
		at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		}))
		wantError(t, New(options(at)), append(tt.want, at.String())...)
	}
}

// The masters of the settings keep their order, by which they are numbered. A
// leader that is none of them comes last.
func TestMastersOfAFullState(t *testing.T) {
	a, b, c := leader.Address{Host: "10.0.0.1", Port: 5050}, leader.Address{Host: "10.0.0.2", Port: 5050}, leader.Address{Host: "10.0.0.2", Port: 5051}
	tests := []struct {
		known []leader.Address
		lead  leader.Address
		want  []leader.Address
	}{
		{[]leader.Address{a, b}, a, []leader.Address{a, b}},
		{[]leader.Address{a, b}, b, []leader.Address{a, b}},
		{[]leader.Address{a, b}, c, []leader.Address{a, b, c}},
		{nil, a, []leader.Address{a}},
	}
	for _, tt := range tests {
		leading, all := mastersOf(tt.lead, tt.known)
		var got []leader.Address
		for _, m := range all {
			got = append(got, leader.Address{Host: m.Host, Port: m.Port})
		}
		if !slices.Equal(got, tt.want) || leading.Host != tt.lead.Host || leading.Port != tt.lead.Port {
			t.Errorf("known %v, leader %v: got %v led by %+v, want %v", tt.known, tt.lead, got, leading, tt.want)
		}
	}
}
