package api

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	promtest "github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/internal/testutil"
)

const testToken = "0123456789abcdef"

func tokensOf(tokens ...string) func() []TokenHash {
	var list []TokenHash
	for _, t := range tokens {
		list = append(list, HashToken(t))
	}
	return func() []TokenHash { return list }
}

// accessServer answers from the test cluster to whom the rules permit.
func accessServer(rules ...Access) *Server {
	o := testOptions(testSnapshot())
	o.Access = rules
	return New(o)
}

// verified is the state of a connection whose client has a certificate for names.
func verified(t *testing.T, names ...string) *tls.ConnectionState {
	cert := testutil.NewCA(t).Issue(t, names...)
	return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert.Leaf}}}
}

func TestAccessNeedsOneProof(t *testing.T) {
	rule := Access{
		Path: "/v1/axfr", Tokens: tokensOf("another long token", testToken), Clients: []string{"ns2.example.com"},
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
	}
	const wrong, needed = `Bearer realm="toponym", error="invalid_token"`, `Bearer realm="toponym"`
	unverified := verified(t, "ns2.example.com")
	unverified.PeerCertificates, unverified.VerifiedChains = unverified.VerifiedChains[0], nil
	for _, c := range []struct {
		what          string
		remote        string
		authorization string
		tls           *tls.ConnectionState
		status        int
		challenge     string
	}{
		{"nothing", "192.0.2.1:1000", "", nil, 401, needed},
		{"a token", "192.0.2.1:1000", "Bearer " + testToken, nil, 200, ""},
		{"the other token", "192.0.2.1:1000", "bearer  another long token", nil, 200, ""},
		{"a wrong token", "192.0.2.1:1000", "Bearer " + testToken + "x", nil, 401, wrong},
		{"no token", "192.0.2.1:1000", "Bearer ", nil, 401, needed},
		{"another scheme", "192.0.2.1:1000", "Basic " + testToken, nil, 401, needed},
		{"an address", "10.1.2.3:1000", "", nil, 200, ""},
		{"an address and a wrong token", "10.1.2.3:1000", "Bearer wrong", nil, 200, ""},
		{"an IPv6 address", "[fd00::1]:1000", "", nil, 200, ""},
		{"an IPv4 address in IPv6", "[::ffff:10.1.2.3]:1000", "", nil, 200, ""},
		{"a certificate", "192.0.2.1:1000", "", verified(t, "NS2.example.com"), 200, ""},
		{"another certificate", "192.0.2.1:1000", "", verified(t, "ns3.example.com"), 401, needed},
		{"a certificate that was not verified", "192.0.2.1:1000", "", unverified, 401, needed},
	} {
		r := httptest.NewRequest("GET", "/v1/axfr", nil)
		r.RemoteAddr, r.TLS = c.remote, c.tls
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		accessServer(rule).Handler().ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: got status %d and challenge %q, want %d and %q", c.what, w.Code, w.Header().Get("WWW-Authenticate"), c.status, c.challenge)
		}
		if c.status != 200 && (w.Header().Get("Content-Type") != contentJSON || !strings.Contains(w.Body.String(), "/v1/axfr") || strings.Contains(w.Body.String(), "nginx")) {
			t.Errorf("%s: got %q, want an error in JSON that names the path", c.what, w.Body)
		}
	}
}

func TestTheRuleOfTheLongestPathCounts(t *testing.T) {
	closed, open := Access{}, Access{Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	at := func(path string, a Access) Access { a.Path = path; return a }
	s := accessServer(at("/", closed), at("/v1", open), at("/v1/hosts", closed), at("/v1/config", Access{Tokens: tokensOf(testToken)}))
	for path, want := range map[string]int{
		"/":                                403,
		"/?name=nginx.marathon.mesos":      403,
		"/nothing":                         403,
		"/v1/version":                      200,
		"/v1/version/":                     200,
		"/v1/axfr":                         200,
		"/v1/hostsx":                       404,
		"/v1/hosts/nginx.marathon.mesos":   403,
		"/v1/hosts/nginx.marathon.mesos/":  403,
		"/v1/h%6fsts/nginx.marathon.mesos": 403,
		"/v1/hosts/nginx.marathon.mesos%2F..%2F..%2F..":       403,
		"/v1/hosts/nginx.marathon.mesos/ports":                403,
		"/v1/services/_nginx._tcp.marathon.mesos":             200,
		"/v1/services/%2e%2e%2fhosts%2fnginx.marathon.mesos.": 200, // a service of that name, which there is not
		"/v1/config":  401,
		"/v1//config": 307,
		"/healthz":    200,
		"/healthz/":   200,
		"/readyz":     200,
	} {
		if w := get(s, path); w.Code != want {
			t.Errorf("%s: got status %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}

// Whatever the path: where all is closed, only the probes answer.
func FuzzNothingIsReadWithoutAccess(f *testing.F) {
	for _, path := range allPaths {
		f.Add(path)
	}
	for _, path := range []string{"/healthz/../v1/axfr", "/v1/%2e%2e/v1/axfr", "/readyz%2F..%2Fv1%2Faxfr", "//v1/axfr", "/v1/hosts/%2f", "*"} {
		f.Add(path)
	}
	s := accessServer(Access{Path: "/"})
	f.Fuzz(func(t *testing.T, path string) {
		r, err := http.NewRequest("GET", "http://localhost"+path, nil)
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code == 200 && w.Body.String() != "ok" {
			t.Errorf("%q: got %q, want 403", path, w.Body)
		}
	})
}

// Refused requests are counted by the path that was asked for.
func TestRefusedRequestsAreCounted(t *testing.T) {
	s := accessServer(Access{Path: "/v1"})
	get(s, "/v1/axfr")
	get(s, "/v1/hosts/nginx.marathon.mesos")
	want := `
# HELP toponym_http_requests_total HTTP requests that were answered, by path pattern and status code.
# TYPE toponym_http_requests_total counter
toponym_http_requests_total{code="403",path="/v1/axfr"} 1
toponym_http_requests_total{code="403",path="/v1/hosts/{host}"} 1
`
	if err := promtest.CollectAndCompare(s, strings.NewReader(want), "toponym_http_requests_total"); err != nil {
		t.Error(err)
	}
}
