package records_test

import (
	"net/netip"
	"testing"

	"toponym/state"
)

// A label or an attribute, on which no record depends, must not make a new
// version of the zone.
func TestWhatNoRecordDependsOnPublishesNoName(t *testing.T) {
	c := newCluster(t, defaults())
	labels := func(l ...state.Label) func(*state.Task) {
		return func(t *state.Task) { t.Details = &state.TaskDetails{Role: "*", Labels: l} }
	}
	port := state.DiscoveryPort{Number: 31000, Name: "http", Protocol: "tcp"}
	c.put(app("web.1", "web", "192.168.0.1", discovered(port)), app("web.2", "web", "192.168.0.2", discovered(port), healthy(state.Unhealthy)))
	labelledPort := port
	labelledPort.Labels = []state.Label{{Key: "HAPROXY_0_VHOST", Value: "web.example"}}
	for what, change := range map[string]func(){
		"labels of a task": func() {
			c.put(app("web.1", "web", "192.168.0.1", discovered(port), labels(state.Label{Key: "HAPROXY_GROUP", Value: "external"})))
		},
		"labels of an unhealthy task": func() {
			c.put(app("web.2", "web", "192.168.0.2", discovered(port), healthy(state.Unhealthy), labels(state.Label{Key: "HAPROXY_GROUP", Value: "external"})))
		},
		"labels of a port": func() { c.put(app("web.1", "web", "192.168.0.1", discovered(labelledPort))) },
		"since when": func() {
			c.put(app("web.1", "web", "192.168.0.1", discovered(port), func(t *state.Task) { t.Since = 7 }))
		},
		"attributes of an agent": func() {
			c.full.Agents = append([]*state.Agent{{
				ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")},
				Attributes: []state.Attribute{{Name: "rack", Value: "r1"}},
			}}, c.full.Agents[1:]...)
			c.apply()
		},
		"roles that a framework may use": func() {
			c.full.Frameworks = []*state.Framework{{ID: "f", Name: "marathon", Roles: []string{"prod"}}}
			c.apply()
		},
	} {
		if change(); len(c.changes.Names)+len(c.changes.Omitted) > 0 {
			t.Errorf("%s: got changes %+v, want none", what, c.changes)
		}
	}
}
