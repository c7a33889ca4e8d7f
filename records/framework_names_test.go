package records

import (
	"strings"
	"testing"
)

// A framework has the names of its tasks and of its scheduler in every tree, and
// those of no other framework.
func TestNamesOfAFramework(t *testing.T) {
	o := Options{Domain: MustParseName("mesos"), Rule: RFC1123, AddressDomains: []Name{MustParseName("dcos.thisdcos.directory")}}
	for framework, all := range map[string]string{
		"marathon": `marathon.mesos _framework._tcp.marathon.mesos web.marathon.mesos web-1-s0.marathon.mesos web.marathon.slave.mesos
			_web._tcp.marathon.slave.mesos web.marathon.dcos.network.mesos web.marathon.agentip.dcos.thisdcos.directory
			web.marathon.autoip.dcos.thisdcos.directory web-1-s0.marathon.containerip.mesos
			web.marathon.prod.role.mesos _http._tcp.web.marathon.eu-1.zone.mesos web.marathon.eu.region.mesos web.marathon.f-0001.framework.mesos`,
		"Marathon.User": `marathon.user.mesos web.marathon.user.mesos web.marathon.user.slave.mesos web.marathon.user.dcos.network.mesos
			web.marathon-user.containerip.dcos.thisdcos.directory`,
		"user": "web.user.mesos web.user.dcos.network.mesos",
	} {
		f, err := o.FrameworkNames(framework)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range strings.Fields(all) {
			if !f.Has(MustParseName(n)) {
				t.Errorf("%s: got %s not among its names", framework, n)
			}
		}
	}
	f, _ := o.FrameworkNames("marathon")
	for _, n := range []string{
		"mesos", "slave.mesos", "leader.mesos", "network.mesos", "dcos.network.mesos", "web.chronos.mesos", "marathon.web.mesos", "xmarathon.mesos",
		"web.marathon.user.mesos", "web.marathon.user.dcos.network.mesos", "marathon.role.mesos", "web.chronos.marathon.role.mesos", "zone.mesos", "marathon.dcos.network.mesos.org", "1.0.0.10.in-addr.arpa", ".",
	} {
		if f.Has(MustParseName(n)) {
			t.Errorf("got %s among the names of marathon", n)
		}
	}
	for _, framework := range []string{"", "...", strings.Repeat("x.", 127) + "x"} {
		if f, err := o.FrameworkNames(framework); err == nil {
			t.Errorf("%q: got %v, want an error", framework, f)
		}
	}
}
