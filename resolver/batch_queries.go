//go:build linux && (amd64 || arm64)

package resolver

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"toponym/internal/dnswire"
)

// queries are the packets of one batch as recvmmsg(2) gives them.
type queryBatch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	sources  [batchSize]sockaddr
	controls [batchSize]control
	packets  [batchSize][querySize]byte

	wildcard bool // whether controls say which address was asked
}

// querySize is enough for any query: 1232 octets is what we tell clients to
// keep to. It is no multiple of a page, as the beginnings of all packets would
// then compete for the same few lines of the processor's cache.
const querySize = 4096 + 64

func (q *queryBatch) init(wildcard bool) {
	q.wildcard = wildcard
	for i := range q.messages {
		q.vectors[i].Base = &q.packets[i][0]
		q.vectors[i].SetLen(querySize)
		h := &q.messages[i].header
		h.Iov, h.Iovlen = &q.vectors[i], 1
		h.Name = &q.sources[i][0]
		if q.wildcard {
			h.Control = &q.controls[i][0]
		}
	}
	q.reset(batchSize)
}

// reset makes the first n messages ready to be received into: the system
// changes the lengths.
func (q *queryBatch) reset(n int) {
	for i := range n {
		h := &q.messages[i].header
		h.Namelen = uint32(len(sockaddr{}))
		if q.wildcard {
			h.Controllen = uint64(len(control{}))
		}
	}
}

// receive takes what has come, without waiting, and returns how many messages
// there are.
func (q *queryBatch) receive(fd uintptr) (int, syscall.Errno) {
	return callMessages(unix.SYS_RECVMMSG, fd, q.messages[:])
}

// packet is the i-th packet.
//
// Of one that is too long only the header is left, which gets the answer that
// the whole would: no query is that long.
func (q *queryBatch) packet(i int) []byte {
	m := &q.messages[i]
	if m.header.Flags&unix.MSG_TRUNC != 0 {
		return q.packets[i][:dnswire.HeaderSize]
	}
	return q.packets[i][:min(m.length, querySize)]
}

// client is who sent the i-th packet, if a reply can be wanted.
func (q *queryBatch) client(i int) (client, bool) {
	return clientOverUDP(q.sources[i].addrPort())
}

// peer is how to reach who sent the i-th packet, from the address that it was
// sent to. It is valid until reset.
func (q *queryBatch) peer(i int) peer {
	h := &q.messages[i].header
	p := peer{addr: h.Name, addrLen: h.Namelen}
	if q.wildcard {
		if n := q.controls[i].reverse(h.Controllen); n > 0 {
			p.control, p.controlLen = h.Control, n
		}
	}
	return p
}

// sockaddr is a struct sockaddr_in or sockaddr_in6.
type sockaddr [unix.SizeofSockaddrInet6]byte

// addrPort is the zero value for families that are none of ours.
func (s *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s[2:])
	switch binary.NativeEndian.Uint16(s[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}
