package haproxy

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Options say which services a configuration has, and where HAProxy listens.
type Options struct {
	Groups []string // of load balancers; "*" is all

	// Nameserver is the Toponym that HAProxy asks for the servers.
	Nameserver netip.AddrPort

	// HTTP and HTTPS are where the frontends for hosts listen, Stats where
	// HAProxy's statistics are shown. Without addresses there is no such frontend.
	HTTP, HTTPS, Stats []Bind
	// Certificates is the file or directory with certificates, in PEM with their
	// keys, on the host of HAProxy. Without it there is no HTTPS.
	Certificates string

	// StateFile is the file, on the host of HAProxy, from which it reads the addresses
	// of its servers when it starts, so that it does not have to wait for DNS.
	StateFile string

	// WithoutHead leaves out the sections global and defaults.
	WithoutHead bool

	Rules
}

// Rules say what apps may have.
type Rules struct {
	Ports     []PortRange  // for frontends of their own
	BindAddrs []netip.Addr // for HAPROXY_n_BIND_ADDR
}

// PortRange is a range of ports, with both ends.
type PortRange struct{ First, Last uint16 }

// String returns "10000-10100", or one number.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Bind is an address on which HAProxy listens. An Addr that is not valid means all
// addresses.
type Bind struct {
	Addr netip.Addr
	Port uint16
}

// String returns the address as HAProxy reads it.
func (b Bind) String() string {
	if !b.Addr.IsValid() {
		return "*:" + strconv.Itoa(int(b.Port))
	}
	return netip.AddrPortFrom(b.Addr, b.Port).String()
}

// Limits of options.
const (
	maxBinds         = 8
	maxPathLength    = 512 // bytes
	maxOptionsGroups = 16
	maxGroupName     = 128 // bytes
)

// Default addresses.
const (
	DefaultHTTP  = "*:80"
	DefaultHTTPS = "*:443"
	DefaultStats = "127.0.0.1:9090"
)

// ParseBinds reads addresses such as "*:80,10.0.0.1:8080". "none" is no address.
func ParseBinds(text string) ([]Bind, error) {
	if text == "none" {
		return nil, nil
	}
	var list []Bind
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		b := Bind{}
		if port, ok := strings.CutPrefix(item, "*:"); ok {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("%.60q is no address: want one like *:80 or 10.0.0.1:80, or none", item)
			}
			b.Port = uint16(n)
		} else {
			a, err := netip.ParseAddrPort(item)
			if err != nil || a.Addr().Zone() != "" {
				return nil, fmt.Errorf("%.60q is no address: want one like *:80 or 10.0.0.1:80, or none", item)
			}
			b = Bind{a.Addr().Unmap(), a.Port()}
		}
		if b.Port == 0 {
			return nil, fmt.Errorf("%.60q has the port 0", item)
		}
		if len(list) == maxBinds {
			return nil, fmt.Errorf("there are more than %d addresses", maxBinds)
		}
		list = append(list, b)
	}
	return list, nil
}

// ParseGroups reads the names of groups, separated by commas.
func ParseGroups(text string) ([]string, error) {
	var list []string
	for group := range strings.SplitSeq(text, ",") {
		if group = strings.TrimSpace(group); group != "" && !slices.Contains(list, group) {
			list = append(list, group)
		}
	}
	switch {
	case len(list) == 0:
		return nil, errors.New("want the groups of the load balancer, such as external, or * for all")
	case len(list) > maxOptionsGroups:
		return nil, fmt.Errorf("there are more than %d groups", maxOptionsGroups)
	case slices.ContainsFunc(list, func(g string) bool { return len(g) > maxGroupName }):
		return nil, fmt.Errorf("a group has a name of more than %d bytes", maxGroupName)
	}
	slices.Sort(list)
	return list, nil
}

// ParsePath checks the path of a file or directory on the host of HAProxy. "" is
// none.
func ParsePath(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if len(text) > maxPathLength || !path.IsAbs(text) || !consistsOf(text, isPathByte) {
		return "", fmt.Errorf("%.60q is not an absolute path of letters, digits and any of /-._~%%!&+,:;=@", text)
	}
	return text, nil
}
