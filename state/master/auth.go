package master

import (
	"fmt"
	"net/http"
)

// authentication is how we say who we are.
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

// refused says what a status 401 or 403 means, for all paths of a master: which
// setting to look at.
func (a authentication) refused(status int) string {
	var why string
	switch {
	case a == basicAuthentication && status == http.StatusUnauthorized:
		why = "the master does not know the principal and the secret of mesosCredentials"
	case a == basicAuthentication:
		why = "the principal of mesosCredentials may not do that: look at the ACLs of the master"
	case a == iamAuthentication && status == http.StatusUnauthorized:
		why = "the master does not take the token of the service account: look at IAMConfigFile"
	case a == iamAuthentication:
		why = "the service account of IAMConfigFile may not do that: look at its permissions"
	case status == http.StatusUnauthorized:
		why = "the master wants authentication: look at mesosAuthentication and mesosCredentials"
	default:
		why = "nobody may do that without authentication: look at mesosAuthentication and mesosCredentials"
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
	r.SetBasicAuth(b.username, b.password) // "Basic": a master does not know it in lower case
	return b.next.RoundTrip(r)
}
