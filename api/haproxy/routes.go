package haproxy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A host and a port belong to the framework that was seen with them first, as long
// as it has an app that uses them, and for reservedFor after that. Within the
// framework, the app that was seen first has each path of a host and each port.

// plan is who is served, and by what.
type plan struct {
	backends []*backend // sorted by name
	rules    []rule     // in the order in which they are tried
	ports    []*backend // those with a port of their own, sorted by it
	unserved []string   // comments, sorted
}

// backend is a service with a place in the configuration.
type backend struct {
	*entry
	name      string
	conflicts []string // comments
	sameSRV   *backend // another service with the same SRV records; nil if there is none
	routed    bool     // some rule leads to it
	hasPort   bool     // it has the port
}

// rule leads requests for some hosts to a backend.
type rule struct {
	backend *backend
	path    string // a prefix; "": all
	hosts   []string
}

// planner assigns hosts, paths, ports and names.
type planner struct {
	o       *Options
	owners  map[string]string // frameworks by resource
	names   map[string]bool
	taken   map[string]*backend // by route and port
	slots   int
	slotsBy map[string]int // by framework

	routes   int
	routesBy map[string]int
}

// plan decides who is served.
func (t *Table) plan(o *Options) plan {
	p := planner{o: o, owners: t.owners(o.Groups), names: map[string]bool{}, taken: map[string]*backend{}, slotsBy: map[string]int{}, routesBy: map[string]int{}}
	var result plan
	for _, e := range t.ofGroups(o.Groups) {
		b, reason := p.place(e)
		if reason != "" {
			if e.live {
				result.unserved = append(result.unserved, fmt.Sprintf("%s: %s", e.describe(), reason))
			}
			continue
		}
		result.backends = append(result.backends, b)
		result.rules = append(result.rules, p.rules(b)...)
		if b.hasPort {
			result.ports = append(result.ports, b)
		}
	}
	if t.excess > 0 {
		result.unserved = append(result.unserved, fmt.Sprintf("%d more ports: there are more than %d, or %d of one framework", t.excess, maxServices, maxOfOne))
	}
	slices.Sort(result.unserved)
	slices.SortFunc(result.backends, func(a, b *backend) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(result.ports, func(a, b *backend) int { return cmp.Compare(a.port, b.port) })
	slices.SortFunc(result.rules, compareRules)
	return result
}

// place makes the backend of a service, or says why it has none.
func (p *planner) place(e *entry) (*backend, string) {
	b := &backend{entry: e}
	if e.refused != "" {
		return nil, e.refused
	}
	slots := e.slots
	if e.srv == "" {
		slots = len(e.servers)
	}
	if p.slots+slots > allSlots || p.slotsBy[e.key.framework]+slots > slotsOfOne {
		return nil, fmt.Sprintf("there are more than %d servers, or %d of one framework", allSlots, slotsOfOne)
	}
	if reason := p.takePort(b); reason != "" {
		// What the port is refused for may be what protects it.
		if len(b.hosts) == 0 || b.bind.IsValid() {
			return nil, reason
		}
		b.conflict("%s", reason)
	}
	p.takeRoutes(b)
	if !b.hasPort && !b.routed {
		return nil, strings.Join(b.conflicts, "; ")
	}
	if e.srv != "" {
		if b.sameSRV = p.taken["srv "+e.srv]; b.sameSRV == nil {
			p.taken["srv "+e.srv] = b
		}
	}
	p.slots += slots
	p.slotsBy[e.key.framework] += slots
	b.name = p.name(e.service)
	return b, ""
}

// takePort takes the port of a service, or says why it cannot have it.
func (p *planner) takePort(b *backend) string {
	if b.port == 0 {
		return ""
	}
	resource := portResource(b.port)
	switch {
	case !p.o.allowsPort(b.port):
		return fmt.Sprintf("port %d is not one of %s (setting haproxyPorts), or HAProxy uses it itself", b.port, p.o.portList())
	case b.bind.IsValid() && !slices.Contains(p.o.BindAddrs, b.bind):
		return fmt.Sprintf("address %s is none of the setting haproxyBindAddresses", b.bind)
	case b.tls && p.o.Certificates == "":
		return fmt.Sprintf("%s asks for TLS, but there are no certificates: give them to the command with -certs", b.label("SSL_CERT"))
	case p.owners[resource] != b.key.framework:
		return fmt.Sprintf("%s belongs to the framework %s", resource, quote(p.owners[resource]))
	case p.taken[resource] != nil:
		return fmt.Sprintf("%s belongs to %s", resource, p.taken[resource].describe())
	}
	p.taken[resource] = b
	b.hasPort = true
	return ""
}

// takeRoutes takes the hosts and paths of a service that it can have.
func (p *planner) takeRoutes(b *backend) {
	routes := 0
	for _, host := range b.hosts {
		owner, ok := p.owners[hostResource(host)]
		switch {
		case !ok:
			b.conflict("host %s: there are more than %d hosts and ports, or %d of one framework", host, maxClaims, claimsOfOne)
			continue
		case owner != b.key.framework:
			b.conflict("host %s belongs to the framework %s", host, quote(owner))
			continue
		}
		for _, path := range b.prefixes() {
			if have := p.taken[route(host, path)]; have != nil {
				b.conflict("host %s%s belongs to %s", host, shorten(path, maxQuoted), have.describe())
				continue
			}
			if routes == maxRoutes || p.routes == allRoutes || p.routesBy[b.key.framework] == routesOfOne {
				b.conflict("there are more than %d paths of hosts: %d of one port, or %d of one framework", allRoutes, maxRoutes, routesOfOne)
				return
			}
			routes, p.routes = routes+1, p.routes+1
			p.routesBy[b.key.framework]++
			p.taken[route(host, path)] = b
			b.routed = true
		}
	}
}

// conflict notes what a service cannot have.
func (b *backend) conflict(format string, args ...any) {
	if len(b.conflicts) < maxConflicts {
		b.conflicts = append(b.conflicts, fmt.Sprintf(format, args...))
	}
}

// prefixes returns the paths of a service, "" for all.
func (s *service) prefixes() []string {
	if len(s.paths) == 0 {
		return []string{""}
	}
	return s.paths
}

// route identifies a path of a host. Whether case matters makes no difference.
func route(host, path string) string { return "route " + host + strings.ToLower(path) }

// rules returns the rules that lead to a backend.
func (p *planner) rules(b *backend) (list []rule) {
	for _, path := range b.prefixes() {
		r := rule{backend: b, path: path}
		for _, host := range b.hosts {
			if p.taken[route(host, path)] == b {
				r.hosts = append(r.hosts, host)
			}
		}
		if len(r.hosts) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// compareRules orders rules: by weight, then the longer path first.
func compareRules(a, b rule) int {
	return cmp.Or(
		cmp.Compare(b.backend.weight, a.backend.weight),
		cmp.Compare(len(b.path), len(a.path)),
		strings.Compare(a.path, b.path),
		strings.Compare(a.backend.name, b.backend.name),
	)
}

// name returns a name for the backend that nothing else has: framework, app and
// port. A hash tells those apart that would be the same.
func (p *planner) name(s *service) string {
	name := fmt.Sprintf("%s_%s_%d", plainName(s.framework), plainName(s.key.app), s.key.index)
	if p.names[name] {
		sum := sha256.Sum256([]byte(s.key.framework + "\x00" + s.key.app + "\x00" + strconv.Itoa(s.key.index)))
		name += "_" + hex.EncodeToString(sum[:8])
	}
	p.names[name] = true
	return name
}

// plainName returns a text with other characters than those of names replaced.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 && (isNameByte(byte(r)) && r != '_' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '-'
	}, shorten(strings.ToValidUTF8(s, "-"), 60))
}

// describe names a service for a comment.
func (s *service) describe() string {
	return fmt.Sprintf("port %d of app %s of framework %s", s.key.index, quote(s.key.app), quote(s.framework))
}

// allowsPort reports whether apps may have a port.
func (o *Options) allowsPort(n uint16) bool {
	if o.reserved(n) {
		return false
	}
	return slices.ContainsFunc(o.Ports, func(r PortRange) bool { return r.First <= n && n <= r.Last })
}

// reserved reports whether HAProxy itself listens on a port.
func (o *Options) reserved(n uint16) bool {
	for _, b := range slices.Concat(o.HTTP, o.HTTPS, o.Stats) {
		if b.Port == n {
			return true
		}
	}
	return false
}

func (o *Options) portList() string {
	if len(o.Ports) == 0 {
		return "none"
	}
	var list []string
	for _, r := range o.Ports {
		list = append(list, r.String())
	}
	return strings.Join(list, ", ")
}

// bindAddr is the address that the frontend of a service listens on.
func (s *service) bindAddr() string {
	if s.bind.IsValid() {
		return netip.AddrPortFrom(s.bind, s.port).String()
	}
	return "*:" + strconv.Itoa(int(s.port))
}
