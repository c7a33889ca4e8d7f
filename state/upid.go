package state

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ParseUPID reads a libprocess address, "id@host:port". IPv6 addresses stand
// in brackets.
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
	if err != nil || host == "" {
		return UPID{}, fmt.Errorf("%.60q is not id@host:port", s)
	}
	return UPID{ID: s[:at], Host: host, Port: uint16(n)}, nil
}
