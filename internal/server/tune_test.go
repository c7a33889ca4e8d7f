package server

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// A process that polls needs no more room than for the next state. One that
// follows events has it where the collector's work is dear.
func TestRoomForTheCollector(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	percent := func() int {
		p := debug.SetGCPercent(gcPercent)
		debug.SetGCPercent(p)
		return p
	}
	following := false
	tuned := &tuning{cores: runtime.GOMAXPROCS(0), collector: true, following: func() bool { return following }}
	read := func() (during, after int) {
		done := tuned.busy()
		during = percent()
		done()
		return during, percent()
	}
	large := make([]byte, 2*largeHeap)
	runtime.GC()
	if during, after := read(); during != gcPercent || after != gcPercent {
		t.Errorf("%d %% and %d %% when polling", during, after)
	}
	following = true
	if during, after := read(); during != gcPercent || after != gcPercentFollowing {
		t.Errorf("%d %% and %d %% when following", during, after)
	}
	if during, _ := read(); during != gcPercent {
		t.Errorf("%d %% while the state is read beside", during)
	}
	runtime.KeepAlive(large)
	large = nil
	runtime.GC()
	if _, after := read(); after != gcPercent {
		t.Errorf("%d %% with little in use", after)
	}
}
