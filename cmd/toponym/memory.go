package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage there may be beside what is in use before the
// collector runs, in percent.
//
// Answering allocates nothing; reading a state does, and what it leaves behind
// is a fifth of what is in use. Go's default of 100 would let the process grow
// to twice its need for the sake of that. The collector runs once or twice for
// each state with 50.
const gcPercent = 50

// tuneCollector sets the collector up unless the operator has, with GOGC.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
