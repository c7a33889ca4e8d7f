package upstream

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// server is one server, with the sockets and connections to it.
type server struct {
	addr     Address
	client   *Client
	health   health
	edns     ednsSupport
	counters counters
	times    prometheus.Observer // of its responses
	log      serverLog
	streams  streamPool

	groups int // that have it; the client's lock guards it

	loopProbeName atomic.Pointer[[]byte] // of the last loop probe
	loopProbeSeen atomic.Bool            // it has come back

	mu      sync.Mutex
	sockets []*socket            // that queries are sent from
	open    map[*socket]struct{} // also those that wait for their last responses
}

// counters count the queries to a server.
type counters struct {
	queries, responses, failures, hedges, truncated, mismatched atomic.Uint64
}

const (
	// portsPerServer is how many sockets a server is asked from, at random:
	// an attacker who forges a response must guess the port besides the id.
	portsPerServer = 4

	// maxSockets bounds the sockets to a server, with those that wait for their
	// last responses.
	maxSockets = 12

	// rotateAfter is how many queries a socket sends until another one, with
	// another port, takes its place.
	rotateAfter = 5000

	// socketIdle is the time without queries after which a socket is closed, so
	// that the next query comes from another port.
	socketIdle = 30 * time.Second
)

func newServer(c *Client, addr Address) *server {
	s := &server{addr: addr, client: c, times: c.times.WithLabelValues(addr.String()), health: health{epoch: time.Now()}}
	s.streams.server = s
	return s
}

// send sends the query of an attempt. An error means that it was not sent.
func (s *server) send(a *attempt) error {
	if a.overStream {
		return s.streams.send(a)
	}
	for {
		k, err := s.socket()
		if err != nil {
			return err
		}
		if err = k.send(a); err != errRetired {
			return err
		}
	}
}

// socket returns one of the sockets, which is opened when it is needed.
func (s *server) socket() (*socket, error) {
	i := rand.IntN(portsPerServer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < len(s.sockets) {
		k := s.sockets[i]
		if k.used.Add(1) < rotateAfter || len(s.open) >= maxSockets {
			return k, nil
		}
		fresh, err := s.openSocket()
		if err != nil {
			return k, nil // it is as good as before
		}
		s.sockets[i] = fresh
		k.retire()
		return fresh, nil
	}
	k, err := s.openSocket()
	if err != nil {
		if len(s.sockets) == 0 {
			return nil, err
		}
		return s.sockets[0], nil // such as when no file descriptor is left
	}
	s.sockets = append(s.sockets, k)
	return k, nil
}

// openSocket opens a socket. The caller holds the lock.
func (s *server) openSocket() (*socket, error) {
	k, err := newSocket(s)
	if err != nil {
		return nil, err
	}
	if !s.client.spawn(k.read) {
		k.conn.Close()
		return nil, errClosed
	}
	if s.open == nil {
		s.open = map[*socket]struct{}{}
	}
	s.open[k] = struct{}{}
	return k, nil
}

// onClosed is called by a socket when it is closed.
func (s *server) onClosed(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, k)
	for i, other := range s.sockets {
		if other == k {
			s.sockets = slices.Delete(s.sockets, i, i+1)
			return
		}
	}
}

// closeIdle closes sockets that were not used for long.
func (s *server) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(k *socket) bool {
		idle := k.idle(socketIdle)
		if idle {
			k.retire()
		}
		return idle
	})
}

// close closes all sockets and connections. It may be called while the client runs
// or has ended.
func (s *server) close() {
	s.mu.Lock()
	for k := range s.open {
		k.conn.Close()
	}
	s.mu.Unlock()
	s.streams.close()
}
