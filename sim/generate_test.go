package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

// generatedTask is what a name server reads of a task.
type generatedTask struct {
	ID        string
	Name      string
	State     string
	SlaveID   string `json:"slave_id"`
	Resources struct{ Ports string }
	Discovery *struct {
		Ports struct{ Ports []struct{ Name string } }
	}
	Statuses []struct {
		Healthy   *bool
		Container struct {
			Networks []struct {
				IPs []struct {
					Address string `json:"ip_address"`
				} `json:"ip_addresses"`
			} `json:"network_infos"`
		} `json:"container_status"`
	}
}

func TestGenerate(t *testing.T) {
	const tasks = 4000
	body := generate(t, Spec{Tasks: tasks, Seed: 7})
	if size := len(body) / tasks; size < 2750 || size > 3050 {
		t.Errorf("%d bytes for each task, want about 2900", size)
	}
	var state struct {
		Pid, Leader string
		Slaves      []struct{ ID, Pid string }
		Frameworks  []struct {
			Name      string
			Tasks     []generatedTask
			Completed []generatedTask `json:"completed_tasks"`
			Executors []any
		}
	}
	noError(t, json.Unmarshal(body, &state))
	if state.Pid != "master@10.0.0.10:5050" || state.Leader != state.Pid {
		t.Errorf("pid %q, leader %q", state.Pid, state.Leader)
	}
	if len(state.Slaves) != tasks/20 {
		t.Errorf("%d agents", len(state.Slaves))
	}
	agents, ids, ports, apps, counts := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]int{}
	for _, a := range state.Slaves {
		agents[a.ID] = true
	}
	for _, f := range state.Frameworks {
		counts["completed"] += len(f.Completed)
		counts["executors"] += len(f.Executors)
		for _, task := range f.Tasks {
			counts["tasks"]++
			counts["of "+f.Name]++
			apps[f.Name+"/"+task.Name]++
			if ids[task.ID] {
				t.Fatalf("task %s twice", task.ID)
			}
			ids[task.ID] = true
			if !agents[task.SlaveID] || task.State != TaskRunning {
				t.Fatalf("task %s is %s on %s", task.ID, task.State, task.SlaveID)
			}
			if p := task.Resources.Ports; p != "" {
				if key := task.SlaveID + p[:6]; ports[key] {
					t.Fatalf("ports %s of %s twice", p, task.SlaveID)
				} else {
					ports[key] = true
				}
				counts["with host ports"]++
			}
			if task.Discovery == nil {
				counts["without discovery"]++
			} else if len(task.Discovery.Ports.Ports) > 0 && task.Discovery.Ports.Ports[0].Name != "" {
				counts["with named ports"]++
			}
			last := task.Statuses[len(task.Statuses)-1]
			if len(last.Container.Networks) != 1 {
				t.Fatalf("task %s has no network", task.ID)
			}
			if len(last.Container.Networks[0].IPs) == 2 {
				counts["dual stack"]++
			}
			if !*last.Healthy {
				counts["unhealthy"]++
			}
		}
	}
	largest := 0
	for _, n := range apps {
		largest = max(largest, n)
	}
	if counts["tasks"] != tasks || counts["completed"] == 0 || counts["completed"] > 15 || largest < 100 || largest > 200 {
		t.Errorf("largest app %d, counts %v", largest, counts)
	}
	for _, some := range []string{"executors", "of marathon", "of marathon.user", "of jenkins", "with host ports", "without discovery", "with named ports", "dual stack", "unhealthy"} {
		if n := counts[some]; n == 0 || n == tasks {
			t.Errorf("%s: %d of %d", some, n, tasks)
		}
	}
	for _, mark := range append([]string{`"number":6400`, `_port":6400`, `"[6400`}, markTexts()...) {
		if bytes.Contains(body, []byte(mark)) {
			t.Errorf("the mark %s was left", mark)
		}
	}
}

// markTexts gives the marks that cannot turn up by chance, as a part of an id.
func markTexts() (out []string) {
	for _, m := range marks {
		if m.slot < slotHealthy {
			out = append(out, m.text)
		}
	}
	return out
}

func TestGenerateDeterminism(t *testing.T) {
	s := Spec{Tasks: 500, Agents: 7, MaxInstances: 20, Seed: 3}
	a := generate(t, s)
	if !bytes.Equal(a, generate(t, s)) {
		t.Error("the same spec gives other bytes")
	}
	s.Seed++
	if bytes.Equal(a, generate(t, s)) {
		t.Error("another seed gives the same bytes")
	}
}

func TestGenerateSmall(t *testing.T) {
	for _, s := range []Spec{{}, {Tasks: 1}, {Tasks: 3, Agents: 10}, {Tasks: 50, Agents: 1, MaxInstances: 1}} {
		decode(t, generate(t, s))
	}
}

// failingWriter takes some writes, notes the largest, and fails then.
type failingWriter struct{ left, largest, writes int }

var errFull = errors.New("full")

func (w *failingWriter) Write(p []byte) (int, error) {
	w.writes++
	w.largest = max(w.largest, len(p))
	if w.left--; w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestGenerateStreams: what is held in memory does not grow with the state,
// and a reader that goes away ends the work.
func TestGenerateStreams(t *testing.T) {
	w := &failingWriter{left: 20}
	if err := WriteState(w, Spec{Tasks: 5_000_000, Agents: 1000}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	if w.writes != 21 {
		t.Errorf("%d writes, the 21st failed", w.writes)
	}
	if w.largest > 2*flushAt {
		t.Errorf("a write of %d bytes", w.largest)
	}
	few, many := allocated(1000), allocated(4000)
	if many > few+300 { // apps cost a few, tasks nothing
		t.Errorf("1000 tasks take %v allocations, 4000 take %v", few, many)
	}
}

func allocated(tasks int) float64 {
	return testing.AllocsPerRun(3, func() {
		var n countingWriter
		WriteState(&n, Spec{Tasks: tasks, Agents: 10, MaxInstances: 1000})
	})
}

func BenchmarkWriteState(b *testing.B) {
	for b.Loop() {
		var n countingWriter
		if err := WriteState(&n, Spec{Tasks: 100_000}); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(n))
		b.ReportMetric(float64(n)/100_000, "B/task")
	}
}
