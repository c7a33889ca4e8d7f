package haproxy

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"toponym/records"
	"toponym/state"
)

// LabelPrefix is the prefix of the labels that this package reads.
const LabelPrefix = "HAPROXY_"

// Limits of what is read of an app.
const (
	maxIndex   = 99  // of a port, in HAPROXY_n_…
	maxServers = 256 // servers that are listed one by one
)

// appKey identifies an app.
type appKey struct{ framework, app string } // id of the framework, Instance.App

// app is the instances of an app that have labels for HAProxy.
type app struct {
	key       appKey
	framework string // name
	instances int
	oldest    uint32 // Instance.Since of the instance that has run longest
	// The labels and ports are those of the newest instance: while an app is
	// deployed anew, instances with different labels run beside each other.
	newest     uint32
	newestTask string
	labels     []state.Label
	ports      map[int]appPort // by index
	shared     map[string]int  // how many ports have SRV records at a name
	servers    map[int][]server
}

// appPort is a port of an app.
type appPort struct {
	srv   string // name of its SRV records; empty if there is none
	named bool   // the port has a name, and the SRV records are those of this port alone
}

// server is an instance by its address.
type server struct {
	name string // label T-H-S
	addr netip.AddrPort
}

// collect groups instances by app.
func collect(instances iter.Seq[*records.Instance]) map[appKey]*app {
	apps := map[appKey]*app{}
	for i := range instances {
		key := appKey{i.Framework.ID, i.App}
		a := apps[key]
		if a == nil {
			a = &app{key: key, framework: i.Framework.Name, oldest: uint32(i.Since), servers: map[int][]server{}}
			apps[key] = a
		}
		a.instances++
		a.oldest = min(a.oldest, uint32(i.Since))
		if a.labels == nil || cmp.Or(cmp.Compare(uint32(i.Since), a.newest), strings.Compare(i.Task, a.newestTask)) > 0 {
			a.describe(i)
		}
		name, _, _ := strings.Cut(i.CanonicalName.String(), ".")
		last := -1
		for n := range i.Ports {
			p := &i.Ports[n]
			if p.Index < 0 || p.Index > maxIndex || p.Index == last || !p.TCP() {
				continue
			}
			last = p.Index
			if addr := p.Connect().First(); addr.IsValid() && len(a.servers[last]) < maxServers {
				a.servers[last] = append(a.servers[last], server{name, addr})
			}
		}
	}
	return apps
}

// describe takes labels and ports from an instance.
func (a *app) describe(i *records.Instance) {
	a.newest, a.newestTask = uint32(i.Since), i.Task
	a.labels = []state.Label{}
	for _, l := range i.Labels {
		if strings.HasPrefix(l.Key, LabelPrefix) {
			a.labels = append(a.labels, l)
		}
	}
	a.ports, a.shared = map[int]appPort{}, map[string]int{}
	for n := range i.Ports {
		p := &i.Ports[n]
		if p.Index < 0 || p.Index > maxIndex || !p.TCP() {
			continue
		}
		if _, ok := a.ports[p.Index]; !ok { // else another protocol of the same port
			a.ports[p.Index] = appPort{p.SRVName, p.Name != ""}
			a.shared[p.SRVName]++
		}
	}
}

// srvName returns the name of the SRV records of exactly one port of the app, or ""
// if there is none.
func (a *app) srvName(index int) string {
	p := a.ports[index]
	// Without a name the records are those of all ports.
	if !p.named && len(a.ports) > 1 || a.shared[p.srv] > 1 || !isServiceName(p.srv) {
		return ""
	}
	return strings.TrimSuffix(p.srv, ".")
}

// isServiceName reports whether a name of SRV records can be written in the
// configuration as it is. Names in Toponym's zones may have other characters.
func isServiceName(s string) bool {
	return len(s) > 1 && len(s) < 254 && s[0] == '_' && consistsOf(s, isNameByte)
}

// sortedServers returns the servers of a port by name, each address once.
func (a *app) sortedServers(index int) []server {
	list := slices.DeleteFunc(slices.Clone(a.servers[index]), func(s server) bool { return s.name == "" || !consistsOf(s.name, isNameByte) })
	slices.SortFunc(list, func(x, y server) int {
		return cmp.Or(strings.Compare(x.name, y.name), x.addr.Compare(y.addr))
	})
	return slices.CompactFunc(list, func(x, y server) bool { return x.name == y.name })
}
