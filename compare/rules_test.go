package compare

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// ruleCase is a difference that a rule must recognize. Data are "NAME TYPE DATUM", one
// a line; those of both sides are given, and those of Toponym with another setting.
type ruleCase struct {
	row         string // the rule; empty for a difference that must not be explained
	ours        string
	theirs      string
	setting     string // that differs in the alternative; empty if there is none
	alternative string
	before010   bool
}

var ruleCases = map[string]ruleCase{
	"the name server's own addresses": {
		row:  "name-server",
		ours: "ns1.mesos. A 10.0.0.1", theirs: "ns1.mesos. A 10.0.0.2"},
	"SRV records of the masters": {
		row: "master-srv", ours: "_master._tcp.mesos. SRV master0.mesos.:5050"},
	"SRV records of the leader": {
		ours: "_leader._sctp.mesos. SRV leader.mesos.:5050"},
	"a network's name": {
		row: "additional-names", ours: "web.marathon.dcos.network.mesos. A 9.0.0.1"},
	"a network's name that Mesos-DNS has": {
		ours: "web.marathon.dcos.network.mesos. A 9.0.0.1", theirs: "web.marathon.dcos.network.mesos. A 9.0.0.2"},
	"the port before the task": {
		row:  "port-first",
		ours: "_http._tcp.web.marathon.mesos. SRV x.mesos.:80\n_http._web._tcp.marathon.mesos. SRV x.mesos.:80", theirs: "_http._web._tcp.marathon.mesos. SRV x.mesos.:80"},
	"a port before a task that has none of that name": {
		ours: "_http._tcp.web.marathon.mesos. SRV x.mesos.:80"},
	"an unhealthy task": {
		row: "health", theirs: "web.marathon.mesos. A 10.0.0.1", setting: "unhealthy", alternative: "web.marathon.mesos. A 10.0.0.1"},
	"a setting that does not help": {
		theirs: "web.marathon.mesos. A 10.0.0.1", setting: "unhealthy", alternative: "web.marathon.mesos. A 10.0.0.2"},
	"a split name": {
		row: "split-names", ours: "job.env.role.aurora.mesos. A 10.0.0.1", setting: "splitTaskNames"},
	"labels of RFC 952": {
		row: "label-rule", theirs: "w.marathon.mesos. A 10.0.0.1", setting: "EnforceRFC952", alternative: "w.marathon.mesos. A 10.0.0.1"},
	"visibility": {
		row: "visibility", theirs: "w.marathon.mesos. A 10.0.0.1", setting: "minVisibility", alternative: "w.marathon.mesos. A 10.0.0.1"},
	"a task that starts": {
		row: "publish-states", ours: "w.marathon.mesos. A 10.0.0.1", setting: "publishStates"},
	"too many ports": {
		row: "task-limits", theirs: "_w._tcp.marathon.mesos. SRV x.mesos.:1", setting: "maxTaskPorts", alternative: "_w._tcp.marathon.mesos. SRV x.mesos.:1"},
	"a role": {
		row: "subsets", ours: "w.marathon.prod.role.mesos. A 10.0.0.1", setting: "srvScope"},
	"an agent": {
		row: "agent-names", ours: "node1.agent.mesos. A 10.0.0.1", setting: "srvScope"},
	"port 0": {
		row: "port-0", theirs: "_w._tcp.marathon.mesos. SRV x.mesos.:0", setting: "srvScope", alternative: "_w._tcp.marathon.mesos. SRV x.mesos.:0"},
	"two protocols, theirs": {
		row: "udp-tcp", theirs: "_w._udptcp.marathon.mesos. SRV x.mesos.:1", setting: "srvScope", alternative: "_w._udptcp.marathon.mesos. SRV x.mesos.:1"},
	"two protocols, ours": {
		row: "udp-tcp", ours: "_p._w._udp.marathon.mesos. SRV x.mesos.:1\n_p._w._udptcp.marathon.mesos. SRV x.mesos.:1",
		theirs: "_p._w._udptcp.marathon.mesos. SRV x.mesos.:1", setting: "srvScope", alternative: "_p._w._udptcp.marathon.mesos. SRV x.mesos.:1"},
	"https": {
		row: "application-protocols", ours: "_w._tcp.marathon.mesos. SRV x.mesos.:1\n_w._https.marathon.mesos. SRV x.mesos.:1",
		theirs: "_w._https.marathon.mesos. SRV x.mesos.:1", setting: "srvScope", alternative: "_w._https.marathon.mesos. SRV x.mesos.:1"},
	"a DiscoveryInfo without a name": {
		row: "unnamed-discovery", ours: "_p._w._tcp.marathon.mesos. SRV x.mesos.:1", setting: "srvScope"},
	"a port announced for TCP": {
		row: "same-port", ours: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:1",
		theirs:  "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:1\n_w._udp.marathon.slave.mesos. SRV x.slave.mesos.:1",
		setting: "srvScope", alternative: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:1\n_w._udp.marathon.slave.mesos. SRV x.slave.mesos.:1"},
	"a port mapped for TCP": {
		row: "mapping-protocol", ours: "_w._tcp.marathon.mesos. SRV x.slave.mesos.:1",
		theirs:  "_w._tcp.marathon.mesos. SRV x.slave.mesos.:1\n_w._udp.marathon.mesos. SRV x.slave.mesos.:1",
		setting: "srvScope", alternative: "_w._tcp.marathon.mesos. SRV x.slave.mesos.:1\n_w._udp.marathon.mesos. SRV x.slave.mesos.:1"},
	"a port of the container": {
		row: "srv-agent-side", theirs: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:80", setting: "srvScope", alternative: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:80"},
	"a target": {
		row: "srv-target", ours: "_w._tcp.marathon.mesos. SRV x.slave.mesos.:31000", theirs: "_w._tcp.marathon.mesos. SRV x.mesos.:80",
		setting: "srvScope", alternative: "_w._tcp.marathon.mesos. SRV x.mesos.:80"},
	"a framework called leader": {
		row: "infrastructure-names", ours: "leader.mesos. A 10.0.0.1", theirs: "leader.mesos. A 10.0.0.1\nleader.mesos. A 10.0.0.9",
		setting: "srvScope", alternative: "leader.mesos. A 10.0.0.1\nleader.mesos. A 10.0.0.9"},
	"a framework called like a task": {
		row: "framework-like-task", ours: "w.marathon.mesos. A 10.0.0.1",
		theirs:  "w.marathon.mesos. A 10.0.0.1\nw.marathon.mesos. A 10.0.0.9\n_framework._tcp.w.marathon.mesos. SRV w.marathon.mesos.:1",
		setting: "srvScope", alternative: "w.marathon.mesos. A 10.0.0.1\nw.marathon.mesos. A 10.0.0.9\n_framework._tcp.w.marathon.mesos. SRV w.marathon.mesos.:1"},
	"a framework called x.slave": {
		row: "subtree-names", theirs: "w.x.slave.mesos. A 10.0.0.1", setting: "srvScope", alternative: "w.x.slave.mesos. A 10.0.0.1"},
	"a name of two frameworks": {
		row: "nearer-framework", ours: "api.web.marathon.mesos. A 10.0.0.1", theirs: "api.web.marathon.mesos. A 10.0.0.1\napi.web.marathon.mesos. A 10.0.0.2",
		setting: "srvScope", alternative: "api.web.marathon.mesos. A 10.0.0.1\napi.web.marathon.mesos. A 10.0.0.2"},
	"an IP source": {
		row: "ip-sources", ours: "w.marathon.mesos. A 10.0.0.1", theirs: "w.marathon.mesos. A 172.17.0.2", setting: "IPSources", alternative: "w.marathon.mesos. A 172.17.0.2"},
	"masters in another order": {
		row:    "master-numbers",
		ours:   "master0.mesos. A 10.0.0.1\nmaster1.mesos. A 10.0.0.2",
		theirs: "master0.mesos. A 10.0.0.2\nmaster1.mesos. A 10.0.0.1"},
	"another master": {
		ours: "master0.mesos. A 10.0.0.1", theirs: "master0.mesos. A 10.0.0.2"},
	"a task called -": {
		row: "empty-labels", theirs: ".marathon.mesos. A 10.0.0.1\n-x7k2p-s0.marathon.mesos. A 10.0.0.1\n_._tcp.marathon.mesos. SRV -x7k2p-s0.marathon.mesos.:1"},
	"a long label": {
		row: "long-names", theirs: "_" + strings.Repeat("x", 63) + "._tcp.marathon.mesos. SRV w-abcde-s0.marathon.mesos.:1"},
	"a canonical name that is too long": {
		row:    "long-names",
		ours:   strings.Repeat("x", 54) + "-abcde-s0.marathon.mesos. A 10.0.0.1",
		theirs: strings.Repeat("x", 63) + "-abcde-s0.marathon.mesos. A 10.0.0.1"},
	"a shortened name of another task": {
		ours: strings.Repeat("x", 54) + "-abcde-s0.marathon.mesos. A 10.0.0.1"},
	"a raw name with capitals": {
		row: "raw-names", ours: "web.marathon.mesos. A 10.0.0.1", theirs: "Web.marathon.mesos. A 10.0.0.1"},
	"a raw name with a space": {
		row: "raw-names", theirs: "my web.marathon.mesos. A 10.0.0.1"},
	"a port above 65535": {
		row: "port-range", theirs: "_w._tcp.marathon.mesos. SRV x.mesos.:70000"},
	"a host name as an address": {
		row:    "agent-without-address",
		theirs: "w.marathon.slave.mesos. A some-host\n_w._tcp.marathon.slave.mesos. SRV w.marathon.slave.mesos.:1"},
	"an unspecified address": {
		row: "invalid-addresses", theirs: "w.marathon.mesos. A 0.0.0.0"},
	"a multicast address": {
		row: "invalid-addresses", theirs: "w.marathon.mesos. A 224.0.0.1"},
	"an IPv6 address": {
		row: "ipv6-prefix", ours: "w.marathon.mesos. AAAA fd00::1\nw.marathon.mesos. A 10.0.0.1", theirs: "w.marathon.mesos. A 10.0.0.1"},
	"another IPv6 address": {
		ours: "w.marathon.mesos. AAAA fd00::1", theirs: "w.marathon.mesos. AAAA fd00::2"},
	"an agent's address in place of an IPv6 address": {
		row:  "ipv6-prefix",
		ours: "w.marathon.mesos. AAAA fd00::1\nw.marathon.slave.mesos. A 10.0.0.1", theirs: "w.marathon.mesos. A 10.0.0.1\nw.marathon.slave.mesos. A 10.0.0.1"},
	"SRV records on the agent's side before 0.10": {
		row: "older-agent-side", before010: true, ours: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:1"},
	"SRV records on the agent's side": {
		ours: "_w._tcp.marathon.slave.mesos. SRV x.slave.mesos.:1"},
	"several addresses before 0.10": {
		row: "older-addresses", before010: true, ours: "w.marathon.mesos. A 9.0.0.1\nw.marathon.mesos. A 9.0.0.2", theirs: "w.marathon.mesos. A 9.0.0.1"},
	"several addresses": {
		ours: "w.marathon.mesos. A 9.0.0.1\nw.marathon.mesos. A 9.0.0.2", theirs: "w.marathon.mesos. A 9.0.0.1"},
	"a task called like a canonical name": {
		row: "canonical-names", ours: "w-abcde-s0.marathon.mesos. A 9.0.0.1", theirs: "w-abcde-s0.marathon.mesos. A 9.0.0.1\nw-abcde-s0.marathon.mesos. A 9.0.0.2"},
	"a status without an address": {
		row:    "status-addresses",
		ours:   "w.marathon.mesos. A 9.0.0.1\nw.marathon.slave.mesos. A 10.0.0.1",
		theirs: "w.marathon.mesos. A 10.0.0.1\nw.marathon.slave.mesos. A 10.0.0.1"},
	"another address": {
		ours:   "w.marathon.mesos. A 9.0.0.1\nw.marathon.slave.mesos. A 10.0.0.1",
		theirs: "w.marathon.mesos. A 9.0.0.2\nw.marathon.slave.mesos. A 10.0.0.1"},
	"a name that Toponym does not have": {
		theirs: "gone.marathon.mesos. A 10.0.0.1"},
	"a name that Mesos-DNS does not have": {
		ours: "new.marathon.mesos. A 10.0.0.1"},
}

// parseRecords reads records as ruleCase has them. The name may contain spaces.
func parseRecords(t *testing.T, text string) Records {
	t.Helper()
	r := Records{}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		f := strings.Split(line, " ")
		n := len(f)
		if n < 3 {
			t.Fatalf("%q is no record", line)
		}
		k := Key{strings.Join(f[:n-2], " "), f[n-2]}
		r[k] = append(r[k], f[n-1])
		slices.Sort(r[k])
	}
	return r
}

// explainCase returns the findings of a case.
func explainCase(t *testing.T, c ruleCase) []Finding {
	t.Helper()
	in := Input{
		Domain: "mesos.", Toponym: parseRecords(t, c.ours), MesosDNS: parseRecords(t, c.theirs),
		NameServers: []string{"ns1.mesos."}, Before010: c.before010,
	}
	d, _ := Diff(in.Toponym, in.MesosDNS)
	return Explain(d, in, func(yield func(Alternative) bool) {
		if c.setting != "" {
			yield(Alternative{Settings: []Setting{{c.setting, `"x"`}}, Records: parseRecords(t, c.alternative)})
		}
	})
}

func TestEachDatumIsExplainedByItsRow(t *testing.T) {
	for name, c := range ruleCases {
		findings := explainCase(t, c)
		if len(findings) == 0 {
			t.Errorf("%s: got no difference, want one", name)
		}
		for _, f := range findings {
			for _, d := range f.Data {
				if d.Row != c.row {
					t.Errorf("%s: %s %s %s of %s: got row %q, want %q", name, f.Name, f.Type, d.Value, d.Side, d.Row, c.row)
				}
				if got := len(d.Settings) > 0; d.Row != "" && got != (c.setting != "") {
					t.Errorf("%s: got settings %v, want setting %q", name, d.Settings, c.setting)
				}
			}
			if want := map[bool]Verdict{true: Unexplained, false: Documented}[c.row == ""]; f.Verdict != want {
				t.Errorf("%s: got verdict %s, want %s", name, f.Verdict, want)
			}
		}
	}
}

func TestEachRuleHasACaseAndARow(t *testing.T) {
	for _, r := range rules {
		if !slices.ContainsFunc(slices.Collect(maps.Values(ruleCases)), func(c ruleCase) bool { return c.row == r.anchor }) {
			t.Errorf("rule %s: got no case, want one", r.anchor)
		}
		row, ok := rows()[r.anchor]
		if !ok {
			t.Errorf(`rule %s: got no row with that anchor in docs/differences.md, want | <a id="%s"></a>…`, r.anchor, r.anchor)
		}
		for _, text := range []string{row.What, row.MesosDNS, row.Toponym, row.Why} {
			if text == "" || strings.Contains(text, "`") || strings.Contains(text, "](") {
				t.Errorf("row %s: got %q, want plain text", r.anchor, text)
			}
		}
		if (r.when == bySetting) != (len(r.settings) > 0) {
			t.Errorf("rule %s: got settings %v in phase %d, want settings in the phase bySetting alone", r.anchor, r.settings, r.when)
		}
	}
}

func TestEachAnchorOfThePageHasARule(t *testing.T) {
	for anchor := range rows() {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.anchor == anchor }) {
			t.Errorf("docs/differences.md#%s: got no rule, want one or no anchor", anchor)
		}
	}
}

func TestNamesThatAreListedAndNotAnswered(t *testing.T) {
	for want, f := range map[string]DNSFinding{
		"raw-names":             {Key: Key{"Web.marathon.mesos.", "A"}, Listed: []string{"10.0.0.1"}},
		"long-names":            {Key: Key{"_w._tcp.marathon.mesos.", "SRV"}, Listed: []string{strings.Repeat("x", 64) + ".mesos.:1"}},
		"port-range":            {Key: Key{"_w._tcp.marathon.mesos.", "SRV"}, Listed: []string{"x.mesos.:70000"}},
		"agent-without-address": {Key: Key{"w.marathon.slave.mesos.", "A"}, Listed: []string{"some-host"}},
		"empty-labels":          {Key: Key{"_._tcp.marathon.mesos.", "SRV"}, Listed: []string{"x.mesos.:1"}},
		"":                      {Key: Key{"web.marathon.mesos.", "A"}, Listed: []string{"10.0.0.1"}},
	} {
		if got := ListedOnly(f); got != want {
			t.Errorf("%v: got row %q, want %q", f, got, want)
		}
	}
	more := DNSFinding{Key: Key{"Web.marathon.mesos.", "A"}, Listed: []string{"10.0.0.1"}, Answered: []string{"10.0.0.2"}}
	if got := ListedOnly(more); got != "" {
		t.Errorf("%v: got row %q, want none for an answer that is not listed", more, got)
	}
}
