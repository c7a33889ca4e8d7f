package state

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ParseUPID reads a libprocess address, "id@host:port". IPv6 addresses stand
// in brackets. Port 0 is refused: it is how libprocess writes that there is no
// address, "@0.0.0.0:0".
func ParseUPID(s string) (UPID, error) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	host, port, err := net.SplitHostPort(s[at+1:])
	if err != nil {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	return UPID{ID: s[:at], Host: host, Port: uint16(n)}, nil
}
