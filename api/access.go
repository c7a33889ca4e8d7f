package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"toponym/internal/handshake"
)

// Access says who may read the paths that begin with one: who has one of the
// tokens, one of the client certificates, or an address in one of the networks.
// Where all are nil, nobody may.
type Access struct {
	// Path is such as "/v1/axfr". The rule is for this path and all below it, except
	// those for which there is a rule with a longer path.
	Path string
	// Tokens returns the bearer tokens (RFC 6750) of the moment. Nil if tokens are
	// not accepted.
	Tokens func() []TokenHash
	// Clients are names in client certificates, in lower case: their common name, or
	// a DNS name, an IP address, a mail address or a URI of them. "*" is any name.
	// Only certificates that were verified in the handshake count.
	Clients []string
	// Networks are those of the clients as the connections have them, which behind a
	// proxy are all those of the proxy.
	Networks []netip.Prefix
}

// protectedPath tells who asks what. Where no rule is for it, it is for clients on the
// same machine alone: addresses of clients with what they ask are personal data, and
// nobody who has protected nothing has thought of it.
const protectedPath = "/v1/top"

// withDefaultAccess adds the rule for protectedPath, if there is none.
func withDefaultAccess(rules []Access) []Access {
	if accessOf(rules, protectedPath) != nil {
		return rules
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return append(slices.Clip(rules), Access{Path: protectedPath, Networks: loopback})
}

// TokenHash stands for a bearer token. That all have the same length lets them be
// compared in a time that does not depend on how much of them is right.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a bearer token.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// Always open: probes have no tokens, and learn nothing else.
var openPaths = []string{"/healthz", "/readyz"}

// permission is the result for a request.
type permission int

const (
	permitted permission = iota
	tokenMissing
	tokenWrong
	forbidden // and no token would help
)

// SetAccess replaces Options.Access. Answers that have begun go on.
func (s *Server) SetAccess(rules []Access) {
	rules = withDefaultAccess(rules)
	s.access.Store(&rules)
}

// authorized answers with next what the client of a request may read, and other
// requests with 401 or 403. The route is looked up for the count of requests.
func (s *Server) authorized(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := accessOf(*s.access.Load(), r.URL.Path)
		if a == nil {
			mux.ServeHTTP(w, r)
			return
		}
		result := a.check(r)
		if result != permitted {
			_, r.Pattern = mux.Handler(r)
		}
		switch result {
		case permitted:
			mux.ServeHTTP(w, r)
		case tokenMissing:
			w.Header().Set("WWW-Authenticate", `Bearer realm="toponym"`)
			s.writeError(w, http.StatusUnauthorized, a.Path+" needs a bearer token that this server knows (setting httpAuth)")
		case tokenWrong:
			w.Header().Set("WWW-Authenticate", `Bearer realm="toponym", error="invalid_token"`)
			s.writeError(w, http.StatusUnauthorized, "this server does not know the bearer token for "+a.Path+" (setting httpAuth)")
		default:
			s.writeError(w, http.StatusForbidden, a.Path+" may not be read from this address or with this client certificate (setting httpAuth)")
		}
	})
}

// accessOf returns the rule for a path, or nil if it is open.
//
// The path is taken as it is, unescaped: a route of the mux that serves it begins
// with the same text. Paths such as "/v1//axfr" are redirected by the mux.
func accessOf(rules []Access, requested string) (found *Access) {
	if slices.Contains(openPaths, strings.TrimSuffix(requested, "/")) {
		return nil
	}
	for i := range rules {
		a := &rules[i]
		below := strings.TrimSuffix(a.Path, "/") + "/"
		if (requested == a.Path || strings.HasPrefix(requested, below)) && (found == nil || len(a.Path) > len(found.Path)) {
			found = a
		}
	}
	return found
}

func (a *Access) check(r *http.Request) permission {
	if a.fromNetwork(r.RemoteAddr) || a.hasCertificate(r) {
		return permitted
	}
	if a.Tokens == nil {
		return forbidden
	}
	token, given := bearerToken(r)
	switch {
	case !given:
		return tokenMissing
	case !known(a.Tokens(), token):
		return tokenWrong
	}
	return permitted
}

func (a *Access) fromNetwork(remote string) bool {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := p.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(a.Networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func (a *Access) hasCertificate(r *http.Request) bool {
	if len(a.Clients) == 0 {
		return false
	}
	names := handshake.ClientNames(r.TLS)
	if slices.Contains(a.Clients, "*") {
		return len(names) > 0
	}
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(a.Clients, name) })
}

// bearerToken returns the token of a request (RFC 6750, section 2.1).
func bearerToken(r *http.Request) (token string, given bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", false
	}
	return token, true
}

// known reports whether a token is one of some. It always compares with all.
func known(tokens []TokenHash, token string) bool {
	hash := HashToken(token)
	found := 0
	for i := range tokens {
		found |= subtle.ConstantTimeCompare(tokens[i][:], hash[:])
	}
	return found == 1
}
