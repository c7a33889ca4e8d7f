package zone

import (
	"bytes"
	"math"

	"github.com/miekg/dns"
)

// unsupported says why records of a type are refused, which would not be
// answered as they mean; "" for all others.
func unsupported(rtype uint16) string {
	switch rtype {
	case dns.TypeDNAME:
		return "DNAME records are not supported: the setting aliases does the same"
	case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM,
		dns.TypeDNSKEY, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY:
		return "signed zones are not supported"
	}
	if rtype == 0 || rtype == dns.TypeOPT || rtype >= 128 && rtype < 256 {
		return "is no type of records"
	}
	return ""
}

// check finds the name of a record, and what is wrong with it by itself.
func (e *entry) check() (ZoneFileError, bool) {
	h := e.rr.Header()
	name, ok := wire(h.Name)
	e.name = name
	switch {
	case !ok:
		return ZoneFileError{e.file, e.line, "the name is longer than 255 octets"}, false
	case name[0] == 1 && name[1] == '*':
		return e.fault("wildcards are not supported"), false
	case unsupported(h.Rrtype) != "":
		return e.fault("%s", unsupported(h.Rrtype)), false
	case h.Class != dns.ClassINET:
		return e.fault("is of the class %s, want IN", dns.Class(h.Class)), false
	case h.Ttl > math.MaxInt32:
		return e.fault("the TTL is more than %d (RFC 2181, section 8)", math.MaxInt32), false
	case dns.Len(e.rr) > maxRecord:
		return e.fault("is larger than %d octets", maxRecord), false
	}
	packed, err := pack(e.rr) // finds names in the data that are none
	if err != nil {
		return e.fault("%v", err), false
	}
	// The parser takes a record without data, as dynamic updates have them.
	if bare, ok := dns.TypeToRR[h.Rrtype]; ok && !emptyText(e.rr) {
		rr := bare()
		*rr.Header() = *h
		if without, err := pack(rr); err == nil && bytes.Equal(packed, without) {
			return e.fault("has no data"), false
		}
	}
	return ZoneFileError{}, true
}

// emptyText reports whether a record is a text of no characters, which is data.
func emptyText(rr dns.RR) bool {
	txt, ok := rr.(*dns.TXT)
	return ok && len(txt.Txt) > 0
}

func pack(rr dns.RR) ([]byte, error) {
	buf := make([]byte, 2*maxRecord)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	return buf[:n], err
}
