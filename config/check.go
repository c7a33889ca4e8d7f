package config

import (
	"maps"
	"slices"
)

// check applies the rules that concern more than one value, or a value that is
// well-formed but makes no sense. A setting that is faulty by itself is left
// out: what follows from it would only be noise.
func (l *loader) check() {
	c := l.cfg
	if !c.DNSOn && !c.HTTPOn {
		l.fault("dnson", "dnson and httpon are both off", "at least one of them on")
	}
	if len(c.Masters) == 0 && c.ZooKeeper.IsZero() && l.sound("masters", "zk") {
		l.fault("masters", "neither masters nor zk says where the masters are", `for example ["10.0.0.1:5050"]`)
	}
	if len(c.IPSources) == 0 && l.sound("IPSources") {
		l.fault("IPSources", "is empty", `for example ["netinfo", "host"]`)
	}
	if len(c.PublishStates) == 0 && l.sound("publishStates") {
		l.fault("publishStates", "is empty", `for example ["TASK_RUNNING"]`)
	}
	if l.sound("zoneResolvers", "domain") {
		l.checkZones()
	}
	if l.sound("aliases") {
		l.checkAliases()
	}
	l.checkCredentials()
	if l.sound("CACertFile", "CertFile", "KeyFile") {
		_, faults := c.tls()
		l.faults = append(l.faults, faults...)
	}
	if c.MesosHTTPSOn && c.CACertFile == "" && l.sound("CACertFile") {
		l.warn("MesosHTTPSOn", "without CACertFile the masters are checked against the system's CAs; Mesos-DNS did not check them at all")
	}
}

// checkZones keeps the way of each name clear: a name belongs to our zone, to
// one zone of zoneResolvers, or to nobody.
func (l *loader) checkZones() {
	zones := slices.Sorted(maps.Keys(l.cfg.ZoneResolvers))
	at := place{key: "zoneResolvers", faults: &l.faults}
	for i, zone := range zones {
		if within(zone, l.cfg.Domain) {
			at.member(zone).fault(nil, "is within domain, which is answered here", "a zone outside "+l.cfg.Domain)
		}
		if len(l.cfg.ZoneResolvers[zone]) == 0 {
			at.member(zone).fault(nil, "names no server", `for example ["10.0.0.1"]`)
		}
		for _, other := range zones[:i] {
			if within(zone, other) || within(other, zone) {
				at.member(zone).fault(nil, "overlaps with "+other, "zones of which none is within another")
			}
		}
	}
}

// checkAliases makes sure that following aliases comes to an end.
func (l *loader) checkAliases() {
	aliases := l.cfg.Aliases
	at := place{key: "aliases", faults: &l.faults}
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		if within(l.cfg.Domain, alias) && l.sound("domain") {
			at.member(alias).fault(nil, "hides domain", "an alias that "+l.cfg.Domain+" is not within")
			continue
		}
		target, end := aliases[alias], false
		for range aliases {
			next, ok := followAlias(aliases, target)
			if !ok {
				end = true
				break
			}
			target = next
		}
		if !end {
			at.member(alias).fault(nil, "leads back to an alias for ever", "a name that is no alias in the end")
		}
	}
}

// followAlias replaces the end of a name that an alias stands for. Only the
// longest alias counts.
func followAlias(aliases map[string]string, name string) (string, bool) {
	best := ""
	for alias := range aliases {
		if within(name, alias) && len(alias) > len(best) {
			best = alias
		}
	}
	if best == "" {
		return name, false
	}
	return name[:len(name)-len(best)] + aliases[best], true
}

func (l *loader) checkCredentials() {
	const principal, secret = "mesosCredentials.principal", "mesosCredentials.secret"
	if !l.sound("mesosAuthentication", principal, secret) {
		return
	}
	c := l.cfg.MesosCredentials
	switch l.cfg.MesosAuthentication {
	case AuthBasic:
		if c.Principal == "" {
			l.fault(principal, "is missing: mesosAuthentication is basic", "")
		}
		if c.Secret == "" {
			l.fault(secret, "is missing: mesosAuthentication is basic", "")
		}
	case AuthNone:
		if c != (Credentials{}) {
			l.warn("mesosCredentials", `not used: mesosAuthentication is "none"; "basic" sends them`)
		}
	}
}
