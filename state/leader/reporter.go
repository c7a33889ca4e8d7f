package leader

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// reporter logs what becomes of ZooKeeper: each change once, however often it
// is tried.
type reporter struct {
	log     logrus.FieldLogger
	path    string
	timeout time.Duration

	mu      sync.Mutex
	state   phase
	since   time.Time
	why     string // nothing is in sight
	bad     string // name of the last node that could not be read
	waiting *time.Timer

	lastError   string
	lastErrorAt time.Time
}

// sight is what can be seen of the election, in the order of Statuses.
type phase int

const (
	starting phase = iota
	leaderSeen
	nobodyLeads
	pathMissing
	zooKeeperAway
)

func newReporter(log logrus.FieldLogger, path string, timeout time.Duration) reporter {
	return reporter{log: log, path: path, timeout: timeout, why: "no server of ZooKeeper has answered yet", since: time.Now()}
}

func (r *reporter) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait()
}

func (r *reporter) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen()
}

// turn goes to another state of things and tells whether it is one.
func (r *reporter) turn(to phase, why string) bool {
	from := r.state
	r.state, r.why = to, why
	now := time.Now()
	if from != to {
		r.since = now
	}
	if why != "" {
		r.lastError, r.lastErrorAt = why, now
	}
	if to == leaderSeen {
		r.seen()
	} else {
		r.wait()
	}
	return from != to
}

// wait begins to wait for a leader, unless it is waited for already.
func (r *reporter) wait() {
	if r.waiting != nil || r.timeout <= 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(r.timeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.waiting == timer {
			r.log.Warnf("no leading master was seen in ZooKeeper for %v (zkDetectionTimeout): %s", r.timeout, r.why)
		}
	})
	r.waiting = timer
}

func (r *reporter) seen() {
	if r.waiting != nil {
		r.waiting.Stop()
		r.waiting = nil
	}
}

// away reports that no server of the ensemble gives a session that is of use.
func (r *reporter) away(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn(zooKeeperAway, why) {
		r.log.Warnf("ZooKeeper cannot be used: %s; the masters that are known stay; trying again", why)
	}
}

// absent reports that the path of the election does not exist.
func (r *reporter) absent(server Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.turn(pathMissing, "there is no "+r.path) {
		r.log.Warnf("ZooKeeper at %s has no %s: either no master has ever registered there, or the path of zk is another one; waiting for it", server, r.path)
	}
}

// elected reports who leads, when anybody does, and whether it is another
// master than before.
func (r *reporter) elected(server Address, any bool, lead Address, moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if lead == (Address{}) {
		why := "no master stands for election in " + r.path
		if any {
			why = "what the leader wrote into " + r.path + " cannot be read"
		}
		if r.turn(nobodyLeads, why) {
			r.log.Warnf("ZooKeeper at %s: %s; the masters that are known stay", server, why)
		}
		return
	}
	if r.turn(leaderSeen, "") || moved {
		r.log.Infof("ZooKeeper at %s: the leading master is %s", server, lead)
	}
}

// unreadable reports a node that no master writes.
func (r *reporter) unreadable(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name != r.bad {
		r.bad = name
		r.log.Warnf("ZooKeeper: %s/%s: %v", r.path, name, err)
	}
}
