package scenario

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"toponym/sim/marathon"
)

// TestScenariosOfTheDocumentationRun: the scenario of docs/simulation.md can be read, its steps can
// be taken, and its table has all actions.
func TestScenariosOfTheDocumentationRun(t *testing.T) {
	page, err := os.ReadFile("../../docs/simulation.md")
	noError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 2 {
		t.Fatalf("the page has %d scenarios", len(examples))
	}
	times, err := Read(bytes.NewReader(examples[1][1]))
	noError(t, err)
	if m := times.Marathon; m.Startup.or(0) != marathon.DefaultStartup || m.Healthy.or(0) != marathon.DefaultHealthy || m.Backoff.or(0) != marathon.DefaultBackoff {
		t.Errorf("the page says that the usual times are %v, %v and %v", m.Startup.or(0), m.Healthy.or(0), m.Backoff.or(0))
	}
	s := testSimulation(t, string(examples[0][1]))
	if n := len(s.Tasks()); n != 6 {
		t.Errorf("the scenario has %d tasks, want 6", n)
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
}
