// Package leader says which Mesos master to ask.
//
// It stands before package state/master, which asks. A static list is tried
// from the master that led last; ZooKeeper is watched where the masters elect
// their leader; where a master redirects, the address it names is taken. What
// is found here is a hint and no more: only the answer of a master itself says
// that it leads. So what was found once stays, whatever becomes of ZooKeeper.
package leader

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Address is where a master listens.
type Address struct {
	Host string // an address, IPv6 without brackets, or a host name
	Port uint16
}

// String is host:port, as URLs have it.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// ParseAddress reads host:port.
func ParseAddress(s string) (Address, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Address{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Address{}, fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if host == "" {
		return Address{}, errors.New("the host is empty")
	}
	return Address{Host: host, Port: uint16(n)}, nil
}

// Detector says which masters to ask.
type Detector interface {
	// Candidates are the masters in the order to ask them. There may be none
	// as long as nothing is known.
	Candidates() []Address
	// Masters are all that are known, in an order that stays the same as long
	// as they do.
	Masters() []Address
	// Led notes that a master answered as the leader.
	SetLeading(Address)
	// Changed gives something when another master leads, or Masters are others,
	// as far as can be seen from outside of the masters: then it is time to ask
	// Candidates. It may be nil.
	Changed() <-chan struct{}
}

// Redirect reads the Location of a redirect that a standby gave at base. A
// master names the leader without a scheme, "//host:port/path", and the port
// may be missing where it is that of the scheme.
func Redirect(base *url.URL, location string) (Address, error) {
	if strings.TrimSpace(location) == "" {
		return Address{}, errors.New("a redirect without a Location")
	}
	u, err := base.Parse(location)
	if err != nil {
		return Address{}, fmt.Errorf("a redirect to what is no URL: %w", err)
	}
	if u.Scheme != base.Scheme {
		return Address{}, fmt.Errorf("a redirect from %s to %s is not followed", base.Scheme, u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return ParseAddress(net.JoinHostPort(u.Hostname(), port))
}
