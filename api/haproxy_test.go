package api

import (
	"context"
	"encoding/json"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// haproxySnapshot is a cluster in which an app asks for a host.
func haproxySnapshot() *state.FullState {
	full := testSnapshot()
	full.Tasks[1].Details = &state.TaskDetails{Labels: []state.Label{
		{Key: "HAPROXY_GROUP", Value: "external"}, {Key: "HAPROXY_0_VHOST", Value: "web.acme.org"},
	}}
	return full
}

func TestHAProxyConfigurationFollowsParameters(t *testing.T) {
	s := New(testOptions(haproxySnapshot()))
	local := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:8123"))))
	for target, want := range map[string][]string{
		"?group=external": {"bind *:80\n", "nameserver toponym tcp@192.0.2.7:53\n", "\nglobal\n", "use_backend marathon_web_0 if", "bind 127.0.0.1:9090\n"},
		"?group=*&dns=10.0.0.53&http=*:8080,127.0.0.1:81&stats=none":   {"bind *:8080\n", "bind 127.0.0.1:81\n", "nameserver toponym tcp@10.0.0.53:53\n", "use_backend"},
		"?group=external&certs=/etc/certs&head=none&dns=[fd00::1]:530": {"bind *:443 ssl crt /etc/certs alpn", "!\nglobal\n", "tcp@[fd00::1]:530\n"},
		"?group=external&state=/var/lib/haproxy/state":                 {"    server-state-file /var/lib/haproxy/state\n", "    load-server-state-from-file global\n"},
		"?group=other,internal":                                        {`of "internal", "other"`, "!use_backend"},
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/v1/sd/haproxy"+target, nil).WithContext(local))
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: got status %d, %v", target, w.Code, w.Header())
		}
		for _, text := range want {
			text, absent := strings.CutPrefix(text, "!")
			if strings.Contains(w.Body.String(), text) == absent {
				t.Errorf("%s: got %q in the answer: %v, want %v:\n%s", target, text, !absent, absent, w.Body)
			}
		}
	}
}

// Parameters are written to the configuration.
func TestWrongParametersOfHAProxyAreRefused(t *testing.T) {
	s := New(testOptions(haproxySnapshot()))
	for target, want := range map[string]string{
		"": "group: want the groups", "?group=,": "group: want the groups", "?group=a&group=b": "more than once",
		"?group=" + strings.Repeat("x", 200): "more than 128 bytes", "?group=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q": "more than 16 groups",
		"?group=a": "dns: this server does not know its address", "?group=a&dns=host:53": "dns: want the address", "?group=a&dns=0.0.0.0": "dns: want the address",
		"?group=a&dns=10.0.0.1&http=80": "http: ", "?group=a&dns=10.0.0.1&http=*:80%0ax": "http: ", "?group=a&dns=10.0.0.1&https=*:0": "https: ",
		"?group=a&dns=10.0.0.1&http=" + strings.Repeat("*:80,", 9) + "*:80": "more than 8",
		"?group=a&dns=10.0.0.1&certs=relative":                              "certs: ", "?group=a&dns=10.0.0.1&certs=/a%20b": "certs: ", "?group=a&dns=10.0.0.1&certs=/a%0ab": "certs: ",
		"?group=a&dns=10.0.0.1&head=x": "head: want", "?group=a&dns=10.0.0.1&wait=x": "wait: want", "?group=a&dns=10.0.0.1&wait=-1s": "wait: want", "?groups=a": "is not one of the parameters",
	} {
		w := get(s, "/v1/sd/haproxy"+target)
		var a struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &a); w.Code != 400 || err != nil || !strings.Contains(a.Error, want) {
			t.Errorf("%.60q: got status %d and %s, want 400 with %q", target, w.Code, w.Body, want)
		}
	}
}

// Clients ask often, and get the configuration only when it has changed.
func TestHAProxyConfigurationHasAnEntityTag(t *testing.T) {
	synctest.Test(t, testEntityTag) // time stands still
}

func testEntityTag(t *testing.T) {
	o := testOptions(haproxySnapshot())
	set := o.Instances
	listed := 0
	o.Instances = func(f records.InstanceFilter) iter.Seq[*records.Instance] { listed++; return set(f) }
	s := New(o)
	ask := func(target, tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/v1/sd/haproxy?dns=10.0.0.53&group="+target, nil)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	first := ask("external", "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || tag == "" {
		t.Fatalf("got status %d and %v, want 200 with an ETag", first.Code, first.Header())
	}
	for _, c := range []struct {
		target, tag string
		want        int
	}{
		{"external", tag, 304}, {"external", "W/" + tag, 304}, {"external", `"x", ` + tag, 304}, {"external", `"x"`, 200}, {"internal", tag, 200},
		{"external,internal", tag, 200}, {"external internal", tag, 200},
	} {
		if w := ask(strings.ReplaceAll(c.target, " ", "+"), c.tag); w.Code != c.want || w.Code == 304 && w.Body.Len() > 0 {
			t.Errorf("%s with %s: got status %d, want %d", c.target, c.tag, w.Code, c.want)
		}
	}
	if listed != 1 {
		t.Errorf("got %d listings of instances for one zone, want 1", listed)
	}
	s.o.Store.Swap(zone.Compile(testSet(testSnapshot()), zoneOptions(), zone.SameSerial(testSerial+1)))
	ask("external", tag)
	if listed != 2 {
		t.Errorf("after a change: got %d listings of instances, want 2", listed)
	}
}

// In a large cluster the zone changes all the time. What is spent on configurations
// is a tenth of a core at most.
func TestHAProxyConfigurationsAreMadeWithPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(haproxySnapshot())
		listed := 0
		set := o.Instances
		o.Instances = func(f records.InstanceFilter) iter.Seq[*records.Instance] {
			listed++
			time.Sleep(time.Second)
			return set(f)
		}
		s := New(o)
		const seconds = 100
		for begin := time.Now(); time.Since(begin) < seconds*time.Second; time.Sleep(100 * time.Millisecond) {
			s.o.Store.Swap(zone.Compile(testSet(testSnapshot()), zoneOptions(), zone.SameSerial(testSerial+1)))
			if w := get(s, "/v1/sd/haproxy?dns=10.0.0.53&group=external"); w.Code != 200 {
				t.Fatalf("got status %d: %s", w.Code, w.Body)
			}
		}
		if listed < seconds/10 || listed > seconds/10+1 {
			t.Errorf("got %d listings that take a second in %d s, want %d", listed, seconds, seconds/10)
		}
	})
}

// A client that waits gets the next configuration, and is not woken by changes that
// are none of its own.
func TestHAProxyConfigurationCanBeWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *watched
		w = newWatched(wide, func(o *Options) {
			o.Instances = func(f records.InstanceFilter) iter.Seq[*records.Instance] { return w.set.Instances(f) }
			o.Hosts = func() records.Hosts { return w.set.Hosts() }
			o.HAProxy = testOptions(testSnapshot()).HAProxy
		})
		defer w.changes.end()
		ask := func(tag string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/v1/sd/haproxy?group=external&dns=10.0.0.53&wait=1h", nil)
			r.Header.Set("If-None-Match", tag)
			recorder := httptest.NewRecorder()
			w.Handler().ServeHTTP(recorder, r)
			return recorder
		}
		tag := ask("").Header().Get("ETag")
		begin := time.Now()
		if got := ask(tag); got.Code != 304 || time.Since(begin) != maxHAProxyWait {
			t.Errorf("without a change: got status %d after %v, want 304 after %v", got.Code, time.Since(begin), maxHAProxyWait)
		}

		begin = time.Now()
		go func() {
			time.Sleep(time.Second)
			w.become(someTasks(rand.New(rand.NewPCG(1, 2)), 10)) // no labels
			time.Sleep(time.Second)
			w.become(haproxySnapshot())
		}()
		got := ask(tag)
		if took := time.Since(begin); got.Code != 200 || took != 2*time.Second+haproxySettle || !strings.Contains(got.Body.String(), "web.acme.org") {
			t.Errorf("after a change: got status %d after %v, want 200 after %v:\n%s", got.Code, took, 2*time.Second+haproxySettle, got.Body)
		}

		begin = time.Now()
		time.AfterFunc(time.Second, w.changes.end)
		if got := ask(got.Header().Get("ETag")); got.Code != 304 || time.Since(begin) != time.Second {
			t.Errorf("when the server stops: got status %d after %v, want 304 at once", got.Code, time.Since(begin))
		}
	})
}
