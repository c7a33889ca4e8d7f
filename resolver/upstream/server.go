package upstream

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// server is one server upstream, with the sockets to it.
type server struct {
	addr     Address
	client   *Client
	health   health
	counters counters
	log      rateLimitedLog

	groups int // groups that name it; the client's lock guards it

	loopProbeName atomic.Pointer[[]byte] // name of the last loop probe
	loopProbeSeen atomic.Bool            // it has come back

	mu      sync.Mutex
	sockets []*socket            // that questions are sent from
	open    map[*socket]struct{} // also those that wait for their last replies
	streams [maxStreams]*stream
}

// counts are of the questions to a server.
type counters struct {
	queries, responses, failures, hedges, truncated, mismatched atomic.Uint64
}

const (
	// ports is how many sockets a server is asked from, at random: who wants to
	// forge a reply must guess the port besides the id.
	portsPerServer = 4

	// maxSockets bounds the sockets to a server, with those that wait for their
	// last replies.
	maxSockets = 12

	// rotateAfter is how many questions a socket takes until another takes its
	// place, with another port.
	rotateAfter = 5000

	// maxStreams bounds the connections to a server.
	maxStreams = 2
)

// send sends the question of an attempt, over UDP if it may. An error means that
// it was not sent, and that nothing comes of it.
func (s *server) send(a *attempt) error {
	s.counters.queries.Add(1)
	if a.overStream || s.addr.TLS {
		a.overStream = true
		return s.sendStream(a)
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

// socket is one of the sockets, opened when it is needed.
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
		return s.sockets[0], nil // such as no file descriptors left
	}
	s.sockets = append(s.sockets, k)
	return k, nil
}

// openSocket wants the lock.
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

// closed is told by a socket that it is.
func (s *server) closed(k *socket) {
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

// idleSockets is after what time without questions a socket is closed, so that
// the next question comes from another port.
const socketIdle = 30 * time.Second

// tidy closes sockets that were not used for long.
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

// end closes all sockets and connections.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.open {
		k.conn.Close()
	}
	for _, t := range s.streams {
		if t != nil {
			s.client.running.Go(func() { t.close(errClosed) })
		}
	}
}
