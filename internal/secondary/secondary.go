// Package secondary writes configurations of other DNS servers that carry copies of
// our zones: secondaries (RFC 9499, section 7).
//
// It imports nothing of the project: the caller says which zones, addresses and
// keys there are. Each kind of server has a file in templates, which says in
// comments what must not be forgotten.
package secondary

import (
	"embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"path"
	"slices"
	"strings"
	"text/template"
)

// Setup is what a configuration is made of.
type Setup struct {
	Zones   []string // names with the dot at the end
	Catalog string   // name of the catalog zone that lists them (RFC 9432), with the dot at the end; "" for none

	// Primaries are the addresses of our servers, in the order of preference. Several
	// servers must have numbers of their own (primaryNumber).
	Primaries []netip.AddrPort
	Key       *Key // that transfers are signed with; nil for none

	// Downstream are further secondaries, which get the zones from this one. Those that
	// cannot sign are allowed by their address.
	Downstream []netip.AddrPort

	Listen netip.AddrPort // where the secondary answers
	Dir    string         // where it keeps its files; "" is the default of the kind
}

// Key is a TSIG key (RFC 8945).
type Key struct {
	Name      string // with the dot at the end
	Algorithm string // such as hmac-sha256
	Secret    []byte
}

// Base64 is the secret as configurations have it.
func (k *Key) Base64() string { return base64.StdEncoding.EncodeToString(k.Secret) }

// kind is a kind of server.
type kind struct {
	name    string
	program string // as people know it
	dir     string // default for files
	catalog bool   // it can read a catalog zone
	tsig    bool   // it can sign requests for transfers
	serves  bool   // it can give the zones to others
}

var kinds = []kind{
	{name: "bind", program: "BIND 9.18", dir: "/var/cache/bind", catalog: true, tsig: true, serves: true},
	{name: "coredns", program: "CoreDNS", dir: "/var/lib/coredns"},
	{name: "knot", program: "Knot DNS 3.2", dir: "/var/lib/knot", catalog: true, tsig: true, serves: true},
	{name: "nsd", program: "NSD 4.6", dir: "/var/lib/nsd", tsig: true, serves: true},
	{name: "powerdns", program: "PowerDNS Authoritative Server 4.7", dir: "/var/lib/powerdns", tsig: true, serves: true},
	{name: "unbound", program: "Unbound 1.17", dir: "/var/lib/unbound"},
	{name: "yadifa", program: "YADIFA 2.6", dir: "/var/lib/yadifa", tsig: true, serves: true},
}

// Kinds are the names of the servers for which there is a configuration.
func Kinds() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Signs reports whether a kind of server can sign requests for transfers.
func Signs(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name && k.tsig })
}

//go:embed templates
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"bare":    func(name string) string { return strings.TrimSuffix(name, ".") },
	"file":    fileName,
	"port":    func(a netip.AddrPort) uint16 { return a.Port() },
	"isIPv6":  func(a netip.AddrPort) bool { return a.Addr().Is6() },
	"private": isPrivateReverse,
}).ParseFS(files, "templates/*"))

// Write writes the configuration of a kind of server. The error of an unknown kind
// lists those that are known.
func Write(w io.Writer, name string, s Setup) error {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return fmt.Errorf("%q is none of %s", name, strings.Join(Kinds(), ", "))
	}
	k := kinds[i]
	if s.Dir == "" {
		s.Dir = k.dir
	}
	if !k.catalog {
		s.Catalog = ""
	}
	if s.Key != nil && !k.tsig {
		return fmt.Errorf("%s cannot sign requests for transfers: allow it by its address, in transferAllow", k.program)
	}
	if len(s.Downstream) > 0 && !k.serves {
		return fmt.Errorf("%s cannot give the zones to further secondaries", k.program)
	}
	if len(s.Primaries) == 0 || len(s.Zones) == 0 {
		return fmt.Errorf("there are no zones, or no addresses of a primary")
	}
	return templates.ExecuteTemplate(w, k.name+".tmpl", struct {
		Setup
		Program string
	}{s, k.program})
}

// fileName is the name of a file for a zone. Names of zones have no characters that
// are special in paths, but for dots.
func fileName(zone string) string {
	return path.Clean("/" + strings.TrimSuffix(zone, "."))[1:] + ".zone"
}

// isPrivateReverse reports whether a zone has reverse names of addresses for which
// resolvers answer by themselves (RFC 6303).
func isPrivateReverse(zone string) bool {
	return strings.HasSuffix(zone, ".in-addr.arpa.") || strings.HasSuffix(zone, ".ip6.arpa.")
}
