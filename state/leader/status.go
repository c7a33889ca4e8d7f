package leader

import "time"

// What can be seen of the election, as [Status] names it.
const (
	StatusStarting = "starting"  // ZooKeeper has not been heard yet
	StatusLeader   = "leader"    // a leader is in sight
	StatusNobody   = "no-leader" // there is a session, and nobody leads whose node can be read
	StatusNoPath   = "no-path"   // there is a session, and the path of the election does not exist
	StatusAway     = "away"      // no server gives a session that is of use
)

// Statuses are all of them.
var Statuses = []string{StatusStarting, StatusLeader, StatusNobody, StatusNoPath, StatusAway}

// Status is how things stand with ZooKeeper.
type Status struct {
	State string    // one of Statuses
	Since time.Time // when that began

	LastError   string // why there was no leader in sight last; empty for never
	LastErrorAt time.Time
}

// Status tells how things stand with ZooKeeper. It may be called from any
// goroutine.
func (z *ZooKeeper) Status() Status {
	r := &z.report
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{State: Statuses[r.state], Since: r.since, LastError: r.lastError, LastErrorAt: r.lastErrorAt}
}
