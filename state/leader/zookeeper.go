package leader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path"
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
	User     string    // for the scheme digest; empty: no authentication
	Password string
	Masters  []Address     // candidates until ZooKeeper has named any
	Timeout  time.Duration // without a leader, after which a warning is logged; 0: never
	Log      logrus.FieldLogger
}

// ZooKeeper finds the masters where they elect their leader. It is a
// [Detector]. What it has found stays known while ZooKeeper is unavailable.
type ZooKeeper struct {
	o    ZooKeeperOptions
	dial dialFunc
	electionState
	report reporter
}

const (
	// goodSession is how long a session must last to count as a success.
	goodSession = time.Second
	// maxNodes bounds how many masters are read, lowest sequence first.
	maxNodes = 64

	// The wait between two rounds in which no server gave a session.
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

// Run follows the election until ctx ends, and then returns nil: whatever
// happens to ZooKeeper, it tries again. Servers are tried in random order, so
// that the name servers of a cluster spread over the ensemble.
func (z *ZooKeeper) Run(ctx context.Context) error {
	z.report.start()
	defer z.report.stop()
	servers := slices.Clone(z.o.Servers)
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	reasons := map[Address]error{} // of the servers that failed since the last good session
	for i, failures := 0, 0; ctx.Err() == nil; i++ {
		server := servers[i%len(servers)]
		good, err := z.session(ctx, server)
		if ctx.Err() != nil {
			break
		}
		z.markStale()
		z.o.Log.WithFields(logrus.Fields{"server": server, "error": err}).Debug("session with ZooKeeper ended")
		if good {
			failures = 0
			clear(reasons)
			continue
		}
		reasons[server] = err
		if failures++; failures%len(servers) != 0 {
			continue
		}
		z.report.unavailable(z.join(reasons))
		z.markSynced()
		select {
		case <-ctx.Done():
		case <-time.After(backoff.Delay(failures/len(servers)-1, firstBackoff, maxBackoff)):
		}
	}
	return nil
}

// join lists the failure of each server in the order of the settings, so that
// the same failures always give the same text.
func (z *ZooKeeper) join(reasons map[Address]error) string {
	var parts []string
	for _, s := range z.o.Servers {
		if err := reasons[s]; err != nil {
			parts = append(parts, fmt.Sprintf("%s: %v", s, err))
		}
	}
	return strings.Join(parts, "; ")
}

// session follows the election on one server and returns why it ended. It was
// good when the election could be read and the session lasted.
func (z *ZooKeeper) session(ctx context.Context, server Address) (good bool, err error) {
	c, err := connect(ctx, z.dial, server)
	if err != nil {
		return false, err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.goodbye) // a pending request ends with ctx
	defer stop()
	begin := time.Now()
	seen, err := z.follow(ctx, c, server)
	return seen && time.Since(begin) >= goodSession, z.explain(err)
}

// follow watches the election until the session ends. It tells whether the
// election, or the absence of its path, was ever seen.
func (z *ZooKeeper) follow(ctx context.Context, c *zkConn, server Address) (seen bool, err error) {
	if z.o.User != "" || z.o.Password != "" {
		if err := c.authenticate(z.o.User, z.o.Password); err != nil {
			return false, err
		}
	}
	for {
		nodes, err := z.readElection(c)
		switch {
		case errors.Is(err, zkNoNode):
			// The watch works whichever of the parents are missing.
			exists, err := c.exists(z.o.Path)
			if err != nil {
				return seen, err
			}
			if exists {
				continue // it was created in between
			}
			z.report.noPath(server)
		case err != nil:
			return seen, err
		default:
			lead, moved := z.update(nodes)
			z.report.elected(server, len(nodes) > 0, lead, moved)
		}
		seen = true
		z.markSynced()
		select {
		case <-c.over:
			return seen, c.reason()
		case <-c.changed:
		}
	}
}

// readElection reads the nodes of all masters, lowest sequence first, and
// watches for others.
func (z *ZooKeeper) readElection(c *zkConn) ([]node, error) {
	names, err := c.children(z.o.Path)
	if err != nil {
		return nil, err
	}
	var nodes []node
	for _, name := range names {
		if n, ok := parseNodeName(name); ok {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b node) int {
		return cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.name, b.name))
	})
	nodes = nodes[:min(len(nodes), maxNodes)]
	found := nodes[:0]
	for _, n := range nodes {
		data, err := c.data(path.Join(z.o.Path, n.name))
		if errors.Is(err, zkNoNode) {
			continue // it has gone in between; the watch reports that too
		}
		if err != nil {
			return nil, err
		}
		// A node that cannot be read keeps its rank: if it is the lowest, its
		// master leads and none of the others does.
		if err := n.decode(data); err != nil {
			z.report.unreadable(n.name, err)
		}
		found = append(found, n)
	}
	return found, nil
}

// explain turns error codes of ZooKeeper into what the operator has to check.
func (z *ZooKeeper) explain(err error) error {
	switch {
	case errors.Is(err, zkNoAuth) && z.o.User == "":
		return fmt.Errorf("%s may not be read without authentication: write zk as zk://user:password@host:port/path", z.o.Path)
	case errors.Is(err, zkNoAuth):
		return fmt.Errorf("%s may not be read by user %q: check the user and the password in zk", z.o.Path, z.o.User)
	case errors.Is(err, zkAuthFailed):
		return errors.New("it rejects the user and the password in zk")
	case errors.Is(err, zkBadArguments):
		return fmt.Errorf("%q is not a valid path: check zk", z.o.Path)
	}
	return err
}
