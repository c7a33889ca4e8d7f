// Package tap passes the queries of a server, and its responses, on to those that
// watch them: the query log, dnstap, and counts of what is asked most.
//
// It stands beside the way of the data: package resolver says what it receives and
// sends, package upstream what it asks other servers. While nobody watches, that costs
// one load of a pointer for each batch of queries.
//
// What always holds: watching delays no response by more than the time of one call.
package tap

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Transport is what a message came over.
type Transport uint8

// The transports of RFC 1035, section 4.2, and of RFC 7858.
const (
	UDP Transport = iota
	TCP
	TLS
)

// String implements fmt.Stringer.
func (t Transport) String() string { return [...]string{UDP: "udp", TCP: "tcp", TLS: "tls"}[t] }

// Stage says which of its messages an event has.
type Stage uint8

// The stages of a query.
const (
	// Answered is a query that was answered at once: the event has both messages.
	Answered Stage = iota

	// Received is a query whose response follows in an event Completed, unless it is
	// a zone transfer: the event has the query.
	Received

	// Completed is the end of a query that was Received: the event has the response.
	// It may overtake the other event, as another goroutine sees to it.
	Completed

	// Dropped is a query that gets no response: the event has the query, which may
	// be any packet.
	Dropped
)

// Event is a query of a client, or one to an upstream server. Its messages are in
// wire form, and valid until Observe returns: an observer copies what it keeps.
type Event struct {
	Stage     Stage
	Transport Transport
	Upstream  bool // this server has asked another one

	// Client asks, and Server is asked. What is not known is zero: this server's own
	// address where it listens on all, or where it asks others.
	Client, Server netip.AddrPort

	Query, Response []byte

	// Asked is when the query came or, to an upstream server, was sent. Responded is
	// that of the response; zero where there is none. Queries that were read together
	// have the same times.
	Asked, Responded time.Time
}

// Observer watches events. Observe is called by many goroutines at a time, those that
// answer queries: it must neither wait nor take long.
type Observer interface {
	Observe(events []Event)
}

// Tap has any number of observers, which may come and go. It may be used by any
// goroutine. The zero value has none, and nil never has any.
type Tap struct {
	mu        sync.Mutex // held while the list is replaced
	observers atomic.Pointer[[]*watcher]
}

// watcher is an observer in the list of a tap. The same observer may be there twice.
type watcher struct{ Observer }

// Add makes an observer see all further events, until remove is called. Events that
// are on their way then still come.
func (t *Tap) Add(o Observer) (remove func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &watcher{o}
	list := append(t.list(), w)
	t.observers.Store(&list)
	return func() { t.remove(w) }
}

func (t *Tap) remove(w *watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.DeleteFunc(t.list(), func(other *watcher) bool { return other == w })
	if len(list) == 0 {
		t.observers.Store(nil)
		return
	}
	t.observers.Store(&list)
}

// list is a copy of the list.
func (t *Tap) list() []*watcher {
	if list := t.observers.Load(); list != nil {
		return slices.Clone(*list)
	}
	return nil
}

// Open reports whether anybody watches. Whoever makes events asks it first.
func (t *Tap) Open() bool { return t != nil && t.observers.Load() != nil }

// Observe passes events on to all observers.
func (t *Tap) Observe(events []Event) {
	if list := t.observers.Load(); list != nil {
		for _, o := range *list {
			o.Observe(events)
		}
	}
}
