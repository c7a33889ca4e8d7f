package resolver

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/transfer"
	"toponym/zone"
)

// key is the key of a signed query, nil without a signature.
func (c client) key() *transfer.Key {
	if c.signed == nil {
		return nil
	}
	return c.signed.Key
}

// respondSigned makes the response to a well-formed packet with a TSIG record at an
// offset: that to the packet without it, and a TSIG record, or an error.
func (r *responder) respondSigned(buf []byte, z *zone.Zone, c client, packet []byte, at int) ([]byte, *pendingQuery) {
	v := r.transfers.Verify(packet, at)
	var q query
	if v.Rcode != dns.RcodeSuccess {
		q.parse(packet)
		return v.Finish(r.respondError(buf, &q, c, v.Rcode, nil)), nil
	}
	c.signed = v
	rcode, _ := q.parse(v.Packet)
	msg, l := r.respondTo(buf, z, c, &q, rcode)
	if l != nil && l.transfer != nil {
		l.transfer.SignWith(v)
	}
	if msg != nil {
		msg = v.Finish(msg)
	}
	return msg, l
}

// answerTransfer makes the response to a query for a zone transfer, or for the
// catalog zone, or returns a query with the stream that writes it.
//
// What it hands on is copied: the compiler would otherwise assume that the buffers
// of all queries live on.
func (r *responder) answerTransfer(buf []byte, c client, q *query, origin string, options []byte) ([]byte, *pendingQuery) {
	t := transfer.NewRequest(bytes.Clone(q.packet))
	t.Client, t.Key, t.Session = c.addr, c.key(), c.session
	t.Flags = r.flags(q, c)
	t.Size = r.size(q.edns.present, q.edns.udpSize, c)
	t.Streams = c.transport != UDP
	if q.edns.present {
		t.OPT = appendOPT(nil, r.maxUDPSize, dns.RcodeSuccess, q.edns.do, slices.Clone(options))
	}
	msg, stream, rcode := r.transfers.Answer(buf, t)
	r.counters.add(c.transport, q.qtype, rcode, origin)
	if stream != nil {
		return nil, &pendingQuery{transfer: stream}
	}
	return msg, nil
}

// transfer writes the response of a zone transfer. Meanwhile no other query of the
// connection is read, and the connection counts as busy. After an error it must be
// closed.
func (c *connection) transfer(ctx context.Context, stream *transfer.Stream) error {
	c.addPending()
	defer func() {
		c.mu.Lock()
		c.pending--
		c.changed.Broadcast()
		c.mu.Unlock()
	}()
	return stream.Run(ctx, func(framed []byte, deadline time.Time) error {
		c.writing.Lock()
		defer c.writing.Unlock()
		c.conn.SetWriteDeadline(deadline)
		if err := c.out.Flush(); err != nil {
			return err
		}
		_, err := c.conn.Write(framed)
		return err
	})
}
