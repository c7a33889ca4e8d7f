package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// TSIGKey is a secret that is shared with secondaries (RFC 8945).
type TSIGKey struct {
	Algorithm  string `json:"algorithm"`            // one of tsigAlgorithms
	Secret     Secret `json:"secret"`               // the bytes themselves, not in base64
	SecretFile string `json:"secretFile,omitempty"` // that Secret was read from; "": the settings have it
}

// Format prints the fields, with stars for the secret.
func (k TSIGKey) Format(f fmt.State, verb rune) {
	type plain TSIGKey
	formatPlain(f, verb, plain(k))
}

// tsigAlgorithms are the algorithms of TSIG keys; the first is the default.
var tsigAlgorithms = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"}

const (
	// minTSIGSecret is the size of a secret in bytes below which a warning is given:
	// shorter ones can be guessed (RFC 2104 section 3, RFC 8945 section 8).
	minTSIGSecret = 16

	// maxTSIGSecret is the size limit of a file with a secret, in bytes.
	maxTSIGSecret = 4 << 10

	tsigKeyExample = `something like {"algorithm": "hmac-sha256", "secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="}`
)

// knownAlgorithm matches names of algorithms, among them those that are not supported.
// An error may show such a name: it is no secret in the wrong place.
var knownAlgorithm = regexp.MustCompile(`^(hmac[-_]?)?(md5|sha[-_]?[0-9]{1,3})(\.sig-alg\.reg\.int)?$`)

// tsigKeys parses tsigKeys. No error shows a value that may be a secret.
func (c *Config) tsigKeys(raw any, at position) (map[string]TSIGKey, bool) {
	at.secret = true
	return mapOf(c.tsigKey, `{"secondary.example": {"algorithm": "hmac-sha256", "secret": "…"}}`)(raw, at)
}

// tsigKey parses a member of tsigKeys.
func (c *Config) tsigKey(raw any, at position) (k TSIGKey, ok bool) {
	members, ok := toMap(raw, false)
	if !ok {
		return k, at.reject(raw, "is not an object", tsigKeyExample)
	}
	k.Algorithm = tsigAlgorithms[0]
	var encoded string
	given := 0
	for _, key := range sortedKeys(members) {
		value, isText := members[key].(string)
		value = strings.TrimSpace(value)
		switch member := strings.ToLower(key); {
		case member != "algorithm" && member != "secret" && member != "secretfile":
			return k, at.reject(raw, "has an unknown member", "algorithm, secret or secretFile")
		case !isText || value == "":
			return k, at.reject(raw, "has a member that is empty or not a string", tsigKeyExample)
		case member == "algorithm":
			k.Algorithm = strings.TrimSuffix(strings.ToLower(value), ".")
		case member == "secretfile":
			k.SecretFile = value
			given++
		default:
			encoded = value
			given++
		}
	}
	if !slices.Contains(tsigAlgorithms, k.Algorithm) {
		problem := "has an unknown algorithm"
		if knownAlgorithm.MatchString(k.Algorithm) {
			problem = fmt.Sprintf("has the algorithm %q, which is not supported", k.Algorithm)
		}
		return k, at.reject(raw, problem, "one of "+strings.Join(tsigAlgorithms, ", "))
	}
	switch given {
	case 0:
		return k, at.reject(raw, "has no secret", "secret, or secretFile with the name of a file")
	case 2:
		return k, at.reject(raw, "has both secret and secretFile", "one of them")
	}
	if k.SecretFile != "" {
		if !filepath.IsAbs(k.SecretFile) && c.File != "" {
			k.SecretFile = filepath.Join(filepath.Dir(c.File), k.SecretFile)
		}
		data, err := readLimited(k.SecretFile, maxTSIGSecret)
		if err != nil {
			return k, at.reject(raw, "has a secretFile that cannot be read: "+err.Error(), "a file with the secret in base64")
		}
		encoded = strings.TrimSpace(string(data))
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) == 0 {
		return k, at.reject(raw, "has a secret that is not base64", "the output of: openssl rand -base64 32")
	}
	k.Secret = Secret(secret)
	return k, true
}

// TransferRule is an item of transferAllow: clients that meet all conditions may
// have the zones.
type TransferRule struct {
	Network netip.Prefix // that the client is in; the zero value is any
	Key     string       // of tsigKeys, that the query is signed with; "": any, or none
	TLS     bool         // over tlsListen (RFC 9103)
	Cert    string       // a name in a certificate that tlsClientCAFile verifies, in lower case; "*": any; "": none is needed
}

// String returns the rule as it is written, such as "10.0.0.0/8 key:NAME".
func (r TransferRule) String() string {
	var parts []string
	if r.Network.IsValid() {
		parts = append(parts, r.Network.String())
	}
	if r.Key != "" {
		parts = append(parts, "key:"+r.Key)
	}
	if r.TLS {
		parts = append(parts, "tls")
	}
	if r.Cert != "" {
		parts = append(parts, "cert:"+r.Cert)
	}
	return strings.Join(parts, " ")
}

// MarshalText returns String.
func (r TransferRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// transferRule parses an item of transferAllow.
func transferRule(raw any, at position) (r TransferRule, ok bool) {
	s, ok := text(raw, at)
	if !ok {
		return r, false
	}
	const example = `something like "10.0.0.0/8", "key:NAME", "tls", "cert:NAME", or several of them, such as "10.0.0.0/8 key:NAME"`
	for word := range strings.FieldsSeq(s) {
		key, isKey := strings.CutPrefix(word, "key:")
		cert, isCert := strings.CutPrefix(word, "cert:")
		switch {
		case word == "tls" && !r.TLS:
			r.TLS = true
		case isCert && r.Cert == "":
			if cert == "" {
				return r, at.reject(raw, "has a certificate without a name", `"cert:NAME", or "cert:*" for any`)
			}
			r.Cert = strings.ToLower(cert)
		case isKey && r.Key == "":
			name, problem := normalName(key, maxName, true)
			if problem != "" {
				return r, at.reject(raw, "has a key that is not a domain name: "+problem, example)
			}
			r.Key = name
		case !isKey && !isCert && word != "tls" && !r.Network.IsValid():
			if r.Network, ok = network(word, at); !ok {
				return r, false
			}
		default:
			return r, at.reject(raw, "has two networks, keys or certificates", example)
		}
	}
	if r == (TransferRule{}) {
		return r, at.reject(raw, "is empty", example)
	}
	return r, true
}

// catalogName parses catalogZone.
func catalogName(raw any, at position) (string, bool) {
	if s, ok := raw.(string); ok && strings.TrimSpace(s) == "" {
		return "", true
	}
	return domainName(maxName-len("unique-id-of-24-characters.zones."), true)(raw, at)
}

// checkTransfers rejects keys that are missing, and a catalog zone that is hidden by
// another one.
func (l *loader) checkTransfers() {
	c := l.config
	if l.valid("tsigKeys", "transferAllow") {
		for i, r := range c.TransferAllow {
			if _, known := c.TSIGKeys[r.Key]; r.Key != "" && !known {
				at := position{key: l.label("transferAllow"), errs: &l.errs}
				at.item(i).reject(r.String(), "names a key that is not in tsigKeys", "a key of tsigKeys")
			}
		}
		l.warnOfUnusableRules()
		for _, name := range slices.Sorted(maps.Keys(c.TSIGKeys)) {
			if len(c.TSIGKeys[name].Secret) < minTSIGSecret {
				l.warn(l.label("tsigKeys"), fmt.Sprintf("the secret of %s is shorter than %d bytes and could be guessed", name, minTSIGSecret))
			}
		}
	}
	if c.PrimaryNumber > c.PrimaryCount && l.valid("primaryNumber", "primaryCount") {
		at := position{key: l.label("primaryNumber"), errs: &l.errs}
		at.reject(c.PrimaryNumber, "is more than primaryCount", fmt.Sprintf("a number from 1 to %d, or a larger primaryCount", c.PrimaryCount))
	}
	if _, given := c.sources["primaryNumber"]; !given && c.PrimaryCount > 1 && l.valid("primaryNumber", "primaryCount") {
		l.warn(l.label("primaryCount"), fmt.Sprintf("primaryNumber is not set: this is number 1 of %d, and each of the others has to have another number", c.PrimaryCount))
	}
	if c.CatalogZone == "" || !l.valid("catalogZone") {
		return
	}
	if len(c.TransferAllow) == 0 && l.valid("transferAllow") {
		l.warn(l.label("catalogZone"), "nobody may have it: transferAllow is empty")
	}
	at := position{key: l.label("catalogZone"), errs: &l.errs}
	if key, zone := l.ownZone(c.CatalogZone); key != "" {
		at.reject(c.CatalogZone, "is within "+key, "a name outside "+zone)
	}
	for alias := range c.Aliases {
		if within(c.CatalogZone, alias) && l.valid("aliases") {
			at.reject(c.CatalogZone, "is within an alias", "a name outside "+alias)
			break
		}
	}
	if !c.ReverseDNSOn || !l.valid("ReverseDnsOn", "reverseZones") {
		return
	}
	for _, zone := range c.ReverseZoneNames() {
		if within(c.CatalogZone, zone) {
			at.reject(c.CatalogZone, "is within reverseZones", "a name outside "+zone)
			break
		}
	}
}

// warnOfUnusableRules warns of rules that no client can meet. They are no errors,
// because transferAllow can change without a restart, and tlsListen cannot.
func (l *loader) warnOfUnusableRules() {
	c := l.config
	for _, r := range c.TransferAllow {
		switch {
		case (r.TLS || r.Cert != "") && len(c.TLSListen) == 0 && l.valid("tlsListen"):
			l.warn(l.label("transferAllow"), fmt.Sprintf("%q allows nobody: tlsListen is not set", r))
		case r.Cert != "" && c.TLSClientCAFile == "" && l.valid("tlsClientCAFile"):
			l.warn(l.label("transferAllow"), fmt.Sprintf("%q allows nobody: tlsClientCAFile is not set", r))
		}
	}
}
