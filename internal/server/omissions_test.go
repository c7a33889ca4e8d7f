package server

import (
	"fmt"
	"testing"

	"toponym/state"
)

// The status lists what is omitted once, for as long as its task is there, and only
// the last of many.
func TestStatusListsWhatIsOmitted(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(fullState(task("bad.1", "-", "192.168.0.1")))
	p.state(fullState(task("bad.1", "-", "192.168.0.2"), task("bad.2", "-", "192.168.0.3")))
	omitted, retained := p.warnings()
	if len(omitted) != 2 || omitted[0].Framework == "" || omitted[0].Value != "-" || omitted[0].Reason == "" || omitted[0].Time.IsZero() || retained != 0 {
		t.Errorf("got %+v, want one of each task", omitted)
	}
	p.state(fullState(task("bad.2", "-", "192.168.0.3")))
	if omitted, _ := p.warnings(); len(omitted) != 1 || omitted[0].Task != "bad.2" {
		t.Errorf("after the end of bad.1: got %+v, want bad.2 alone", omitted)
	}
	var many []*state.Task
	for i := range maxOmissions + 10 {
		many = append(many, task(fmt.Sprint("bad.", i), "-", "192.168.0.1"))
	}
	p.state(fullState(many...))
	if omitted, _ := p.warnings(); len(omitted) != maxOmissions {
		t.Errorf("got %d omissions, want %d", len(omitted), maxOmissions)
	}
}
