package masters

import (
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"toponym/sim"
)

// ZooKeeper is an ensemble in which masters announce themselves.
type ZooKeeper struct {
	Servers        []string // host:port
	Path           string   // such as "/mesos"; created if it does not exist
	User, Password string   // both empty for none

	// Limit is how long announcing a master may take; 15 seconds when 0.
	Limit time.Duration
}

// ParseZooKeeper reads the notation of Mesos's flag --zk:
// "zk://[user:password@]host1:port1,host2:port2/path". The default port is 2181.
func ParseZooKeeper(s string) (*ZooKeeper, error) {
	rest, ok := strings.CutPrefix(s, "zk://")
	if !ok {
		return nil, errors.New("a ZooKeeper is written zk://host:port/path")
	}
	servers, dir, ok := strings.Cut(rest, "/")
	if !ok || strings.Trim(dir, "/") == "" {
		return nil, errors.New("a ZooKeeper needs a path, such as zk://host:port/mesos")
	}
	z := &ZooKeeper{Path: path.Clean("/" + dir)}
	if i := strings.LastIndexByte(servers, '@'); i >= 0 {
		var found bool
		if z.User, z.Password, found = strings.Cut(servers[:i], ":"); !found {
			return nil, errors.New("a ZooKeeper's user comes with a password, as user:password@")
		}
		servers = servers[i+1:]
	}
	for s := range strings.SplitSeq(servers, ",") {
		if s == "" {
			return nil, errors.New("a ZooKeeper's server is missing")
		}
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(strings.Trim(s, "[]"), "2181")
		}
		z.Servers = append(z.Servers, s)
	}
	return z, nil
}

// announcement has the nodes of one master in ZooKeeper, for as long as a session lasts.
type announcement struct {
	zk      *ZooKeeper
	session time.Duration
	conn    *zk.Conn
	events  <-chan zk.Event
	info    []byte
	replica []byte
	number  int // of the node: the lowest leads

	mu    sync.Mutex
	gone  bool // the master cannot reach ZooKeeper
	conns map[net.Conn]struct{}
}

// announce creates the nodes that a master creates: json.info_ with a number, and that of
// its replica of the log. The caller runs watch.
func (z *ZooKeeper) announce(m *sim.Master, session, limit time.Duration) (*announcement, error) {
	a := &announcement{
		zk: z, session: session, info: m.Info(), conns: make(map[net.Conn]struct{}),
		replica: []byte("log-replica(1)@" + m.Addr().String()),
	}
	conn, events, err := zk.Connect(z.Servers, session, zk.WithDialer(a.dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, fmt.Errorf("ZooKeeper: %w", err)
	}
	a.conn = conn
	created, stop := make(chan error, 1), make(chan struct{})
	defer close(stop)
	go func() { created <- a.createSoon(stop) }()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case err = <-created:
	case <-timeout.C:
		err = fmt.Errorf("%s does not answer", strings.Join(z.Servers, ","))
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ZooKeeper: %w", err)
	}
	a.events = events
	return a, nil
}

// createSoon waits for a ZooKeeper that has not come up yet.
func (a *announcement) createSoon(stop <-chan struct{}) error {
	for {
		err := a.create()
		if !errors.Is(err, zk.ErrNoServer) {
			return err
		}
		select {
		case <-stop:
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// watch calls returned when the connection is back, and lost when the session has ended,
// which is its last call. A session without a connection ends after its timeout, as
// the client of Mesos decides it.
func (a *announcement) watch(returned, lost func()) {
	timeout := time.NewTimer(a.session)
	defer timeout.Stop()
	connected := true
	for {
		select {
		case e, ok := <-a.events:
			switch {
			case !ok:
				return // it was closed
			case e.State == zk.StateExpired:
				lost()
				return
			case e.State == zk.StateDisconnected && connected:
				connected = false
				timeout.Reset(a.session)
			case e.State == zk.StateHasSession:
				connected = true
				returned()
			}
		case <-timeout.C:
			if !a.connected() {
				lost()
				return
			}
		}
	}
}

// connected reports whether there is a session with a connection.
func (a *announcement) connected() bool { return a.conn.State() == zk.StateHasSession }

func (a *announcement) create() error {
	if a.zk.User != "" {
		if err := a.conn.AddAuth("digest", []byte(a.zk.User+":"+a.zk.Password)); err != nil {
			return fmt.Errorf("authentication: %w", err)
		}
	}
	acl := zk.WorldACL(zk.PermAll)
	if a.zk.User != "" {
		acl = append(zk.AuthACL(zk.PermAll), zk.WorldACL(zk.PermRead)...)
	}
	for i := 1; i <= len(a.zk.Path); i++ {
		if i == len(a.zk.Path) || a.zk.Path[i] == '/' {
			if err := a.ensure(a.zk.Path[:i], acl); err != nil {
				return err
			}
		}
	}
	node, err := a.conn.Create(a.zk.Path+"/json.info_", a.info, zk.FlagEphemeral|zk.FlagSequence, acl)
	if err != nil {
		return err
	}
	if _, number, ok := strings.Cut(path.Base(node), "_"); !ok {
		return fmt.Errorf("node %q has no number", node)
	} else if a.number, err = strconv.Atoi(number); err != nil {
		return fmt.Errorf("node %q has no number", node)
	}
	if err := a.ensure(a.zk.Path+"/log_replicas", acl); err != nil {
		return err
	}
	_, err = a.conn.Create(a.zk.Path+"/log_replicas/", a.replica, zk.FlagEphemeral|zk.FlagSequence, acl)
	return err
}

func (a *announcement) ensure(node string, acl []zk.ACL) error {
	_, err := a.conn.Create(node, nil, 0, acl)
	if errors.Is(err, zk.ErrNodeExists) {
		return nil
	}
	return err
}

func (a *announcement) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		c.Close()
		return nil, net.ErrClosed
	}
	clear(a.conns) // there is one at a time
	a.conns[c] = struct{}{}
	return c, nil
}

// disconnect cuts the connection to ZooKeeper, where the session times out; reconnect ends
// that.
func (a *announcement) disconnect() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	for c := range a.conns {
		c.Close()
	}
}

func (a *announcement) reconnect() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = false
}

// abandon ends the announcement without closing the session, as a killed process does.
func (a *announcement) abandon() {
	a.disconnect()
	go a.conn.Close() // it waits for an answer that does not come
}

// close removes the nodes at once.
func (a *announcement) close() { a.conn.Close() }

// quiet drops log messages: errors are returned.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
