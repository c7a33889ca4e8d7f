package resolver

import (
	"encoding/binary"
	"net/netip"
)

// prefixList is a list of networks in a form that is quick to search: it costs
// a query a few nanoseconds.
type prefixList struct {
	v4 []prefix4
	v6 []prefix6
}

type prefix4 struct{ addr, mask uint32 }

type prefix6 struct{ addr, mask [2]uint64 }

func newPrefixList(prefixes []netip.Prefix) (l prefixList) {
	for _, p := range prefixes {
		if !p.IsValid() {
			continue
		}
		if p.Addr().Is4() {
			mask := ^uint32(0) << (32 - p.Bits())
			l.v4 = append(l.v4, prefix4{bits4(p.Addr()) & mask, mask})
			continue
		}
		mask := [2]uint64{^uint64(0) << (64 - min(p.Bits(), 64)), ^uint64(0) << (64 - max(p.Bits()-64, 0))}
		addr := bits6(p.Addr())
		l.v6 = append(l.v6, prefix6{[2]uint64{addr[0] & mask[0], addr[1] & mask[1]}, mask})
	}
	return l
}

// contains reports whether an address is in one of the networks.
func (l *prefixList) contains(a netip.Addr) bool {
	if a.Is4() {
		bits := bits4(a)
		for _, p := range l.v4 {
			if bits&p.mask == p.addr {
				return true
			}
		}
		return false
	}
	bits := bits6(a)
	for _, p := range l.v6 {
		if bits[0]&p.mask[0] == p.addr[0] && bits[1]&p.mask[1] == p.addr[1] {
			return true
		}
	}
	return false
}

func bits4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func bits6(a netip.Addr) [2]uint64 {
	b := a.As16()
	return [2]uint64{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}
