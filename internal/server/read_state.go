package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/config"
	"toponym/state"
	"toponym/state/master"
)

// stateAttempts is how many times ReadState tries to read a state.
const stateAttempts = 3

// ReadState reads the full state of the leading master once, as a server with these
// settings does, and returns the master's address. The error says why there is none
// after some attempts.
func ReadState(ctx context.Context, c *config.Config, log logrus.FieldLogger) (*state.FullState, string, error) {
	m, err := newMasters(c, log, func(o *master.Options) { o.Source = master.Poll })
	if err != nil {
		return nil, "", err
	}
	w := m.watcher
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	owner := &stateReader{replica: state.NewReplica(), done: cancel}
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return m.run(running, owner, func(context.Context) {}) })
	g.Go(func() error {
		defer cancel()
		for running.Err() == nil && w.Status().Errors < stateAttempts {
			wait(running, nil, 50*time.Millisecond)
		}
		return nil
	})
	err = g.Wait()
	status := w.Status()
	switch {
	case owner.state != nil:
		return owner.state, status.Leader.String(), nil
	case status.LastError != "":
		return nil, "", fmt.Errorf("no master sent its state: %s", status.LastError)
	case err != nil:
		return nil, "", err
	}
	return nil, "", errors.New("no master sent its state")
}

// stateReader is the owner of a replica that is needed until it has a state.
type stateReader struct {
	replica *state.Replica
	state   *state.FullState
	done    func()
}

// Update implements master.Owner.
func (r *stateReader) Update(f func(*state.Replica)) { f(r.replica) }

// Prepare implements master.Owner.
func (r *stateReader) Prepare() {}

// Publish implements master.Owner.
func (r *stateReader) Publish() {
	if r.state == nil && r.replica.Started() {
		r.state = r.replica.Cluster().FullState()
		r.done()
	}
}
