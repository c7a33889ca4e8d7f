package state

import (
	"fmt"
	"strings"

	"toponym/internal/hostport"
)

// ParseUPID reads a libprocess address, "id@host:port". IPv6 addresses stand
// in brackets. Port 0 is refused: it is how libprocess writes that there is no
// address, "@0.0.0.0:0".
func ParseUPID(s string) (UPID, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	addr, err := hostport.Parse(s[at+1:])
	if err != nil {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	return UPID{ID: s[:at], Host: addr.Host, Port: addr.Port}, nil
}
