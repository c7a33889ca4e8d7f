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

// spareThreads is how many threads may run Go code beside one for each core
// while a state is read.
//
// A query waits until the scheduler has a place for who answers it. The reader
// of a state and the collector take up the places of two cores; with two more
// there is always one to spare, and the system sees to it that the reader,
// which has the lower rank, makes room. It takes the p99.9 at 2,000 queries per
// second on two cores from 7.2 to 1.0 ms. At other times the spare threads
// would look for work in vain, which costs half as much again for each query.
const spareThreads = 2

// tuneRuntime sets up the collector, unless the operator has with GOGC, and
// gives the number of cores to use.
func tuneRuntime() (cores int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	return runtime.GOMAXPROCS(0)
}

// spare makes room for those that answer queries until done is called, unless
// the operator has decided with GOMAXPROCS. It is for one caller at a time.
func spare(cores int) (done func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	runtime.GOMAXPROCS(cores + spareThreads)
	return func() { runtime.GOMAXPROCS(cores) }
}
