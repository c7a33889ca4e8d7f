package master

import (
	"fmt"
	"io"
	"runtime"
)

// errTooLarge is what reading beyond the limit gives.
type errTooLarge int64

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer is larger than stateMaxBytes = %d", int64(e))
}

// limited reads up to a number of bytes and fails beyond. Each piece of a state
// is a slice of work, after which others may run.
type limited struct {
	r    io.Reader
	left int64
	max  int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	if int64(len(p)) > l.left {
		p = p[:l.left+1] // one more, to see that there is more
	}
	runtime.Gosched()
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	return n, err
}
