package sim

import (
	"io"
	"testing"
)

// BenchmarkChange is one change to a cluster of 100,000 tasks that a
// subscriber follows.
func BenchmarkChange(b *testing.B) {
	c := NewCluster(Options{})
	apps, err := Populate(c, Spec{Tasks: 100000, Agents: 5000})
	noError(b, err)
	s := newSubscriber(nil, nil, 1<<30)
	c.subscribe(s, 1)
	l := NewLife(c, apps, LifeOptions{Rate: 1000})
	b.ReportAllocs()
	bytes := 0
	for b.Loop() {
		l.Step()
		records, _ := s.take()
		for _, r := range records {
			bytes += len(r)
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "bytes/op")
}

// BenchmarkState is an answer to /master/state for as many.
func BenchmarkState(b *testing.B) {
	c := NewCluster(Options{})
	_, err := Populate(c, Spec{Tasks: 100000, Agents: 5000})
	noError(b, err)
	id := newIdentity(testAddr, "", testStart)
	b.ReportAllocs()
	for b.Loop() {
		s := c.snapshot(nil)
		b.SetBytes(s.size(id))
		s.writeState(io.Discard, id)
	}
}
