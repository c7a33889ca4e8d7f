package resolver

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// A server that is told to listen elsewhere loses no query: first it opens what is
// missing, and answers there. What is no longer wanted goes on for leaveAfter, for those
// clients that are told later, and takes no more queries then; connections stay until
// they are idle. An address that is wanted alone and was part of one for all addresses,
// or the other way around, is answered all the time.

// leaveAfter is how long an address that is no longer wanted is still answered at.
const leaveAfter = 5 * time.Second

// Listeners are the sockets that a running server needs to listen elsewhere.
type Listeners struct {
	server *Server
	wanted listenOptions
	opened []*endpoint
	absent map[string]error // places that may come later, by name
	used   chan struct{}    // closed when they are in use
}

// OpenListeners opens the sockets that listening at other places takes, see
// [Options]. Nothing is answered there before [Listeners.Use]. The error is a
// [ListenError]; nothing has changed then. Sockets that another program has opened are
// kept, whatever the places are.
func (s *Server) OpenListeners(listen []Listen, port uint16) (*Listeners, error) {
	l := &Listeners{server: s, wanted: listenOptions{listen, port}, absent: map[string]error{}, used: make(chan struct{})}
	if s.inherited() {
		return l, nil
	}
	for _, p := range s.places(&l.wanted) {
		if s.endpoints.serve(p) {
			continue
		}
		e, err := s.open(p)
		switch {
		case err == nil:
			l.opened = append(l.opened, e)
		case l.wanted.canWait(p, err):
			l.absent[p.name()] = err
		default:
			l.Close()
			return nil, &ListenError{p.addr, err}
		}
	}
	return l, nil
}

// Close closes the sockets, unless they are in use.
func (l *Listeners) Close() {
	select {
	case <-l.used:
	default:
		for _, e := range l.opened {
			e.close()
		}
	}
}

// Use has the server answer there, while it runs, and returns when it does. Where it is
// no longer to listen it stops some seconds later.
func (l *Listeners) Use(ctx context.Context) {
	select {
	case l.server.endpoints.next <- l:
		<-l.used
	case <-ctx.Done():
	}
}

// takeOver is [Listeners.Use] in the goroutine that follows addresses.
func (s *Server) takeOver(ctx context.Context, l *Listeners, all *sync.WaitGroup) {
	defer close(l.used)
	s.listening.Store(&l.wanted)
	if s.inherited() {
		return
	}
	for _, e := range l.opened {
		s.add(e)
		s.log.WithField("addr", e.addr).Info("answering DNS over UDP and TCP")
		s.serve(ctx, e, all)
	}
	names := map[string]bool{}
	for name, err := range l.absent {
		names[name] = true
		s.noteWaiting(name, err)
	}
	s.endpoints.forgetWaiting(names)
	s.decideLeaving(s.places(&l.wanted))
}

// decideLeaving decides which endpoints stay: those that queries to one of the places
// come to.
func (s *Server) decideLeaving(places []place) {
	s.endpoints.mu.Lock()
	defer s.endpoints.mu.Unlock()
	for _, e := range s.endpoints.open {
		i := slices.IndexFunc(places, func(p place) bool { return p.addr == e.addr })
		switch {
		case e.stopped:
		case i >= 0:
			e.leaving, e.iface = time.Time{}, places[i].iface
		case slices.ContainsFunc(places, func(p place) bool { return p.includes(e.addr) }):
			e.leaving, e.iface = time.Time{}, ""
		case e.leaving.IsZero():
			e.leaving = time.Now().Add(s.o.leaveAfter)
		}
	}
}

// closeLeaving takes no more queries at the endpoints whose time has come.
func (s *Server) closeLeaving() {
	now := time.Now()
	for _, e := range s.endpoints.list() {
		if e.stopped || e.leaving.IsZero() || now.Before(e.leaving) {
			continue
		}
		s.endpoints.stopping(e)
		e.stop()
		s.log.WithFields(logrus.Fields{"addr": e.addr}).Info("stopped answering DNS there: the settings no longer name the address")
	}
}
