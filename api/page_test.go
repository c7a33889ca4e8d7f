package api

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"toponym/state"
)

func askPage(s *Server, name string) string {
	return get(s, "/?name="+url.QueryEscape(name)).Body.String()
}

func TestPageHasTheExpectedHTML(t *testing.T) {
	s := testServer()
	for file, path := range map[string]string{
		"page.html":         "/",
		"page-name.html":    "/?name=nginx.marathon.mesos",
		"page-service.html": "/?name=_nginx._tcp.marathon.mesos",
	} {
		t.Run(file, func(t *testing.T) {
			w := get(s, path)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("got status %d and Content-Type %q, want 200 and HTML", w.Code, w.Header().Get("Content-Type"))
			}
			golden(t, file, w.Body.Bytes())
		})
	}
}

// The page shows the records of a name, or says why there are none.
func TestPageShowsTheRecordsOfAName(t *testing.T) {
	s := testServer()
	for name, want := range map[string]string{
		"LEADER.mesos":                "10.0.0.1",
		"_web._tcp.marathon.mesos":    "port 80",
		"1.0.168.192.in-addr.arpa":    "nginx.marathon.mesos.",
		"nothing.mesos":               "No records: <code>nothing.mesos.</code>",
		"mesos":                       "No records",
		"a..b":                        "Not a valid name",
		strings.Repeat("long.", 1000): "Not a valid name",
	} {
		if got := askPage(s, name); !strings.Contains(got, want) {
			t.Errorf("%.40q: got no %q in:\n%s", name, want, got)
		}
	}
	pending := askPage(pendingServer(), "leader.mesos")
	for _, want := range []string{"Not ready", "No state of the cluster has arrived yet"} {
		if !strings.Contains(pending, want) {
			t.Errorf("before the first state: got no %q in:\n%s", want, pending)
		}
	}
}

// Texts of clients and of the cluster never become markup.
func TestPageEscapesTextsOfOthers(t *testing.T) {
	snapshot := testSnapshot()
	snapshot.Tasks[1].Discovery = &state.Discovery{
		Name:  "<script>x</script>",
		Ports: []state.DiscoveryPort{{Number: 80, Protocol: "tcp"}},
	}
	o := testOptions(snapshot)
	o.Version, o.Domain = "<script>", `mesos"><script>`
	s := New(o)
	for _, name := range []string{
		"<script>alert(1)</script>",
		`"><script>alert(1)</script>`,
		`' onfocus=alert(1) autofocus='`,
		"</style><script>",
		"javascript:alert(1)",
		"<script>x</script>.marathon.mesos",
		"_<script>x</script>._tcp.marathon.mesos",
		"\x00<script>\xff",
	} {
		body := askPage(s, name)
		if strings.Contains(body, "<script") || strings.Contains(body, `onfocus=alert(1) autofocus='`) || strings.Contains(body, `href="javascript`) {
			t.Errorf("%q: got markup in:\n%s", name, body)
		}
	}
	if hit := askPage(s, "_<script>x</script>._tcp.marathon.mesos"); !strings.Contains(hit, "port 80") {
		t.Errorf("got no record of the name in:\n%s", hit)
	}
}

// The links of the page lead to the name, whatever characters it has.
func TestPageLinksLeadToTheName(t *testing.T) {
	snapshot := testSnapshot()
	snapshot.Tasks[1].Discovery.Name = "a/b?c#d%e&f"
	s := New(testOptions(snapshot))
	for name, want := range map[string]string{
		"a/b?c#d%e&f.marathon.mesos":       "192.168.0.2",
		"_a/b?c#d%e&f._tcp.marathon.mesos": `"port": "80"`,
	} {
		_, link, ok := strings.Cut(askPage(s, name), `As JSON: <a href="`)
		link, _, _ = strings.Cut(link, `"`)
		if got := get(s, html.UnescapeString(link)); !ok || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: got the link %q, which gives status %d: %s", name, link, got.Code, got.Body)
		}
	}
}

// The policy lets the browser use the page's own style and nothing else.
func TestPagePolicyAllowsOnlyItsStyle(t *testing.T) {
	w := get(testServer(), "/")
	policy := w.Header().Get("Content-Security-Policy")
	_, style, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
		t.Errorf("got the policy %q, which does not allow the style %s", policy, want)
	}
	for _, want := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got the policy %q, want %s in it", policy, want)
		}
	}
	for _, bad := range []string{"<script", "http://", "https://", "style=", " src="} {
		if strings.Contains(w.Body.String(), bad) {
			t.Errorf("got a page with %q", bad)
		}
	}
}
