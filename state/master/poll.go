package master

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toponym/state"
	"toponym/state/leader"
)

// poll reads the state once, in the background, and tells the sink.
func (w *Watcher) poll(ctx context.Context) (err error) {
	asking, done, cancel := w.untilOtherLeader(ctx)
	defer cancel()
	w.background(func() {
		defer w.fetcher.work.end()
		err = w.pollNow(asking)
	})
	done()
	if err != nil && otherLeader(asking) {
		return errOtherLeader
	}
	return err
}

func (w *Watcher) pollNow(ctx context.Context) error {
	var errs []error
	for _, at := range w.o.Leaders.Candidates() {
		doc, lead, err := w.fetch(ctx, at)
		var s said
		if err == nil {
			s = w.said(ctx, doc, leader.Address{Host: doc.leader.Host, Port: doc.leader.Port})
			err = w.premature(ctx, lead, s)
		}
		if err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err // the look-ups may have been broken off
		}
		w.o.Leaders.SetLeading(lead)
		w.report.read(lead, doc)
		w.believe(lead, s)
		w.status.polled(lead, time.Now())
		return nil
	}
	if len(errs) == 0 {
		return errors.New("no masters to ask")
	}
	return errors.Join(errs...)
}

// premature gives an error for a state that may come from a master that has not
// recovered. The operator API knows; where there is none, time tells.
func (w *Watcher) premature(ctx context.Context, lead leader.Address, s said) error {
	if !w.guard.unfounded(s) {
		return nil
	}
	recovered, known := w.fetcher.recovered(ctx, lead)
	switch {
	case known && !recovered:
		return fmt.Errorf("%s: the state is empty, and the master has not recovered yet", lead)
	case !known && w.guard.premature(time.Now(), s):
		return fmt.Errorf("%s: the state is empty, and the master was elected only now: it may not have recovered yet", lead)
	}
	return nil
}

// fetch asks one master. Each has the whole time for itself: a master that is
// frozen takes the connection and says nothing, and must not use up the time
// of the one that leads meanwhile.
func (w *Watcher) fetch(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	return w.fetcher.fetch(ctx, at)
}

// said makes of a document what is known of masters beside it, and looks its
// host names up.
func (w *Watcher) said(ctx context.Context, doc *document, lead leader.Address) said {
	s := said{
		FullState: &state.FullState{Agents: doc.agents, Frameworks: doc.frameworks, Tasks: doc.tasks},
		recovered: doc.recovered,
		who:       doc.who,
		v1:        doc.v1,
	}
	m := masters(lead, w.o.Leaders.Masters())
	s.Leader, s.Masters = m.Leader, m.All
	w.hosts.fill(ctx, s.FullState)
	return s
}

// masters are the known ones in a stable order, and the leader at the end where
// it is none of them.
func masters(lead leader.Address, known []leader.Address) *state.Masters {
	m := &state.Masters{Leader: state.Master{Host: lead.Host, Port: lead.Port}}
	listed := false
	for _, a := range known {
		one := state.Master{Host: a.Host, Port: a.Port}
		listed = listed || one.Equal(m.Leader)
		m.All = append(m.All, one)
	}
	if !listed && m.Leader.Host != "" {
		m.All = append(m.All, m.Leader)
	}
	return m
}

// believe tells the sink of a full state.
func (w *Watcher) believe(lead leader.Address, s said) {
	now := time.Now()
	before := w.guard.leader
	failover := before.known() && s.who.known() && !before.same(s.who)
	led := w.sink.Cluster.Leader()
	w.sink.Apply(w.guard.state(now, s))
	w.sink.Publish()
	if failover {
		w.tryAgain = time.Time{} // this one may have a stream
		w.status.failover(now, led.Host == s.Leader.Host && led.Port == s.Leader.Port)
		w.report.failover(lead, w.guard.keeping())
	}
	w.status.keeping(w.guard.keeping())
}
