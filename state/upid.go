package state

import (
	"fmt"
	"strings"

	"toponym/internal/hostport"
)

// ParseUPID reads a libprocess address, "id@host:port", with IPv6 addresses in
// brackets. Port 0 is an error: libprocess writes "@0.0.0.0:0" where there is no
// address. So is a host that is neither an address nor like a host name, since
// it ends up in logs and in the status.
func ParseUPID(s string) (UPID, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	addr, err := hostport.Parse(s[at+1:])
	if err != nil || !isHost(addr.Host) {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	return UPID{ID: s[:at], Host: addr.Host, Port: addr.Port}, nil
}

// maxHost is the longest host name in bytes (RFC 1035 s2.3.4).
const maxHost = 255

// isHost reports whether a host may be an address or a name: it is not empty and
// has nothing but letters, digits and ".-_:%".
func isHost(s string) bool {
	return s != "" && len(s) <= maxHost && !strings.ContainsFunc(s, func(c rune) bool {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune(".-_:%", c):
			return false
		}
		return true
	})
}
