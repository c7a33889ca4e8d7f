package upstream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"hash/maphash"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"toponym/resolver/tap"
)

// Options of a [Client].
type Options struct {
	// Timeout is the time for one question, with everything that is tried. It must be
	// above 0.
	Timeout time.Duration

	// RootCAs verify the certificates of servers. Nil means those of the system.
	RootCAs *x509.CertPool

	// Tap gets the queries to servers, and their responses. Nil means nobody does.
	Tap *tap.Tap

	// Log gets a line when the state of a server changes. Nil means no log.
	Log logrus.FieldLogger

	// Flush is called after [Handler.Done], once for all results that came at a time and
	// before anything else is waited for: handlers may leave to it what is cheaper to do
	// for several results. Nil means that there is nothing to do.
	Flush func()

	// Dial opens connections to servers: network is "udp" or "tcp". Nil means
	// those of the system. Writing to a connection for UDP must not block.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client holds the servers. It may be used by many goroutines.
type Client struct {
	times    *prometheus.HistogramVec // by server: of the responses that came in time
	o        Options
	timeout  atomic.Int64    // Options.Timeout, in ns
	ctx      context.Context // ends with Run
	cancel   context.CancelFunc
	sessions tls.ClientSessionCache
	seed     maphash.Seed
	token    [16]byte // in the names of loop probes, as hexadecimal digits

	mu       sync.Mutex
	servers  map[Address]*server
	released []releasedServer // in the order in which they were released
	longest  time.Duration    // the longest timeout that there has been
	ended    bool
	running  sync.WaitGroup
}

// releasedServer is a server that is no longer in a group.
type releasedServer struct {
	server *server
	since  time.Time
}

// New returns a client without servers. It starts nothing.
func New(o Options) *Client {
	if o.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		o.Log = silent
	}
	if o.Flush == nil {
		o.Flush = func() {}
	}
	c := &Client{times: newTimes(), o: o, servers: map[Address]*server{}, sessions: tls.NewLRUClientSessionCache(0), seed: maphash.MakeSeed()}
	c.SetTimeout(o.Timeout)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	var secret [8]byte
	rand.Read(secret[:])
	hex.Encode(c.token[:], secret[:])
	return c
}

// SetTimeout sets another time for one question, which must be above 0. Questions that
// are being asked keep theirs.
func (c *Client) SetTimeout(d time.Duration) {
	c.timeout.Store(int64(d))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = max(c.longest, d)
}

func (c *Client) questionTimeout() time.Duration { return time.Duration(c.timeout.Load()) }

// Group returns a group of servers, each of them once, and [MaxServers] at most. The
// caller must call Release when it no longer uses the group.
func (c *Client) Group(addrs []Address) *Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := &Group{client: c}
	seen := map[Address]bool{}
	for _, a := range addrs {
		if seen[a] || len(g.servers) == MaxServers {
			continue
		}
		seen[a] = true
		s := c.servers[a]
		if s == nil {
			s = newServer(c, a)
			c.servers[a] = s
		}
		s.groups++
		g.servers = append(g.servers, s)
	}
	return g
}

// Release ends the use of a group. Questions that it was asked go on.
func (c *Client) Release(g *Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range g.servers {
		if s.groups--; s.groups == 0 {
			delete(c.servers, s.addr)
			c.times.DeleteLabelValues(s.addr.String())
			c.released = append(c.released, releasedServer{s, time.Now()})
		}
	}
}

// closeReleased closes the servers that no question is asked of any more, or all that
// were released.
func (c *Client) closeReleased(all bool) {
	for {
		c.mu.Lock()
		// No question lasts longer; one may be about to be asked.
		if len(c.released) == 0 || !all && time.Since(c.released[0].since) <= 2*c.longest {
			c.mu.Unlock()
			return
		}
		s := c.released[0].server
		c.released = c.released[1:]
		c.mu.Unlock()
		s.close()
	}
}

// spawn runs f in a goroutine that Run waits for. It reports false when Run has
// ended.
func (c *Client) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.running.Go(f)
	return true
}

// dialUDP opens a socket that is connected to a server.
func (c *Client) dialUDP(addr Address) (datagramConn, error) {
	if c.o.Dial != nil {
		conn, err := c.o.Dial(c.ctx, "udp", addr.AddrPort.String())
		if err != nil {
			return nil, err
		}
		return dialedUDP{conn}, nil
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr.AddrPort))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(1 << 20) // best effort: for bursts
	d, err := newUDPConn(conn)
	if err != nil {
		conn.Close()
	}
	return d, err
}

// dialedUDP is a connection of Options.Dial.
type dialedUDP struct{ net.Conn }

// More implements datagramConn.
func (dialedUDP) More() bool { return false }

// Send implements datagramConn.
func (d dialedUDP) Send(packet []byte) error {
	_, err := d.Write(packet)
	return err
}

// dialStream opens a connection over TCP, or TLS, to a server.
func (c *Client) dialStream(addr Address) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.questionTimeout())
	defer cancel()
	dial := c.o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", addr.AddrPort.String())
	if err != nil || !addr.TLS {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: c.o.RootCAs, ServerName: addr.serverName(), ClientSessionCache: c.sessions,
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// tick is the time between two looks at the servers.
const tick = 250 * time.Millisecond

// Run looks after the servers until ctx ends: it probes those that do not respond
// and closes what is idle. Then it ends all questions, and returns when nothing that
// the client started is left.
func (c *Client) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for due := (probes{}); ; {
		list := c.serverList()
		due.keep(list)
		for _, s := range list {
			due.check(s)
			s.closeIdle()
			s.flushLog()
		}
		c.closeReleased(false)
		select {
		case <-ticker.C:
			continue
		case <-ctx.Done():
		}
		break
	}
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.cancel()
	for _, s := range c.serverList() {
		s.flushLog()
		s.close()
	}
	c.closeReleased(true)
	c.running.Wait()
}

func (c *Client) serverList() []*server {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*server, 0, len(c.servers))
	for _, s := range c.servers {
		list = append(list, s)
	}
	return list
}
