package traefik_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/api/traefik"
	"toponym/internal/traefikrule"
	"toponym/records"
	"toponym/state"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

const defaultRule = "Host(`{{ normalize .Name }}`)"

func options(t testing.TB, exposed bool, rule string) traefik.Options {
	t.Helper()
	r, err := traefikrule.Parse(rule)
	if err != nil {
		t.Fatal(err)
	}
	return traefik.Options{ExposedByDefault: exposed, DefaultRule: r}
}

// instance describes a task with an address of its own for each number.
type instance struct {
	app, framework string // marathon if empty
	number         byte
	since          records.Timestamp
	health         records.HealthText
	labels         []string // key=value
	noPorts        bool
}

func (in instance) make() *records.Instance {
	if in.framework == "" {
		in.framework = "marathon"
	}
	own := []netip.Addr{netip.AddrFrom4([4]byte{9, 0, 0, in.number})}
	i := &records.Instance{
		Task: fmt.Sprintf("%s.%d", in.app, in.number), Name: in.app, App: in.app, Health: in.health, Since: in.since,
		Framework: records.InstanceFramework{ID: "id of " + in.framework, Name: in.framework},
		Addresses: records.InstanceAddresses{Container: own},
	}
	for _, l := range in.labels {
		key, value, _ := strings.Cut(l, "=")
		i.Labels = append(i.Labels, state.Label{Key: key, Value: value})
	}
	if in.noPorts {
		return i
	}
	side := func(n uint16) records.Endpoint { return records.Endpoint{Addrs: own, Port: n} }
	agent := records.Endpoint{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Port: 31000 + uint16(in.number)}
	i.Ports = []records.InstancePort{
		{Index: 0, Name: "http", Number: 80, Protocol: "tcp", Transport: "tcp", Side: records.SideAgent, Agent: agent, Container: side(80)},
		{Index: 1, Name: "admin", Number: 9000, Protocol: "https", Transport: "tcp", Side: records.SideContainer, Container: side(9000)},
		{Index: 2, Name: "dns", Number: 53, Protocol: "udp", Transport: "udp", Side: records.SideContainer, Container: side(53)},
	}
	return i
}

func list(all ...instance) traefik.List {
	return func(f records.InstanceFilter) iter.Seq[*records.Instance] {
		return func(yield func(*records.Instance) bool) {
			for _, in := range all {
				i := in.make()
				wanted := f.LabelPrefix == "" || slices.ContainsFunc(i.Labels, func(l state.Label) bool { return strings.HasPrefix(l.Key, f.LabelPrefix) })
				if wanted && !yield(i) {
					return
				}
			}
		}
	}
}

func build(t testing.TB, o traefik.Options, all ...instance) (conf string, problems []traefik.Problem) {
	t.Helper()
	c, problems := traefik.Build(o, list(all...), records.InstanceFilter{})
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), problems
}

func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (-update writes it); got\n%s\nwant\n%s", path, got, want)
	}
}

// The configuration of a cluster with all kinds of labels. The test in
// testdata/traefikcheck reads the golden file with Traefik's own code.
func TestConfiguration(t *testing.T) {
	enable := "traefik.enable=true"
	conf, problems := traefik.Build(options(t, false, defaultRule), list(
		instance{app: "plain.shop", number: 1, labels: []string{enable}},
		instance{app: "plain.shop", number: 2, labels: []string{enable}, health: records.HealthyText},
		instance{app: "plain.shop", number: 3, labels: []string{enable}, health: records.UnhealthyText},
		instance{app: "sick", number: 4, labels: []string{enable}, health: records.UnhealthyText},
		instance{app: "other", framework: "chronos@eu", number: 5, labels: []string{enable}},
		instance{app: "not", number: 6},
		instance{app: "off", number: 7, labels: []string{"traefik.enable=false"}},
		instance{app: "full", number: 8, labels: []string{
			enable, "traefik.docker.network=x", "traefik.marathon.ipadressidx=1", "HAPROXY_GROUP=external",
			"traefik.http.Routers.web.Rule=Host(`a.example`) && PathPrefix(`/x`)", "traefik.http.routers.web.entrypoints=web, websecure",
			"traefik.http.routers.web.middlewares=auth,small@file", "traefik.http.routers.web.priority=12", "traefik.http.routers.web.service=web",
			"traefik.http.routers.web.tls=true", "traefik.http.routers.web.tls.certresolver=le",
			"traefik.http.routers.web.tls.domains[1].main=b.example", "traefik.http.routers.web.tls.domains[0].main=a.example", "traefik.http.routers.web.tls.domains[0].sans=x.example,y.example",
			"traefik.http.routers.admin.rule=Host(`admin.example`)", "traefik.http.routers.admin.service=admin", "traefik.http.routers.admin.tls=TRUE",
			"traefik.http.services.web.loadbalancer.server.port=index:0", "traefik.http.services.web.loadbalancer.passhostheader=false",
			"traefik.http.services.web.loadbalancer.healthcheck.path=/health", "traefik.http.services.web.loadbalancer.healthcheck.interval=10s",
			"traefik.http.services.web.loadbalancer.healthcheck.headers.X-Check=1", "traefik.http.services.web.loadbalancer.sticky.cookie=true",
			"traefik.http.services.web.loadbalancer.sticky.cookie.secure=true", "traefik.http.services.admin.loadbalancer.server.port=name:admin",
			"traefik.http.middlewares.auth.basicauth.users=a:$apr1$x,b:$apr1$y", "traefik.http.middlewares.small.compress=true",
			"traefik.http.middlewares.head.headers.customrequestheaders.X-Forwarded-Proto=https", "traefik.http.middlewares.head.headers.stsseconds=31536000",
			"traefik.http.middlewares.limit.ratelimit.average=100", "traefik.http.middlewares.limit.ratelimit.period=1m",
			"traefik.http.middlewares.allow.ipallowlist.sourcerange=10.0.0.0/8,192.168.0.0/16",
		}},
		instance{app: "mixed", number: 9, labels: []string{
			enable, "traefik.tcp.routers.db.rule=HostSNI(`*`)", "traefik.tcp.routers.db.entrypoints=db", "traefik.tcp.services.db.loadbalancer.server.port=80",
			"traefik.tcp.routers.db.tls.passthrough=true", "traefik.tcp.services.db.loadbalancer.proxyprotocol.version=2",
			"traefik.udp.routers.dns.entrypoints=dns", "traefik.udp.services.dns.loadbalancer.server.port=53",
		}},
		instance{app: "scheme", number: 10, labels: []string{enable, "traefik.http.services.s.loadbalancer.server.scheme=h2c", "traefik.http.services.s.loadbalancer.server.port=5555"}},
	), records.InstanceFilter{})
	if len(problems) > 0 {
		t.Errorf("got problems %+v, want none", problems)
	}
	golden(t, "configuration.json", conf)
	none, _ := traefik.Build(options(t, false, defaultRule), list(), records.InstanceFilter{})
	golden(t, "empty.json", none)
}

// One app with a wrong label must not cost the others their configuration, which
// Traefik refuses as a whole.
func TestAppsWithWrongLabelsAreLeftOut(t *testing.T) {
	o := options(t, true, defaultRule)
	good := instance{app: "good", number: 1}
	want, _ := build(t, o, good)
	for label, reason := range map[string]string{
		"traefik.http.routers.x.rul=Host(`a`)":                              "no such field",
		"traefik.http.routers.x=1":                                          "more must follow",
		"traefik.http.routers=1":                                            "more must follow",
		"traefik.http=1":                                                    "more must follow",
		"traefik.http.routers.x.rule.y=1":                                   "no such field",
		"traefik.http.routers.x.priority=high":                              "whole number",
		"traefik.http.routers.x.priority=99999999999999999999":              "whole number",
		"traefik.http.routers.x.tls=maybe":                                  "true or false",
		"traefik.http.routers.x@file.rule=Host(`a`)":                        "letters, digits",
		"traefik.http.routers..rule=Host(`a`)":                              "name of 1 to",
		"traefik.http.routers.*.rule=Host(`a`)":                             "letters, digits",
		"traefik.http.routers.x.tls.domains.main=a":                         "no such field",
		"traefik.http.routers.x.tls.domains[64].main=a":                     "index from 0 to 63",
		"traefik.http.routers.x.tls.domains[-1].main=a":                     "index from 0 to 63",
		"traefik.http.routers.x.tls.domains[0=a":                            "index from 0 to 63",
		"traefik.http.routers.x.rule[0]=a":                                  "no such field",
		"traefik.http.services.x.loadbalancer.servers[0].url=http://victim": "no such field",
		"traefik.http.services.x.loadbalancer.healthcheck.interval=soon":    "duration",
		"traefik.http.services.x.loadbalancer.server.port=9999999":          "no port",
		"traefik.http.services.x.loadbalancer.server.port=name:none":        "no port",
		"traefik.http.services.x.loadbalancer.server.port=index:7":          "no such port",
		"traefik.http.services.x.loadbalancer.server.port=index:x":          "not the index",
		"traefik.http.services.x.loadbalancer.server.scheme=file":           "want one of http, https, h2c",
		"traefik.http.middlewares.m.basicauth.usersfile=/etc/shadow":        "no such field",
		"traefik.http.middlewares.m.plugin.p.x=1":                           "no such field",
		"traefik.http.services.x.weighted.services[0].name=web@file":        "no such field",
		"traefik.http.routers.x.service=api@internal":                       "another provider",
		"traefik.http.middlewares.m.errors.service=rest@internal":           "another provider",
		"traefik.http.serverstransports.t.rootcas=/etc/ssl/x":               "no such field",
		"traefik.http.middlewares.m.compress=false":                         "empty part",
		"traefik.tcp.routers.x.entrypoints=a":                               "has no rule",
		"traefik.udp.services.x.loadbalancer.server.port=http":              "no port",
		"traefik.http.middlewares.m.headers.customrequestheaders.a b=1":     "letters, digits",
	} {
		key, _, _ := strings.Cut(label, "=")
		got, problems := build(t, o, good, instance{app: "bad", number: 2, labels: []string{label}})
		if got != want {
			t.Errorf("%s: got %s, want %s", label, got, want)
		}
		if len(problems) != 1 || !strings.Contains(problems[0].Reason, reason) || problems[0].App != "bad" || problems[0].Label != "" && problems[0].Label != key {
			t.Errorf("%s: got problems %+v, want one with %q", label, problems, reason)
		}
	}
}

// A router or service must not change hands because somebody else uses its name.
func TestNamesBelongToTheOlderApp(t *testing.T) {
	o := options(t, false, defaultRule)
	label := func(l ...string) []string { return append([]string{"traefik.enable=true"}, l...) }
	router := "traefik.http.routers.web.rule=Host(`a.example`)"
	old := instance{app: "old", number: 1, since: 100, labels: label(router, "traefik.http.services.web.loadbalancer.server.port=http")}
	alone, _ := build(t, o, old)
	for what, young := range map[string]instance{
		"a router":                          {app: "a", labels: label("traefik.http.routers.web.rule=Host(`b.example`)")},
		"a router of another framework":     {app: "a", framework: "other", labels: label(router, "traefik.http.services.a.loadbalancer.server.port=http")},
		"a service of another framework":    {app: "a", framework: "other", labels: label("traefik.http.services.web.loadbalancer.server.port=http")},
		"a service with other settings":     {app: "a", labels: label("traefik.http.services.web.loadbalancer.passhostheader=false")},
		"a service, in spite of its number": {app: "a", framework: "a", labels: label("traefik.http.services.web.loadbalancer.server.port=http")},
	} {
		young.number, young.since = 2, 200
		for _, order := range [][]instance{{old, young}, {young, old}} {
			got, problems := build(t, o, order...)
			if got != alone || len(problems) != 1 || !strings.Contains(problems[0].Reason, "belongs to the app old") {
				t.Errorf("%s: got %s with %+v, want %s with one problem", what, got, problems, alone)
			}
		}
	}
	// Blue and green of one framework share a service.
	green := instance{app: "green", number: 2, since: 200, labels: label(router, "traefik.http.services.web.loadbalancer.server.port=http")}
	got, problems := build(t, o, old, green)
	if len(problems) > 0 || !strings.Contains(got, `"servers":[{"url":"http://10.0.0.1:31001"},{"url":"http://10.0.0.1:31002"}]`) {
		t.Errorf("got %s with %+v, want one service with both servers", got, problems)
	}
}

// During a deployment, instances of two versions have different labels.
func TestLabelsOfTheNewestInstanceCount(t *testing.T) {
	o := options(t, false, defaultRule)
	before := instance{app: "web", number: 1, since: 100, labels: []string{"traefik.enable=true", "traefik.http.routers.web.rule=Host(`old.example`)"}}
	after := instance{app: "web", number: 2, since: 200, labels: []string{"traefik.enable=true", "traefik.http.routers.web.rule=Host(`new.example`)"}}
	for _, order := range [][]instance{{before, after}, {after, before}} {
		got, problems := build(t, o, order...)
		if len(problems) > 0 || !strings.Contains(got, "new.example") || strings.Contains(got, "old.example") || strings.Count(got, `"url"`) != 2 {
			t.Errorf("got %s with %+v, want the rule of the newer instance and both servers", got, problems)
		}
	}
}

func TestDefaultRule(t *testing.T) {
	in := instance{app: "cart.shop", number: 1, labels: []string{"tier=front"}}
	for rule, want := range map[string]string{
		defaultRule: "Host(`shop-cart`)",
		"Host(`{{ normalize .Name }}.{{ index .Labels \"tier\" }}.example`)": "Host(`shop-cart.front.example`)",
		"Path(`{{ .Name }}`)": "Path(`/shop/cart`)",
	} {
		if got, problems := build(t, options(t, true, rule), in); !strings.Contains(got, fmt.Sprintf("%q", want)) {
			t.Errorf("%s: got %s with %+v, want %s", rule, got, problems, want)
		}
	}
	for _, rule := range []string{"", "{{ if false }}x{{ end }}", "{{ with .Labels.tier }}{{ slice . 0 9 }}{{ end }}"} {
		if got, problems := build(t, options(t, true, rule), in); got != "{}" || len(problems) != 1 {
			t.Errorf("%.40q: got %s with %+v, want nothing and a problem", rule, got, problems)
		}
	}
}

// Whatever labels an app has, the others stay.
func FuzzLabels(f *testing.F) {
	f.Add("traefik.http.routers.x.tls.domains[0].main", "a.example")
	f.Add("traefik.tcp.services.x.loadbalancer.server.tls", "true")
	f.Add("TRAEFIK.http.middlewares.x.compress", "true")
	o := options(f, true, defaultRule)
	good := instance{app: "good", number: 1, since: 1}
	f.Fuzz(func(t *testing.T, key, value string) {
		got, _ := build(t, o, good, instance{app: "bad", number: 2, since: 2, labels: []string{key + "=" + value, "traefik.http.services.bad.loadbalancer.passhostheader=true"}})
		if !strings.Contains(got, `"service":"good"`) || !strings.Contains(got, "http://10.0.0.1:31001") {
			t.Errorf("got %s, want the other app in it", got)
		}
	})
}
