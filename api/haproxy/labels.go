package haproxy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of the labels of a port.
const (
	maxValue    = 4096 // bytes of a label
	maxGroups   = 16
	maxHosts    = 32
	maxPaths    = 16
	maxPath     = 256 // bytes
	maxNetworks = 64
	maxNotes    = 8
	maxQuoted   = 60 // characters of a label that a comment quotes
)

// Modes of a service.
const (
	modeHTTP = "http"
	modeTCP  = "tcp"
)

// serviceKey identifies a service.
type serviceKey struct {
	appKey
	index int // of the port
}

// service is a port of an app that HAProxy serves.
type service struct {
	key       serviceKey
	framework string // name
	since     uint32 // Instance.Since of the oldest instance
	instances int

	groups     []string
	hosts      []string // in lower case
	paths      []string // prefixes; none: all paths
	ignoreCase bool     // of paths
	port       uint16   // of a frontend of its own; 0: none
	bind       netip.Addr
	tls        bool // the frontend of its own expects TLS

	mode     string
	balance  string
	weight   int // rules of services with more weight come first
	sticky   bool
	redirect bool           // HTTP to HTTPS
	hsts     bool           // RFC 6797
	allowed  []netip.Prefix // clients; none: all
	check    healthCheck

	srv     string   // SRV records with the servers; empty: servers are listed
	servers []server // if srv is empty

	refused string   // why it is not served; empty if it is
	notes   []string // for comments
}

func (s *service) note(format string, args ...any) {
	if len(s.notes) < maxNotes {
		s.notes = append(s.notes, fmt.Sprintf(format, args...))
	}
}

// refuse takes the service out of the configuration.
func (s *service) refuse(format string, args ...any) {
	if s.refused == "" {
		s.refused = fmt.Sprintf(format, args...)
	}
}

// unserved are the labels of Marathon-LB that restrict who may connect, and that are
// not followed: ports with these are not served. Others are lines for the
// configuration; restricts matches those that restrict access.
var (
	unserved  = []string{"AUTH", "HTTP_BACKEND_NETWORK_ALLOWED_ACL", "TCP_BACKEND_NETWORK_ALLOWED_ACL", "USERLIST_HEAD"}
	restricts = regexp.MustCompile(`(?i)\b(deny|reject|auth|tarpit|silent-drop)\b`)
)

var portLabel = regexp.MustCompile(`^HAPROXY_([0-9]{1,2})_([A-Z0-9_]{1,60})$`)

// services reads the labels of an app. Ports that no label mentions are none.
func (a *app) services() []*service {
	var groups string
	var unknown []string
	ports := map[int]map[string]string{}
	for _, l := range a.labels {
		m := portLabel.FindStringSubmatch(l.Key)
		switch {
		case l.Key == "HAPROXY_GROUP":
			groups = l.Value
		case m == nil:
			unknown = append(unknown, l.Key)
		default:
			index, _ := strconv.Atoi(m[1]) // two digits
			if ports[index] == nil {
				ports[index] = map[string]string{}
			}
			if _, ok := ports[index][m[2]]; !ok { // the first counts
				ports[index][m[2]] = l.Value
			}
		}
	}
	slices.Sort(unknown)
	var list []*service
	for index, labels := range ports {
		s := &service{
			key: serviceKey{a.key, index}, framework: a.framework, since: a.oldest, instances: a.instances,
			balance: "roundrobin", check: defaultCheck(),
		}
		for _, key := range unknown {
			s.note("label %s is not known", quote(key))
		}
		s.read(labels, groups)
		if len(s.groups) == 0 || labels["ENABLED"] != "" && !isTrue(labels["ENABLED"]) {
			continue
		}
		a.connect(s)
		list = append(list, s)
	}
	return list
}

// connect finds the servers of a service.
func (a *app) connect(s *service) {
	if _, ok := a.ports[s.key.index]; !ok {
		s.refuse("there is no TCP port with the index %d", s.key.index)
		return
	}
	if s.srv = a.srvName(s.key.index); s.srv != "" {
		return
	}
	s.note("its servers are listed here, because no SRV records are those of this port alone: give the port a name of its own")
	if s.servers = a.sortedServers(s.key.index); len(s.servers) == 0 {
		s.refuse("nothing can connect to the port")
	}
}

// read reads the labels of a port.
func (s *service) read(labels map[string]string, groups string) {
	if own, ok := labels["GROUP"]; ok {
		groups = own
	}
	s.readGroups(groups)
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys) // notes have an order
	for _, key := range keys {
		value := labels[key]
		if len(value) > maxValue {
			s.refuse("label %s is longer than %d bytes", s.label(key), maxValue)
			continue
		}
		s.readLabel(key, strings.TrimSpace(value))
	}
	if s.mode == "" {
		if s.mode = modeTCP; len(s.hosts) > 0 {
			s.mode = modeHTTP
		}
	}
	if s.mode == modeTCP {
		if len(s.hosts) > 0 {
			s.note("%s has no effect in mode tcp", s.label("VHOST"))
			s.hosts = nil
		}
		if s.sticky || s.redirect || s.hsts {
			s.note("%s, %s and %s have no effect in mode tcp", s.label("STICKY"), s.label("REDIRECT_TO_HTTPS"), s.label("USE_HSTS"))
			s.sticky, s.redirect, s.hsts = false, false, false
		}
		if s.balance == "uri" {
			s.note("%s uri has no effect in mode tcp", s.label("BALANCE"))
			s.balance = "roundrobin"
		}
	}
	if len(s.hosts) == 0 && s.port == 0 {
		s.refuse("there is neither %s nor %s", s.label("VHOST"), s.label("PORT"))
	}
}

// label is the key of a label of the port.
func (s *service) label(name string) string { return fmt.Sprintf("HAPROXY_%d_%s", s.key.index, name) }

func (s *service) readGroups(value string) {
	for group := range strings.SplitSeq(shorten(value, maxValue), ",") {
		group = strings.TrimSpace(group)
		if group == "" || slices.Contains(s.groups, group) {
			continue
		}
		if len(s.groups) == maxGroups {
			s.note("%s names more than %d groups", s.label("GROUP"), maxGroups)
			return
		}
		s.groups = append(s.groups, group)
	}
}

func (s *service) readLabel(key, value string) {
	invalid := func(want string) string {
		return fmt.Sprintf("%s is %s: want %s", s.label(key), quote(value), want)
	}
	switch key {
	case "GROUP", "ENABLED":
	case "VHOST":
		s.readHosts(value)
	case "PATH":
		s.readPaths(value)
	case "PORT":
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			s.note("%s", invalid("a port number"))
			break
		}
		s.port = uint16(n)
	case "BIND_ADDR":
		a, err := netip.ParseAddr(value)
		if err != nil || a.Zone() != "" {
			s.refuse("%s", invalid("an IP address"))
			break
		}
		s.bind = a.Unmap()
	case "MODE":
		if s.mode = strings.ToLower(value); s.mode != modeHTTP && s.mode != modeTCP {
			s.refuse("%s", invalid("http or tcp"))
			s.mode = modeTCP
		}
	case "BALANCE":
		if !slices.Contains([]string{"roundrobin", "static-rr", "leastconn", "first", "source", "random", "uri"}, value) {
			s.note("%s", invalid("roundrobin, static-rr, leastconn, first, source, random or uri; it is balanced by roundrobin"))
			break
		}
		s.balance = value
	case "STICKY":
		s.sticky = isTrue(value)
	case "REDIRECT_TO_HTTPS":
		s.redirect = isTrue(value)
	case "USE_HSTS":
		s.hsts = isTrue(value)
	case "SSL_CERT":
		if s.tls = value != ""; s.tls {
			s.note("%s is %s; which certificate is used is decided by SNI", s.label(key), quote(value))
		}
	case "BACKEND_WEIGHT":
		n, err := strconv.Atoi(value)
		if err != nil || n < -1_000_000 || n > 1_000_000 {
			s.note("%s", invalid("a whole number"))
			break
		}
		s.weight = n
	case "BACKEND_NETWORK_ALLOWED_ACL":
		s.readNetworks(value)
	case "BACKEND_HTTP_HEALTHCHECK_OPTIONS", "BACKEND_TCP_HEALTHCHECK_OPTIONS":
		s.check.readBackend(s, key, value)
	case "BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS", "BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS":
		s.check.readServer(s, key, value)
	default:
		if slices.Contains(unserved, key) || restricts.MatchString(value) {
			s.refuse("label %s is not supported, and it may restrict access", s.label(key))
			break
		}
		s.note("label %s has no effect", s.label(key))
	}
}

func (s *service) readHosts(value string) {
	for host := range strings.SplitSeq(value, ",") {
		host = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(host), "."))
		switch {
		case host == "" || slices.Contains(s.hosts, host):
		case !isHost(host):
			s.note("%s names %s: want names of hosts", s.label("VHOST"), quote(host))
		case len(s.hosts) == maxHosts:
			s.note("%s names more than %d hosts", s.label("VHOST"), maxHosts)
			return
		default:
			s.hosts = append(s.hosts, host)
		}
	}
	slices.Sort(s.hosts)
}

// readPaths reads prefixes of paths, after the flag -i if their case does not
// matter. A port whose paths are wrong must not get all of them.
func (s *service) readPaths(value string) {
	fields := strings.Fields(value)
	if len(fields) > 0 && fields[0] == "-i" {
		s.ignoreCase = true
		fields = fields[1:]
	}
	if len(fields) > maxPaths {
		s.refuse("%s names more than %d paths", s.label("PATH"), maxPaths)
		return
	}
	for _, path := range fields {
		if path[0] != '/' || len(path) > maxPath || !consistsOf(path, isPathByte) {
			s.refuse("%s names %s: want prefixes of paths, of at most %d letters, digits and any of /-._~%%!&+,:;=@", s.label("PATH"), quote(path), maxPath)
			return
		}
		if s.ignoreCase {
			path = strings.ToLower(path)
		}
		s.paths = append(s.paths, path)
	}
	if slices.Contains(s.paths, "/") { // all
		s.paths = nil
	}
	slices.Sort(s.paths)
	s.paths = slices.Compact(s.paths)
}

// readNetworks reads who may connect. A mistake must not let in others.
func (s *service) readNetworks(value string) {
	for _, text := range strings.Fields(value) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil && a.Zone() == "" {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil || !p.IsValid() || len(s.allowed) == maxNetworks {
			s.refuse("%s is %s: want at most %d networks or IP addresses, separated by spaces", s.label("BACKEND_NETWORK_ALLOWED_ACL"), quote(value), maxNetworks)
			return
		}
		s.allowed = append(s.allowed, p.Masked())
	}
	if len(s.allowed) == 0 {
		s.refuse("%s is empty", s.label("BACKEND_NETWORK_ALLOWED_ACL"))
	}
}

func isTrue(value string) bool {
	return slices.Contains([]string{"true", "t", "yes", "y", "1"}, strings.ToLower(value))
}

// isHost reports whether s is the name of a host, in lower case (RFC 1123, section
// 2.1), or an IPv4 address. Underscores, which some use, are allowed.
func isHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || !consistsOf(label, isNameByte) {
			return false
		}
	}
	return true
}

func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

// isNameByte allows the bytes of host names, SRV names and dots.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// isPathByte allows the bytes of paths (RFC 3986, section 3.3) but for those that
// mean something in a configuration: quotes, parentheses, "$" and "*".
func isPathByte(c byte) bool {
	return isNameByte(c) || 'A' <= c && c <= 'Z' || strings.IndexByte("/~%!&+,:;=@", c) >= 0
}

// quote returns a text for a comment: without control characters, and not longer
// than can be read.
func quote(s string) string {
	if short := shorten(s, maxQuoted); short != s {
		return strconv.QuoteToASCII(short) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// shorten cuts a text after so many bytes.
func shorten(s string, most int) string { return s[:min(len(s), most)] }
