package traefik

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"toponym/internal/traefikrule"
	"toponym/records"
	"toponym/state"
)

// Options say which apps are in a configuration.
type Options struct {
	// ExposedByDefault exposes apps without the label traefik.enable.
	ExposedByDefault bool
	// DefaultRule is the rule of routers of HTTP that have none.
	DefaultRule traefikrule.Template
}

// Configuration is a dynamic configuration. In JSON, empty parts are left out:
// Traefik refuses them.
type Configuration struct {
	HTTP *Section `json:"http,omitempty"`
	TCP  *Section `json:"tcp,omitempty"`
	UDP  *Section `json:"udp,omitempty"`
}

// Section is the part of a configuration for one protocol.
type Section struct {
	Routers     map[string]object `json:"routers,omitempty"`
	Services    map[string]object `json:"services,omitempty"`
	Middlewares map[string]object `json:"middlewares,omitempty"`
}

// Problem is why an app, or a part of it, is not in the configuration.
type Problem struct {
	Framework string `json:"framework"` // the name
	App       string `json:"app"`
	Label     string `json:"label,omitempty"` // that is wrong
	Reason    string `json:"reason"`
}

// maxProblems bounds the list of problems.
const maxProblems = 1000

// List returns instances that a filter selects.
type List func(records.InstanceFilter) iter.Seq[*records.Instance]

// Build makes the configuration of the instances that a filter selects:
//
//  1. The labels of an app are those of its newest instance.
//  2. They become a part of a configuration, with the routers and services that
//     are left out.
//  3. Services get the instances of the app as servers. Unhealthy ones are left out
//     while others are not.
//  4. The parts are put together, those of older apps first. An app that has a name
//     of another one is left out, except that apps of one framework may share a
//     service.
//
// It takes memory in proportion to the apps with labels and their instances.
func Build(o Options, list List, f records.InstanceFilter) (Configuration, []Problem) {
	b := &builder{o: o, apps: map[appKey]*app{}}
	if !o.ExposedByDefault {
		f.LabelPrefix = Prefix
	}
	for i := range list(f) {
		b.note(i)
	}
	for _, a := range b.sorted() {
		b.configure(a)
	}
	for i := range list(f) {
		b.addServers(i)
	}
	c := Configuration{HTTP: &Section{}, TCP: &Section{}, UDP: &Section{}}
	owners := map[string]*app{}
	for _, a := range b.sorted() {
		if a.conf != nil && b.complete(a) {
			b.add(&c, owners, a)
		}
	}
	for _, s := range []**Section{&c.HTTP, &c.TCP, &c.UDP} {
		if len((*s).Routers)+len((*s).Services)+len((*s).Middlewares) == 0 {
			*s = nil
		}
	}
	return c, b.problems
}

type builder struct {
	o        Options
	apps     map[appKey]*app
	problems []Problem
}

type appKey struct{ framework, name string }

// app is an app with its part of the configuration.
type app struct {
	key       appKey
	framework string // the name
	oldest    records.Timestamp
	newest    records.Timestamp
	newestID  string
	labels    []state.Label // of the newest instance
	healthy   int           // instances that are not unhealthy

	conf     object
	services []service
}

// service is a service of an app that gets its instances as servers.
type service struct {
	section, name string
	balancer      object
	port, scheme  string // as the labels have them
	tls           any
	servers       []object
	listed        map[netip.AddrPort]bool // as servers
	failed        string                  // why an instance has no server
}

func (b *builder) problem(a *app, label, format string, args ...any) {
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, Problem{Framework: a.framework, App: a.key.name, Label: label, Reason: fmt.Sprintf(format, args...)})
	}
}

// note takes note of an instance.
func (b *builder) note(i *records.Instance) {
	key := appKey{i.Framework.ID, i.App}
	a := b.apps[key]
	if a == nil {
		a = &app{key: key, framework: i.Framework.Name, oldest: i.Since}
		b.apps[key] = a
	}
	a.oldest = min(a.oldest, i.Since)
	if i.Health != records.UnhealthyText {
		a.healthy++
	}
	if a.newestID == "" || cmp.Or(cmp.Compare(i.Since, a.newest), strings.Compare(i.Task, a.newestID)) > 0 {
		a.newest, a.newestID, a.labels = i.Since, i.Task, slices.Clone(i.Labels)
	}
}

// sorted returns the apps, the oldest first.
func (b *builder) sorted() []*app {
	list := make([]*app, 0, len(b.apps))
	for _, a := range b.apps {
		list = append(list, a)
	}
	slices.SortFunc(list, func(x, y *app) int {
		return cmp.Or(cmp.Compare(x.oldest, y.oldest), strings.Compare(x.key.framework, y.key.framework), strings.Compare(x.key.name, y.key.name))
	})
	return list
}

// configure makes the part of an app but for its servers.
func (b *builder) configure(a *app) {
	enabled := b.o.ExposedByDefault
	for _, l := range a.labels {
		if strings.EqualFold(l.Key, Prefix+"enable") {
			on, err := strconv.ParseBool(strings.TrimSpace(l.Value))
			enabled = err == nil && on
		}
	}
	if !enabled {
		return
	}
	conf, wrong, err := decode(a.labels)
	if err != nil {
		b.problem(a, wrong, "%v: the app is left out", err)
		return
	}
	a.conf = conf
	http, tcp, udp := level(conf, "http"), level(conf, "tcp"), level(conf, "udp")
	if len(http) > 0 || len(tcp)+len(udp) == 0 {
		a.addService("http", http)
		conf["http"] = http
	}
	for name, section := range map[string]object{"tcp": tcp, "udp": udp} {
		if len(section) > 0 {
			a.addService(name, section)
			conf[name] = section
		}
	}
}

// addService lists the services of a section that get servers. A section without
// services gets one.
func (a *app) addService(section string, conf object) {
	services := level(conf, "services")
	if len(services) == 0 {
		services[a.defaultName()] = object{"loadBalancer": object{}}
		conf["services"] = services
	}
	for _, name := range sortedKeys(services) {
		balancer := balancerOf(services[name].(object))
		s := service{section: section, name: name, balancer: balancer, listed: map[netip.AddrPort]bool{}}
		if server, ok := balancer["server"].(object); ok {
			s.port, _ = server["port"].(string)
			s.scheme, _ = server["scheme"].(string)
			s.tls = server["tls"]
			delete(balancer, "server")
		}
		a.services = append(a.services, s)
	}
}

// id is the name as Marathon has it: "/shop/cart" for the tasks called cart.shop.
func (a *app) id() string {
	parts := strings.Split(a.key.name, ".")
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

// defaultName is that of the router and the service of an app that names none.
func (a *app) defaultName() string {
	name := strings.ReplaceAll(strings.TrimPrefix(a.id(), "/"), "/", "_")
	if a.framework != "marathon" {
		name += "-" + traefikrule.Normalize(a.framework)
	}
	return strings.ReplaceAll(name, "@", "-") // which separates names of providers
}

// addServers adds an instance to the services of its app.
func (b *builder) addServers(i *records.Instance) {
	a := b.apps[appKey{i.Framework.ID, i.App}]
	if a == nil || i.Health == records.UnhealthyText && a.healthy > 0 {
		return
	}
	for n := range a.services {
		s := &a.services[n]
		server, at, err := s.server(i)
		if err != nil {
			s.failed = fmt.Sprintf("task %s: %v", i.Task, err)
		} else if !s.listed[at] {
			s.listed[at] = true
			s.servers = append(s.servers, server)
		}
	}
}

// server returns an instance as a server, and its address.
func (s *service) server(i *records.Instance) (server object, at netip.AddrPort, err error) {
	transport := "tcp"
	if s.section == "udp" {
		transport = "udp"
	}
	port, err := selectPort(i, s.port, transport)
	if err != nil {
		return nil, at, err
	}
	if at = port.Connect().First(); !at.IsValid() {
		return nil, at, fmt.Errorf("nothing can connect to port %d", port.Number)
	}
	if s.section != "http" {
		server = object{"address": at.String()}
		if s.tls != nil {
			server["tls"] = s.tls
		}
		return server, at, nil
	}
	scheme := s.scheme
	if scheme == "" && slices.Contains(schemes, port.Protocol) {
		scheme = port.Protocol
	}
	if scheme = cmp.Or(scheme, schemes[0]); !slices.Contains(schemes, scheme) {
		return nil, at, fmt.Errorf("the scheme is %.20q, want one of %s", scheme, strings.Join(schemes, ", "))
	}
	return object{"url": scheme + "://" + at.String()}, at, nil
}

// schemes are those of servers of HTTP.
var schemes = []string{"http", "https", "h2c"}

// selectPort returns the port that a label asks for: "index:1", "name:http", a
// number, or the first one.
func selectPort(i *records.Instance, wanted, transport string) (records.InstancePort, error) {
	text, isIndex := strings.CutPrefix(wanted, "index:")
	if wanted != "" && !isIndex {
		name, isName := strings.CutPrefix(wanted, "name:")
		if p, ok := i.Port(name, transport); ok && (!isName || p.Name == name) {
			return p, nil
		}
		return records.InstancePort{}, fmt.Errorf("it has no port %.60q by %s", name, transport)
	}
	index := -1
	if isIndex {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return records.InstancePort{}, fmt.Errorf("%.60q is not the index of a port", wanted)
		}
		index = n
	}
	for _, p := range i.Ports {
		if p.Carries(transport) && p.Index >= 0 && (index < 0 || p.Index == index) {
			return p, nil
		}
	}
	return records.InstancePort{}, fmt.Errorf("it has no such port by %s", transport)
}

// complete fills in servers and routers. It is false if the app has to be left out.
func (b *builder) complete(a *app) bool {
	for _, s := range a.services {
		if len(s.servers) == 0 {
			b.problem(a, "", "service %s has no servers: %s", s.name, cmp.Or(s.failed, "all instances are gone"))
			return false
		}
		s.balancer["servers"] = s.servers
	}
	for _, name := range sortedKeys(a.conf) {
		if !b.addRouters(a, name, a.conf[name].(object)) {
			return false
		}
	}
	return true
}

// addRouters fills in what routers of a section lack. A section of HTTP without
// routers gets one.
func (b *builder) addRouters(a *app, section string, conf object) bool {
	routers, services := level(conf, "routers"), sortedKeys(level(conf, "services"))
	if section == "http" && len(routers) == 0 && len(services) == 1 {
		routers[a.defaultName()] = object{}
	}
	for _, name := range sortedKeys(routers) {
		r := routers[name].(object)
		if r["rule"] == nil && section == "http" {
			rule, err := b.defaultRule(a)
			if err != nil {
				b.problem(a, "", "router %s has no rule, and the default one cannot be made: %v", name, err)
				return false
			}
			r["rule"] = rule
		}
		if r["rule"] == nil && section == "tcp" {
			b.problem(a, "", "router %s of TCP has no rule", name)
			return false
		}
		if r["service"] == nil && len(services) != 1 {
			b.problem(a, "", "router %s names none of the %d services of the app", name, len(services))
			return false
		}
		if r["service"] == nil {
			r["service"] = services[0]
		}
	}
	if len(routers) > 0 {
		conf["routers"] = routers
	}
	return true
}

func (b *builder) defaultRule(a *app) (string, error) {
	labels := map[string]string{}
	for _, l := range a.labels {
		labels[l.Key] = l.Value
	}
	rule, err := b.o.DefaultRule.Rule(a.id(), labels)
	if err == nil && rule == "" {
		err = errors.New("it is empty for this app")
	}
	return rule, err
}

// part is a router, service or middleware of an app.
type part struct {
	section, kind, name string
	value               object
}

func (p part) key() string { return p.section + " " + p.kind + " " + p.name }

// add adds the part of an app to the configuration, as a whole or not at all: a
// router without its middlewares could let everybody in.
func (b *builder) add(c *Configuration, owners map[string]*app, a *app) {
	var parts []part
	for _, section := range sortedKeys(a.conf) {
		conf := a.conf[section].(object)
		for _, kind := range [...]string{"routers", "services", "middlewares"} {
			values := level(conf, kind)
			for _, name := range sortedKeys(values) {
				parts = append(parts, part{section, kind, name, values[name].(object)})
			}
		}
	}
	for _, p := range parts {
		if hasEmpty(p.value) {
			b.problem(a, "", "%s %s has an empty part: the app is left out", strings.TrimSuffix(p.kind, "s"), p.name)
			return
		}
		other := owners[p.key()]
		if other == nil {
			continue
		}
		if known := c.values(p)[p.name]; other.key.framework != a.key.framework || !mergeable(known, p) {
			b.problem(a, "", "%s %s belongs to the app %s of the framework %s: the app is left out",
				strings.TrimSuffix(p.kind, "s"), p.name, other.key.name, other.framework)
			return
		}
	}
	for _, p := range parts {
		values := c.values(p)
		if known, ok := values[p.name]; ok && p.kind == "services" {
			addServersOf(known, p.value)
		} else if !ok {
			values[p.name] = p.value
			owners[p.key()] = a
		}
	}
}

// hasEmpty reports whether an object is empty, or one in it.
func hasEmpty(value any) bool {
	switch v := value.(type) {
	case object:
		for _, inner := range v {
			if hasEmpty(inner) {
				return true
			}
		}
		return len(v) == 0
	case []object:
		return slices.ContainsFunc(v, func(o object) bool { return hasEmpty(o) })
	}
	return false
}

// values returns the map that a part belongs to.
func (c *Configuration) values(p part) map[string]object {
	s := map[string]*Section{"http": c.HTTP, "tcp": c.TCP, "udp": c.UDP}[p.section]
	m := map[string]*map[string]object{"routers": &s.Routers, "services": &s.Services, "middlewares": &s.Middlewares}[p.kind]
	if *m == nil {
		*m = map[string]object{}
	}
	return *m
}

// mergeable reports whether two apps of one framework may share a part: if both
// mean the same by it, but for the servers.
func mergeable(known object, p part) bool {
	if p.kind != "services" {
		return reflect.DeepEqual(known, p.value)
	}
	return reflect.DeepEqual(withoutServers(balancerOf(known)), withoutServers(balancerOf(p.value)))
}

// balancerOf returns the load balancer of a service: labels can make no other kind
// of service.
func balancerOf(service object) object { return level(service, "loadBalancer") }

func withoutServers(balancer object) object {
	rest := object{}
	for key, value := range balancer {
		if key != "servers" {
			rest[key] = value
		}
	}
	return rest
}

// addServersOf adds the servers of a service to those of another one.
func addServersOf(to, from object) {
	x, y := balancerOf(to), balancerOf(from)
	x["servers"] = append(x["servers"].([]object), y["servers"].([]object)...)
}

// level returns the object at a key, or a new one that is not in o.
func level(o object, key string) object {
	if inner, ok := o[key].(object); ok {
		return inner
	}
	return object{}
}

func sortedKeys(o object) []string {
	keys := make([]string, 0, len(o))
	for key := range o {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
