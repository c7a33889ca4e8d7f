package resolver

import (
	"os"
	"runtime"
	"testing"
)

// With one core the scheduler does not look at the network while a goroutine can run.
func TestGivingWayLetsOthersReadWhatHasCome(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var turns turns
	if err := turns.begin(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		turns.run()
		close(ended)
	}()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	read := make(chan struct{}, 1)
	go func() {
		var b [1]byte
		for {
			if _, err := r.Read(b[:]); err != nil {
				return
			}
			read <- struct{}{}
		}
	}()
	// Where system calls are slow, a turn may pass without a look at the network. But the
	// scheduler looks by itself only after 10 ms: this goroutine could go on 100,000 times
	// meanwhile if it did not wait.
	const most = 1000
	for range 100 {
		if _, err := w.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; len(read) == 0 && n < most; n++ {
			turns.giveWay()
		}
		if len(read) == 0 {
			t.Fatalf("nothing was read within %d turns", n)
		}
		<-read
	}
	turns.end()
	<-ended
	turns.giveWay() // does not wait
}

// Whoever waits when the server ends is let go.
func TestTheEndEndsTurns(t *testing.T) {
	var turns turns
	if err := turns.begin(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		turns.giveWay()
	}()
	go turns.run()
	turns.end()
	<-done
}
