package config

import (
	"maps"
	"path/filepath"
	"slices"
)

// What follows keeps the way of each name clear: it belongs to one of our zones,
// to a name that an alias of ours stands for, to the longest zone of
// zoneResolvers that it is in, or to nobody.

// defaultViewDomains is that of DC/OS, unless the user has it asked elsewhere.
func (c *Config) defaultViewDomains() any {
	const domain = "dcos.thisdcos.directory"
	if c.hasZoneResolver(domain) {
		return []any{}
	}
	return []any{domain}
}

// defaultAliases are those of DC/OS, but for one that would hide the domain or a
// domain of views, or that the user has asked elsewhere.
func (c *Config) defaultAliases() any {
	aliases := map[string]any{"mesos.thisdcos.directory": c.Domain, "thisdcos.global": "thisdcos.directory"}
	maps.DeleteFunc(aliases, func(name string, _ any) bool {
		return within(c.Domain, name) || slices.Contains(c.AddressDomains, name) || c.hasZoneResolver(name)
	})
	return aliases
}

// elsewhere tells that zoneResolvers has servers for a name.
func (c *Config) hasZoneResolver(name string) bool {
	for zone := range c.ZoneResolvers {
		if within(name, zone) {
			return true
		}
	}
	return false
}

// besideFile is the path of a file, which is relative to the folder that the
// file of settings is in.
func (c *Config) besideConfigFile(raw any, at position) (string, bool) {
	path, ok := text(raw, at)
	if !ok {
		return "", false
	}
	if path == "" {
		return "", at.reject(raw, "is no path", `for example "external.zone"`)
	}
	if !filepath.IsAbs(path) && c.File != "" {
		path = filepath.Join(filepath.Dir(c.File), path)
	}
	return path, true
}

// ours is the setting that makes a name ours, and the zone that it is in; "" for
// a name that is not.
func (l *loader) ownZone(name string) (key, zone string) {
	if within(name, l.cfg.Domain) {
		return "domain", l.cfg.Domain
	}
	if l.valid("viewDomains") {
		for _, zone := range l.cfg.AddressDomains {
			if within(name, zone) {
				return "viewDomains", zone
			}
		}
	}
	return "", ""
}

func (l *loader) checkZones() {
	zones := slices.Sorted(maps.Keys(l.cfg.ZoneResolvers))
	at := position{key: "zoneResolvers", errs: &l.errs}
	for _, zone := range zones {
		meant := zone
		if end, ok := followAliases(l.cfg.Aliases, zone); ok && l.valid("aliases") {
			meant = end
		}
		if key, ours := l.ownZone(meant); key != "" {
			problem := "is within " + key + ", which is answered here"
			if meant != zone {
				problem = "is " + meant + " by aliases, which is answered here"
			}
			at.member(zone).reject(nil, problem, "a zone outside "+ours)
		}
		if len(l.cfg.ZoneResolvers[zone]) == 0 {
			at.member(zone).reject(nil, "names no server", `for example ["10.0.0.1"]`)
		}
	}
}

// checkAliases makes sure that following aliases comes to an end.
func (l *loader) checkAliases() {
	aliases := l.cfg.Aliases
	at := position{key: "aliases", errs: &l.errs}
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		if within(l.cfg.Domain, alias) && l.valid("domain") {
			at.member(alias).reject(nil, "hides domain", "an alias that "+l.cfg.Domain+" is not within")
			continue
		}
		if slices.Contains(l.cfg.AddressDomains, alias) && l.valid("viewDomains") {
			at.member(alias).reject(nil, "is one of viewDomains", "a name that has no names of its own")
			continue
		}
		if _, ok := followAliases(aliases, alias); !ok {
			at.member(alias).reject(nil, "leads back to an alias for ever", "a name that is no alias in the end")
		}
	}
}

// followAliases gives what a name means in the end. It is not ok when there is
// no end.
func followAliases(aliases map[string]string, name string) (end string, ok bool) {
	for range len(aliases) + 1 {
		next, again := followAlias(aliases, name)
		if !again {
			return name, true
		}
		name = next
	}
	return "", false
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
