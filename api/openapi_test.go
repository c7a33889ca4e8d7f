package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// documentedServer answers all paths.
func documentedServer(t *testing.T) *Server {
	t.Helper()
	snapshot := testSnapshot()
	snapshot.Tasks[0].Details = &state.TaskDetails{Labels: []state.Label{{Key: "traefik.enable", Value: "true"}, {Key: "HAPROXY_GROUP", Value: "external"}}}
	snapshot.Tasks[1].Health, snapshot.Tasks[1].Since = state.Healthy, 1_700_000_000
	o := testOptions(snapshot)
	o.Status = func() Status { return Status{StartedAt: time.Unix(1_700_000_000, 0), Source: "poll"} }
	o.Top = func(context.Context, int) Top { return testTop }
	o.Access = []Access{{Path: "/v1/top", Networks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}
	o.Trends = func() Trends { return *testTrends(50, time.Unix(1_700_000_000, 0)) }
	o.Metrics = http.NotFoundHandler()
	o.History = zone.NewHistory(wide, o.Store.Current(), time.Now())
	o.FrameworkNames = records.Options{Domain: records.MustParseName("mesos"), Rule: records.RFC1123}.FrameworkNames
	o.MaxWatchers, o.MaxWatchersPerClient = 10, 10
	return New(o)
}

// document is the OpenAPI document as clients read it.
type document struct {
	OpenAPI    string
	Paths      map[string]struct{ Get operation }
	Components struct{ Schemas map[string]any }
}

type operation struct {
	OperationID string
	Parameters  []struct{ Name, In string }
	Responses   map[string]struct {
		Description string
		Content     map[string]struct{ Schema any }
	}
}

func documentOf(t *testing.T, s *Server) (d document, raw any) {
	t.Helper()
	w := get(s, "/v1/openapi.json")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	raw, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return d, raw
}

// A path that somebody adds has to be described, whichever options it needs.
func TestEveryPathIsDocumented(t *testing.T) {
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, m := range regexp.MustCompile(`(?:handle|plain|HandleFunc)\("(?:GET )?(/[^"]*)"`).FindAllStringSubmatch(string(source), -1) {
		routes = append(routes, strings.Replace(m[1], "{$}", "", 1))
	}
	d, _ := documentOf(t, documentedServer(t))
	for _, path := range routes {
		if _, ok := d.Paths[path]; !ok {
			t.Errorf("%s is not in pathDocs", path)
		}
	}
	page, err := os.ReadFile("../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range d.Paths {
		if !slices.Contains(routes, path) {
			t.Errorf("%s is described, and routes.go does not have it", path)
		}
		if !bytes.Contains(page, []byte("| `"+path+"`")) {
			t.Errorf("docs/http-api.md does not list %s", path)
		}
	}
	if len(routes) < 15 {
		t.Errorf("got %d routes, want at least 15", len(routes))
	}
	ids := map[string]bool{}
	for path, p := range d.Paths {
		if ids[p.Get.OperationID] || len(p.Get.Responses) == 0 {
			t.Errorf("%s: got operationId %q twice, or no responses", path, p.Get.OperationID)
		}
		ids[p.Get.OperationID] = true
		for _, name := range regexp.MustCompile(`\{(.*?)\}`).FindAllStringSubmatch(path, -1) {
			if !slices.ContainsFunc(p.Get.Parameters, func(p struct{ Name, In string }) bool { return p.In == "path" && p.Name == name[1] }) {
				t.Errorf("%s: the parameter %s is not described", path, name[1])
			}
		}
	}
}

// What the document says about parameters is what the server takes.
func TestEveryParameterIsDocumented(t *testing.T) {
	s := documentedServer(t)
	d, _ := documentOf(t, s)
	known := regexp.MustCompile(`is not one of the parameters (.*)`)
	for _, path := range []string{"/v1/instances", "/v1/sd/prometheus", "/v1/sd/traefik", "/v1/sd/haproxy", "/v1/watch", "/v1/lookup", "/v1/top"} {
		var a errorBody
		w := get(s, path+"?unknown=1")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 400 {
			t.Fatalf("%s: got status %d and %s", path, w.Code, w.Body)
		}
		m := known.FindStringSubmatch(a.Error)
		if m == nil {
			t.Fatalf("%s: got %q, want the list of parameters", path, a.Error)
		}
		taken := strings.Split(m[1], ", ")
		var described []string
		for _, p := range d.Paths[path].Get.Parameters {
			described = append(described, p.Name)
		}
		slices.Sort(taken)
		slices.Sort(described)
		if !slices.Equal(taken, described) {
			t.Errorf("%s: got the parameters %q described, want %q", path, described, taken)
		}
	}
}

// Real answers have the status, the content type and the schema that the document
// says.
func TestAnswersAreAsDocumented(t *testing.T) {
	s := documentedServer(t)
	d, raw := documentOf(t, s)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("got OpenAPI %q, want 3.1.0", d.OpenAPI)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("http://toponym/openapi.json", raw); err != nil {
		t.Fatal(err)
	}
	pointer := func(text string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(text) }
	answered := map[string]bool{}
	check := func(s *Server, path, target string, header ...string) {
		t.Helper()
		r := httptest.NewRequest("GET", target, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		contentType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		response, ok := d.Paths[path].Get.Responses[strconv.Itoa(w.Code)]
		if _, known := response.Content[contentType]; !ok || !known && w.Code != 304 {
			t.Errorf("%s: got status %d with %q, which the document does not have: %s", target, w.Code, contentType, w.Body)
			return
		}
		answered[path] = true
		if contentType != contentJSON {
			return
		}
		body, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
		if err != nil {
			t.Errorf("%s: got %v in %s", target, err, w.Body)
			return
		}
		at := "http://toponym/openapi.json#/paths/" + pointer(path) + "/get/responses/" + strconv.Itoa(w.Code) + "/content/" + pointer(contentType) + "/schema"
		compiled, err := c.Compile(at)
		if err != nil {
			t.Errorf("%s: %v", at, err)
			return
		}
		if err := compiled.Validate(body); err != nil {
			t.Errorf("%s: got %v in %.2000s", target, err, w.Body)
		}
	}
	for _, path := range []string{"/", "/healthz", "/readyz", "/v1", "/v1/openapi.json", "/v1/version", "/v1/config", "/v1/status", "/v1/status/trends", "/v1/axfr", "/v1/enumerate", "/v1/instances",
		"/v1/sd/prometheus", "/v1/sd/traefik", "/v1/sd/haproxy"} {
		check(s, path, path)
	}
	for _, target := range []string{
		"/?q=web", "/?name=web.marathon.mesos", "/app?app=web&framework=f1", "/app?app=none", "/task?framework=f1&task=web.1", "/task", "/framework?id=f1", "/framework",
		"/agent?id=20150101-S0", "/agent", "/changes", "/changes?name=a..b", "/forwarding", "/secondaries", "/warnings", "/settings", "/settings?all=1",
	} {
		path, _, _ := strings.Cut(target, "?")
		check(s, path, target)
	}
	for _, name := range []string{"web.marathon.mesos", "none.mesos", "slave.mesos"} {
		check(s, "/v1/hosts/{host}", "/v1/hosts/"+name)
		check(s, "/v1/explain/{name}", "/v1/explain/"+name)
		check(s, "/v1/explain", "/v1/explain?name="+name)
		check(s, "/v1/services/{service}", "/v1/services/_web._tcp."+name)
	}
	for _, target := range []string{"?name=web", "?name=wbe", "?name=example.com", "?name=10.0.0.2", "", "?nam=web"} {
		check(s, "/v1/lookup", "/v1/lookup"+target)
	}
	for _, target := range []string{"?wait=1ms", "?limit=0"} {
		check(s, "/v1/top", "/v1/top"+target)
	}
	check(s, "/v1/hosts/{host}/ports", "/v1/hosts/x/ports")
	check(s, "/v1/explain/{name}", "/v1/explain/example.com")
	check(s, "/v1/explain", "/v1/explain")
	check(s, "/v1/instances", "/v1/instances?limit=1&label=HAPROXY_GROUP")
	check(s, "/v1/instances", "/v1/instances?limit=1")
	check(s, "/v1/instances", "/v1/instances?limit=x")
	check(s, "/v1/sd/prometheus", "/v1/sd/prometheus?source=agents")
	check(s, "/v1/sd/prometheus", "/v1/sd/prometheus?source=masters")
	check(s, "/v1/sd/prometheus", "/v1/sd/prometheus?source=x")
	check(s, "/v1/sd/traefik", "/v1/sd/traefik?problems=true")
	check(s, "/v1/sd/haproxy", "/v1/sd/haproxy?group=x&unknown=1")
	check(s, "/v1/watch", "/v1/watch?wait=0s&index=x")
	check(s, "/v1/watch", "/v1/watch?wait=0s&index=99999999")
	dcos := dcosServer()
	for _, path := range []string{"/v1/vips", "/v1/records"} {
		check(dcos, path, path)
	}
	check(dcos, "/v1/hosts/{host}", "/v1/hosts/leader.mesos")
	check(dcos, "/v1/hosts/{host}", "/v1/hosts/none.mesos")
	pending := pendingServer()
	for _, path := range []string{"/readyz", "/v1/axfr", "/v1/enumerate", "/v1/instances", "/v1/sd/prometheus", "/v1/sd/traefik"} {
		check(pending, path, path)
	}
	delete(d.Paths, "/metrics") // another package answers it
	for path := range d.Paths {
		if !answered[path] {
			t.Errorf("%s: got no answer in this test, want one", path)
		}
	}
}
