package resolver

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// writer writes a response in wire form into a buffer of bufferSize bytes, as
// long as records fit. It works in these steps:
//
//  1. begin copies the question, byte for byte: resolvers hide random bits in
//     the case of its letters (0x20).
//  2. Records of the answer are added. When one does not fit, the answer is
//     truncated there, and nothing but the OPT record follows (RFC 2181,
//     section 9). Records behind it are not tried: short names would get into
//     truncated answers more often than long ones.
//  3. The authority section is added in the same way.
//  4. RRsets of the additional section are added where they fit whole. Others
//     are left out without TC: the client can ask for them.
//  5. finish adds the OPT record, for which there is always room (RFC 6891,
//     section 7), and the header.
//
// Addresses, SRV records and the SOA records of negative answers, of which
// nearly all responses consist, are written from the zone's own form without an
// allocation. Other types are rare and packed by a library, with rr.
type writer struct {
	z         *zone.Zone
	buf       []byte
	off       int
	size      int // where records must end
	truncated bool
	order     ordering

	answers, authority, additional int

	packet      []byte         // the query
	nameLen     int            // of the question's name in wire form
	compression map[string]int // names in the message, for the library; nil until it is used
}

const (
	// slack is more than the longest record. With that much room behind the
	// limit, packing never fails for want of room, and the offset where a record
	// ends says whether it fits.
	slack = 2048

	// bufferSize is the size of all buffers for responses.
	bufferSize = dns.MaxMsgSize + slack
)

// Sizes of records in wire form whose owner is a pointer.
const (
	fixedSize = 2 + 2 + 2 + 4 + 2 // owner, type, class, TTL, length
	sizeA     = fixedSize + 4
	sizeAAAA  = fixedSize + 16
	sizeSRV   = fixedSize + 6 // and the target

	// minRR is the size of the smallest record: with less room nothing fits.
	minRR = sizeA
)

const (
	pointer = 0xC000 // the bits that make an offset a compression pointer

	// toQuestion points to the name in the question.
	toQuestion = pointer | dnswire.HeaderSize

	// maxPointer is the last offset that a pointer reaches (RFC 1035, section
	// 4.1.4).
	maxPointer = 0x3FFF
)

// begin starts a response to a query in a buffer. It may have so many bytes
// before the OPT record.
func (w *writer) begin(q *query, size int) {
	w.size = size
	w.off = dnswire.HeaderSize
	w.packet, w.nameLen = q.packet, len(q.name)
	if q.hasQuestion {
		w.off = copy(w.buf, q.packet[:q.end])
	}
}

// finish adds the OPT record, if the query has one, and the header. The flags
// are those that the response has beside QR and TC.
func (w *writer) finish(q *query, flags, rcode, udpSize uint16, options []byte) []byte {
	msg := w.buf[:w.off]
	if q.edns.present {
		msg = appendOPT(msg, udpSize, rcode, q.edns.do, options)
		if q.edns.padded {
			msg = pad(msg, w.off)
		}
		w.additional++
	}
	var questions uint16
	if q.hasQuestion {
		questions = 1
	}
	binary.BigEndian.PutUint16(msg, q.id)
	binary.BigEndian.PutUint16(msg[2:], flags|dnswire.FlagQR|rcode&0xF)
	binary.BigEndian.PutUint16(msg[4:], questions)
	binary.BigEndian.PutUint16(msg[6:], uint16(w.answers))
	binary.BigEndian.PutUint16(msg[8:], uint16(w.authority))
	binary.BigEndian.PutUint16(msg[10:], uint16(w.additional))
	return msg
}

// header writes owner, type, class, TTL and length of a record.
func header(b []byte, owner, rtype uint16, ttl uint32, length uint16) {
	binary.BigEndian.PutUint64(b, uint64(owner)<<48|uint64(rtype)<<32|dns.ClassINET<<16|uint64(ttl>>16))
	binary.BigEndian.PutUint32(b[8:], ttl<<16|uint32(length))
}

func (w *writer) a(addr *[4]byte, owner uint16, ttl uint32) {
	b := w.buf[w.off : w.off+sizeA]
	header(b, owner, dns.TypeA, ttl, 4)
	copy(b[fixedSize:], addr[:])
	w.off += sizeA
}

func (w *writer) aaaa(addr *[16]byte, owner uint16, ttl uint32) {
	b := w.buf[w.off : w.off+sizeAAAA]
	header(b, owner, dns.TypeAAAA, ttl, 16)
	copy(b[fixedSize:], addr[:])
	w.off += sizeAAAA
}

// fitting is how many of so many records of a size fit. The answer is truncated
// when that is not all.
func (w *writer) fitting(count, size int) int {
	fit := min(max(0, (w.size-w.off)/size), count)
	w.truncated = fit < count
	return fit
}

// answerA writes as many of a node's A records as fit, up to the limit.
func (w *writer) answerA(n *zone.Node, owner uint16) {
	count, ttl := w.fitting(w.order.limited(len(n.A)), sizeA), w.z.TTLOf(n, dns.TypeA)
	var r rotation
	w.order.ipv4(&r, n.A, count)
	for i := range count {
		w.a(&n.A[r.at(i)], owner, ttl)
	}
	w.answers += count
}

// answerAAAA writes as many of a node's AAAA records as fit, up to the limit.
func (w *writer) answerAAAA(n *zone.Node, owner uint16) {
	count, ttl := w.fitting(w.order.limited(len(n.AAAA)), sizeAAAA), w.z.TTLOf(n, dns.TypeAAAA)
	var r rotation
	w.order.ipv6(&r, n.AAAA, count)
	for i := range count {
		w.aaaa(&n.AAAA[r.at(i)], owner, ttl)
	}
	w.answers += count
}

// addAddrs writes the A and the AAAA records of a node, each RRset if all of it
// fits. Their owner is a pointer, or its last two bytes behind those in front.
func (w *writer) addAddrs(n *zone.Node, front []byte, owner uint16) {
	if count := len(n.A); count > 0 && w.off+count*(len(front)+sizeA) <= w.size {
		var r rotation
		w.order.ipv4(&r, n.A, count)
		ttl := w.z.TTLOf(n, dns.TypeA)
		for i := range n.A {
			w.off += copy(w.buf[w.off:], front)
			w.a(&n.A[r.at(i)], owner, ttl)
		}
		w.additional += count
	}
	if count := len(n.AAAA); count > 0 && w.off+count*(len(front)+sizeAAAA) <= w.size {
		var r rotation
		w.order.ipv6(&r, n.AAAA, count)
		ttl := w.z.TTLOf(n, dns.TypeAAAA)
		for i := range n.AAAA {
			w.off += copy(w.buf[w.off:], front)
			w.aaaa(&n.AAAA[r.at(i)], owner, ttl)
		}
		w.additional += count
	}
}

// addAddrsOf is addAddrs for an owner as it is written, of two bytes at least.
func (w *writer) addAddrsOf(n *zone.Node, owner []byte) {
	end := len(owner) - 2
	w.addAddrs(n, owner[:end], binary.BigEndian.Uint16(owner[end:]))
}

// compress appends the name at an offset of the message to b: what it does not
// share with the name at another offset, and a pointer into that. Neither name
// has pointers.
func (w *writer) compress(b []byte, name, with int) []byte {
	end := func(at int) int {
		for w.buf[at] != 0 {
			at += 1 + int(w.buf[at])
		}
		return at + 1
	}
	nameEnd, withEnd := end(name), end(with)
	for at := name; w.buf[at] != 0; at += 1 + int(w.buf[at]) {
		for to := with; w.buf[to] != 0 && to <= maxPointer; to += 1 + int(w.buf[to]) {
			if bytes.Equal(w.buf[at:nameEnd], w.buf[to:withEnd]) {
				b = append(b, w.buf[name:at]...)
				return binary.BigEndian.AppendUint16(b, pointer|uint16(to))
			}
		}
	}
	return append(b, w.buf[name:nameEnd]...)
}

// negative writes the SOA record of a negative answer to the question. Its owner
// is the end of the question's name. It is truncated if the record does not fit.
func (w *writer) negative(q *query, found zone.Answer) {
	soa := w.z.NegativeSOA(found)
	if w.off+2+len(soa) > w.size {
		// It may fit when its names are compressed.
		rr := w.z.SOA(found)
		rr.Hdr.Name = q.suffix(w.z.ApexLen(found))
		w.authorityRR(rr)
		return
	}
	owner := toQuestion + len(q.name) - w.z.ApexLen(found)
	binary.BigEndian.PutUint16(w.buf[w.off:], uint16(owner))
	w.off += 2 + copy(w.buf[w.off+2:], soa)
	w.authority++
}

// rr writes a record of any type if it fits.
func (w *writer) rr(rr dns.RR) bool {
	if w.compression == nil {
		w.compression = map[string]int{}
		if w.nameLen > 0 {
			// Packing the name notes where its parts are, but need not give the
			// bytes of the query back.
			name, _, _ := dns.UnpackDomainName(w.packet, dnswire.HeaderSize)
			_, _ = dns.PackDomainName(name, w.buf, dnswire.HeaderSize, w.compression, false)
			copy(w.buf[dnswire.HeaderSize:], w.packet[dnswire.HeaderSize:dnswire.HeaderSize+w.nameLen])
		}
	}
	off, err := dns.PackRR(rr, w.buf, w.off, w.compression, true)
	if err != nil || off > w.size {
		return false
	}
	w.off = off
	return true
}

// answerRRs writes as many records of the answer as fit.
func (w *writer) answerRRs(rrs []dns.RR) {
	for _, rr := range rrs {
		if !w.rr(rr) {
			w.truncated = true
			return
		}
		w.answers++
	}
}

// authorityRR writes a record of the authority section. Without it a negative
// answer is truncated.
func (w *writer) authorityRR(rr dns.RR) {
	if w.truncated || !w.rr(rr) {
		w.truncated = true
		return
	}
	w.authority++
}

// ownerPointer returns a pointer to a name that records have been packed with, or
// toward which one leads, and false if there is none.
func (w *writer) ownerPointer(name string) (uint16, bool) {
	at, ok := w.compression[name]
	if !ok || at > maxPointer {
		return 0, false
	}
	return pointer | uint16(at), true
}

// addNames writes the addresses of the names that records of a type in the answer
// lead to, but for nodes that were added before. The targets of SRV records come
// last.
func (w *writer) addNames(n *zone.Node, qtype uint16, added map[*zone.Node]bool, services *srvAnswer) {
	for _, name := range w.z.AdditionalNames(n, qtype) {
		if w.truncated || w.size-w.off < minRR {
			return
		}
		node := w.z.Node(name)
		if node == nil || !addOnce(added, node) {
			continue
		}
		if owner, ok := w.ownerPointer(name.String()); ok {
			w.addAddrs(node, nil, owner)
		} else if len(name) > 1 {
			w.addAddrsOf(node, []byte(name))
		}
	}
	if services != nil {
		w.addSRVTargets(n, services, added)
	}
}

// addOnce notes a node whose addresses are in the message. It reports false when
// they were before. With a nil map each node is added.
func addOnce(added map[*zone.Node]bool, n *zone.Node) bool {
	if added == nil {
		return true
	}
	before := added[n]
	added[n] = true
	return !before
}
