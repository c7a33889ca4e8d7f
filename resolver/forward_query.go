package resolver

import (
	"encoding/binary"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/transfer"
	"toponym/zone"
)

// forwardQuery is a query whose answer, or a part of it, is not ours: all that
// its response needs. Its slices point into the packet, or into memory of the
// function that made it.
type forwardQuery struct {
	client
	id       uint16
	flags    uint16
	question []byte    // as it came: name, type, class
	key      cache.Key // of what has to be known to answer it
	edns     bool
	do       bool
	size     uint16 // of the OPT record
	options  []byte // of the response's OPT record
}

// pendingQuery is a query that waits for other servers: a forwardQuery in memory
// of its own.
type pendingQuery struct {
	forwardQuery
	chain *chain // for an answer of several parts; nil before it is known to be one

	// transfer is set for a query that is not forwarded, but answered by a stream;
	// all else is unset then.
	transfer *transfer.Stream

	// asked is when the query came, if anybody watches.
	asked time.Time

	// replyTo is nil when no client waits: the answer is for the cache alone.
	replyTo responseWriter

	// The table of pending queries guards these.
	held    bool
	holders [2]*holder
}

// responseWriter sends the response to a pending query to its client. It must not
// wait for the client.
type responseWriter interface {
	// writeResponse makes the response of an entry, or of the query's chain if
	// it has one, and sends it, now or at the next flush of the forwarder. When it
	// is sent or given up, it calls done of the pending queries.
	writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age)
}

// forwards reports whether a query of a client is one that is forwarded, if its
// name is outside our zones.
//
// A query without RD asks for what this server knows by itself, and what others
// have asked before must not be visible to everybody: it is refused. A signed query
// is for this server too, as the response has to be signed when it is made.
func (r *responder) forwards(c client, flags, qtype uint16) bool {
	if r.forward == nil || flags&dnswire.FlagRD == 0 || r.signed != nil {
		return false
	}
	switch qtype {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeTKEY:
		return false
	}
	return c.policy.allowed.contains(c.addr)
}

// forwarded is a query as a forwardQuery. The name is that of the question in
// lower case, with room for the rest of a cache key behind it.
func (q *query) forwarded(c client, name, options []byte) forwardQuery {
	return forwardQuery{
		client:   c,
		id:       q.id,
		flags:    q.flags,
		question: q.packet[dnswire.HeaderSize:q.end],
		key:      cache.AppendKey(name, q.qtype, dns.ClassINET, q.edns.do, q.flags&dnswire.FlagCD != 0),
		edns:     q.edns.present,
		do:       q.edns.do,
		size:     q.edns.udpSize,
		options:  options,
	}
}

// chainQuestion is what is asked of each part of the answer.
func (f *forwardQuery) chainQuestion() chainQuestion {
	return chainQuestion{qtype: f.key.Type(), do: f.do, cd: f.flags&dnswire.FlagCD != 0}
}

// clone copies the query into memory of its own. The client is given again: taken
// from the query, the compiler would assume that all else in it lives on too, and
// put the buffers of queries that are answered at once on the heap.
func (f *forwardQuery) clone(c client) *pendingQuery {
	l := &pendingQuery{forwardQuery: forwardQuery{client: c, id: f.id, flags: f.flags, edns: f.edns, do: f.do, size: f.size}}
	b := make([]byte, 0, len(f.question)+len(f.key)+len(f.options))
	b = append(b, f.question...)
	b = append(b, f.key...)
	b = append(b, f.options...)
	n, k := len(f.question), len(f.question)+len(f.key)
	l.question, l.key, l.options = b[:n:n], cache.Key(b[n:k:k]), b[k:]
	return l
}

// respondFromCache makes the response to a query of what the cache has found. If
// the entry is to be fetched again before it expires, the query for that is
// returned too. If the entry leads to a name that has to be asked for, only the
// query is returned.
func (r *responder) respondFromCache(buf []byte, z *zone.Zone, c client, f *forwardQuery, found cache.Found) (msg []byte, l *pendingQuery) {
	if len(found.Entry.Next()) > 0 {
		l := f.clone(c)
		if found.Prefetch {
			r.forward.prefetch(l.key)
		}
		return r.continueChain(buf, z, r.forward, l, &chain{fetched: []chainPart{{key: l.key, entry: found.Entry, age: found.Age}}})
	}
	if found.Prefetch {
		l = f.clone(client{})
	}
	return r.writeEntry(buf, f, found.Entry, found.Age), l
}

// continueChain makes the response to a query of its chain, or returns the query
// with the key of the part that has to be asked for. Without a forwarder nothing
// is.
func (r *responder) continueChain(buf []byte, z *zone.Zone, forward *forwarder, l *pendingQuery, c *chain) ([]byte, *pendingQuery) {
	if missing := c.plan(z, forward, l.key.Name(), l.chainQuestion()); missing != nil {
		l.chain, l.key = c, missing
		return nil, l
	}
	return r.writeChain(buf, l.client, &l.forwardQuery, c), nil
}

// writePending makes the response to a query that was pending.
func (r *responder) writePending(buf []byte, l *pendingQuery, e *cache.Entry, age cache.Age) []byte {
	if !e.Failed() && l.chain != nil {
		return r.writeChain(buf, l.client, &l.forwardQuery, l.chain)
	}
	return r.writeEntry(buf, &l.forwardQuery, e, age)
}

// writeEntry makes the response to a query of an entry, in buf, which has
// bufferSize bytes.
func (r *responder) writeEntry(buf []byte, f *forwardQuery, e *cache.Entry, age cache.Age) []byte {
	options := f.options
	if age.Stale && f.edns {
		var space [maxOptions]byte
		options = appendStaleAnswer(append(space[:0], options...))
	}
	size := r.size(f.edns, f.size, f.client)
	if f.edns {
		size -= dnswire.OPTSize + len(options)
	}
	off := dnswire.HeaderSize + copy(buf[dnswire.HeaderSize:], f.question)
	w := e.Write(buf, off, size, age)
	msg := buf[:w.End]
	rcode := uint16(e.Rcode)
	if f.edns {
		msg = appendOPT(msg, f.policy.maxUDPSize, rcode, f.do, options)
		if f.padded {
			msg = pad(msg, w.End)
		}
		w.Counts[2]++
	}
	flags := f.flags&(dnswire.FlagRD|dnswire.FlagCD) | dnswire.FlagQR | f.policy.raFlag | rcode
	if e.AD && (f.do || f.flags&dnswire.FlagAD != 0) { // RFC 6840, section 5.8
		flags |= dnswire.FlagAD
	}
	if w.Truncated && f.policy.setTC {
		flags |= dnswire.FlagTC
	}
	binary.BigEndian.PutUint16(msg, f.id)
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint16(msg[4:], 1)
	binary.BigEndian.PutUint16(msg[6:], w.Counts[0])
	binary.BigEndian.PutUint16(msg[8:], w.Counts[1])
	binary.BigEndian.PutUint16(msg[10:], w.Counts[2])
	r.counters.add(f.transport, f.key.Type(), rcode, "")
	return msg
}

// appendStaleAnswer adds the extended error that says that an answer is stale
// (RFC 8914, section 4.4).
func appendStaleAnswer(options []byte) []byte {
	options = binary.BigEndian.AppendUint16(options, dns.EDNS0EDE)
	return append(options, 0, 2, 0, byte(dns.ExtendedErrorCodeStaleAnswer))
}
