package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var allPaths = []string{
	"/", "/?name=leader.mesos", "/healthz", "/readyz",
	"/v1/version", "/v1/config", "/v1/enumerate", "/v1/axfr", "/v1/instances",
	"/v1/sd/prometheus", "/v1/sd/prometheus?source=masters", "/v1/sd/prometheus?source=agents", "/v1/sd/traefik",
	"/v1/sd/haproxy?group=external&dns=10.0.0.53",
	"/v1/hosts/leader.mesos", "/v1/services/_leader._tcp.mesos",
}

// Each path has its status, before and after the first state.
func TestStatusCodesOfPaths(t *testing.T) {
	closed := testOptions(testSnapshot())
	closed.EnumerationOn = false
	bare := testOptions(testSnapshot())
	bare.Enumerate, bare.Config = nil, nil

	for _, c := range []struct {
		name   string
		server *Server
		path   string
		status int
		body   string // exact, where it is not empty
	}{
		{"ready", testServer(), "/healthz", 200, "ok"},
		{"ready", testServer(), "/readyz", 200, "ok"},
		{"ready", testServer(), "/v1/hosts/leader.mesos/ports", 501, "To be implemented..."},
		{"no enumeration", New(closed), "/v1/lookup?name=web", 404, ""},
		{"ready", testServer(), "/v1", 404, "{\n \"error\": \"/v1/openapi.json describes the paths below /v1\"\n}"},
		{"ready", testServer(), "/v1/", 404, "{\n \"error\": \"/v1/openapi.json describes the paths below /v1\"\n}"},
		{"ready", testServer(), "/v1/hosts/", 404, ""},
		{"ready", testServer(), "/v1/hosts", 404, ""},
		{"ready", testServer(), "/v1/hosts/leader.mesos/nothing", 404, ""},
		{"ready", testServer(), "/v2/version", 404, ""},
		{"ready", testServer(), "/V1/version", 404, ""},
		{"ready", testServer(), "/index.html", 404, ""},
		{"ready", testServer(), "/v1/version/", 200, ""},

		{"no enumeration", New(closed), "/v1/enumerate", 404, ""},
		{"no enumeration", New(closed), "/v1/axfr", 404, ""},
		{"no enumeration", New(closed), "/v1/instances", 404, ""},
		{"no enumeration", New(closed), "/v1/sd/prometheus", 404, ""},
		{"no enumeration", New(closed), "/v1/sd/traefik", 404, ""},
		{"no enumeration", New(closed), "/v1/sd/haproxy", 404, ""},
		{"no enumeration", New(closed), "/v1/version", 200, ""},
		{"no functions", New(bare), "/v1/enumerate", 404, ""},
		{"no functions", New(bare), "/v1/config", 404, ""},
		{"no functions", New(bare), "/", 200, ""},

		{"pending", pendingServer(), "/healthz", 200, "ok"},
		{"pending", pendingServer(), "/readyz", 503, "no state of the cluster yet"},
		{"pending", pendingServer(), "/", 200, ""},
		{"pending", pendingServer(), "/?name=leader.mesos", 200, ""},
		{"pending", pendingServer(), "/v1/version", 200, ""},
		{"pending", pendingServer(), "/v1/config", 200, ""},
		{"pending", pendingServer(), "/v1/hosts/leader.mesos/ports", 501, ""},
		{"pending", pendingServer(), "/v1/hosts/leader.mesos", 503, "{\n \"error\": \"no state of the cluster yet\"\n}"},
		{"pending", pendingServer(), "/v1/services/_leader._tcp.mesos", 503, "{\n \"error\": \"no state of the cluster yet\"\n}"},
		{"pending", pendingServer(), "/v1/axfr", 503, "{\n \"error\": \"no state of the cluster yet\"\n}"},
		{"pending", pendingServer(), "/v1/instances", 503, ""},
		{"pending", pendingServer(), "/v1/sd/prometheus", 503, ""},
		{"pending", pendingServer(), "/v1/sd/traefik", 503, ""},
		{"pending", pendingServer(), "/v1/sd/haproxy?group=a", 503, ""},
		{"pending", pendingServer(), "/v1/enumerate", 503, "{\n \"error\": \"no state of the cluster yet\"\n}"},
	} {
		w := get(c.server, c.path)
		if w.Code != c.status {
			t.Errorf("%s: %s: got status %d, want %d", c.name, c.path, w.Code, c.status)
		}
		if c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s: %s: got the body %q, want %q", c.name, c.path, w.Body, c.body)
		}
		if w.Code == 404 && c.body == "" && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %s: got Content-Type %q, want text/plain", c.name, c.path, w.Header().Get("Content-Type"))
		}
	}
}

// Only GET and HEAD are answered.
func TestOtherMethodsAreRefused(t *testing.T) {
	s := testServer()
	for _, path := range append(allPaths, "/v1/hosts/leader.mesos/ports") {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
			w := do(s, method, path)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: got status %d and Allow %q, want 405 and GET, HEAD", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
}

// HEAD has the headers of GET and no body, on a real connection.
func TestHeadHasTheHeadersOfGet(t *testing.T) {
	server := httptest.NewServer(testServer().Handler())
	defer server.Close()
	for _, path := range allPaths {
		head, err := server.Client().Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = head.Body.Close()
		got, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if head.StatusCode != 200 || got.StatusCode != 200 {
			t.Errorf("%s: got status %d for HEAD and %d for GET, want 200", path, head.StatusCode, got.StatusCode)
		}
		if h, g := head.Header.Get("Content-Type"), got.Header.Get("Content-Type"); h != g {
			t.Errorf("%s: got Content-Type %q for HEAD, want %q as for GET", path, h, g)
		}
		if head.ContentLength != got.ContentLength {
			t.Errorf("%s: got Content-Length %d for HEAD, want %d as for GET", path, head.ContentLength, got.ContentLength)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	s := testServer()
	for _, path := range append(allPaths, "/nothing", "/v1/hosts/x/ports") {
		h := get(s, path).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got the headers %v, want nosniff and no-store", path, h)
		}
	}
}

// The body of a request is not read: the connection is closed instead.
func TestRequestBodyIsNotRead(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/v1/version", strings.NewReader("x"))
	testServer().Handler().ServeHTTP(w, r)
	if w.Code != 200 || w.Header().Get("Connection") != "close" {
		t.Errorf("got status %d and the headers %v, want 200 and Connection: close", w.Code, w.Header())
	}
}

// Whatever the method and path, the status is one of the known ones.
func FuzzPath(f *testing.F) {
	for _, path := range allPaths {
		f.Add("GET", path)
	}
	f.Add("HEAD", "/v1/hosts/..%2f%00.*")
	f.Add("GET", "/v1/services/%ff%fe.*.*.*")
	f.Add("GET", "/?name=%3Cscript%3E&name=%zz;")
	f.Add("GET", "/v1/explain/%5F.a%00b..")
	f.Add("HEAD", "/v1/explain/1.0.168.192.in-addr.arpa")
	f.Add("GET", "/v1/instances?name=1.0.168.192.in-addr.arpa&label=a%3Db&limit=1&after=ZjEAbmdpbnguMQ")
	s := testServer()
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.NewRequest(method, target, nil)
		if err != nil {
			t.Skip()
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		switch w.Code {
		case 200, 301, 307, 308, 400, 404, 405, 501, 503:
		default:
			t.Errorf("%s %q: got status %d", method, target, w.Code)
		}
	})
}
