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
	message string
	err     string // the reason; "": none
	count   int
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
	l.mu.Lock()
	defer l.mu.Unlock()
	l.message, l.err = message, ""
	if err != nil {
		l.err = err.Error()
		if len(l.err) > maxLoggedError {
			l.err = strings.ToValidUTF8(l.err[:maxLoggedError], "") + "…"
		}
	}
	l.count++
}

// flushLog writes the message that is to be logged, if a line may be written by now.
func (s *server) flushLog() {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.count == 0 || now.Before(l.written[0].Add(logInterval)) {
		return
	}
	fields := logrus.Fields{"upstream": s.addr.String(), "count": l.count}
	if l.err != "" {
		fields["error"] = l.err
	}
	s.client.o.Log.WithFields(fields).Warn("upstream server " + l.message)
	copy(l.written[:], l.written[1:])
	l.written[linesAMinute-1] = now
	l.message, l.err, l.count = "", "", 0
}
