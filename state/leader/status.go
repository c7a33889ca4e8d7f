package leader

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// The states of [Status].
const (
	StatusStarting = "starting"  // no server of ZooKeeper has answered yet
	StatusLeader   = "leader"    // the leader is known
	StatusNobody   = "no-leader" // there is a session, but no leader whose node can be read
	StatusNoPath   = "no-path"   // there is a session, but the path of the election does not exist
	StatusAway     = "away"      // no server has a usable session
)

// Statuses lists the states of [Status].
var Statuses = []string{StatusStarting, StatusLeader, StatusNobody, StatusNoPath, StatusAway}

// Status describes the connection to ZooKeeper, as /v1/status shows it.
type Status struct {
	State     string    `json:"state"`      // one of Statuses
	Since     time.Time `json:"since"`      // when State began, UTC
	LastError *Failure  `json:"last_error"` // why there was no leader last; nil: never
}

// Failure is an error and the time when it was seen last, UTC. It is immutable.
type Failure struct {
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}

// Status returns the state of the connection to ZooKeeper. It may be called from
// any goroutine.
func (z *ZooKeeper) Status() Status {
	z.report.mu.Lock()
	defer z.report.mu.Unlock()
	return z.report.status
}

// reporter keeps the status and logs its changes, each once, however often
// something is tried again.
type reporter struct {
	log     logrus.FieldLogger
	path    string
	timeout time.Duration // after which a missing leader is logged; 0: never

	mu       sync.Mutex
	status   Status
	why      string // there is no leader now
	badNode  string // name of the last node that could not be read
	deadline *time.Timer
}

func newReporter(log logrus.FieldLogger, path string, timeout time.Duration) reporter {
	return reporter{
		log: log, path: path, timeout: timeout,
		why:    "no server of ZooKeeper has answered yet",
		status: Status{State: StatusStarting, Since: time.Now().UTC()},
	}
}

func (r *reporter) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startTimer()
}

func (r *reporter) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopTimer()
}

// set changes the state and tells whether it was another one. why says why there
// is no leader.
func (r *reporter) set(state, why string) (changed bool) {
	now := time.Now().UTC()
	changed = r.status.State != state
	if changed {
		r.status.State, r.status.Since = state, now
	}
	r.why = why
	if why != "" {
		r.status.LastError = &Failure{why, now}
	}
	if state == StatusLeader {
		r.stopTimer()
	} else {
		r.startTimer()
	}
	return changed
}

// startTimer starts to wait for a leader, unless that goes on already.
func (r *reporter) startTimer() {
	if r.deadline != nil || r.timeout <= 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(r.timeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.deadline == timer {
			r.log.WithFields(logrus.Fields{"duration": r.timeout, "setting": "zkDetectionTimeout", "error": r.why}).
				Warn("ZooKeeper has named no leading master")
		}
	})
	r.deadline = timer
}

func (r *reporter) stopTimer() {
	if r.deadline != nil {
		r.deadline.Stop()
		r.deadline = nil
	}
}

// unavailable reports that no server has a usable session.
func (r *reporter) unavailable(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set(StatusAway, why) {
		r.log.WithField("error", why).Warn("ZooKeeper is unavailable; keeping the known masters and trying again")
	}
}

// noPath reports that the path of the election does not exist.
func (r *reporter) noPath(server Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set(StatusNoPath, "there is no "+r.path) {
		r.log.WithFields(logrus.Fields{"server": server, "path": r.path}).
			Warn("the path of the election does not exist in ZooKeeper; waiting for it: no master has registered yet, or zk names another path")
	}
}

// elected reports the leader, and whether it is another one than before. any
// tells that masters take part in the election.
func (r *reporter) elected(server Address, any bool, leader Address, moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log.WithField("server", server)
	if leader == (Address{}) {
		why := "no master takes part in the election in " + r.path
		if any {
			why = "the node of the leader in " + r.path + " cannot be read"
		}
		if r.set(StatusNobody, why) {
			log.WithField("error", why).Warn("ZooKeeper names no leading master; keeping the known masters")
		}
		return
	}
	if r.set(StatusLeader, "") || moved {
		log.WithField("master", leader).Info("ZooKeeper names the leading master")
	}
}

// unreadable reports a node that is not a master's.
func (r *reporter) unreadable(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name != r.badNode {
		r.badNode = name
		r.log.WithFields(logrus.Fields{"node": r.path + "/" + name, "error": err}).Warn("ignoring a node of the election in ZooKeeper")
	}
}
