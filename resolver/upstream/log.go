package upstream

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// serverLog keeps what is logged about a server to one line a minute: the last
// message, and how many there were. Run writes it, so that goroutines that handle
// queries do not wait for a disk.
type serverLog struct {
	mu      sync.Mutex
	next    time.Time
	message string
	count   int
}

const logInterval = time.Minute

// add logs a message, which is a verb phrase about the server.
func (l *serverLog) add(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.message = message
	l.count++
}

// flushLog writes the message that is to be logged, if a line may be written by now.
func (s *server) flushLog() {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.count == 0 || now.Before(l.next) {
		return
	}
	s.client.o.Log.WithFields(logrus.Fields{"upstream": s.addr.String(), "count": l.count}).Warn("upstream server " + l.message)
	l.next, l.message, l.count = now.Add(logInterval), "", 0
}
