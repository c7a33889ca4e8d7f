package leader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"
)

// maxNodes bounds how many masters are looked at, lowest sequence first.
const maxNodes = 64

// session follows the election on one server until the session ends, and says
// why it did. It was good when the election could be seen for a while.
func (z *ZooKeeper) session(ctx context.Context, server Address) (good bool, err error) {
	c, err := z.connect(ctx, server)
	if err != nil {
		return false, err
	}
	// A request that waits for an answer ends with ctx.
	stop := context.AfterFunc(ctx, c.leave)
	defer stop()
	begin := time.Now()
	seen, err := z.follow(ctx, c, server)
	if ctx.Err() != nil {
		c.wait()
		return false, ctx.Err()
	}
	// Who ended the connection knows more than the client, unless ZooKeeper
	// said something.
	c.end(err)
	if said := refusal(""); !errors.As(err, &said) {
		err = c.reason()
	}
	return seen && time.Since(begin) >= soundSession, err
}

// refusal is what an operator has to know of an error of ZooKeeper.
type refusal string

func (r refusal) Error() string { return string(r) }

// follow watches the election. It tells whether it ever saw it.
func (z *ZooKeeper) follow(ctx context.Context, c *zkConn, server Address) (seen bool, err error) {
	if z.o.User != "" || z.o.Password != "" {
		stop := c.within(answerTimeout)
		err := c.AddAuth("digest", []byte(z.o.User+":"+z.o.Password))
		stop()
		if err != nil {
			return false, z.refused(err)
		}
	}
	for {
		nodes, changed, err := z.look(c)
		switch {
		case errors.Is(err, zk.ErrNoNode):
			changed, err = z.absent(c)
			if err != nil {
				return seen, z.refused(err)
			}
			if changed == nil {
				continue // it is there now
			}
			z.report.absent(server)
		case err != nil:
			return seen, z.refused(err)
		default:
			lead, moved := z.electionState.elected(nodes)
			z.report.elected(server, len(nodes) > 0, lead, moved)
		}
		seen = true
		z.electionState.markSynced()
		select {
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-c.over:
			return seen, io.EOF
		case <-changed:
		}
	}
}

// look reads the nodes of all masters, lowest sequence first.
func (z *ZooKeeper) look(c *zkConn) ([]node, <-chan zk.Event, error) {
	defer c.within(answerTimeout)()
	names, _, changed, err := c.ChildrenW(z.o.Path)
	if err != nil {
		return nil, nil, err
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
		data, _, err := c.Get(path.Join(z.o.Path, n.name))
		if errors.Is(err, zk.ErrNoNode) {
			continue // it has gone meanwhile; the watch tells so too
		}
		if err != nil {
			return nil, nil, err
		}
		// What cannot be read stays in the list: the lowest leads all the same,
		// and the others do not.
		if err := n.decode(data); err != nil {
			z.report.unreadable(n.name, err)
		}
		found = append(found, n)
	}
	return found, changed, nil
}

// absent waits for a path that does not exist. The watch works whatever is
// missing of its parents. It gives none when the path is there after all.
func (z *ZooKeeper) absent(c *zkConn) (<-chan zk.Event, error) {
	defer c.within(answerTimeout)()
	exists, _, created, err := c.ExistsW(z.o.Path)
	if err != nil || exists {
		return nil, err
	}
	return created, nil
}

// refused makes an error of ZooKeeper one that says where to look.
func (z *ZooKeeper) refused(err error) error {
	switch {
	case errors.Is(err, zk.ErrNoAuth) && z.o.User == "":
		return refusal(z.o.Path + " may not be read without authentication: zk takes zk://user:password@host:port/path")
	case errors.Is(err, zk.ErrNoAuth):
		return refusal(z.o.Path + " may not be read as the user of zk: look at the user and the password there")
	case errors.Is(err, zk.ErrAuthFailed):
		return refusal("it refuses the user and the password of zk")
	case errors.Is(err, zk.ErrInvalidPath):
		return refusal(fmt.Sprintf("%q is no path of a znode: look at zk", z.o.Path))
	}
	return err
}
