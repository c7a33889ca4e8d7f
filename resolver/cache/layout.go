package cache

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// rdataLayout says where names are in the data of a record type: after some bytes
// there are some names that may be compressed, and then some more bytes.
type rdataLayout struct {
	before, names, after int
}

// layoutOf returns the layout of the types whose names senders compress (RFC 3597,
// section 4), and of addresses. The data of other types is not looked into.
func layoutOf(rtype uint16) (rdataLayout, bool) {
	switch rtype {
	case dns.TypeA:
		return rdataLayout{4, 0, 0}, true
	case dns.TypeAAAA:
		return rdataLayout{16, 0, 0}, true
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeDNAME, dns.TypeMB, dns.TypeMD, dns.TypeMF, dns.TypeMG, dns.TypeMR:
		return rdataLayout{0, 1, 0}, true
	case dns.TypeMX, dns.TypeAFSDB, dns.TypeRT, dns.TypeKX:
		return rdataLayout{2, 1, 0}, true
	case dns.TypeSRV:
		return rdataLayout{6, 1, 0}, true
	case dns.TypeMINFO, dns.TypeRP:
		return rdataLayout{0, 2, 0}, true
	case dns.TypePX:
		return rdataLayout{2, 2, 0}, true
	case dns.TypeSOA:
		return rdataLayout{0, 2, 20}, true
	}
	return rdataLayout{}, false
}

// names records where the labels of a message's names are. Compression pointers to
// anything else would lead elsewhere as soon as a TTL changes.
type names struct {
	at      [128]uint16
	n       int
	trusted bool // pointers are known to be right
	astray  bool // a pointer leads to something that is no label, or there are too many
}

// check checks the name at off and returns the offset behind it, or -1.
func (ns *names) check(msg []byte, off int) int {
	end := dnswire.SkipName(msg, off)
	if end < 0 || ns.trusted || ns.astray {
		return end
	}
	for {
		n := int(msg[off])
		switch {
		case n == 0:
			return end
		case n > dnswire.MaxLabel:
			to := binary.BigEndian.Uint16(msg[off:]) & 0x3FFF
			ns.astray = to != dnswire.HeaderSize && !slices.Contains(ns.at[:ns.n], to)
			return end
		case ns.n == len(ns.at):
			ns.astray = true
			return end
		}
		ns.at[ns.n] = uint16(off)
		ns.n++
		off += 1 + n
	}
}

// checkData reports whether the data of a record has the layout of its type.
func (ns *names) checkData(msg []byte, r *dnswire.Record) bool {
	layout, ok := layoutOf(r.Type)
	if !ok {
		return true
	}
	off := r.DataOff + layout.before
	if off > r.End {
		return false
	}
	for range layout.names {
		if off = ns.check(msg[:r.End], off); off < 0 {
			return false
		}
	}
	return off+layout.after == r.End
}
