package master

import (
	"context"
	"time"

	"toponym/state"
)

// locateAgent fills in the addresses of an agent that an event told of. Where
// its name has to be looked up, that goes on beside the stream, and what was
// known is used meanwhile.
func (f *follower) locateAgent(ctx context.Context, a *state.Agent) {
	var hosts wants
	hosts.agent(a)
	if !f.hosts.remembered(hosts) {
		return
	}
	if known := f.sink.Cluster.Agent(a.ID); known != nil && len(a.Addrs) == 0 && known.Hostname == a.Hostname && known.PID == a.PID {
		a.Addrs = known.Addrs
	}
	found := *a
	hosts = nil
	hosts.agent(&found)
	f.lookUp(ctx, hosts, func() {
		now := f.sink.Cluster.Agent(a.ID)
		if now != nil && now.Hostname == found.Hostname && now.PID == found.PID {
			f.put(state.Event{Agent: &found})
		}
	})
}

// locateFramework does the same for a scheduler.
func (f *follower) locateFramework(ctx context.Context, w *state.Framework) {
	var hosts wants
	hosts.framework(w)
	if !f.hosts.remembered(hosts) {
		return
	}
	if known := f.sink.Cluster.Framework(w.ID); known != nil && len(w.Addrs) == 0 && known.Hostname == w.Hostname && known.PID == w.PID {
		w.Addrs = known.Addrs
	}
	found := *w
	hosts = nil
	hosts.framework(&found)
	f.lookUp(ctx, hosts, func() {
		now := f.sink.Cluster.Framework(w.ID)
		if now != nil && now.Name == found.Name && now.Hostname == found.Hostname && now.PID == found.PID {
			f.put(state.Event{Framework: &found})
		}
	})
}

// put applies what a look-up found.
func (f *follower) put(e state.Event) {
	f.sink.Apply(e)
	if f.changed.IsZero() {
		f.changed = time.Now()
	}
}

// lookUp resolves hosts beside the loop, and has then done in the loop.
func (f *follower) lookUp(ctx context.Context, hosts wants, then func()) {
	go func() {
		f.hosts.look(ctx, hosts)
		select {
		case f.news <- then:
		case <-ctx.Done():
		}
	}()
}

// carry gives frameworks of the operator API, which has no pids, those that
// they are known to have. It reports whether there are some of which nothing is
// known.
func carry(doc *document, c *state.Cluster) (unsure bool) {
	for _, f := range doc.frameworks {
		if doc.v1 && !carryPID(f, c) && f.PID.IsZero() {
			unsure = true
		}
	}
	return unsure
}

// carryPID does so for one framework, as long as it is on the same host. It
// reports whether that is all there is to know: a framework without a pid that
// is known to have none.
func carryPID(f *state.Framework, c *state.Cluster) bool {
	known := c.Framework(f.ID)
	if !f.PID.IsZero() || known == nil || known.Hostname != f.Hostname {
		return false
	}
	f.PID, f.Addrs = known.PID, known.Addrs
	return f.PID.IsZero()
}
