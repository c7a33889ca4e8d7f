package api

import (
	"net/http"
	"strings"
	"testing"

	"toponym/state"
)

// Programs depend on the exact bytes of these answers.
func TestAnswersOfMesosDNSToTheByte(t *testing.T) {
	s := testServer()
	for file, path := range map[string]string{
		"version.json":                "/v1/version",
		"config.json":                 "/v1/config",
		"enumerate.json":              "/v1/enumerate",
		"axfr.json":                   "/v1/axfr",
		"explain.json":                "/v1/explain/WEB.marathon.mesos.",
		"explain-miss.json":           "/v1/explain/nothing.mesos",
		"hosts.json":                  "/v1/hosts/nginx.marathon.mesos",
		"hosts-miss.json":             "/v1/hosts/nothing.mesos",
		"services-two-families.json":  "/v1/services/_web._tcp.marathon.mesos",
		"services-ipv6-only.json":     "/v1/services/_six._udp.marathon.mesos",
		"services-several-ports.json": "/v1/services/_nginx._tcp.marathon.mesos",
		"services-miss.json":          "/v1/services/_nothing._tcp.mesos",
	} {
		t.Run(file, func(t *testing.T) {
			w := get(s, path)
			if w.Code != http.StatusOK {
				t.Errorf("got status %d, want 200", w.Code)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("got Content-Type %q, want application/json", got)
			}
			golden(t, file, w.Body.Bytes())
		})
	}
}

// A name is looked up and shown as Mesos-DNS did it, however it is typed.
func TestHostsAreFoundHoweverTheyAreTyped(t *testing.T) {
	s := testServer()
	leader := "[\n {\n  \"host\": \"leader.mesos.\",\n  \"ip\": \"10.0.0.1\"\n }\n]"
	for typed, want := range map[string]string{
		"leader.mesos":                       leader,
		"leader.mesos.":                      leader,
		"leader.mesos/":                      leader,
		"LEADER.Mesos":                       leader,
		"leader.*.mesos":                     leader,
		"leader.*.*.mesos.*":                 leader,
		"%6Ceader.mesos":                     leader,
		"leader%2Emesos":                     leader,
		"*.leader.mesos":                     hostMiss,
		"leader..mesos":                      hostMiss,
		"leader.mesos..":                     hostMiss,
		"leader":                             hostMiss,
		"mesos":                              hostMiss, // the apex has no addresses
		"marathon.slave.mesos":               hostMiss, // an empty non-terminal
		".*":                                 hostMiss,
		"%2E":                                hostMiss,
		"a%2Fb.mesos":                        hostMiss,
		"%00%FF%0A":                          hostMiss,
		"%F0%9F%90%BB.mesos":                 hostMiss,
		"leader.mesos?x=%zz":                 leader,
		"example.org":                        hostMiss,
		"_nginx._tcp.marathon.mesos":         hostMiss,
		strings.Repeat("a", 64) + ".mesos":   hostMiss,
		strings.Repeat("a.", 5000) + "mesos": hostMiss,
		strings.Repeat(".*", 200) + "mesos":  hostMiss,
		strings.Repeat("%2E", 300) + "mesos": hostMiss,
		"leader" + strings.Repeat(".*", 100) + ".mesos": leader,
	} {
		w := get(s, "/v1/hosts/"+typed)
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%.60q: got status %d:\n%s\nwant:\n%s", typed, w.Code, w.Body, want)
		}
	}
}

// The name is cleaned for the look-up, but echoed as it was typed.
func TestServicesAreEchoedAsTheyAreTyped(t *testing.T) {
	s := testServer()
	plain := get(s, "/v1/services/_web._tcp.marathon.mesos").Body.String()
	for typed, want := range map[string]string{
		"_WEB._tcp.Marathon.mesos.":    strings.ReplaceAll(plain, "_web._tcp.marathon.mesos", "_WEB._tcp.Marathon.mesos."),
		"_web._tcp.*.marathon.mesos":   strings.ReplaceAll(plain, "_web._tcp.marathon.mesos", "_web._tcp.*.marathon.mesos"),
		"%5Fweb._tcp.marathon.mesos":   plain,
		"web.marathon.mesos":           serviceMiss, // has addresses only
		"_web._sctp.marathon.mesos":    serviceMiss,
		"%3Cscript%3E":                 serviceMiss,
		strings.Repeat("_web.", 100):   serviceMiss,
		"_web._tcp.marathon.mesos.%00": serviceMiss,
	} {
		w := get(s, "/v1/services/"+typed)
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%.60q: got status %d:\n%s\nwant:\n%s", typed, w.Code, w.Body, want)
		}
	}
}

// The agent's address is unknown, so the target of its scheduler's and its
// task's records has none either.
func TestTargetsWithoutAddressAreLeftOut(t *testing.T) {
	snapshot := testSnapshot()
	snapshot.Agents[0].Addrs = nil
	for _, task := range snapshot.Tasks {
		task.Addresses = state.Addresses{}
	}
	s := New(testOptions(snapshot))
	if n := s.o.Store.Current().Counts().SRV; n == 0 {
		t.Fatal("the zone has no SRV records")
	}
	if got := get(s, "/v1/services/_web._tcp.marathon.mesos").Body.String(); got != serviceMiss {
		t.Errorf("got %s, want %s", got, serviceMiss)
	}
}

// The characters '<' and '&' may stand in names. JSON needs no escape for them, and
// the content type keeps a browser from reading them as HTML.
func TestNamesAreNotEscapedForHTML(t *testing.T) {
	snapshot := testSnapshot()
	snapshot.Tasks[1].Discovery.Name = "a<b>&c"
	s := New(testOptions(snapshot))
	for _, path := range []string{
		"/v1/hosts/a%3Cb%3E&c.marathon.mesos",
		"/v1/services/_a%3Cb%3E&c._tcp.marathon.mesos",
		"/v1/axfr",
		"/v1/enumerate",
	} {
		w := get(s, path)
		if !strings.Contains(w.Body.String(), "a<b>&c.marathon.mesos.") && !strings.Contains(w.Body.String(), "a<b>&c._tcp.marathon.mesos") {
			t.Errorf("%s: got no unescaped name in %s", path, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got no X-Content-Type-Options: nosniff", path)
		}
	}
}

func TestConfigThatCannotBeEncodedIsAnError(t *testing.T) {
	o := testOptions(testSnapshot())
	o.Config = func(uint32) any { return func() {} }
	if w := get(New(o), "/v1/config"); w.Code != http.StatusInternalServerError {
		t.Errorf("got status %d: %s; want 500", w.Code, w.Body)
	}
}
