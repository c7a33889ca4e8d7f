//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

// unboundConf is the strictest configuration of Unbound: it minimises query names
// and takes NXDOMAIN for the whole subtree (RFC 9156, RFC 8020), randomises the
// case of questions (0x20), and does not fall back to laxer queries. It can only
// reach loopback.
const unboundConf = `
server:
	interface: 127.0.0.1
	outgoing-interface: 127.0.0.1
	port: %[1]d
	do-ip6: no
	access-control: 127.0.0.0/8 allow
	directory: "%[2]s"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	logfile: ""
	verbosity: 1
	log-servfail: yes
	num-threads: 1
	module-config: "%[3]s"
	do-not-query-localhost: no
	domain-insecure: "mesos."
	qname-minimisation: yes
	qname-minimisation-strict: yes
	use-caps-for-id: yes
	harden-below-nxdomain: yes
	harden-glue: yes
	harden-referral-path: no
	minimal-responses: no
	local-zone: "10.in-addr.arpa." nodefault
	local-zone: "d.f.ip6.arpa." nodefault
	domain-insecure: "10.in-addr.arpa."
	domain-insecure: "d.f.ip6.arpa."
stub-zone:
	name: "mesos."
	stub-addr: 127.0.0.1@%[4]d
stub-zone:
	name: "10.in-addr.arpa."
	stub-addr: 127.0.0.1@%[4]d
stub-zone:
	name: "d.f.ip6.arpa."
	stub-addr: 127.0.0.1@%[4]d
remote-control:
	control-enable: no
%[5]s`

// startUnbound starts an Unbound that asks s, and returns its port. More zones of
// s may be given, with a trailing dot.
func startUnbound(t *testing.T, s *server, modules string, zones ...string) int {
	t.Helper()
	require(t, "unbound", "unbound-checkconf", "dig")
	port := freePort(t)
	var more strings.Builder
	for _, zone := range zones {
		fmt.Fprintf(&more, "server:\n\tdomain-insecure: %q\nstub-zone:\n\tname: %q\n\tstub-addr: 127.0.0.1@%d\n", zone, zone, s.port)
	}
	conf := writeFile(t, "unbound.conf", fmt.Sprintf(unboundConf, port, t.TempDir(), modules, s.port, more.String()))
	if r := run(t, "unbound-checkconf", conf); r.status != 0 {
		t.Fatalf("unbound-checkconf:\n%s", r)
	}
	p := start(t, "unbound", "-d", "-c", conf)
	eventually(t, "Unbound listens", func() (bool, string) {
		if !p.running() {
			t.Fatal("Unbound has exited")
		}
		c, err := net.Dial("tcp", local(port))
		if err != nil {
			return false, err.Error()
		}
		c.Close()
		return true, ""
	})
	return port
}

// unboundApps is a number of apps with which each kind of name is asked for with
// cold and with warm caches.
const unboundApps, unboundInstances = 80, 2

func TestUnbound(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for i := range unboundApps {
		c.app(t, fmt.Sprintf("app%d", i), unboundInstances, fmt.Sprintf("10.3.%d.1", i), 8000)
	}
	c.start(t, 0, networkTask("dual", 443, "10.1.1.1", "fd00:1::1"))
	s := serve(t, newMaster(t, c.Cluster), settings{"ReverseDnsOn": true})

	for _, modules := range []string{"iterator", "validator iterator"} {
		t.Run(modules, func(t *testing.T) {
			port := startUnbound(t, s, modules)
			questions, wants := unboundQuestions()
			for i, got := range askMany(t, port, questions) {
				w := wants[i]
				if got.status != w.status || got.flag("tc") {
					t.Errorf("%s: got %s %v, want %s", questions[i], got.status, got.flags, w.status)
				}
				if found := sorted(data(got.answer)); !slices.Equal(found, sorted(w.data)) {
					t.Errorf("%s: got %v, want %v", questions[i], found, w.data)
				}
			}
		})
	}
}

type unboundWant struct {
	status string
	data   []string
}

// unboundQuestions returns the questions about each app: names, services, reverse
// names, and names that do not exist before and after these.
func unboundQuestions() (questions []string, wants []unboundWant) {
	add := func(question, status string, data ...string) {
		questions = append(questions, question)
		wants = append(wants, unboundWant{status, data})
	}
	add("_tcp.marathon.mesos A", "NOERROR")
	add("marathon.slave.mesos A", "NOERROR")
	add("dual.marathon.mesos AAAA", "NOERROR", "fd00:1::1")
	add("-x fd00:1::1", "NOERROR", "dual.marathon.mesos.")
	add("mesos SOA", "NOERROR", "ns1.mesos. root.ns1.mesos. SERIAL 60 600 86400 10")
	for i := range unboundApps {
		app := fmt.Sprintf("app%d", i)
		name := app + ".marathon.mesos"
		addresses := addressesFrom(fmt.Sprintf("10.3.%d.1", i), unboundInstances)
		var targets []string
		for n := range unboundInstances {
			targets = append(targets, "0 1 8000 "+instance(app, n)+".marathon.mesos.")
		}
		if i%2 == 0 { // empty non-terminals first
			add("_tcp."+name+" SRV", "NOERROR")
			add("_"+app+"._tcp.marathon.mesos A", "NOERROR")
		}
		add("_http._"+app+"._tcp.marathon.mesos SRV", "NOERROR", targets...)
		add("_http._tcp."+name+" SRV", "NOERROR", targets...)
		add("_"+app+"._tcp.marathon.mesos SRV", "NOERROR", targets...)
		add("nope."+name+" A", "NXDOMAIN")
		add("_nope._tcp."+name+" SRV", "NXDOMAIN")
		add(name+" A", "NOERROR", addresses...)
		add(name+" AAAA", "NOERROR")
		add(instance(app, 0)+".marathon.mesos A", "NOERROR", addresses[0])
		add("nope-"+app+".marathon.mesos A", "NXDOMAIN")
		add("-x "+addresses[1], "NOERROR", name+".")
		add("-x 10.4.0."+fmt.Sprint(i), "NXDOMAIN")
	}
	return questions, wants
}

// An answer that Unbound gets over TCP reaches its clients.
func TestUnboundBigAnswer(t *testing.T) {
	t.Parallel()
	s := serveBig(t, nil)
	port := startUnbound(t, s, "iterator")
	if got := ask(t, port, "dig +bufsize=1232 big.marathon.mesos A"); len(got.answer) != bigApp {
		t.Errorf("got %s with %d addresses, want %d", got.status, len(got.answer), bigApp)
	}
	if got := ask(t, port, "dig _big._tcp.marathon.mesos SRV"); len(got.answer) != bigApp {
		t.Errorf("got %s with %d targets, want %d", got.status, len(got.answer), bigApp)
	}
}
