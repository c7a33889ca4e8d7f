package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
)

// wanted is a query for a name that is not ours, with all that the reply takes. Its
// slices point into the packet, or into memory of whoever made it.
type forwardQuery struct {
	client
	id       uint16
	flags    uint16
	question []byte    // as it came: name, type, class
	key      cache.Key // what the cache finds it by
	edns     bool
	do       bool
	size     uint16 // of the OPT record
	options  []byte // for the reply's OPT record
}

// late is a query that is answered later: a wanted that was copied, with the way
// back to the client. Way is nil when nobody waits: the answer is for the cache.
type pendingQuery struct {
	forwardQuery
	replyTo responseWriter
}

// way is the way back to a client.
type responseWriter interface {
	// send sends the reply to a query, made of an entry. It must not wait for
	// the client.
	writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age)
}

// copied is the query in memory of its own, of a client. That is not taken from
// it: the compiler would think that all else in it lives on too, and put the
// buffers of queries that are answered at once on the heap.
func (a *forwardQuery) clone(c client) *pendingQuery {
	l := &pendingQuery{forwardQuery: forwardQuery{client: c, id: a.id, flags: a.flags, edns: a.edns, do: a.do, size: a.size}}
	b := make([]byte, 0, len(a.question)+len(a.key)+len(a.options))
	b = append(b, a.question...)
	b = append(b, a.key...)
	b = append(b, a.options...)
	n, k := len(a.question), len(a.question)+len(a.key)
	l.question, l.key, l.options = b[:n:n], cache.Key(b[n:k:k]), b[k:]
	return l
}

// outside answers a query for a name that is not ours: from the cache when it
// can, in buf. Else it gives the query to be answered later. Both come when the
// entry is to be renewed.
func (r *responder) answerForwarded(buf []byte, a *forwardQuery, c client) (msg []byte, l *pendingQuery) {
	if found := r.cache.Get(a.key); found.Entry != nil {
		return r.respondFromCache(buf, a, found)
	}
	return nil, a.clone(c)
}

func (r *responder) respondFromCache(buf []byte, a *forwardQuery, found cache.Found) (msg []byte, l *pendingQuery) {
	if found.Prefetch {
		l = a.clone(client{})
	}
	return r.writeEntry(buf, a, found.Entry, found.Age), l
}

// fromEntry makes the reply to a query of an entry, in buf, which has bufferSize
// octets.
func (r *responder) writeEntry(buf []byte, a *forwardQuery, e *cache.Entry, age cache.Age) []byte {
	options := a.options
	var stale [6]byte
	if age.Stale && a.edns {
		binary.BigEndian.PutUint16(stale[:], dns.EDNS0EDE)
		stale[3] = 2
		stale[5] = byte(dns.ExtendedErrorCodeStaleAnswer)
		if len(options) > 0 {
			options = append(options[:len(options):len(options)], stale[:]...)
		} else {
			options = stale[:]
		}
	}
	size := r.size(a.edns, a.size, a.client)
	if a.edns {
		size -= dnswire.OPTSize + len(options)
	}
	off := dnswire.HeaderSize + copy(buf[dnswire.HeaderSize:], a.question)
	w := e.Write(buf, off, size, age)
	msg := buf[:w.End]
	rcode := uint16(e.Rcode)
	if a.edns {
		msg = appendOPT(msg, r.maxUDPSize, rcode, a.do, options)
		w.Counts[2]++
	}
	flags := a.flags&(dnswire.FlagRD|dnswire.FlagCD) | dnswire.FlagQR | r.raFlag | rcode
	if e.AD && (a.do || a.flags&dnswire.FlagAD != 0) { // RFC 6840, section 5.8
		flags |= dnswire.FlagAD
	}
	if w.Truncated && r.setTC {
		flags |= dnswire.FlagTC
	}
	binary.BigEndian.PutUint16(msg, a.id)
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint16(msg[4:], 1)
	binary.BigEndian.PutUint16(msg[6:], w.Counts[0])
	binary.BigEndian.PutUint16(msg[8:], w.Counts[1])
	binary.BigEndian.PutUint16(msg[10:], w.Counts[2])
	r.counters.add(a.transport, a.key.Type(), rcode, "")
	return msg
}
