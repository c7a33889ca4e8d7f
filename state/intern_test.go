package state

import (
	"fmt"
	"testing"
)

// 100,000 tasks of a few apps must not hold their labels 100,000 times.
func TestEqualLabelsAreKeptOnce(t *testing.T) {
	n := NewInterner()
	list := []Label{{"HAPROXY_GROUP", "external"}, {"HAPROXY_0_VHOST", "a.example"}}
	first, details := n.Labels(list), n.Details(TaskDetails{Role: "prod", Labels: list})
	list[0].Value = "changed by the caller"
	if first[0].Value != "external" || details.Labels[0].Value != "external" {
		t.Errorf("got %v and %v, want lists that the caller's changes do not reach", first, details)
	}
	list[0].Value = "external"
	if again := n.Labels(list); &again[0] != &first[0] {
		t.Error("got another list for equal labels, want the same one")
	}
	if again := n.Details(TaskDetails{Role: "prod", Labels: list}); again != details {
		t.Error("got other details for equal ones, want the same ones")
	}
	if other := n.Details(TaskDetails{Role: "dev", Labels: list}); other == details || other.Role != "dev" {
		t.Errorf("got %+v for another role, want details of their own", other)
	}
	if allocs := testing.AllocsPerRun(100, func() { n.Labels(list); n.Details(TaskDetails{Role: "prod", Labels: list}) }); allocs != 0 {
		t.Errorf("got %v allocations for labels that are known, want none", allocs)
	}
	if n.Labels(nil) != nil || n.Details(TaskDetails{}) != nil {
		t.Error("got something for no labels, want nil")
	}
}

// Key and value of neighbours must not be confused.
func TestLabelsWithTheSameTextDiffer(t *testing.T) {
	n := NewInterner()
	a, b := n.Labels([]Label{{"ab", "c"}}), n.Labels([]Label{{"a", "bc"}})
	if a[0] == b[0] {
		t.Errorf("got %v twice, want two different labels", a)
	}
}

// Frameworks may invent labels for months.
func TestInternerIsBounded(t *testing.T) {
	n := NewInterner()
	long := make([]Label, 1000)
	for i := range maxInternedLists + 10 {
		n.Labels([]Label{{"x", fmt.Sprint(i)}})
	}
	if len(n.lists) > maxInternedLists {
		t.Errorf("got %d lists, want at most %d", len(n.lists), maxInternedLists)
	}
	for i := range 2 * maxInternedLabels / len(long) {
		long[0].Key = fmt.Sprint(i)
		n.Labels(long)
	}
	if n.labels > maxInternedLabels {
		t.Errorf("got %d labels, want at most %d", n.labels, maxInternedLabels)
	}
}
