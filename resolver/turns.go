package resolver

import (
	"os"
	"runtime"
	"sync"
)

// turns let connections that are never out of work give way to those whose queries have
// just come.
//
// The scheduler asks the system which connections have something to read only when there
// is nothing else to run, or after 10 ms. With one core a busy connection keeps the others
// waiting for that long. [runtime.Gosched] does not change that, as the goroutine is taken
// up again before the system is asked. So a goroutine that gives way waits for a byte that
// it sends through a pipe: the scheduler learns of it together with all that came before.
type turns struct {
	r, w *os.File // nil before begin, and without a pipe

	mu      sync.Mutex
	over    sync.Cond // number has changed, or ended is set
	number  uint64    // of the turn
	waiting bool      // a goroutine waits for the next turn
	ended   bool
}

// turnLength is how many queries of a connection are answered before it gives way, where a
// kilobyte of a response counts as one. They take 0.2 ms, a hundred times as long as giving
// way does.
const turnLength = 128

// begin opens the pipe. Without it nobody waits.
func (t *turns) begin() (err error) {
	t.over.L = &t.mu
	t.r, t.w, err = os.Pipe()
	return err
}

// run begins a turn whenever a byte comes, until end is called.
func (t *turns) run() {
	var bytes [1]byte
	for {
		_, err := t.r.Read(bytes[:])
		t.mu.Lock()
		t.number++
		t.waiting = false
		t.ended = t.ended || err != nil
		t.over.Broadcast()
		t.mu.Unlock()
		if err != nil {
			t.r.Close()
			return
		}
	}
}

// end ends run.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.w != nil {
		t.over.Broadcast()
		t.w.Close()
	}
}

// giveWay returns when goroutines for which something has come have had their turn.
func (t *turns) giveWay() {
	t.await()
	// They are in the queue of this processor now, and this goroutine before them.
	runtime.Gosched()
}

// await returns when the system has been asked what has come.
func (t *turns) await() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.w == nil {
		return
	}
	if !t.waiting {
		t.waiting = true
		_, _ = t.w.Write([]byte{0}) // there is room: no other byte is on its way
	}
	for now := t.number; t.number == now && !t.ended; {
		t.over.Wait()
	}
}
