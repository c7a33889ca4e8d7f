//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"toponym/sim"
)

// document is the answer of /master/state, or a part of it.
type document = map[string]any

// lies change the state of the cluster to one that is not true. No name may change
// for any of them.
var lies = []struct {
	name string
	tell func(rng *rand.Rand, state document)
}{
	{"a new leader that knows nothing", func(rng *rand.Rand, state document) {
		elect(rng, state)
		state["slaves"], state["recovered_slaves"], state["frameworks"] = []any{}, []any{}, []any{}
	}},
	{"a new leader of another cluster", func(rng *rand.Rand, state document) {
		elect(rng, state)
		other := sim.NewCluster(sim.Options{Seed: rng.Uint64(), Name: "another"})
		w := &recorder{}
		sim.NewMaster(other, sim.MasterOptions{}).ServeHTTP(w, mustRequest("/master/state"))
		var theirs document
		if json.Unmarshal(w.body, &theirs) == nil {
			for _, key := range []string{"slaves", "recovered_slaves", "frameworks", "cluster"} {
				state[key] = theirs[key]
			}
		}
	}},
	{"a new leader with which one agent of three has registered", func(rng *rand.Rand, state document) {
		elect(rng, state)
		all := state["slaves"].([]any)
		one := rng.IntN(len(all))
		state["slaves"], state["recovered_slaves"] = all[one:one+1], append(append([]any{}, all[:one]...), all[one+1:]...)
		id := all[one].(document)["id"]
		for _, f := range state["frameworks"].([]any) {
			var left []any
			for _, task := range f.(document)["tasks"].([]any) {
				if task.(document)["slave_id"] == id {
					left = append(left, task)
				}
			}
			f.(document)["tasks"] = left
		}
	}},
	{"lists that are no lists", func(rng *rand.Rand, state document) {
		key := []string{"slaves", "frameworks"}[rng.IntN(2)]
		state[key] = wrongValues()[rng.IntN(len(wrongValues()))]
	}},
	{"nothing that says who leads", func(_ *rand.Rand, state document) {
		for _, key := range []string{"id", "pid", "leader", "leader_info", "elected_time", "start_time"} {
			delete(state, key)
		}
		state["slaves"], state["frameworks"] = []any{}, []any{}
	}},
	{"a standby's state", func(_ *rand.Rand, state document) {
		delete(state, "leader")
		delete(state, "leader_info")
		delete(state, "elected_time")
		state["slaves"], state["frameworks"] = []any{}, []any{}
	}},
}

func wrongValues() []any {
	return []any{"a text", 1e300, -1, true, document{}, document{"0": "x"}}
}

// elect makes the state that of a leader that began to lead now.
func elect(rng *rand.Rand, state document) {
	state["id"] = fmt.Sprintf("%08x-0000-4000-8000-%012x", rng.Uint32(), rng.Uint64()&0xffffffffffff)
	if at, ok := state["elected_time"].(float64); ok {
		state["elected_time"] = at + 1 + rng.Float64()*1000
	}
}

type recorder struct {
	header http.Header
	body   []byte
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(b []byte) (int, error) { r.body = append(r.body, b...); return len(b), nil }

func mustRequest(path string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// A master tells the truth and lies, in random order. No client notices, and what
// really changes is followed.
func TestALyingMasterChangesNoName(t *testing.T) {
	t.Parallel()
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := serve(t, m, settings{"stateSource": "poll"})
	w := s.watch(t, "poll", s.steadyNames(t, 10))
	rng := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	told := map[string]int{}
	m.answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		good := stateOf(c.Cluster, m)
		mu.Lock()
		defer mu.Unlock()
		lie := lies[rng.IntN(len(lies))]
		var state document
		if err := json.Unmarshal([]byte(good), &state); err != nil || rng.IntN(len(lies)+1) == 0 {
			told["the truth"]++
			_, _ = w.Write([]byte(good))
			return
		}
		lie.tell(rng, state)
		told[lie.name]++
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(state)
	}))
	const polls = 40
	eventually(t, fmt.Sprintf("%d polls", polls), func() (bool, string) {
		n := m.polls()
		return n >= polls, fmt.Sprint(n)
	})
	mu.Lock()
	t.Logf("told: %v", told)
	if len(told) <= len(lies)/2 {
		t.Errorf("kinds of lies: got %d, want more of %d", len(told), len(lies))
	}
	mu.Unlock()
	w.finish(t)
	m.show(c.Cluster)
	c.end(t, "web", 2)
	wantChange(t, s, "10.1.0.1", "10.1.0.2")
}
