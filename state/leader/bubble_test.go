package leader

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

var (
	zk1, zk2, zk3 = addr("10.0.1.1:2181"), addr("10.0.1.2:2181"), addr("10.0.1.3:2181")
	m1, m2, m3    = addr("10.0.0.1:5050"), addr("10.0.0.2:5050"), addr("10.0.0.3:5050")
)

// running is a detector that runs in a bubble in front of an ensemble.
type running struct {
	*ZooKeeper
	t      *testing.T
	zk     *ensemble
	log    *logtest.Hook
	ended  chan error
	cancel context.CancelFunc
}

// bubble runs a test with a detector in front of an ensemble, with a fake clock.
// It fails when a goroutine of the detector is left over.
func bubble(t *testing.T, e *ensemble, o ZooKeeperOptions, test func(*running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		logger, hook := logtest.NewNullLogger()
		logger.SetLevel(logrus.DebugLevel)
		o.Log = logger
		if o.Servers == nil {
			o.Servers = []Address{zk1}
		}
		if o.Path == "" {
			o.Path = "/mesos"
		}
		z := NewZooKeeper(o)
		z.dial = e.dial
		ctx, cancel := context.WithCancel(t.Context())
		r := &running{z, t, e, hook, make(chan error, 1), cancel}
		go func() { r.ended <- z.Run(ctx) }()
		r.wait()
		test(r)
		cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		for s := range e.servers {
			e.set(addr(s), func(*fakeServer) {})
		}
	})
}

// wait waits until all that needs no time has happened.
func (r *running) wait() { synctest.Wait() }

// sleep waits until all has happened that does within a time.
func (r *running) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *running) wantCandidates(want ...Address) {
	r.t.Helper()
	if got := r.Candidates(); !slices.Equal(got, want) {
		r.t.Errorf("candidates %v, want %v", got, want)
	}
}

func (r *running) wantMasters(want ...Address) {
	r.t.Helper()
	if got := r.Masters(); !slices.Equal(got, want) {
		r.t.Errorf("masters %v, want %v", got, want)
	}
}

func (r *running) wantChanged(want bool) {
	r.t.Helper()
	select {
	case <-r.Changed():
		if !want {
			r.t.Error("got a change, want none")
		}
	default:
		if want {
			r.t.Error("got no change, want one")
		}
	}
}

// wantLog checks the lines that an operator sees, message and fields: each must
// contain the text given for it. It clears the log.
func (r *running) wantLog(want ...string) {
	r.t.Helper()
	var got []string
	for _, e := range r.log.AllEntries() {
		if e.Level <= logrus.InfoLevel {
			line := e.Level.String() + ": " + e.Message
			for _, key := range slices.Sorted(maps.Keys(e.Data)) {
				line += fmt.Sprintf(" %s=%v", key, e.Data[key])
			}
			got = append(got, line)
		}
	}
	r.log.Reset()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = strings.Contains(got[i], want[i])
	}
	if !ok {
		r.t.Errorf("log\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// elected returns an ensemble with three masters, of which the one with the
// highest address leads.
func elected(servers ...Address) *ensemble {
	if servers == nil {
		servers = []Address{zk1}
	}
	e := newEnsemble(servers...)
	e.put("/mesos/json.info_0000000012", masterJSON("10.0.0.1", "10.0.0.1", 5050))
	e.put("/mesos/json.info_0000000007", masterJSON("10.0.0.3", "10.0.0.3", 5050))
	e.put("/mesos/json.info_0000000009", masterJSON("10.0.0.2", "10.0.0.2", 5050))
	e.put("/mesos/log_replicas/0000000000", "replica")
	return e
}
