package main

import (
	"os"
	"runtime"
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

// spareThreads is how many threads may run Go code beside one for each core.
//
// A query waits until the scheduler has a place for who answers it. While a
// state is read, its reader and the collector take up the places of two cores;
// with two more there is always one to spare, and the system sees to it that
// the reader, which has the lower rank, makes room. It takes the p99.9 at 2,000
// queries per second on two cores from 7.2 to 1.0 ms (BENCHMARKS.md).
const spareThreads = 2

// tuneRuntime sets up the collector and the scheduler, where the operator has
// not with GOGC or GOMAXPROCS, and gives the number of cores to use.
func tuneRuntime() (cores int) {
	cores = runtime.GOMAXPROCS(0)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cores + spareThreads)
	}
	return cores
}
