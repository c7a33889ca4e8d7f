package master

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"toponym/state"
	"toponym/state/leader"

	"fmt"
	"net/http"
)

// authentication is the way in which requests carry credentials.
type authentication int

const (
	noAuthentication authentication = iota
	basicAuthentication
	iamAuthentication
)

func (o Options) authentication() authentication {
	switch {
	case o.Account != nil:
		return iamAuthentication
	case o.Username != "":
		return basicAuthentication
	}
	return noAuthentication
}

// refused explains a status 401 or 403 of any path of a master, and names the
// setting to check.
func (a authentication) refused(status int) string {
	var why string
	switch {
	case a == basicAuthentication && status == http.StatusUnauthorized:
		why = "the master does not know the principal and the secret of mesosCredentials"
	case a == basicAuthentication:
		why = "the principal of mesosCredentials may not do that: check the ACLs of the master"
	case a == iamAuthentication && status == http.StatusUnauthorized:
		why = "the master rejects the token of the service account: check IAMConfigFile"
	case a == iamAuthentication:
		why = "the service account of IAMConfigFile may not do that: check its permissions"
	case status == http.StatusUnauthorized:
		why = "the master requires authentication: check mesosAuthentication and mesosCredentials"
	default:
		why = "this is not allowed without authentication: check mesosAuthentication and mesosCredentials"
	}
	return fmt.Sprintf("status %d: %s", status, why)
}

// basic adds HTTP Basic authentication to requests (RFC 7617).
type basic struct {
	next               http.RoundTripper
	username, password string
}

func (b basic) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(b.username, b.password) // masters do not know "basic" in lower case
	return b.next.RoundTrip(r)
}

// trustedHosts tells who may be sent credentials over plain HTTP where a
// redirect leads to another host.
type trustedHosts struct {
	masters func() []leader.Address // of the settings, or registered in ZooKeeper
	resolve Resolve
}

// check returns an error unless a host is that of a known master, by its name or
// its addresses, or the one that redirects to it.
func (t trustedHosts) check(ctx context.Context, host, from string) error {
	if strings.EqualFold(host, from) {
		return nil
	}
	known := t.masters()
	for _, m := range known {
		if strings.EqualFold(m.Host, host) {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	of := t.addresses(ctx, host)
	trusted := t.addresses(ctx, from)
	for _, m := range known {
		trusted = append(trusted, t.addresses(ctx, m.Host)...)
	}
	for _, a := range of {
		if !slices.Contains(trusted, a) {
			of = nil
			break
		}
	}
	if len(of) == 0 {
		return fmt.Errorf("credentials are not sent over plain HTTP to %.255q, which is none of the known masters: name it in masters or set MesosHTTPSOn", host)
	}
	return nil
}

func (t trustedHosts) addresses(ctx context.Context, host string) []netip.Addr {
	if a, err := state.ParseAddr(host); err == nil {
		return []netip.Addr{a}
	}
	addrs, err := t.resolve(ctx, host)
	if err != nil {
		return nil
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs
}
