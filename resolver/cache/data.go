package cache

import "github.com/miekg/dns"

// form is where names stand in the data of a type: so many octets, then so many
// names that may be compressed, then so many octets.
type rdataLayout struct {
	before, names, after int
}

// formOf gives the form of the types whose names senders compress (RFC 3597,
// section 4), and of addresses. Others are not looked into.
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

// checkData reports whether data from off to end has the form of its type, so
// that no pointer in it leads astray.
func (s *scanned) checkData(msg []byte, rtype uint16, off, end int) bool {
	f, ok := layoutOf(rtype)
	if !ok {
		return true
	}
	if off += f.before; off > end {
		return false
	}
	for range f.names {
		if off = s.name(msg[:end], off); off < 0 {
			return false
		}
	}
	return off+f.after == end
}
