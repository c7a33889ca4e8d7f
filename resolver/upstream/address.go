package upstream

import (
	"net/netip"
	"strconv"
)

// Address says where a server is and how to speak with it.
type Address struct {
	AddrPort netip.AddrPort
	TLS      bool   // DNS over TLS (RFC 7858)
	Name     string // whom its certificate is made out to; "": to the address
}

// String is the form in which settings give it.
func (a Address) String() string {
	port, std := a.AddrPort.Port(), uint16(53)
	s := ""
	if a.TLS {
		s, std = "tls://", 853
		if a.Name != "" {
			s += a.Name + "@"
		}
	}
	if port == std {
		return s + a.AddrPort.Addr().String()
	}
	if a.AddrPort.Addr().Is6() {
		return s + "[" + a.AddrPort.Addr().String() + "]:" + strconv.Itoa(int(port))
	}
	return s + a.AddrPort.String()
}

// serverName is what the certificate must be made out to.
func (a Address) serverName() string {
	if a.Name != "" {
		return a.Name
	}
	return a.AddrPort.Addr().WithZone("").String()
}
