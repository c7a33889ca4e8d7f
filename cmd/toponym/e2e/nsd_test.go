//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nsdConf configures NSD with one zone.
const nsdConf = `server:
  server-count: 1
  ip-address: %[1]s@%[2]d
  do-ip6: no
  username: ""
  zonesdir: "%[3]s"
  database: ""
  zonelistfile: "%[3]s/zone.list"
  xfrdfile: "%[3]s/xfrd.state"
  xfrdir: "%[3]s"
  pidfile: "%[3]s/nsd.pid"
  zonefiles-write: 0
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "%[4]s"
  zonefile: "%[5]s"
`

// outsideName is the zone of the upstream servers in these tests.
const outsideName = "outside.example"

// outsideZone has some names, one with more addresses than fit in a packet, and a
// wildcard below any.
func outsideZone() string {
	var b strings.Builder
	b.WriteString("$ORIGIN " + outsideName + ".\n$TTL 2\n@ SOA ns root 1 3600 600 86400 2\n@ NS ns\nns A 127.0.0.1\n")
	b.WriteString("www A 192.0.2.1\nwww AAAA 2001:db8::1\nwww TXT \"some text\"\nalias CNAME www\n_sip._tcp SRV 1 2 5060 www\n")
	b.WriteString("*.any 3600 A 192.0.2.7\n")
	for i := range 200 {
		fmt.Fprintf(&b, "big A 10.9.0.%d\n", i)
	}
	return b.String()
}

// nsdFiles writes the configuration and the zone of NSD, and returns the path of
// the configuration.
func nsdFiles(t *testing.T, addr string, port int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	zone := writeFile(t, "outside.zone", outsideZone())
	return writeFile(t, "nsd.conf", fmt.Sprintf(nsdConf, addr, port, dir, outsideName, zone))
}

// startNSD starts NSD and returns its port.
func startNSD(t *testing.T) (port int, p *process) {
	t.Helper()
	require(t, "nsd")
	port = freePort(t)
	p = start(t, "nsd", "-d", "-c", nsdFiles(t, "127.0.0.1", port))
	awaitUDP(t, p, port, "www."+outsideName)
	return port, p
}

func awaitUDP(t *testing.T, p *process, port int, name string) {
	t.Helper()
	eventually(t, "the upstream server answers", func() (bool, string) {
		if !p.running() {
			t.Fatal("the upstream server has exited")
		}
		_, _, err := (&dns.Client{Timeout: time.Second}).Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), local(port))
		return err == nil, fmt.Sprint(err)
	})
}

// startRecursor starts an Unbound that asks NSD, and returns its port. More
// settings may be given.
func startRecursor(t *testing.T, nsd int, more ...string) (port int, p *process) {
	t.Helper()
	require(t, "unbound")
	port = freePort(t)
	conf := writeFile(t, "unbound.conf", fmt.Sprintf(`server:
	interface: 127.0.0.1
	port: %[1]d
	do-ip6: no
	directory: "%[2]s"
	chroot: ""
	username: ""
	pidfile: ""
	use-syslog: no
	num-threads: 1
	module-config: "iterator"
	do-not-query-localhost: no
stub-zone:
	name: "%[4]s."
	stub-addr: 127.0.0.1@%[3]d
remote-control:
	control-enable: no
%[5]s`, port, t.TempDir(), nsd, outsideName, strings.Join(more, "")))
	p = start(t, "unbound", "-d", "-c", conf)
	awaitUDP(t, p, port, "www."+outsideName)
	return port, p
}

// deafPort opens a port that never answers.
func deafPort(t *testing.T) int {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	return udp.LocalAddr().(*net.UDPAddr).Port
}
