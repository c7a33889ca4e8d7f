package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"
)

// Networks whose members are near to each other, in bits.
const (
	nearIPv4 = 24
	nearIPv6 = 64
)

// subnet is a client subnet option (RFC 7871, section 6).
type subnet struct {
	option []byte // nil when there is none
	prefix netip.Prefix
}

// Address families of RFC 7871, section 6.
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// parseSubnet reads the option. It reports false when that is malformed: RFC
// 7871, section 6 asks for exactly the octets that the prefix needs, zeros
// behind the prefix, and a scope of zero in queries.
func parseSubnet(e *edns) (s subnet, ok bool) {
	data, ok := e.option(dns.EDNS0SUBNET)
	if !ok {
		return s, true
	}
	if len(data) < 4 || data[3] != 0 {
		return s, false
	}
	s.option = data
	bits := int(data[2])
	var addr netip.Addr
	var octets [16]byte
	n := copy(octets[:], data[4:])
	if n != len(data)-4 || n != (bits+7)/8 {
		return s, false
	}
	switch binary.BigEndian.Uint16(data) {
	case familyIPv4:
		addr = netip.AddrFrom4([4]byte(octets[:4]))
	case familyIPv6:
		addr = netip.AddrFrom16(octets)
	default:
		// Some clients send family 0 with prefix length 0 to say that
		// nothing may be told of them.
		return s, bits == 0 && binary.BigEndian.Uint16(data) == 0
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || prefix.Addr() != addr {
		return s, false
	}
	s.prefix = prefix
	return s, true
}

// echo is the option for a reply. The scope says for which network the answer
// was ordered; one that does not depend on the client has scope 0 (RFC 7871,
// section 7.2.1).
func (s subnet) echo(ordered bool) []byte {
	data := append([]byte(nil), s.option...)
	if ordered && s.prefix.Bits() > 0 {
		data[3] = uint8(nearBits(s.prefix.Addr()))
	}
	return data
}

// near is the network whose addresses come first for a client. It is not valid
// when the client does not want to be known.
func (s subnet) nearPrefix(client netip.Addr) netip.Prefix {
	if s.option == nil {
		p, _ := client.WithZone("").Prefix(nearBits(client))
		return p
	}
	if s.prefix.Bits() <= 0 {
		return netip.Prefix{}
	}
	p, _ := s.prefix.Addr().Prefix(min(s.prefix.Bits(), nearBits(s.prefix.Addr())))
	return p
}

func nearBits(a netip.Addr) int {
	if a.Is4() {
		return nearIPv4
	}
	return nearIPv6
}
