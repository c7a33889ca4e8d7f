package masters

import (
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"

	"toponym/sim"
)

// Auth is the authentication of a master. The zero value admits every client.
type Auth struct {
	// ReadOnly and ReadWrite are --authenticate_http_readonly, which guards
	// /master/state, and --authenticate_http_readwrite, which guards all of the
	// operator API.
	ReadOnly, ReadWrite bool
	Credentials         []Credential
}

// Credential is a principal that may read.
type Credential struct {
	Principal, Secret string
	// Frameworks are the names of the frameworks that the principal may see; all when
	// nil. The others are omitted silently, as by the ACLs of Mesos.
	Frameworks []string
}

// Admit authenticates a request and refuses those without credentials. It is the
// Admit of a sim.MasterOptions.
func (a Auth) Admit(w http.ResponseWriter, r *http.Request, realm string) (visible func(framework string) bool, ok bool) {
	if realm == sim.RealmReadOnly && !a.ReadOnly || realm == sim.RealmReadWrite && !a.ReadWrite {
		return nil, true
	}
	c, ok := a.find(r.Header.Get("Authorization"))
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+realm+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "401 Unauthorized.")
		return nil, false
	}
	if c.Frameworks == nil {
		return nil, true
	}
	return func(framework string) bool { return slices.Contains(c.Frameworks, framework) }, true
}

// find reads the header as Mesos does, not as RFC 7617 has it: the scheme is case-sensitive,
// and a secret cannot contain a colon.
func (a Auth) find(header string) (Credential, bool) {
	encoded, ok := strings.CutPrefix(header, "Basic ")
	if !ok {
		return Credential{}, false
	}
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Credential{}, false
	}
	parts := strings.Split(string(plain), ":")
	if len(parts) != 2 {
		return Credential{}, false
	}
	for _, c := range a.Credentials {
		if c.Principal == parts[0] && c.Secret == parts[1] {
			return c, true
		}
	}
	return Credential{}, false
}
