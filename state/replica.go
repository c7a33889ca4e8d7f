package state

import (
	"iter"
	"time"
)

// Replica is this server's copy of the leading master's cluster. It keeps a
// Cluster up to date with what the master reports, retains what a new leader
// has not reported yet (see agentReregisterTimeout), and collects what changed
// until its owner takes it.
//
// The owner serializes all calls. Times are passed to the calls, so that tests can
// choose them.
type Replica struct {
	// ReregisterTimeout is how long agents are retained that a new leader does not
	// have yet.
	ReregisterTimeout time.Duration

	cluster  *Cluster
	failover failoverTracker
	delta    Delta
	pending  bool
}

// NewReplica returns an empty replica.
func NewReplica() *Replica {
	c := NewCluster()
	return &Replica{cluster: c, failover: newFailoverTracker(c)}
}

// Cluster returns the cluster, for reading.
func (r *Replica) Cluster() *Cluster { return r.cluster }

// Restore applies a state that was saved before, unless a master's full state has
// already been applied, and reports whether it did. The first state of a master is
// reconciled with it as with any earlier state.
func (r *Replica) Restore(s *FullState) bool {
	if r.failover.started {
		return false
	}
	r.delta.Join(r.cluster.Reconcile(s, nil))
	r.pending = true
	return true
}

// Started reports whether a master's full state has been applied.
func (r *Replica) Started() bool { return r.failover.started }

// Apply applies an event of the leading master and adds it to the journal,
// which may be nil.
func (r *Replica) Apply(now time.Time, e Event, j *Journal) {
	r.failover.timeout = r.ReregisterTimeout
	j.Record(e, r.cluster)
	r.failover.event(now, e)
	r.Amend(e)
}

// Amend applies an event that no master reported, such as addresses that host
// names resolve to.
func (r *Replica) Amend(e Event) {
	r.cluster.apply(e, &r.delta)
	r.pending = true
}

// reconciledAtOnce is how many tasks are compared before other work gets its
// turn.
const reconciledAtOnce = 500

// Reconcile brings the replica in line with a full state of the leading master:
// what the state lacks goes, except what is retained during a failover. The
// journal, which may be nil, must hold all events applied since the state was
// requested.
//
// It works in pieces, one for each value of the sequence. Between two pieces
// events may be applied, and added to the journal. The sequence must be run to
// its end once, or be given up together with the master.
func (r *Replica) Reconcile(now time.Time, s *FullState, j *Journal) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		r.failover.timeout = r.ReregisterTimeout
		r.pending = true
		in := j.correct(s, r.cluster)
		keep := r.failover.fullState(now, s, in, j)
		n := 0
		r.cluster.reconcile(s, j, in, keep, &r.delta, func() bool {
			n++
			return n%reconciledAtOnce != 0 || yield(struct{}{})
		})
	}
}

// Expire removes what has been retained for long enough, and returns the number of
// agents among it.
func (r *Replica) Expire(now time.Time) (agents int) {
	for _, e := range r.failover.expire(now) {
		if e.AgentGone != "" {
			agents++
		}
		r.Amend(e)
	}
	return agents
}

// NextExpiry returns the next time at which Expire may have something to do; zero
// means never.
func (r *Replica) NextExpiry() time.Time { return r.failover.wake }

// Retained returns the number of agents that are retained.
func (r *Replica) Retained() int { return len(r.failover.absent) }

// Unconfirmed reports whether a full state is due because of agents that
// registered again: it shows which of their tasks are over.
func (r *Replica) Unconfirmed() bool { return len(r.failover.returned) > 0 }

// Leadership returns the leader whose state was applied last, and whether it is known
// to be the leader still.
func (r *Replica) Leadership() (l Leadership, sure bool) {
	return r.failover.leader, !r.failover.leaderUnknown
}

// Identify names the leader whose last full state did not name it.
func (r *Replica) Identify(l Leadership) { r.failover.identify(l) }

// Pending reports whether anything was applied since TakeDelta, even if it changed
// nothing.
func (r *Replica) Pending() bool { return r.pending }

// Delta returns what changed since the last TakeDelta. A key may be listed more
// than once, and the lists are good until the next change.
func (r *Replica) Delta() Delta { return r.delta }

// TakeDelta returns what changed since the last call, each key once.
func (r *Replica) TakeDelta() Delta {
	d := r.delta
	r.delta, r.pending = Delta{}, false
	d.Compact()
	return d
}
