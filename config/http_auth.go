package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"toponym/internal/nearest"
)

// HTTPAccess says who may read a part of the HTTP API: who has one of the tokens,
// or one of the client certificates, or an address in one of the networks. Where
// all are empty, nobody may.
type HTTPAccess struct {
	Tokens     []Secret       `json:"tokens,omitempty"`     // bearer tokens (RFC 6750)
	TokenFiles []string       `json:"tokenFiles,omitempty"` // with a bearer token in each line
	Clients    []string       `json:"clients,omitempty"`    // names in verified client certificates, in lower case; "*": any name
	Networks   []netip.Prefix `json:"networks,omitempty"`
}

// Format prints the fields, with stars for the tokens.
func (a HTTPAccess) Format(f fmt.State, verb rune) {
	type plain HTTPAccess
	formatPlain(f, verb, plain(a))
}

// hasTokens reports whether there may be tokens.
func (a HTTPAccess) hasTokens() bool { return len(a.Tokens)+len(a.TokenFiles) > 0 }

// minToken is the length of the shortest token. Nothing keeps clients from trying
// others, so a short one could be found.
const minToken = 16

// maxTokenFile bounds a file of tokens, in bytes.
const maxTokenFile = 1 << 20

var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// checkToken returns what is wrong with a token. Its characters are those of
// RFC 6750, section 2.1.
func checkToken(token string) (problem string) {
	if len(token) < minToken {
		return fmt.Sprintf("is shorter than %d characters", minToken)
	}
	if !bearerToken.MatchString(token) {
		return "has a character that a bearer token cannot have (RFC 6750)"
	}
	return ""
}

// ReadTokens returns the tokens of the settings and those in the token files, which
// are read. Empty lines and those that begin with # do not count. An error names
// the file and the line, and shows no token.
func (a HTTPAccess) ReadTokens() ([]Secret, error) {
	tokens := slices.Clone(a.Tokens)
	var errs []error
	for _, file := range a.TokenFiles {
		data, err := readLimited(file, maxTokenFile)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			token := strings.TrimSpace(line)
			if token == "" || token[0] == '#' {
				continue
			}
			if problem := checkToken(token); problem != "" {
				errs = append(errs, fmt.Errorf("%s:%d: %s", file, n, problem))
				continue
			}
			tokens = append(tokens, Secret(token))
		}
	}
	return tokens, errors.Join(errs...)
}

// httpPaths are the paths of the HTTP API that a rule may be for, without names in
// them. The paths above them are known too.
var httpPaths = []string{
	"/agent", "/app", "/changes", "/forwarding", "/framework", "/metrics", "/secondaries", "/settings", "/task", "/warnings",
	"/v1/axfr", "/v1/config", "/v1/enumerate", "/v1/explain", "/v1/hosts", "/v1/instances", "/v1/lookup", "/v1/openapi.json", "/v1/records",
	"/v1/sd/haproxy", "/v1/sd/prometheus", "/v1/sd/traefik", "/v1/services", "/v1/status", "/v1/status/trends", "/v1/top", "/v1/version", "/v1/vips", "/v1/watch",
}

// problemOfPath returns why a rule for a path protects nothing, "" where it does.
func problemOfPath(prefix string) string {
	switch {
	case prefix == "/healthz" || prefix == "/readyz":
		return "always answers, so this rule has no effect"
	case prefix == "/":
		return ""
	}
	for _, p := range httpPaths {
		// A rule may also be for a single name, such as /v1/hosts/web.mesos.
		if prefix == p || strings.HasPrefix(p, prefix+"/") || strings.HasPrefix(prefix, p+"/") {
			return ""
		}
	}
	problem := "is not a path of the HTTP API, so this rule protects nothing"
	if guess := nearest.Word(prefix, httpPaths, min(3, len(prefix)/4)); guess != "" {
		problem += "; did you mean " + guess + "?"
	}
	return problem
}

const httpAuthExample = `something like {"/v1/axfr": {"tokenFiles": ["axfr.token"], "networks": ["127.0.0.0/8"]}}`

// httpAuth parses the setting of that name.
func (c *Config) httpAuth(raw any, at position) (map[string]HTTPAccess, bool) {
	at.secret = true // users may put a token anywhere
	members, ok := toMap(raw, at.env)
	if !ok {
		return nil, at.reject(raw, "is not a map", httpAuthExample)
	}
	at.env = false // a variable holds JSON: its lists are lists
	result := make(map[string]HTTPAccess, len(members))
	before := len(*at.errs)
	for _, prefix := range sortedKeys(members) {
		in := at.member(prefix)
		if prefix == "" || prefix[0] != '/' || path.Clean(prefix) != prefix {
			in.reject(nil, "is not a path", `something like "/v1/axfr", without a slash at the end, or "/" for all`)
			continue
		}
		if access, ok := c.httpAccess(members[prefix], in); ok {
			result[prefix] = access
		}
	}
	return result, len(*at.errs) == before
}

// httpAccess parses who may read a path.
func (c *Config) httpAccess(raw any, at position) (a HTTPAccess, ok bool) {
	members, ok := toMap(raw, false)
	if !ok {
		return a, at.reject(raw, "is not an object", httpAuthExample)
	}
	token := func(raw any, at position) (Secret, bool) {
		s, ok := secret(raw, at)
		if problem := checkToken(s.Reveal()); ok && problem != "" {
			return "", at.reject(raw, problem, "a long random text")
		}
		return s, ok
	}
	client := func(raw any, at position) (string, bool) {
		s, ok := text(raw, at)
		if ok && s == "" {
			return "", at.reject(raw, "is empty", `the name in a client certificate, or "*" for any`)
		}
		return strings.ToLower(s), ok
	}
	before := len(*at.errs)
	for _, key := range sortedKeys(members) {
		in, value := at.member(key), members[key]
		switch strings.ToLower(key) {
		case "tokens":
			a.Tokens, _ = listOf(token, `["a long random text"]`)(value, in)
		case "tokenfiles":
			a.TokenFiles, _ = listOf(c.besideConfigFile, `["axfr.token"]`)(value, in)
		case "clients":
			a.Clients, _ = listOf(client, `["ns2.example.com"]`)(value, in)
		case "networks":
			a.Networks, _ = listOf(network, `["10.0.0.0/8"]`)(value, in)
		default:
			in.reject(nil, "is not known", "tokens, tokenFiles, clients or networks")
		}
	}
	return a, len(*at.errs) == before
}

// checkHTTPAuth applies the rules that httpAuth has with other settings.
func (l *loader) checkHTTPAuth() {
	c := l.config
	if !l.valid("httpAuth") {
		return
	}
	tokens := false
	for _, prefix := range slices.Sorted(maps.Keys(c.HTTPAuth)) {
		access := c.HTTPAuth[prefix]
		tokens = tokens || access.hasTokens()
		at := position{key: l.label("httpAuth")}.member(prefix)
		if problem := problemOfPath(prefix); problem != "" {
			l.warn(at.key, problem)
		}
		if _, err := access.ReadTokens(); err != nil {
			for line := range strings.Lines(err.Error()) {
				l.errs = append(l.errs, Error{Key: at.key, Problem: "has a token file that cannot be used: " + strings.TrimSpace(line)})
			}
		}
		if len(access.Clients) > 0 && (len(c.HTTPSListen) == 0 || c.HTTPSClientCAFile == "") && l.valid("httpsListen", "httpsClientCAFile") {
			l.errs = append(l.errs, Error{Key: at.key, Problem: "has clients while httpsListen or httpsClientCAFile is missing", Want: "both, because certificates of clients are verified with them"})
		}
	}
	if tokens && c.HTTPOn && len(c.HTTPSListen) == 0 && !c.HTTPListener.IsLoopback() && l.valid("httpon", "httpsListen", "HTTPListener") {
		l.warn("httpAuth", fmt.Sprintf("tokens are sent unencrypted over HTTP on %v: set httpsListen, or serve HTTP on a loopback address", c.HTTPListener))
	}
}
