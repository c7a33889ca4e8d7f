package resolver

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"
)

// Networks whose addresses count as near to each other, in bits.
const (
	nearIPv4 = 24
	nearIPv6 = 64
)

// clientSubnet is a client subnet option (RFC 7871, section 6).
type clientSubnet struct {
	option []byte // nil if there is none
	prefix netip.Prefix
}

// Address families of RFC 7871, section 6.
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// parseClientSubnet reads the option. It reports false when that is malformed:
// RFC 7871, section 6 asks for exactly the bytes that the prefix needs, zeros
// behind the prefix, and a scope of zero in queries.
func parseClientSubnet(e *edns) (s clientSubnet, ok bool) {
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
	var bytes [16]byte
	n := copy(bytes[:], data[4:])
	if n != len(data)-4 || n != (bits+7)/8 {
		return s, false
	}
	switch binary.BigEndian.Uint16(data) {
	case familyIPv4:
		addr = netip.AddrFrom4([4]byte(bytes[:4]))
	case familyIPv6:
		addr = netip.AddrFrom16(bytes)
	default:
		// Some clients send family 0 with prefix length 0 to say that their
		// network must not be passed on.
		return s, bits == 0 && binary.BigEndian.Uint16(data) == 0
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || prefix.Addr() != addr {
		return s, false
	}
	s.prefix = prefix
	return s, true
}

// appendEcho appends the option for a response. The scope says for which network
// the answer was ordered; an answer that does not depend on the client has scope
// 0 (RFC 7871, section 7.2.1).
func (s clientSubnet) appendEcho(options []byte, ordered bool) []byte {
	scope := len(options) + 4 + 3
	options = appendOption(options, dns.EDNS0SUBNET, s.option)
	if ordered && s.prefix.Bits() > 0 {
		options[scope] = uint8(nearBits(s.prefix.Addr()))
	}
	return options
}

// near is the network whose addresses come first for a client. It is not valid
// when the client does not want to be known.
func (s clientSubnet) near(client netip.Addr) netip.Prefix {
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

// nearTo is near for a client, given the options of the response.
func nearTo(client netip.Addr, options []byte) netip.Prefix {
	e := edns{options: options}
	echo, ok := e.option(dns.EDNS0SUBNET)
	if !ok {
		return clientSubnet{}.near(client)
	}
	e.options = appendOption(nil, dns.EDNS0SUBNET, echo)
	e.options[4+3] = 0 // the scope
	s, _ := parseClientSubnet(&e)
	return s.near(client)
}
