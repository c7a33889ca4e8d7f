package server

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim/scenario"
	"toponym/state"
	"toponym/state/master"
)

// BenchmarkChange takes tasks away and brings them back, from the event to the
// zone that answers: what it costs must not depend on how many tasks there are.
func BenchmarkChange(b *testing.B) {
	for _, tasks := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(tasks), func(b *testing.B) {
			p, s := simulatedPipeline(b, tasks)
			running := slices.DeleteFunc(s.Tasks, func(t *state.Task) bool { return !t.Running() })
			b.ReportAllocs()
			before, changes := testutil.CPUSeconds(), 0
			var away []*state.Task
			for b.Loop() {
				// As many as come within the pace of publications at a thousand
				// changes per second. What is taken away is not brought back by the
				// same publication.
				for range 5 {
					if t := running[changes/2*7919%len(running)]; changes%2 == 0 {
						p.apply(state.Event{Status: &state.Status{Task: t.Key, State: "TASK_FINISHED"}})
						away = append(away, t)
					} else if len(away) > 5 {
						p.apply(state.Event{Task: away[0]})
						away = away[1:]
					}
					changes++
				}
				p.Publish()
			}
			b.ReportMetric((testutil.CPUSeconds()-before)*1e6/float64(changes), "cpu-us/change")
		})
	}
}

// BenchmarkAgentsLost takes a tenth of the agents of a large cluster away with their
// tasks, as when a rack is lost, and brings them back: the time until the answers show
// all of that, in which no other change is published.
func BenchmarkAgentsLost(b *testing.B) {
	p, s := simulatedPipeline(b, 100_000)
	lost := map[string]bool{}
	for _, a := range s.Agents[:len(s.Agents)/10] {
		lost[a.ID] = true
	}
	tasks := slices.DeleteFunc(slices.Clone(s.Tasks), func(t *state.Task) bool { return !t.Running() || !lost[t.AgentID] })
	publish := func(unit string) {
		began, cpu := time.Now(), testutil.CPUSeconds()
		p.Publish()
		b.ReportMetric(float64(time.Since(began).Milliseconds()), unit+"-ms")
		b.ReportMetric(1e3*(testutil.CPUSeconds()-cpu), unit+"-cpu-ms")
	}
	for b.Loop() {
		for id := range lost {
			p.apply(state.Event{AgentGone: id})
		}
		publish("lost")
		for _, a := range s.Agents {
			if lost[a.ID] {
				p.apply(state.Event{Agent: a})
			}
		}
		for _, t := range tasks {
			p.apply(state.Event{Task: t})
		}
		publish("back")
	}
	b.ReportMetric(float64(len(tasks)), "tasks")
}

// simulatedPipeline is a pipeline with the state of a simulated cluster.
func simulatedPipeline(b *testing.B, tasks int) (*pipeline, *state.FullState) {
	p, _ := testPipelineOf(b, config.Defaults())
	p.o.now = time.Now
	var body bytes.Buffer
	if err := scenario.WriteState(&body, scenario.Spec{Tasks: tasks}); err != nil {
		b.Fatal(err)
	}
	s, err := master.Decode(&body)
	if err != nil {
		b.Fatal(err)
	}
	p.state(s)
	return p, s
}
