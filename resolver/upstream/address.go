package upstream

import "net/netip"

// Address says where a server is and which protocol it speaks.
type Address struct {
	AddrPort netip.AddrPort
	TLS      bool   // DNS over TLS (RFC 7858)
	Name     string // the name in its certificate; "": the certificate has the address
}

// Ports that are not written in settings.
const (
	portDNS = 53
	portDoT = 853
)

// String is the form that settings have: "192.0.2.1", "[2001:db8::1]:5353",
// "tls://dns.example@192.0.2.1".
func (a Address) String() string {
	prefix, standard := "", uint16(portDNS)
	if a.TLS {
		prefix, standard = "tls://", portDoT
		if a.Name != "" {
			prefix += a.Name + "@"
		}
	}
	if a.AddrPort.Port() == standard {
		return prefix + a.AddrPort.Addr().String()
	}
	return prefix + a.AddrPort.String()
}

// serverName is what the certificate must be valid for.
func (a Address) serverName() string {
	if a.Name != "" {
		return a.Name
	}
	return a.AddrPort.Addr().WithZone("").String()
}
