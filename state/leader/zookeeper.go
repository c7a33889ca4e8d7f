package leader

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/internal/backoff"
)

// ZooKeeperOptions say where the masters elect their leader.
type ZooKeeperOptions struct {
	Servers  []Address // of the ensemble, at least one
	Path     string    // the znode of the election, such as /mesos
	User     string    // for the scheme digest; empty for none
	Password string
	Masters  []Address     // to ask as long as ZooKeeper has told of none
	Timeout  time.Duration // without a leader in sight, after which that is logged; 0: never
	Log      logrus.FieldLogger
}

// ZooKeeper finds the masters where they elect their leader. It is a
// [Detector]. What it has found stays known while ZooKeeper is away.
type ZooKeeper struct {
	o    ZooKeeperOptions
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	electionState
	report reporter
}

// Bounds of speaking with ZooKeeper. Nothing hangs on a session of ours, so it
// is short: that is how soon a server that fell silent is given up.
const (
	sessionTimeout = 6 * time.Second // asked for; servers have bounds of their own
	dialTimeout    = 2 * time.Second
	beginTimeout   = 4 * time.Second // for a session, dialing included
	answerTimeout  = 6 * time.Second // for one request within a session
	soundSession   = time.Second     // a session that ends sooner counts as a failure
)

// How long to wait when no server of the ensemble gave a session.
const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// NewZooKeeper returns a detector. It does nothing before Run.
func NewZooKeeper(o ZooKeeperOptions) *ZooKeeper {
	return &ZooKeeper{
		o:             o,
		dial:          new(net.Dialer).DialContext,
		electionState: newElectionState(o.Masters),
		report:        newReporter(o.Log, o.Path, o.Timeout),
	}
}

// Run follows the election until ctx ends. It gives no error: whatever becomes
// of ZooKeeper, it tries again.
func (z *ZooKeeper) Run(ctx context.Context) error {
	z.report.start()
	defer z.report.stop()
	servers := slices.Clone(z.o.Servers)
	// Each of our fellows begins with another server.
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	reasons := map[Address]error{} // of the servers that failed since the last good session
	for i, failures := 0, 0; ctx.Err() == nil; i++ {
		server := servers[i%len(servers)]
		good, err := z.session(ctx, server)
		if ctx.Err() != nil {
			break
		}
		z.electionState.markStale()
		z.o.Log.Debugf("ZooKeeper at %s: %v", server, err)
		if good {
			// It took a while to end, so this does not turn in circles.
			failures = 0
			clear(reasons)
			continue
		}
		reasons[server] = err
		if failures++; failures%len(servers) != 0 {
			continue
		}
		z.report.away(z.join(reasons))
		z.electionState.markSynced()
		select {
		case <-ctx.Done():
		case <-time.After(backoff.Delay(failures/len(servers)-1, firstBackoff, maxBackoff)):
		}
	}
	return nil
}

// join says what is wrong with each server, in the order of the settings, so
// that the same is said for the same faults.
func (z *ZooKeeper) join(reasons map[Address]error) string {
	var parts []string
	for _, s := range z.o.Servers {
		if err := reasons[s]; err != nil {
			parts = append(parts, fmt.Sprintf("%s: %v", s, err))
		}
	}
	return strings.Join(parts, "; ")
}
