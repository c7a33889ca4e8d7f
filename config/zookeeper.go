package config

import (
	"strings"
	"unicode"
)

// zkPort is the default port of ZooKeeper.
const zkPort = 2181

// ZooKeeper is where the masters elect their leader, the setting zk. It is
// written as in the masters' own flag --zk:
// zk://[user:password@]host[:port][,host[:port]…]/path. The zero value stands for
// an absent setting.
type ZooKeeper struct {
	User     string
	Password Secret
	Servers  []HostPort
	Path     string // the znode of the election, such as /mesos
}

// IsZero tells whether the setting is absent.
func (z ZooKeeper) IsZero() bool { return len(z.Servers) == 0 }

// String returns the address with stars for the password.
func (z ZooKeeper) String() string {
	if z.IsZero() {
		return ""
	}
	var b strings.Builder
	b.WriteString("zk://")
	if z.User != "" || z.Password != "" {
		b.WriteString(z.User + ":" + z.Password.String() + "@")
	}
	for i, s := range z.Servers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.String())
	}
	b.WriteString(z.Path)
	return b.String()
}

// MarshalText returns String.
func (z ZooKeeper) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// ParseZooKeeper reads an address such as zk://host:port/mesos. The error never shows
// it, for it may hold a password.
func ParseZooKeeper(s string) (ZooKeeper, error) {
	var errs Errors
	if z, ok := zkAddress(s, position{key: "zk", errs: &errs}); ok {
		return z, nil
	}
	return ZooKeeper{}, errs
}

// zkAddress parses zk. Its errors never show the value: any part of a malformed
// one may be the password.
func zkAddress(raw any, at position) (ZooKeeper, bool) {
	at.secret = true
	s, ok := text(raw, at)
	if !ok || s == "" {
		return ZooKeeper{}, ok
	}
	const want = "something like zk://10.0.0.1:2181,10.0.0.2:2181/mesos"
	rest, ok := strings.CutPrefix(s, "zk://")
	if !ok {
		return ZooKeeper{}, at.reject(raw, "does not begin with zk://", want)
	}
	var z ZooKeeper
	// The last @ ends the credentials, for a password may hold one.
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, ok := strings.Cut(rest[:i], ":")
		if !ok {
			return ZooKeeper{}, at.reject(raw, "has credentials that are not user:password", want)
		}
		z.User, z.Password, rest = user, Secret(password), rest[i+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if z.Path = "/" + strings.Trim(path, "/"); z.Path == "/" {
		return ZooKeeper{}, at.reject(raw, "names no path", want)
	}
	// After the first slash, ZooKeeper and Mesos take all for the path, further servers too.
	if _, after, ok := strings.Cut(path, ","); ok && strings.ContainsAny(after, ":/") {
		return ZooKeeper{}, at.reject(raw, "goes on with servers after the path", want+", with the path once, at the end")
	}
	for part := range strings.SplitSeq(z.Path[1:], "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, unicode.IsControl) {
			return ZooKeeper{}, at.reject(raw, "names a path that ZooKeeper does not allow", want)
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		server, problem := parseHostPort(strings.TrimSpace(host), zkPort)
		if problem != "" {
			return ZooKeeper{}, at.reject(raw, "names a server that is not host:port", want)
		}
		z.Servers = append(z.Servers, server)
	}
	return z, true
}
