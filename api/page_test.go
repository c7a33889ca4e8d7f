package api

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	html5 "golang.org/x/net/html"

	"toponym/records"
	"toponym/state"
	"toponym/state/leader"
)

func askPage(s *Server, name string) string {
	return get(s, "/?name="+url.QueryEscape(name)).Body.String()
}

// stable returns a page without its style, its script, and what depends on the time.
func stable(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, "<style></style>")
	page = regexp.MustCompile(`(?s)<script>.*?</script>`).ReplaceAllString(page, "<script></script>")
	page = regexp.MustCompile(`[0-9a-z ]+ ago\b`).ReplaceAllString(page, " AGE ago")
	page = regexp.MustCompile(`>\d+ [a-z]+</time>`).ReplaceAllString(page, ">AGE</time>")
	return regexp.MustCompile(`for \d+ [a-z]+\b`).ReplaceAllString(page, "for AGE")
}

func TestPageHasTheExpectedHTML(t *testing.T) {
	o := testOptions(testSnapshot())
	s := New(o)
	for file, path := range map[string]string{
		"page.html":         "/",
		"page-name.html":    "/?name=nginx.marathon.mesos",
		"page-service.html": "/?name=_nginx._tcp.marathon.mesos",
		"page-search.html":  "/?q=WEB",
		"page-app.html":     "/app?framework=f1&app=web",
		"page-task.html":    "/task?framework=f1&task=web.1",
		"page-agent.html":   "/agent?id=20150101-S0",
	} {
		t.Run(file, func(t *testing.T) {
			w := get(s, path)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("got status %d and Content-Type %q, want 200 and HTML", w.Code, w.Header().Get("Content-Type"))
			}
			golden(t, file, []byte(stable(w.Body.String())))
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
		"mesos":                       "<td>SOA</td>",
		"marathon.mesos.x":            "Queries for it are refused",
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
		if strings.Count(body, "<script") != 1 || strings.Contains(body, `onfocus=alert(1) autofocus='`) || strings.Contains(body, `href="javascript`) {
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

// The policy lets the browser use the page's own style and script, requests to the
// server, and nothing else.
func TestPagePolicyAllowsOnlyItsStyleAndScript(t *testing.T) {
	w := get(testServer(), "/")
	policy := w.Header().Get("Content-Security-Policy")
	for _, element := range []string{"style", "script"} {
		_, text, _ := strings.Cut(w.Body.String(), "<"+element+">")
		text, _, _ = strings.Cut(text, "</"+element+">")
		sum := sha256.Sum256([]byte(text))
		if want := element + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("got the policy %q, which does not allow the %s %s", policy, element, want)
		}
	}
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got the policy %q, want %s in it", policy, want)
		}
	}
	for _, bad := range []string{"http://", "https://", "style=", " src="} {
		if strings.Contains(w.Body.String(), bad) {
			t.Errorf("got a page with %q", bad)
		}
	}
}

// Every page escapes what frameworks and agents wrote, in texts, links and titles.
func TestAllPagesEscapeTextsOfTheCluster(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>' onfocus=alert(1) {{.}} javascript:alert(1)`
	snapshot := testSnapshot()
	snapshot.Frameworks[0].Name = evil
	snapshot.Agents[0].Hostname = evil
	snapshot.Agents[0].Attributes = []state.Attribute{{Name: evil, Value: evil}}
	snapshot.Agents[0].Region = evil
	task := snapshot.Tasks[1]
	task.Key.ID, task.Name, task.Discovery.Name, task.State = evil, evil, evil, state.Running
	task.Discovery.Ports[0].Name = evil
	task.Details = &state.TaskDetails{Role: evil, Labels: []state.Label{{Key: evil, Value: evil}}}
	task.Labels = []state.Label{{Key: "DNS_TTL", Value: evil}, {Key: "DNS_ALIAS", Value: evil}}
	o := testOptions(snapshot)
	text := evil
	o.Status = func() Status {
		failure := &leader.Failure{Text: evil, Time: time.Now()}
		return Status{
			Source: evil, Leader: &text, LastError: failure, ZooKeeper: &leader.Status{State: evil, LastError: failure},
			Merged: []records.Merged{{Name: evil, Frameworks: []string{evil}}},
			Omitted: []OmissionStatus{
				{Framework: evil, Task: evil, Label: evil, Value: evil, Reason: evil}, {Framework: evil, FrameworkName: evil, Reason: evil, Usual: true},
			},
			Forwarding:  &ForwardingStatus{Upstreams: []UpstreamStatus{{Address: evil, State: evil}}},
			Secondaries: []SecondaryStatus{{Key: &text, LastError: failure}},
		}
	}
	o.Settings = func() []Setting { return []Setting{{Key: evil, Value: evil, Default: evil, Origin: evil, Doc: evil}} }
	s := New(o)
	q := url.QueryEscape(evil)
	for _, target := range []string{
		"/", "/?q=" + q, "/?q=script", "/?q=web&kind=" + q + "&after=" + q, "/?name=" + q, "/?name=script.marathon.mesos", "/app?framework=f1&app=" + q, "/app?app=" + q,
		"/task?framework=f1&task=" + q, "/task?framework=" + q + "&task=" + q, "/framework?id=f1", "/framework?id=" + q + "&after=" + q,
		"/agent?id=20150101-S0", "/agent?id=" + q, "/changes?name=" + q, "/forwarding", "/secondaries", "/warnings", "/settings?all=" + q,
	} {
		w := get(s, target)
		n, err := html5.Parse(strings.NewReader(w.Body.String()))
		if err != nil {
			t.Fatal(err)
		}
		scripts := 0
		for e := range n.Descendants() {
			if e.Type != html5.ElementNode {
				continue
			}
			if e.Data == "script" {
				scripts++
			}
			if e.Data == "img" {
				t.Errorf("%s: got an element that is not of the page", target)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "href" && !strings.HasPrefix(a.Val, "/") && a.Val != "#main" {
					t.Errorf("%s: got the attribute %s=%q", target, a.Key, a.Val)
				}
			}
		}
		if scripts != 1 {
			t.Errorf("%s: got %d scripts, want the page's own", target, scripts)
		}
	}
	if body := get(s, "/task?framework=f1&task="+q).Body.String(); !strings.Contains(body, "on the agent") && !strings.Contains(body, "On the agent") {
		t.Errorf("got no page of the task:\n%s", stable(body))
	}
}

// The first page of a search links to the next, and both together have all hits.
func TestPagesOfASearchLinkToTheNext(t *testing.T) {
	s := New(testOptions(bigService(searchPageHits + 20)))
	body := get(s, "/?q=big").Body.String()
	if n := strings.Count(body, `href="/task?`); n != searchHits || !strings.Contains(body, `kind=task">More tasks`) {
		t.Errorf("got %d tasks, want %d and a link to more:\n%s", n, searchHits, stable(body))
	}
	body = get(s, "/?q=big&kind=task").Body.String()
	link := regexp.MustCompile(`href="([^"]*after=[^"]*)">Next tasks`).FindStringSubmatch(body)
	if n := strings.Count(body, `href="/task?`); n != searchPageHits || link == nil {
		t.Fatalf("got %d tasks, want %d and a link to the next", n, searchPageHits)
	}
	body = get(s, html.UnescapeString(link[1])).Body.String()
	if n := strings.Count(body, `href="/task?`); n != 20 || strings.Contains(body, "Next tasks") {
		t.Errorf("got %d tasks on the last page, want 20 and no link", n)
	}
}

// A search without hits links to the names that are spelt nearly like it, for who may
// look them up.
func TestSearchesWithoutHitsTellSimilarNames(t *testing.T) {
	barred := testOptions(testSnapshot())
	barred.Access = []Access{{Path: "/v1/lookup"}}
	const link = `Did you mean <a href="/?name=nginx.marathon.mesos.">nginx.marathon.mesos.</a>?`
	for _, tc := range []struct {
		s     *Server
		query string
		want  bool
	}{
		{testServer(), "ngnix", true}, {testServer(), "nginx", false}, {testServer(), "nothing", false}, {testServer(), "a..b", false},
		{testServer(), "ngnix&kind=task", false}, {New(barred), "ngnix", false},
	} {
		body := get(tc.s, "/?q="+tc.query).Body.String()
		if got := strings.Contains(body, link); got != tc.want {
			t.Errorf("%s: got the link to nginx %v, want %v:\n%s", tc.query, got, tc.want, stable(body))
		}
	}
}

// Tasks without a check are no sick ones.
func TestCountsOfTasksSayHowManyHaveNoCheck(t *testing.T) {
	for _, tc := range []struct {
		health []state.Health
		want   string
	}{
		{[]state.Health{state.Healthy}, "3 tasks, 1 healthy, 2 without a check</li>"},
		{[]state.Health{state.Healthy, state.Unhealthy}, "unhealthy</span>, 1 healthy, 1 without a check</li>"},
		{[]state.Health{state.Healthy, state.Healthy, state.Healthy}, "3 tasks, 3 healthy</li>"},
		{nil, "3 tasks</li>"},
	} {
		snapshot := testSnapshot()
		for i, h := range tc.health {
			snapshot.Tasks[i].Health = h
		}
		if body := get(New(testOptions(snapshot)), "/?q=agent0").Body.String(); !strings.Contains(body, tc.want) {
			t.Errorf("%v: got no %q in:\n%s", tc.health, tc.want, stable(body))
		}
	}
}

// A page shows what the client may read by the API, and nothing else.
func TestPagesKeepWhatTheAPIDoesNotTell(t *testing.T) {
	closed := testOptions(testSnapshot())
	closed.EnumerationOn = false
	barred := testOptions(testSnapshot())
	barred.Status = func() Status { return Status{Source: "poll"} }
	for _, path := range []string{"/v1/instances", "/v1/status", "/v1/config", "/v1/hosts"} {
		barred.Access = append(barred.Access, Access{Path: path})
	}
	for name, s := range map[string]*Server{"EnumerationOn": New(closed), "httpAuth": New(barred)} {
		for _, path := range []string{"/app?app=web&framework=f1", "/task?framework=f1&task=web.1", "/framework?id=f1", "/agent?id=20150101-S0", "/changes"} {
			if w := get(s, path); w.Code != 403 || strings.Contains(w.Body.String(), "192.168.0.2") {
				t.Errorf("%s: %s: got status %d, want 403", name, path, w.Code)
			}
		}
		if body := get(s, "/?q=web").Body.String(); strings.Contains(body, "/task?") {
			t.Errorf("%s: got tasks in a search", name)
		}
	}
	for _, path := range []string{"/settings", "/warnings", "/forwarding", "/secondaries", "/?name=web.marathon.mesos"} {
		if w := get(New(barred), path); w.Code != 403 || strings.Contains(w.Body.String(), "192.168.0.2") {
			t.Errorf("httpAuth: %s: got status %d, want 403", path, w.Code)
		}
	}
}

// The overview says first what is wrong, and nothing where nothing is.
func TestOverviewSaysWhatIsWrong(t *testing.T) {
	now := time.Now()
	before, short, long := now.Add(-28*time.Second), Seconds(time.Second), Seconds(10*time.Minute)
	text := "10.0.0.1:5050"
	fine := Status{Ready: true, Source: "stream", Leader: &text, ConnectedSince: &before, LastHeard: &now, StateAge: &short}
	for want, change := range map[string]func(*Status){
		"": func(*Status) {},
		"last heard 28 s ago (refused)": func(s *Status) {
			s.ConnectedSince, s.LastHeard, s.LastError = nil, &before, &leader.Failure{Text: "refused"}
		},
		"No connection to the leading master.":      func(s *Status) { s.ConnectedSince, s.LastHeard = nil, nil },
		"no state of the cluster":                   func(s *Status) { s.Ready = false },
		"The state is 10 min old":                   func(s *Status) { s.StateAge = &long },
		"the snapshot on disk, which is 10 min old": func(s *Status) { s.Source, s.StateAge = "snapshot", &long },
		"ZooKeeper names no leader: away":           func(s *Status) { s.ZooKeeper = &leader.Status{State: leader.StatusAway, Since: before} },
		"upstream server 10.0.0.9 is down": func(s *Status) {
			s.Forwarding = &ForwardingStatus{Upstreams: []UpstreamStatus{{Address: "10.0.0.9", State: "down"}}}
		},
		"secondary 10.0.0.7 is 10 min behind": func(s *Status) {
			s.Secondaries = []SecondaryStatus{{Address: netip.MustParseAddr("10.0.0.7"), Zones: []SecondaryZone{{Lag: &long}}}}
		},
		"3 agents have not registered":       func(s *Status) { s.RetainedAgents = 3 },
		"1 name is shared":                   func(s *Status) { s.Merged = []records.Merged{{}} },
		"1 name, label or record is omitted": func(s *Status) { s.Omitted = []OmissionStatus{{}, {Usual: true}} },
	} {
		s := fine
		change(&s)
		got := problemsOf(&s, now, 60)
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0].Text, want)) {
			t.Errorf("got %v, want %q alone", got, want)
		}
	}
}

// The navigation marks the page that is shown, and none of the others.
func TestNavigationMarksThePage(t *testing.T) {
	o := testOptions(testSnapshot())
	o.Settings = func() []Setting { return nil }
	s := New(o)
	for target, want := range map[string]string{"/": "Overview", "/settings": "Settings", "/?q=web": "", "/?name=web.marathon.mesos": ""} {
		marked := regexp.MustCompile(`aria-current="page">([^<]*)<`).FindAllStringSubmatch(get(s, target).Body.String(), -1)
		var got []string
		for _, m := range marked {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q marked, want %q", target, got, want)
		}
	}
}
