package records_test

import (
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

func TestLabelsSetTTLWeightAndPriority(t *testing.T) {
	port := func(labels ...state.Label) func(*state.Task) {
		return discovered(
			state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp", Labels: labels},
			state.DiscoveryPort{Number: 81, Name: "admin", Protocol: "tcp"},
		)
	}
	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "192.168.0.1", labelled("DNS_TTL", "30"), labelled("DNS_WEIGHT", " 5 "), labelled("DNS_PRIORITY", "2"),
		port(state.Label{Key: "DNS_TTL", Value: "7"}, state.Label{Key: "DNS_WEIGHT", Value: "0"})))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "TTL 30")
	c.owns("web-e844k-s0.marathon.mesos", "A 192.168.0.1", "TTL 30")
	c.owns("web.marathon.containerip."+trees, "A 192.168.0.1", "TTL 30")
	c.owns("_http._tcp.web.marathon.mesos", "SRV 2 0 80 web-e844k-s0.marathon.mesos.", "TTL 7")
	c.owns("_admin._tcp.web.marathon.mesos", "SRV 2 5 81 web-e844k-s0.marathon.mesos.", "TTL 30")
	// All records of a name have the shortest TTL that is requested.
	c.owns("_web._tcp.marathon.mesos", "SRV 2 0 80 web-e844k-s0.marathon.mesos.", "SRV 2 5 81 web-e844k-s0.marathon.mesos.", "TTL 7")

	c.put(app("web.2", "web", "192.168.0.2", labelled("DNS_TTL", "5")))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2", "TTL 5")
	// A change of the TTL alone is a change of the name.
	c.put(app("web.2", "web", "192.168.0.2"))
	if !slices.Contains(c.changes.Names, records.MustParseName("web.marathon.mesos")) {
		t.Errorf("got changed names %v, want web.marathon.mesos. among them", c.changes.Names)
	}
	c.owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2", "TTL 30")
	// A TTL of 0 is shorter than any other.
	c.put(app("web.2", "web", "192.168.0.2", labelled("DNS_TTL", "0")))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2", "TTL 0")
	c.put(app("web.2", "web", "192.168.0.2"))
	c.drop("web.1")
	c.apply().owns("web.marathon.mesos", "A 192.168.0.2")
}

// A port that both the resources and the DiscoveryInfo list has the record of the
// DiscoveryInfo only.
func TestAPortListedTwiceHasOneRecord(t *testing.T) {
	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "10.0.0.10",
		discovered(state.DiscoveryPort{Number: 31001, Name: "http", Protocol: "tcp", Labels: []state.Label{{Key: "DNS_WEIGHT", Value: "9"}}}),
		func(t *state.Task) { t.Ports = []state.PortRange{{First: 31000, Last: 31003}} }))
	const target = " web-e844k-s0.marathon.slave.mesos."
	c.owns("_web._tcp.marathon.slave.mesos", "SRV 0 1 31000"+target, "SRV 0 9 31001"+target, "SRV 0 1 31002"+target, "SRV 0 1 31003"+target)
	c.owns("_web._udp.marathon.slave.mesos", "SRV 0 1 31000"+target, "SRV 0 1 31002"+target, "SRV 0 1 31003"+target)
}

func TestBadLabelsAreIgnoredAndOmitted(t *testing.T) {
	for _, tc := range []struct{ key, value, want string }{
		{"DNS_TTL", "soon", `label DNS_TTL="soon" of task "web.1" of framework "f" is ignored: not a whole number from 0 to 2147483647`},
		{"DNS_TTL", "-1", `not a whole number`},
		{"DNS_TTL", "99999999999999999999", "not a whole number"},
		{"DNS_WEIGHT", "65536", "not a whole number from 0 to 65535"},
		{"DNS_PRIORITY", "1.5", "not a whole number from 0 to 65535"},
		{"DNS_ALIAS", "a b", `label DNS_ALIAS="a b" of task "web.1" of framework "f" is ignored: not a DNS label`},
		{"DNS_ALIAS", "x.y", "not a DNS label"},
		{"DNS_ALIAS", "_tcp", "not a DNS label"},
		{"DNS_ALIAS", "-", "not a DNS label"},
		{"DNS_ALIAS", "ok,,", `DNS_ALIAS="" of`},
		{"DNS_ALIAS", "web-abcde-s12", "belongs to one task alone"},
		{"DNS_ALIAS", "a,b,c,d,e,f,g,h,i", "has more than 8 names"},
		{"DNS_ALIAS", strings.Repeat("x", 500), "…"},
		{"DNS_ALIAS", "ev\x1b[31mil", `"ev\x1b[31mil"`},
	} {
		c := newCluster(t, defaults())
		c.put(app("web.1", "web", "192.168.0.1", labelled(tc.key, tc.value)))
		told := false
		for _, o := range c.changes.Omitted {
			told = told || strings.Contains(o.String(), tc.want) && strings.Contains(o.String(), `"web.1"`)
			if len(o.String()) > 300 {
				t.Errorf("%s=%.10s: got an omission of %d bytes, want at most 300", tc.key, tc.value, len(o.String()))
			}
		}
		if !told {
			t.Errorf("%s=%s: got omissions %v, want one with %q", tc.key, tc.value, c.changes.Omitted, tc.want)
		}
		c.owns("web.marathon.mesos", "A 192.168.0.1")
	}

	c := newCluster(t, defaults())
	c.put(app("web.1", "web", "192.168.0.1", labelled("DNS_TTL", "5"), labelled("DNS_TTL", "6"), labelled("DNS_OTHER", "?"),
		discovered(state.DiscoveryPort{Number: 80, Labels: []state.Label{{Key: "DNS_ALIAS", Value: "x"}}})))
	c.owns("web.marathon.mesos", "A 192.168.0.1", "TTL 5")
	c.owns("x.marathon.mesos")
	var told []string
	for _, o := range c.changes.Omitted {
		told = append(told, o.Label+" "+o.Reason.Error())
	}
	slices.Sort(told)
	const want = "DNS_ALIAS is for tasks, not for ports; DNS_TTL is given twice; the first one counts"
	if got := strings.Join(slices.Compact(told), "; "); got != want {
		t.Errorf("got omissions %q, want %q", got, want)
	}
}

func TestAliasesYieldToTasksAndFrameworksOfThatName(t *testing.T) {
	c := newCluster(t, defaults())
	port := discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp"})
	c.put(app("pg.1", "pg", "192.168.0.1", labelled("DNS_ALIAS", "DB, pg ,sql,db"), port), app("pg.2", "pg2", "192.168.0.2", labelled("DNS_ALIAS", "sql")))
	for _, name := range []string{"db.marathon.mesos", "db.marathon.containerip." + trees, "pg.marathon.mesos"} {
		c.owns(name, "A 192.168.0.1")
	}
	c.owns("db.marathon.slave.mesos", "A 10.0.0.10")
	c.owns("sql.marathon.mesos", "A 192.168.0.1", "A 192.168.0.2")
	c.owns("_http._tcp.db.marathon.mesos", "SRV 0 1 80 pg-6mm3q-s0.marathon.mesos.")
	c.owns("_db._tcp.marathon.autoip."+trees, "SRV 0 1 80 pg-6mm3q-s0.marathon.mesos.")

	// A task that is called so takes the name whenever it comes.
	c.put(app("db.1", "DB", "192.168.0.9"))
	c.owns("db.marathon.mesos", "A 192.168.0.9")
	c.owns("_http._tcp.db.marathon.mesos")
	c.owns("db.marathon.autoip."+trees, "A 192.168.0.9")
	c.drop("db.1")
	c.apply().owns("db.marathon.mesos", "A 192.168.0.1")

	// So does a framework.
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "sql.marathon"})
	c.apply().owns("sql.marathon.mesos")
	c.owns("sql.marathon.autoip."+trees, "A 192.168.0.1", "A 192.168.0.2")

	// An unhealthy task is suppressed under its aliases as well.
	c.put(app("pg.2", "pg2", "192.168.0.2", labelled("DNS_ALIAS", "sql"), healthy(state.Unhealthy)))
	c.owns("sql.marathon.autoip."+trees, "A 192.168.0.1")
	c.owns("pg2.marathon.mesos", "A 192.168.0.2")
}

func TestCollisionsCountNamesOfDifferentTasksAndFrameworks(t *testing.T) {
	c := newCluster(t, defaults())
	c.put(app("1", "web", "192.168.0.1"), app("2", "web", "192.168.0.2"), app("3", "db.prod", "192.168.0.3"))
	c.collides(0)
	c.put(app("4", "db_prod", "192.168.0.4"), app("5", "Web", "192.168.0.5"))
	c.collides(4) // each in the domain and in the address trees
	c.put(app("5", "web", "192.168.0.5"))
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "Marathon"}, &state.Framework{ID: "h", Name: "marathon"})
	c.apply()
	c.collides(4)
	c.drop("4")
	c.full.Frameworks = c.full.Frameworks[:1]
	c.apply()
	c.collides(0)
}
