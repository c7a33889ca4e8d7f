package leader

import (
	"slices"
	"testing"
)

func TestMastersAreSortedByAddress(t *testing.T) {
	k := newElectionState([]Address{addr("10.9.9.9:5050"), addr("10.9.9.8:5050")})
	if got := k.Masters(); !slices.Equal(got, []Address{addr("10.9.9.9:5050"), addr("10.9.9.8:5050")}) {
		t.Errorf("before any was seen: got %v, want the configured masters", got)
	}
	var nodes []node
	for _, a := range []string{"b.example:5050", "10.0.0.10:5050", "[fd00::1]:5050", "10.0.0.9:5051", "a.example:5050", "10.0.0.9:5050", "10.0.0.10:5050"} {
		nodes = append(nodes, node{addr: addr(a)})
	}
	want := []Address{addr("10.0.0.9:5050"), addr("10.0.0.9:5051"), addr("10.0.0.10:5050"), addr("[fd00::1]:5050"), addr("a.example:5050"), addr("b.example:5050")}
	k.update(nodes)
	if got := k.Masters(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	slices.Reverse(nodes)
	before := k.Masters()
	k.update(nodes)
	if !slices.Equal(k.Masters(), want) || !slices.Equal(before, want) {
		t.Errorf("in another order: got %v, want %v", k.Masters(), want)
	}
}

func TestTheLikeliestLeaderIsTheFirstCandidate(t *testing.T) {
	lead := node{name: "json.info_0000000001", addr: m1, byName: addr("m1.example:5050")}
	next := node{name: "json.info_0000000002", addr: m2, byName: addr("m2.example:5050")}
	other, set := addr("10.0.0.7:5050"), addr("10.0.0.8:5050")
	tests := []struct {
		what  string
		led   Address
		stale bool
		want  []Address
	}{
		{"nobody answered yet", Address{}, false, []Address{m1, lead.byName, m2, set}},
		{"the leader answers by its address", m1, false, []Address{m1, lead.byName, m2, set}},
		{"the leader answers by its name only", lead.byName, false, []Address{lead.byName, m1, m2, set}},
		{"another one answers", other, false, []Address{m1, lead.byName, other, m2, set}},
		{"another one answers and ZooKeeper is away", other, true, []Address{other, m1, lead.byName, m2, set}},
		{"ZooKeeper is away", m1, true, []Address{m1, lead.byName, m2, set}},
	}
	for _, tt := range tests {
		k := newElectionState([]Address{set, m2})
		k.update([]node{lead, next})
		if tt.led != (Address{}) {
			k.SetLeading(tt.led)
		}
		if tt.stale {
			k.markStale()
		}
		if got := k.Candidates(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.what, got, tt.want)
		}
	}
}
