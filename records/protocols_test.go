package records_test

import (
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// services returns the labels before a suffix that have SRV records, such as
// "_http._tcp", in the order of text.
func (c *cluster) services(suffix string) string {
	var list []string
	last := ""
	for line := range strings.Lines(text(c.set)) {
		name, rest, _ := strings.Cut(line, " ")
		if service, ok := strings.CutSuffix(name, "."+suffix+"."); ok && name != last && strings.HasPrefix(rest, "SRV") && strings.HasPrefix(service, "_") {
			list, last = append(list, service), name
		}
	}
	return strings.Join(list, " ")
}

// Frameworks announce the protocol that a proxy needs to know; clients ask for the
// transport.
func TestPortsAreUnderTheirProtocolAndItsTransport(t *testing.T) {
	for protocol, services := range map[string]string{
		"tcp":       "_p._tcp",
		"TCP":       "_p._tcp",
		"udp":       "_p._udp",
		"":          "_p._tcp _p._udp",
		"sctp":      "_p._sctp",
		"http":      "_p._http _p._tcp",
		"HTTPS":     "_p._https _p._tcp",
		"h2c":       "_p._h2c _p._tcp",
		"wss":       "_p._tcp _p._wss",
		"quic":      "_p._quic _p._udp",
		"h3":        "_p._h3 _p._udp",
		"http3":     "_p._http3 _p._udp",
		"https,h3":  "_p._h3 _p._https _p._tcp _p._udp",
		"tcp,https": "_p._https _p._tcp",
		"my.proto":  "_p._my-proto _p._tcp",
	} {
		c := newCluster(t, defaults())
		c.put(app("web.1", "web", "10.0.0.10", discovered(state.DiscoveryPort{Number: 31000, Name: "p", Protocol: protocol})))
		ofService := strings.ReplaceAll(services, "_p.", "_web.")
		ofPort := strings.ReplaceAll(services, "_p.", "_p._web.")
		for _, suffix := range []string{"marathon.mesos", "marathon.slave.mesos", "marathon.agentip." + trees, "marathon.autoip." + trees, "marathon.containerip." + trees} {
			got := c.services(suffix)
			want := ofPort + " " + ofService
			if suffix != "marathon.slave.mesos" {
				if of := c.services("web." + suffix); of != services {
					t.Errorf("protocol %q: got services %q of web.%s, want %q", protocol, of, suffix, services)
				}
				got = strings.Join(slices.DeleteFunc(strings.Split(got, " "), func(s string) bool { return strings.HasSuffix(s, ".web") }), " ")
			}
			if got != want {
				t.Errorf("protocol %q: got services %q of %s, want %q", protocol, got, suffix, want)
			}
		}

		// Mesos-DNS has the protocol as it is.
		compat := "_p._" + records.RFC1123.Label(protocol)
		if protocol == "" {
			compat = services
		}
		if strings.Contains(protocol, ",") {
			continue
		}
		c = newCluster(t, options("netinfo"))
		c.put(app("web.1", "web", "10.0.0.10", discovered(state.DiscoveryPort{Number: 31000, Name: "p", Protocol: protocol})))
		if got := c.services("web.marathon.mesos"); got != compat {
			t.Errorf("protocol %q with compat: got services %q, want %q", protocol, got, compat)
		}
	}
}

// resources gives a task ports of its agent.
func resources(first, last uint16) func(*state.Task) {
	return func(t *state.Task) { t.Ports = append(t.Ports, state.PortRange{First: first, Last: last}) }
}

func TestAPortThatIsAnnouncedForTCPHasNoUDPRecord(t *testing.T) {
	web := app("web.1", "web", "10.0.0.10", resources(31000, 31001), discovered(state.DiscoveryPort{Number: 31000, Name: "p", Protocol: "tcp"}))
	c := newCluster(t, defaults())
	c.put(web)
	const target = "web-e844k-s0.marathon.slave.mesos."
	c.owns("_web._udp.marathon.slave.mesos", "SRV 0 1 31001 "+target)
	c.owns("_web._tcp.marathon.slave.mesos", "SRV 0 1 31000 "+target, "SRV 0 1 31001 "+target)
	c.owns("_web._udp.marathon.mesos")
	c = newCluster(t, options("netinfo"))
	c.put(web)
	c.owns("_web._udp.marathon.slave.mesos", "SRV 0 1 31000 "+target, "SRV 0 1 31001 "+target)

	// Without a DiscoveryInfo, a port mapping says by which protocol a port is open.
	c = newCluster(t, defaults())
	c.put(app("dns.1", "dns", "172.17.0.2", resources(31000, 31002), func(t *state.Task) {
		t.Container = &state.Container{DockerNetwork: "BRIDGE", Mappings: []state.PortMapping{
			{HostPort: 31000, ContainerPort: 80}, {HostPort: 31001, ContainerPort: 53, Protocol: "udp"},
			{HostPort: 31002, ContainerPort: 54, Protocol: "tcp"}, {HostPort: 31002, ContainerPort: 54, Protocol: "udp"},
		}}
	}))
	const dns = "dns-hjgmi-s0.marathon.slave.mesos."
	for _, suffix := range []string{"marathon.mesos", "marathon.slave.mesos", "marathon.agentip." + trees, "marathon.autoip." + trees} {
		c.owns("_dns._tcp."+suffix, "SRV 0 1 31000 "+dns, "SRV 0 1 31002 "+dns)
		c.owns("_dns._udp."+suffix, "SRV 0 1 31001 "+dns, "SRV 0 1 31002 "+dns)
	}
}

func TestADiscoveryInfoWithoutANameAnnouncesPortsOfTheTask(t *testing.T) {
	web := app("web.1", "web", "10.0.0.10", resources(31000, 31000), func(t *state.Task) {
		t.Discovery = &state.Discovery{Visibility: "FRAMEWORK", Ports: []state.DiscoveryPort{{Number: 31000, Name: "http", Protocol: "tcp"}}}
	})
	c := newCluster(t, defaults())
	c.put(web)
	c.owns("_http._tcp.web.marathon.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.mesos.")
	c.owns("_http._web._tcp.marathon.slave.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.slave.mesos.")
	c.owns("_web._udp.marathon.mesos")
	c.owns("web.marathon.mesos", "A 10.0.0.10")

	// Mesos-DNS ignores it.
	c = newCluster(t, options("netinfo"))
	c.put(web)
	c.owns("_http._tcp.web.marathon.mesos")
	c.owns("_web._udp.marathon.mesos", "SRV 0 1 31000 web-e844k-s0.marathon.slave.mesos.")
}
