package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// instancesAnswer is what clients read of /v1/instances.
type instancesAnswer struct {
	Instances []map[string]any `json:"instances"`
	Next      *string          `json:"next"`
}

func getInstances(t *testing.T, s *Server, target string) (a instancesAnswer) {
	t.Helper()
	w := get(s, target)
	if w.Code != 200 || w.Header().Get("Content-Type") != contentJSON {
		t.Fatalf("%s: got status %d and %v: %s", target, w.Code, w.Header(), w.Body)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%s: got %v", target, err)
	}
	return a
}

func (a instancesAnswer) tasks() (list []string) {
	for _, i := range a.Instances {
		list = append(list, i["task"].(string))
	}
	return list
}

func TestInstancesAreOneInEachLine(t *testing.T) {
	golden(t, "instances.json", get(testServer(), "/v1/instances").Body.Bytes())
	golden(t, "instances-none.json", get(testServer(), "/v1/instances?app=none").Body.Bytes())
}

func TestInstancesAreSelectedByParameters(t *testing.T) {
	o := testSnapshot()
	o.Tasks[0].Details = &state.TaskDetails{Labels: []state.Label{{Key: "HAPROXY_GROUP", Value: "a=b"}}}
	o.Tasks[1].Health = state.Unhealthy
	s := New(testOptions(o))
	for target, want := range map[string]string{
		"":                                      "nginx.1 six.1 web.1",
		"?app=nginx":                            "nginx.1",
		"?app=/nginx":                           "nginx.1",
		"?framework=marathon":                   "nginx.1 six.1 web.1",
		"?framework=other":                      "",
		"?agent=agent0":                         "nginx.1 six.1 web.1",
		"?label=HAPROXY_GROUP":                  "nginx.1",
		"?label=HAPROXY_GROUP%3Da%3Db":          "nginx.1",
		"?label=HAPROXY_GROUP%3Da":              "",
		"?label=HAPROXY_GROUP&label=other":      "",
		"?healthy=true":                         "nginx.1 six.1",
		"?healthy=false":                        "web.1",
		"?name=Web.marathon.mesos":              "web.1",
		"?name=_http._tcp.web.marathon.mesos.":  "web.1",
		"?name=2.0.168.192.in-addr.arpa":        "web.1",
		"?name=leader.mesos":                    "",
		"?name=web.marathon.mesos&healthy=true": "",
		"?network=dcos":                         "",
	} {
		if got := strings.Join(getInstances(t, s, "/v1/instances"+target).tasks(), " "); got != want {
			t.Errorf("%q: got %q, want %q", target, got, want)
		}
	}
}

// A client with a spelling mistake must not take all instances for its own.
func TestWrongParametersOfInstancesAreRefused(t *testing.T) {
	s := testServer()
	for target, want := range map[string]string{
		"?helthy=true": "is not one of the parameters", "?app=a&app=b": "more than once", "?healthy=yes": "want true or false",
		"?limit=0": "from 1 to", "?limit=10001": "from 1 to", "?limit=x": "from 1 to", "?after=x": "next of an earlier answer", "?after=eA": "next of an earlier answer",
		"?label==x": "key=value", "?name=a..b": "name", "?name=" + strings.Repeat("x", 300): "name", "?%zz": "cannot be read",
		"?label=a" + strings.Repeat("&label=a", maxLabelFilters): "more than 16", "?app=" + strings.Repeat("x", maxParameter+1): "longer than",
	} {
		w := get(s, "/v1/instances"+target)
		var a struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &a); w.Code != 400 || err != nil || !strings.Contains(a.Error, want) {
			t.Errorf("%.60q: got status %d and %s, want 400 with %q", target, w.Code, w.Body, want)
		}
	}
}

// Pages together are the whole, however tasks come and go behind the last one.
func TestPagesOfInstances(t *testing.T) {
	s := New(testOptions(bigService(50)))
	all := getInstances(t, s, "/v1/instances")
	if all.Next != nil || len(all.Instances) != 53 {
		t.Fatalf("got %d instances and next %v, want 53 and none", len(all.Instances), all.Next)
	}
	for _, limit := range []int{1, 7, 53, 54} {
		var got []string
		next := ""
		for pages := 0; ; pages++ {
			a := getInstances(t, s, fmt.Sprintf("/v1/instances?limit=%d%s", limit, next))
			got = append(got, a.tasks()...)
			if len(a.Instances) > limit || pages > 60 {
				t.Fatalf("limit %d: got %d instances on page %d", limit, len(a.Instances), pages)
			}
			if a.Next == nil {
				break
			}
			next = "&after=" + url.QueryEscape(*a.Next)
		}
		if !slices.Equal(got, all.tasks()) {
			t.Errorf("limit %d: got %v, want %v", limit, got, all.tasks())
		}
	}
}

// Texts of frameworks reach the reader as they are, and no terminal.
func TestControlCharactersInInstancesAreEscaped(t *testing.T) {
	o := testSnapshot()
	const text = "a\x1b[31m\u007f\u009b<&>é\u2028"
	o.Tasks[0].Details = &state.TaskDetails{Labels: []state.Label{{Key: "HAPROXY_X", Value: text}}}
	w := get(New(testOptions(o)), "/v1/instances?app=nginx")
	if body := w.Body.Bytes(); bytes.ContainsAny(body, "\x1b\x7f") || bytes.Contains(body, []byte("\u009b")) || !bytes.Contains(body, []byte("<&>é")) {
		t.Errorf("got %q, want no control characters and no other escapes", body)
	}
	var a instancesAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	labels := a.Instances[0]["labels"].([]any)
	if got := labels[0].(map[string]any)["value"]; got != text {
		t.Errorf("got the label %q, want %q", got, text)
	}
}

// Every byte, alone and beside others.
func TestTextsAreThoseOfEncodingJSON(t *testing.T) {
	for c := range 256 {
		for _, text := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + "b"} {
			want, err := encodeJSON(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := appendText([]byte("x"), text); string(got) != "x"+string(want) {
				t.Errorf("%q: got %s, want x%s", text, got, want)
			}
		}
	}
	text := "option httpchk GET / HTTP/1.1\r\nHost:\\ web\n"
	b := make([]byte, 0, 200)
	if n := testing.AllocsPerRun(10, func() { appendText(b, text) }); n != 0 {
		t.Errorf("got %v allocations for ASCII, want none", n)
	}
}

// The encoder for listings writes what encoding/json would.
func TestInstancesAreThoseOfEncodingJSON(t *testing.T) {
	task := taskWith("odd.1", "a=\"\\\n<&>\u2028é", "\xff=\xfe")
	task.Health = state.Unhealthy
	big := bigService(3)
	big.Tasks = append(big.Tasks, task)
	o := testOptions(big)
	n := 0
	for i := range o.Instances(records.InstanceFilter{}) {
		want, err := encodeJSON(i)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, want); err != nil {
			t.Fatal(err)
		}
		if got := string(appendInstance(nil, i)); got != compact.String() {
			t.Errorf("got\n%s\nwant\n%s", got, &compact)
		}
		n++
	}
	if n != 7 {
		t.Errorf("got %d instances, want 7", n)
	}
}

// A listing of a large cluster is never in memory as a whole.
func TestInstancesAreStreamed(t *testing.T) {
	s := New(testOptions(bigService(3000)))
	w := &chunkWriter{}
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/v1/instances", nil))
	if w.largest > 2*chunkSize || w.total < 10*chunkSize {
		t.Errorf("got %d bytes in writes of up to %d, want chunks of some %d", w.total, w.largest, chunkSize)
	}
}

// chunkWriter notes how much is written at a time.
type chunkWriter struct {
	header         http.Header
	largest, total int
}

func (w *chunkWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *chunkWriter) WriteHeader(int) {}

func (w *chunkWriter) Write(p []byte) (int, error) {
	w.largest, w.total = max(w.largest, len(p)), w.total+len(p)
	return len(p), nil
}

// One page of a large cluster, and all of it.
func BenchmarkInstances(b *testing.B) {
	o := testOptions(bigService(60_000))
	for name, f := range map[string]records.InstanceFilter{
		"all": {}, "page of 100": {}, "none": {App: "none"}, "by name": {Name: records.MustParseName("web.marathon.mesos")}, "by label": {LabelPrefix: "HAPROXY_"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for range o.Instances(f) {
					if n++; n == 100 && name == "page of 100" {
						break
					}
				}
			}
		})
	}
}
