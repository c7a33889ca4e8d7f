package server

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/state"
)

func TestFrameworksThatShareTheirNamesAreLoggedOnce(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	p, err := newTestPipeline(config.Defaults(), log)
	if err != nil {
		t.Fatal(err)
	}
	warnings := func() (n int) {
		for _, e := range hook.AllEntries() {
			if strings.HasPrefix(e.Message, "several frameworks share") {
				n++
			}
		}
		return n
	}
	s := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	p.state(s)
	if got := warnings(); got != 0 {
		t.Errorf("with one framework: got %d warnings, want none", got)
	}
	s = &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}, {ID: "g", Name: "marathon"}}}
	p.state(s)
	p.state(s)
	if got := warnings(); got != 1 {
		t.Errorf("with two frameworks of one name: got %d warnings, want one", got)
	}
	if got := p.currentSet().Merged(); len(got) != 1 || got[0].Name != "marathon.mesos." {
		t.Errorf("got merged names %+v, want marathon.mesos.", got)
	}
}

// All tasks on Docker's bridge have such addresses: one line tells.
func TestAddressesThatOnlyTheAgentReachesAreLoggedOnce(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	p, err := newTestPipeline(config.Defaults(), log)
	if err != nil {
		t.Fatal(err)
	}
	s := &state.FullState{
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		Agents:     []*state.Agent{{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
	}
	for i := range 20 {
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f", ID: fmt.Sprint("web.", i)}, Name: fmt.Sprint("web", i), AgentID: "a-S0", State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.MustParseAddr("172.17.0.2")}},
			Container: &state.Container{DockerNetwork: "BRIDGE", Mappings: []state.PortMapping{{HostPort: 31000, ContainerPort: 80}}},
		})
	}
	p.state(s)
	var got []string
	for _, e := range hook.AllEntries() {
		if strings.Contains(fmt.Sprint(e.Data["reason"]), "only their own agent") {
			got = append(got, fmt.Sprint(e.Level, " ", e.Message, ": ", e.Data["framework"], ": ", e.Data["reason"]))
		}
	}
	const want = `warning some names leave out addresses of tasks: marathon (f): only their own agent reaches addresses on the network "bridge", ` +
		"so names T.F.bridge.network do not have them, nor, for tasks with port mappings, do T.F.containerip and names whose addresses IP source auto selects"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want one line for the framework: %s", got, want)
	}
	if omitted, _ := p.warnings(); len(omitted) != 1 || !omitted[0].Usual || omitted[0].FrameworkName != "marathon" {
		t.Errorf("got the omissions %+v, want a usual one of marathon", omitted)
	}
}
