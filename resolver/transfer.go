package resolver

import (
	"bytes"
	"context"
	"net"
	"slices"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/transfer"
	"toponym/zone"
)

// key is the key of a signed query, nil without a signature.
func (r *responder) key() *transfer.Key {
	if r.signed == nil {
		return nil
	}
	return r.signed.Key
}

// signatureSize is the size of the TSIG record of the response in bytes.
func (r *responder) signatureSize() int {
	if r.signed == nil {
		return 0
	}
	return r.signed.Size()
}

// respondSigned makes the response to a well-formed packet with a TSIG record at an
// offset: that to the packet without it, and a TSIG record, or an error.
func (r *responder) respondSigned(buf []byte, z *zone.Zone, c client, packet []byte, at int) ([]byte, *pendingQuery) {
	v := r.transfers.Verify(packet, at)
	if v.Rcode != dns.RcodeSuccess {
		var q query
		q.parse(packet)
		return v.Finish(r.respondError(buf, &q, c, v.Rcode, nil)), nil
	}
	one := *r
	one.signed = v
	msg, l := one.respond(buf, z, c, v.Packet)
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
	t.Client, t.Key, t.Session = c.addr, r.key(), r.session
	t.Flags = r.flags(q, c)
	t.Size = r.size(q.edns.present, q.edns.udpSize, c)
	t.Streams = c.transport != UDP
	if q.edns.present {
		t.OPT = appendOPT(nil, c.policy.maxUDPSize, dns.RcodeSuccess, q.edns.do, slices.Clone(options))
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
	if tcp, ok := c.tcp.(*net.TCPConn); ok {
		stream.MeasureWith(func() int { return unacknowledged(tcp) })
	}
	return stream.Run(ctx, func(ctx context.Context, framed []byte, deadline time.Time, turn transfer.Turn) error {
		c.writing.Lock()
		defer c.writing.Unlock()
		c.conn.SetWriteDeadline(deadline)
		defer context.AfterFunc(ctx, func() { c.conn.SetWriteDeadline(aLongTimeAgo) })()
		if err := c.out.Flush(); err != nil {
			return err
		}
		if tcp, ok := c.conn.(*net.TCPConn); ok {
			return writeInTurn(tcp, framed, turn)
		}
		turn.Release() // with TLS nobody knows when a write waits
		_, err := c.conn.Write(framed)
		return err
	})
}
