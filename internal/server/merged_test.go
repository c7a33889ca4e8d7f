package server

import (
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
