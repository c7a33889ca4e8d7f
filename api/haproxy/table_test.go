package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"toponym/state"
)

// web is an app of group external with a host.
func web(framework, name, host string, labels ...string) testApp {
	a := testApp{framework: framework, name: name, labels: map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_VHOST": host}}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		a.labels["HAPROXY_0_"+key] = value
	}
	return a
}

// history is a table that is updated with other apps after some time.
type history struct {
	*Table
	t   *testing.T
	now time.Time
}

func newHistory(t *testing.T) *history { return &history{NewTable(), t, start} }

func (h *history) after(d time.Duration, apps ...testApp) {
	h.now = h.now.Add(d)
	h.Update(instancesOf(apps...), h.now)
}

// want compares the rules of the frontend for hosts.
func (h *history) want(rules ...string) {
	h.t.Helper()
	if got := rulesOf(string(h.Render(external()))); !slices.Equal(got, rules) {
		h.t.Errorf("got the rules\n%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(rules, "\n"), h.Render(external()))
	}
}

var useBackend = regexp.MustCompile(`use_backend (\S+) if \{ req\.hdr\(host\),field\(1,:\) -i -m str ([^}]*) \}(?: \{ path_beg (.*) \})?`)

// rulesOf returns rules as "host/path: backend".
func rulesOf(conf string) (rules []string) {
	http, _, _ := strings.Cut(conf, "frontend toponym_https")
	for _, m := range useBackend.FindAllStringSubmatch(http, -1) {
		for host := range strings.FieldsSeq(m[2]) {
			rules = append(rules, fmt.Sprintf("%s%s: %s", host, m[3], m[1]))
		}
	}
	return rules
}

// Another tenant does not get a host by a name or an age of its own choice, nor
// while the app that has it is deployed anew or restarted.
func TestAHostStaysWithTheFrameworkThatHadItFirst(t *testing.T) {
	h := newHistory(t)
	victim := web("marathon", "shop", "shop.acme.org")
	victim.since = 2000
	thief := web("attacker", "a", "shop.acme.org")
	thief.since = 1 // executors write the times of states
	h.after(0, victim)
	h.after(time.Minute, victim, thief)
	h.want("shop.acme.org: marathon_shop_0")
	if conf := string(h.Render(external())); !strings.Contains(conf, `# port 0 of app "a" of framework "attacker": host shop.acme.org belongs to the framework "id-marathon"`) {
		t.Errorf("got no comment about the conflict in\n%s", conf)
	}

	victim.since = 9000
	h.after(time.Minute, thief, victim)
	h.want("shop.acme.org: marathon_shop_0")

	h.after(time.Second, thief) // the app is gone
	h.want("shop.acme.org: marathon_shop_0")
	h.after(2*lingersFor, thief)
	h.want()
	h.after(30*time.Minute, victim, thief)
	h.want("shop.acme.org: marathon_shop_0")
	h.after(time.Minute, thief)
	h.after(reservedFor+time.Second, thief)
	h.want("shop.acme.org: attacker_a_0")
}

// Whoever asks for a part of a host of another framework takes it away from that.
func TestPathsOfAHostAreOfOneFramework(t *testing.T) {
	h := newHistory(t)
	shop, cart := web("marathon", "shop", "acme.org"), web("marathon", "cart", "acme.org", "PATH=/cart")
	login := web("attacker", "x", "acme.org", "PATH=/login")
	h.after(0, shop)
	h.after(time.Minute, shop, cart, login)
	h.want("acme.org/cart: marathon_cart_0", "acme.org: marathon_shop_0")
}

// Within a framework apps replace each other at once, for deployments in two
// colours.
func TestAnAppGivesItsHostToTheNextOfItsFramework(t *testing.T) {
	h := newHistory(t)
	blue, green := web("", "blue", "acme.org"), web("", "green", "acme.org")
	h.after(0, blue)
	h.after(time.Minute, blue, green)
	h.want("acme.org: marathon_blue_0")
	h.after(time.Second, green)
	h.want("acme.org: marathon_green_0")
	h.after(time.Second, blue, green) // it was first, and was not away for long
	h.want("acme.org: marathon_blue_0")
}

// A label that is taken away counts at once, although the app stays.
func TestARemovedLabelCountsAtOnce(t *testing.T) {
	h := newHistory(t)
	h.after(0, web("", "web", "acme.org"))
	h.want("acme.org: marathon_web_0")
	h.after(time.Second, testApp{name: "web", labels: map[string]string{"HAPROXY_GROUP": "external"}})
	h.want()
	h.after(time.Second, web("", "web", "acme.org"))
	h.after(time.Second, web("", "web", "acme.org", "GROUP=internal"))
	h.want()
}

func TestRulesAreInTheOrderOfWeightAndLengthOfThePath(t *testing.T) {
	h := newHistory(t)
	h.after(0,
		web("", "a", "acme.org"), web("", "b", "acme.org", "PATH=/x /long/path"), web("", "c", "acme.org,z.org", "PATH=/x/y"),
		web("", "d", "other.org", "BACKEND_WEIGHT=3"), web("", "e", "last.org", "BACKEND_WEIGHT=-1", "PATH=/a/very/long/path"),
	)
	h.want(
		"other.org: marathon_d_0",
		"acme.org/long/path: marathon_b_0", "acme.org/x/y: marathon_c_0", "z.org/x/y: marathon_c_0", "acme.org/x: marathon_b_0",
		"acme.org: marathon_a_0",
		"last.org/a/very/long/path: marathon_e_0",
	)
}

// A tenant must not make HAProxy fail to start, nor listen where the operator does
// not want it.
func TestPortsThatAppsMayNotHave(t *testing.T) {
	port := func(framework, name, number string, more ...string) testApp {
		a := testApp{framework: framework, name: name, labels: map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_PORT": number}}
		for i := 0; i < len(more); i += 2 {
			a.labels["HAPROXY_0_"+more[i]] = more[i+1]
		}
		return a
	}
	o := external()
	o.Ports = append(o.Ports, PortRange{9000, 9100})
	h := newHistory(t)
	h.after(0, port("", "first", "10000"))
	h.after(time.Second,
		port("", "first", "10000"), port("", "second", "10000"), port("attacker", "a", "10000"),
		port("", "low", "22"), port("", "stats", "9090"), port("", "web", "80"),
		port("", "bind", "10001", "BIND_ADDR", "192.0.2.1"), port("", "tls", "10002", "SSL_CERT", "/etc/shadow"),
		port("", "good", "10003"),
	)
	conf := string(h.Render(o))
	var binds []string
	for _, m := range regexp.MustCompile(`(?m)^    bind (.*)$`).FindAllStringSubmatch(conf, -1) {
		binds = append(binds, m[1])
	}
	if want := []string{"127.0.0.1:9090", "*:80", "*:10000", "*:10003"}; !slices.Equal(binds, want) {
		t.Errorf("got %v, want %v in\n%s", binds, want, conf)
	}
	for _, want := range []string{
		`"second" of framework "marathon": port 10000 belongs to port 0 of app "first"`,
		`"a" of framework "attacker": port 10000 belongs to the framework "id-marathon"`,
		`"low" of framework "marathon": port 22 is not one of 10000-10100, 9000-9100 (setting haproxyPorts)`,
		`"stats" of framework "marathon": port 9090 is not one of`,
		`"bind" of framework "marathon": address 192.0.2.1 is none of the setting haproxyBindAddresses`,
		`"tls" of framework "marathon": HAPROXY_0_SSL_CERT asks for TLS, but there are no certificates`,
	} {
		if !strings.Contains(conf, want) {
			t.Errorf("got no comment with %q in\n%s", want, conf)
		}
	}
}

// Deployments and failures of instances leave the file as it is.
func TestTheConfigurationChangesOnlyWithApps(t *testing.T) {
	h := newHistory(t)
	app := func(instances int, since uint32) testApp {
		a := web("", "web", "acme.org")
		a.instances, a.since = instances, since
		return a
	}
	h.after(0, app(3, 100))
	want := h.Render(external())
	for _, instances := range []int{3, 4, 6, 8, 1, 2, 3, 5} {
		h.after(time.Minute, app(instances, uint32(100+instances)))
		if got := h.Render(external()); string(got) != string(want) {
			t.Fatalf("%d instances: got\n%s\nwant\n%s", instances, got, want)
		}
	}
	h.after(time.Second) // it starts again
	h.after(lingersFor-2*time.Second, app(2, 9999))
	if got := h.Render(external()); string(got) != string(want) {
		t.Errorf("after a restart: got\n%s\nwant\n%s", got, want)
	}
	for instances, slots := range map[int]string{9: "s 32 ", 1200: "s 1024 "} {
		h.after(time.Minute, app(instances, 1))
		if got := string(h.Render(external())); !strings.Contains(got, "server-template "+slots) {
			t.Errorf("%d instances: got no %q in\n%s", instances, slots, got)
		}
	}
}

// Apps whose names differ only in characters that names of backends cannot have
// keep their own backends.
func TestBackendsHaveNamesOfTheirOwn(t *testing.T) {
	h := newHistory(t)
	h.after(0, web("", "a b", "1.org"), web("", "a-b", "2.org"), web("", "a_b", "3.org"))
	rules := rulesOf(string(h.Render(external())))
	names := map[string]bool{}
	for _, r := range rules {
		names[r[strings.Index(r, ":"):]] = true
	}
	if len(rules) != 3 || len(names) != 3 {
		t.Errorf("got %v, want three backends", rules)
	}
}

// Apps whose names become the same DNS labels have the same servers, which the file
// tells.
func TestAppsWithTheSameSRVRecordsAreNamed(t *testing.T) {
	h := newHistory(t)
	h.after(0, web("", "cart.shop", "1.org"))
	h.after(time.Minute, web("", "cart.shop", "1.org"), web("", "cart-shop", "2.org"))
	conf := string(h.Render(external()))
	if want := `# its SRV records are also those of port 0 of app "cart.shop" of framework "marathon": each gets requests for the other`; strings.Count(conf, want) != 1 {
		t.Errorf("got no comment %q in\n%s", want, conf)
	}
}

func TestServicesAreLimited(t *testing.T) {
	const perApp = 50
	var ports []state.DiscoveryPort
	for n := range perApp {
		ports = append(ports, state.DiscoveryPort{Number: uint16(1000 + n), Name: fmt.Sprintf("p%d", n), Protocol: "tcp"})
	}
	appsOf := func(framework string, n int) (apps []testApp) {
		for i := range n {
			a := testApp{framework: framework, name: fmt.Sprintf("app%d", i), ports: ports, labels: map[string]string{"HAPROXY_GROUP": "external"}}
			for n := range perApp {
				a.labels[fmt.Sprintf("HAPROXY_%d_VHOST", n)] = fmt.Sprintf("%s%d-%d.org", framework, i, n)
			}
			apps = append(apps, a)
		}
		return apps
	}
	h := newHistory(t)
	h.after(0, append(appsOf("greedy", maxOfOne/perApp+1), appsOf("other", 2)...)...)
	conf := string(h.Render(external()))
	if !strings.Contains(conf, "# 50 more ports: there are more than 10000, or 5000 of one framework") || len(rulesOf(conf)) != maxOfOne+2*perApp {
		t.Errorf("got %d rules, want %d, and a comment about 50 ports", len(rulesOf(conf)), maxOfOne+2*perApp)
	}
}

// HAProxy compares each request with all rules, so one app must not have very many,
// and what it cannot have must not fill the file.
func TestRoutesAndCommentsOfAnAppAreLimited(t *testing.T) {
	list := func(format, separator string, n int) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(format, i))
		}
		return strings.Join(items, separator)
	}
	app := web("", "web", list("h%d.org", ",", 40), "PATH="+list("/p%d", " ", maxPaths))
	for i := range 100 {
		app.labels[fmt.Sprintf("HAPROXY_0_UNKNOWN%d", i)] = "x"
	}
	h := newHistory(t)
	h.after(0, web("", "first", list("h%d.org", ",", 3), "PATH="+list("/p%d", " ", maxPaths)), app)
	conf := string(h.Render(external()))
	count := map[string]int{}
	for _, r := range rulesOf(conf) {
		_, backend, _ := strings.Cut(r, ": ")
		count[backend]++
	}
	if count["marathon_first_0"] != 3*maxPaths || count["marathon_web_0"] != maxRoutes {
		t.Errorf("got the routes %v, want %d and %d", count, 3*maxPaths, maxRoutes)
	}
	if n := strings.Count(conf, "#"); n > 4+maxNotes+maxConflicts {
		t.Errorf("got %d comments, want at most %d:\n%s", n, 4+maxNotes+maxConflicts, conf)
	}
}

// BenchmarkUpdate is what a change of the zone costs while someone asks for
// configurations: 100,000 instances of 2,000 apps that all have labels.
func BenchmarkUpdate(b *testing.B) {
	var apps []testApp
	for i := range 2000 {
		a := web("", fmt.Sprintf("app%d", i), fmt.Sprintf("h%d.org", i), "BALANCE=leastconn")
		a.instances = 50
		apps = append(apps, a)
	}
	instances, table := instancesOf(apps...), NewTable()
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Update(instances, start)
		}
	})
	b.Run("render", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if len(table.Render(external())) < 100_000 {
				b.Fatal("the configuration is too short")
			}
		}
	})
}
