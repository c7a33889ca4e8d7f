package upstream

import (
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// serverLog keeps what is logged about a server to a few lines a minute: after those,
// the last message, and how many there were. Run writes it, so that goroutines that handle
// queries do not wait for a disk.
type serverLog struct {
	mu      sync.Mutex
	written [linesAMinute]time.Time // when the last lines were, the oldest first
	pending []logLine               // at most linesAMinute, the oldest first
}

// logLine is a message that is to be logged.
type logLine struct {
	message string
	err     string // the reason; "": none
	count   int    // of the messages that it stands for
}

const (
	logInterval  = time.Minute
	linesAMinute = 4

	// maxLoggedError is the size of an error in the log, in bytes. One about a
	// certificate is as long as its owner has made it.
	maxLoggedError = 300
)

// add logs a message, which is a verb phrase about the server, with an error unless
// that is nil.
func (l *serverLog) add(message string, err error) {
	one := logLine{message: message, count: 1}
	if err != nil {
		one.err = err.Error()
		if len(one.err) > maxLoggedError {
			one.err = strings.ToValidUTF8(one.err[:maxLoggedError], "") + "…"
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.pending) - 1; last >= 0 && (l.pending[last].message == message || len(l.pending) == linesAMinute) {
		one.count += l.pending[last].count
		l.pending = l.pending[:last]
	}
	l.pending = append(l.pending, one)
}

// take returns the lines that may be written now. If there are more to be written, the
// last one stands for those before it.
func (l *serverLog) take(now time.Time) (lines []logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	free := 0
	for free < linesAMinute && !now.Before(l.written[free].Add(logInterval)) {
		free++
	}
	if free == 0 {
		return nil
	}
	lines, l.pending = l.pending, nil
	if len(lines) > free {
		last := lines[len(lines)-1]
		for _, one := range lines[free-1 : len(lines)-1] {
			last.count += one.count
		}
		lines = append(lines[:free-1], last)
	}
	for range lines {
		copy(l.written[:], l.written[1:])
		l.written[linesAMinute-1] = now
	}
	return lines
}

// flushLog writes the lines that may be written by now.
func (s *server) flushLog() {
	for _, one := range s.log.take(time.Now()) {
		fields := logrus.Fields{"upstream": s.addr.String(), "count": one.count}
		if one.err != "" {
			fields["error"] = one.err
		}
		s.client.o.Log.WithFields(fields).Warn("upstream server " + one.message)
	}
}
