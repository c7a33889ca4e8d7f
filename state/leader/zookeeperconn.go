package leader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"
)

// zkConn is one connection to one server with one session. The client library
// would go on by itself, from server to server and from session to session, but
// cannot be told when to stop, may hold on to a session that the ensemble has
// forgotten, and looks host names up only once. Nothing of ours hangs on a
// session, so here it gets one connection, and after that another client is
// made.
type zkConn struct {
	*zk.Conn
	events <-chan zk.Event // closed when nothing of the client runs any more
	begun  chan struct{}   // closed when there is a session
	over   chan struct{}   // closed when there is none any more, or will not be one

	mu  sync.Mutex
	net net.Conn
	had bool  // a session
	err error // why it is over
}

// connect begins a session.
func (z *ZooKeeper) connect(ctx context.Context, server Address) (*zkConn, error) {
	c := &zkConn{begun: make(chan struct{}), over: make(chan struct{})}
	dial := func(network, address string, _ time.Duration) (net.Conn, error) {
		return c.dial(ctx, z.dial, network, address)
	}
	client, events, err := zk.Connect([]string{server.String()}, sessionTimeout,
		zk.WithDialer(dial),
		zk.WithHostProvider(new(oneServer)),
		zk.WithEventCallback(c.event),
		zk.WithLogger(debugLog{z.o.Log, server}),
		zk.WithMaxBufferSize(maxFrame),
		zk.WithMaxConnBufferSize(maxRequest),
	)
	if err != nil {
		return nil, err
	}
	c.Conn, c.events = client, events
	go func() {
		<-c.over
		client.Close()
	}()
	timeout := time.NewTimer(beginTimeout)
	defer timeout.Stop()
	select {
	case <-c.begun:
		return c, nil
	case <-c.over:
	case <-timeout.C:
		c.end(fmt.Errorf("no session within %v", beginTimeout))
	case <-ctx.Done():
		c.end(ctx.Err())
	}
	return nil, c.reason()
}

// dial is for the client. It gives one connection and no other: whatever makes
// the client want another one has ended this.
func (c *zkConn) dial(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(ctx, network, address)
	if err != nil {
		c.end(err)
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.over:
		conn.Close()
		return nil, net.ErrClosed
	default:
	}
	c.net = conn
	return newGuard(conn, c.end), nil
}

// event is called by the client, which waits for it.
func (c *zkConn) event(e zk.Event) {
	if e.Type != zk.EventSession {
		return
	}
	switch e.State {
	case zk.StateHasSession:
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.had {
			c.had = true
			close(c.begun)
		}
	case zk.StateDisconnected, zk.StateExpired, zk.StateAuthFailed:
		c.end(io.EOF)
	}
}

// end gives the session up. Only the first reason counts.
func (c *zkConn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.over:
		return
	default:
	}
	c.err = err
	close(c.over)
	if c.net != nil {
		c.net.Close()
	}
}

// reason says why the session is over, in words that are the same each time.
func (c *zkConn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if dns := (*net.DNSError)(nil); errors.As(c.err, &dns) {
		return fmt.Errorf("%s cannot be looked up", dns.Name)
	}
	if op := (*net.OpError)(nil); errors.As(c.err, &op) && !errors.Is(c.err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	switch {
	case errors.Is(c.err, os.ErrDeadlineExceeded), errors.Is(c.err, context.DeadlineExceeded):
		return errors.New("it does not answer")
	case !errors.Is(c.err, io.EOF) && !errors.Is(c.err, io.ErrUnexpectedEOF):
		return c.err
	case c.had:
		return errors.New("it closed the connection")
	}
	return errors.New("it closed the connection without giving a session: has the ensemble a quorum?")
}

// within bounds a request: the client waits for ever while pings are answered.
func (c *zkConn) within(d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { c.end(os.ErrDeadlineExceeded) }).Stop
}

// leave ends a session in an orderly way, so that the server does not have to
// wait for it to time out. It takes a second at most.
func (c *zkConn) leave() {
	select {
	case <-c.over:
	default:
		c.Close()
		c.end(net.ErrClosed)
	}
}

// wait waits until nothing of the client runs any more.
func (c *zkConn) wait() {
	for range c.events {
		// They are told of by other ways.
	}
}

// oneServer gives the client its only server. It is told that it has seen all
// servers, and waits, when it asks once more.
type oneServer struct {
	server string
	given  bool
}

func (o *oneServer) Init(servers []string) error {
	o.server = servers[0]
	return nil
}
func (o *oneServer) Len() int   { return 1 }
func (o *oneServer) Connected() {}
func (o *oneServer) Next() (server string, retryStart bool) {
	retryStart, o.given = o.given, true
	return o.server, retryStart
}

// debugLog takes what the client has to say. It knows no passwords: they are
// handed over after the session has begun, and it does not print requests.
type debugLog struct {
	log    logrus.FieldLogger
	server Address
}

func (l debugLog) Printf(format string, args ...any) {
	l.log.Debugf("ZooKeeper at %s: %s", l.server, fmt.Sprintf(format, args...))
}
