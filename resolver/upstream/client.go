package upstream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Options of a [Client]. The zero value of a field means its default.
type Options struct {
	Timeout time.Duration  // for one question, with all that is tried; 5 s
	RootCAs *x509.CertPool // who signs the certificates of servers; those of the system
	Log     logrus.FieldLogger
}

// Client has the servers upstream. It may be used by many goroutines.
type Client struct {
	o        Options
	ctx      context.Context // ends with Run
	cancel   context.CancelFunc
	sessions tls.ClientSessionCache
	token    [16]byte // in the names of loop probes, as hexadecimal digits

	mu       sync.Mutex
	servers  map[Address]*server
	released []releasedServer // in the order in which they went
	ended    bool
	running  sync.WaitGroup
}

// gone is a server that no group names any more.
type releasedServer struct {
	server *server
	since  time.Time
}

// New returns a client without servers. It starts nothing.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		o.Log = silent
	}
	c := &Client{o: o, servers: map[Address]*server{}, sessions: tls.NewLRUClientSessionCache(0)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	var secret [8]byte
	rand.Read(secret[:])
	hex.Encode(c.token[:], secret[:])
	return c
}

// Group makes a group of servers, each at most once. It must be given back with
// Release when it is not used any more.
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
			s = &server{addr: a, client: c}
			c.servers[a] = s
		}
		s.groups++
		g.servers = append(g.servers, s)
	}
	return g
}

// Release gives a group back. Questions that it was asked go on.
func (c *Client) Release(g *Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range g.servers {
		if s.groups--; s.groups == 0 {
			delete(c.servers, s.addr)
			c.released = append(c.released, releasedServer{s, time.Now()})
		}
	}
}

// forget closes what is left of the servers that went before a moment.
func (c *Client) closeReleased(before time.Time) {
	for {
		c.mu.Lock()
		if len(c.released) == 0 || !c.released[0].since.Before(before) {
			c.mu.Unlock()
			return
		}
		s := c.released[0].server
		c.released = c.released[1:]
		c.mu.Unlock()
		s.close()
	}
}

// do runs f in a goroutine that Run waits for. It reports false when Run has
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

// tick is how often servers are looked after.
const tick = 250 * time.Millisecond

// Run looks after the servers until ctx ends: it probes those that do not
// answer and closes what is idle. Then it ends all questions, and returns when
// nothing that the client started is left.
func (c *Client) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for next := (probes{}); ; {
		list := c.serverList()
		next.keep(list)
		for _, s := range list {
			next.check(s)
			s.closeIdle()
			s.flushLog()
		}
		// No question lasts longer; one may be about to be asked.
		c.closeReleased(time.Now().Add(-2 * c.o.Timeout))
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
	c.closeReleased(time.Now().Add(time.Hour))
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
