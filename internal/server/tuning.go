package server

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// tuning sets the garbage collector and the number of threads of the process
// according to what the server does: whether it is reading a full state, and
// whether it otherwise follows single changes.
//
// Setting either waits for a running collection to end, which takes a second
// and more for a large heap on a busy machine. So run does it, and the
// goroutines that read a state and apply changes never wait.
type tuning struct {
	cores     int
	collector bool          // whether the collector is tuned
	threads   bool          // whether the number of threads is
	following func() bool   // whether changes come one by one
	waiting   func() int    // queries that wait for upstream servers; nil: none do
	giveBack  func()        // gives free memory back to the system
	reading   atomic.Int32  // full states that are read at the moment
	read      atomic.Bool   // whether any has been read
	answering atomic.Int32  // HTTP answers that are made in the background at the moment
	answers   atomic.Int64  // made since run looked
	crowded   atomic.Bool   // whether several have been made at a time since then
	changed   chan struct{} // wakes run; holds one token

	background background // for answers
}

// Garbage beside the memory in use before the collector runs, in percent.
const (
	// gcPercent is for reading a full state. The garbage of that is a fifth of
	// what is in use, and with Go's default of 100 the process would grow to
	// twice its need for it. With 50 the collector runs once or twice for each
	// state.
	gcPercent = 50
	// gcPercentFollowing is for following single changes with a large heap. The
	// garbage of a change is the same for any size of the cluster, so twice the
	// room halves the number of collections; each takes long in a large heap,
	// which shows in the latency of answers.
	gcPercentFollowing = 100
)

// largeHeap is the number of bytes in use from which on gcPercentFollowing
// applies.
const largeHeap = 64 << 20

// spareThreads is how many threads beside one for each core may run Go code
// while a full state is read or HTTP answers are made in the background.
//
// A query waits until the scheduler has a thread for the goroutine that answers
// it. Reading a state and collecting garbage occupy two threads; with two more
// there is always one to spare, and the system runs it at once because the
// reader's thread has the lower priority. This takes the p99.9 at 2,000 queries
// per second on two cores from 7.2 to 1.0 ms. At other times spare threads would
// look for work in vain, which costs half as much CPU again for each query.
const spareThreads = 2

// crowdThreads is how many more there are while several answers or zone transfers are made
// at a time. Each of their threads takes one of the processors of the Go scheduler when it
// has something to do, even if the system does not let it run yet: with five transfers on
// one core, queries waited for 2 ms at p90, and for 0.15 ms with these threads.
const crowdThreads = 8

// spareTime is how long there are spare threads at least once an HTTP answer is made in the
// background, so that their number does not change all the time.
const spareTime = time.Second

// restTime is how long the heap must have rested after a full state before
// its free memory is given back to the system.
const restTime = 10 * time.Second

// Free memory is given back to the system as well burstRest after the end of a burst: of
// at least burstAnswers HTTP answers without a pause, or of at least burstQueries that
// waited for upstream servers at some moment.
const (
	burstAnswers = 100
	burstQueries = 2000
	burstRest    = 3 * time.Second
)

// lookTime is the time between two looks at how many queries wait.
const lookTime = time.Second

// newTuning returns the tuning of this process. It changes nothing if enabled
// is not set, or if the operator has set GOGC and GOMAXPROCS.
func newTuning(enabled bool, following func() bool) *tuning {
	return &tuning{
		cores:     runtime.GOMAXPROCS(0),
		collector: enabled && os.Getenv("GOGC") == "",
		threads:   enabled && os.Getenv("GOMAXPROCS") == "",
		following: following,
		giveBack:  debug.FreeOSMemory,
		changed:   make(chan struct{}, 1),
	}
}

// busy makes room for the goroutines that answer queries while a full state is read,
// until done is called. Neither busy nor done blocks.
func (t *tuning) busy() (done func()) {
	t.reading.Add(1)
	t.wake()
	return func() {
		t.reading.Add(-1)
		t.read.Store(true)
		t.wake()
	}
}

// answer makes an HTTP answer in the background, while there are spare threads.
func (t *tuning) answer(f func()) {
	several := t.answering.Add(1) > 1 && t.crowded.CompareAndSwap(false, true)
	if t.answers.Add(1) == 1 || several {
		t.wake()
	}
	defer t.answering.Add(-1)
	t.background.run(f)
}

// answersMade reports whether answers are made in the background, or have been since
// run looked.
func (t *tuning) answersMade() bool { return t.answering.Load() > 0 || t.answers.Load() > 0 }

func (t *tuning) wake() {
	select {
	case t.changed <- struct{}{}:
	default: // run will look anyway
	}
}

// run applies the requests of busy until ctx ends.
func (t *tuning) run(ctx context.Context) {
	if t.threads {
		defer runtime.GOMAXPROCS(t.cores)
	}
	t.apply()
	// The first full state takes more memory than the single changes after it, which
	// do not need that room again. So do bursts.
	var rest, look <-chan time.Time
	given, burst, crowded := false, int64(0), false
	queries := time.NewTicker(lookTime)
	defer queries.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
			t.apply()
			if t.answersMade() && look == nil {
				look = time.After(spareTime)
			}
			if !given && t.collector && t.read.Load() && t.reading.Load() == 0 {
				rest, given = time.After(restTime), true
			}
		case <-look:
			look = nil
			made := t.answers.Swap(0)
			burst += made
			if t.answering.Load() < 2 && t.crowded.CompareAndSwap(true, false) {
				t.apply()
			}
			if made > 0 || t.answering.Load() > 0 {
				look = time.After(spareTime)
				break
			}
			t.apply()
			if burst >= burstAnswers && t.collector {
				rest = time.After(burstRest)
			}
			burst = 0
		case <-queries.C:
			before := crowded
			crowded = t.waiting != nil && t.waiting() >= burstQueries
			if before && !crowded && t.collector {
				rest = time.After(burstRest)
			}
		case <-rest:
			t.giveBack()
		}
	}
}

func (t *tuning) apply() {
	reading := t.reading.Load() > 0
	if t.threads {
		n := t.cores
		if reading || t.answersMade() {
			n += spareThreads
		}
		if t.crowded.Load() {
			n += crowdThreads
		}
		if runtime.GOMAXPROCS(0) != n {
			runtime.GOMAXPROCS(n)
		}
	}
	if t.collector {
		debug.SetGCPercent(t.percent(reading))
	}
}

// percent returns the garbage to allow, in percent.
func (t *tuning) percent(reading bool) int {
	if !reading && t.following() && bytesInUse() >= largeHeap {
		return gcPercentFollowing
	}
	return gcPercent
}

// bytesInUse returns how many bytes the collector found in use when it last ran.
func bytesInUse() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
