package zone

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
)

// AppendData appends the data of the record in presentation form (RFC 1035,
// section 5.1), such as "0 1 80 web.mesos." of an SRV record. Data of a type that is
// not known, or that is broken, takes the form of RFC 3597, section 5.
func (r Record) AppendData(b []byte) []byte {
	switch {
	case r.Type == dns.TypeA && len(r.Data) == 4:
		return netip.AddrFrom4([4]byte([]byte(r.Data))).AppendTo(b)
	case r.Type == dns.TypeAAAA && len(r.Data) == 16:
		return netip.AddrFrom16([16]byte([]byte(r.Data))).AppendTo(b)
	case r.Type == dns.TypeSRV && len(r.Data) > 6:
		for i := 0; i < 6; i += 2 {
			n := binary.BigEndian.Uint16([]byte(r.Data[i : i+2]))
			b = append(strconv.AppendUint(b, uint64(n), 10), ' ')
		}
		return records.Name(r.Data[6:]).AppendTo(b)
	case r.Type == dns.TypePTR || r.Type == dns.TypeNS || r.Type == dns.TypeCNAME:
		return records.Name(r.Data).AppendTo(b)
	}
	if rr, err := r.RR(); err == nil {
		// Owner, TTL, class and type come first, with a tab after each.
		if parts := strings.SplitN(rr.String(), "\t", 5); len(parts) == 5 {
			return append(b, parts[4]...)
		}
	}
	b = append(b, `\# `...)
	b = append(strconv.AppendInt(b, int64(len(r.Data)), 10), ' ')
	return hex.AppendEncode(b, []byte(r.Data))
}

// Serial is the serial of the version that the change leads to.
func (c *Change) Serial() uint32 { return c.To.SOASerial() }
