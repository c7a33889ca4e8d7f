package sim

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: the scenario of docs/simulation.md is one, its steps can be taken,
// and its table has all actions.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/simulation.md")
	noError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 2 {
		t.Fatalf("the page has %d scenarios", len(examples))
	}
	if m := testSimulation(t, string(examples[1][1])).times; m != (ScenarioMarathon{Duration(DefaultStartup), Duration(DefaultHealthy), Duration(DefaultBackoff)}) {
		t.Errorf("the page says that the usual times are %+v", m)
	}
	s := testSimulation(t, string(examples[0][1]))
	if n := len(s.Tasks()); n != 6 {
		t.Errorf("the scenario has %d tasks", n)
	}
	for _, step := range s.steps {
		if strings.HasPrefix(step.Do, "master-") {
			continue // there is none in this test
		}
		if _, err := s.Do(step.Action); err != nil {
			t.Errorf("%s: %v", step.Do, err)
		}
	}
	for name := range actions {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page does not know %s", name)
		}
	}
	for what := range calls {
		if !strings.Contains(string(page), "`"+what+"`") {
			t.Errorf("the page does not know %s", what)
		}
	}
}
