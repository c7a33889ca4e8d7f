package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The rules in this file make sure that each name has one owner: one of our
// zones, directly or by an alias, or the longest zone of zoneResolvers that the
// name is in, or none.

// defaultAddressDomains returns the domain of DC/OS, unless zoneResolvers has it.
func (c *Config) defaultAddressDomains() any {
	const domain = "dcos.thisdcos.directory"
	if c.hasZoneResolver(domain) {
		return []any{}
	}
	return []any{domain}
}

// defaultAliases returns those of DC/OS, without any that would hide domain or one
// of addressDomains, or that zoneResolvers has.
func (c *Config) defaultAliases() any {
	aliases := map[string]any{"mesos.thisdcos.directory": c.Domain, "thisdcos.global": "thisdcos.directory"}
	maps.DeleteFunc(aliases, func(name string, _ any) bool {
		return within(c.Domain, name) || slices.Contains(c.AddressDomains, name) || slices.Contains(c.VIPDomains, name) || c.hasZoneResolver(name)
	})
	return aliases
}

// hasZoneResolver reports whether zoneResolvers has servers for a name.
func (c *Config) hasZoneResolver(name string) bool {
	for zone := range c.ZoneResolvers {
		if within(name, zone) {
			return true
		}
	}
	return false
}

// optionalFile parses the path of a file, or an empty text for none.
func (c *Config) optionalFile(raw any, at position) (string, bool) {
	if path, ok := raw.(string); ok && strings.TrimSpace(path) == "" {
		return "", true
	}
	return c.besideConfigFile(raw, at)
}

// besideConfigFile parses the path of a file, relative to the directory of the
// settings.
func (c *Config) besideConfigFile(raw any, at position) (string, bool) {
	path, ok := text(raw, at)
	if !ok {
		return "", false
	}
	if path == "" {
		return "", at.reject(raw, "is not a path", `something like "external.zone"`)
	}
	if !filepath.IsAbs(path) && c.File != "" {
		path = filepath.Join(filepath.Dir(c.File), path)
	}
	return path, true
}

// ownZone returns which of our zones a name is in, and the setting that it
// comes from; both are "" for other names.
func (l *loader) ownZone(name string) (key, zone string) {
	if within(name, l.config.Domain) {
		return "domain", l.config.Domain
	}
	if l.valid("addressDomains") {
		for _, zone := range l.config.AddressDomains {
			if within(name, zone) {
				return "addressDomains", zone
			}
		}
	}
	if l.valid("vipDomains") {
		for _, zone := range l.config.VIPDomains {
			if within(name, zone) {
				return "vipDomains", zone
			}
		}
	}
	return "", ""
}

func (l *loader) checkZones() {
	zones := slices.Sorted(maps.Keys(l.config.ZoneResolvers))
	at := position{key: "zoneResolvers", errs: &l.errs}
	follower := aliasFollower{aliases: l.config.Aliases}
	for _, zone := range zones {
		meant := zone
		if end, ok := follower.follow(zone); ok && l.valid("aliases") {
			meant = end
		}
		if key, ours := l.ownZone(meant); key != "" {
			problem := "is within " + key + ", which is answered here"
			if meant != zone {
				problem = "is " + meant + " by aliases, which is answered here"
			}
			at.member(zone).reject(nil, problem, "a zone outside "+ours)
		}
		if len(l.config.ZoneResolvers[zone]) == 0 {
			at.member(zone).reject(nil, "has no servers", `something like ["10.0.0.1"]`)
		}
	}
}

// checkAliases rejects aliases that hide one of our zones or form a loop.
func (l *loader) checkAliases() {
	aliases := l.config.Aliases
	follower := aliasFollower{aliases: aliases}
	at := position{key: "aliases", errs: &l.errs}
	for _, alias := range slices.Sorted(maps.Keys(aliases)) {
		if within(l.config.Domain, alias) && l.valid("domain") {
			at.member(alias).reject(nil, "hides domain: it is "+l.config.Domain+" or above it", "another alias")
			continue
		}
		if slices.Contains(l.config.AddressDomains, alias) && l.valid("addressDomains") {
			at.member(alias).reject(nil, "is one of addressDomains", "another alias")
			continue
		}
		if slices.Contains(l.config.VIPDomains, alias) && l.valid("vipDomains") {
			at.member(alias).reject(nil, "is one of vipDomains", "another alias")
			continue
		}
		if _, ok := follower.follow(alias); !ok {
			at.member(alias).reject(nil, "is part of a loop of aliases", "a target that does not lead back to the alias")
		}
	}
}

// aliasFollower follows aliases to their ends, each alias once: a chain of
// thousands costs its length.
type aliasFollower struct {
	aliases map[string]string
	ends    map[string]string // of names that were followed; "" for a loop
}

// maxNameText is more than the length of a name in bytes, which loops such as that
// of an alias a of x.a exceed.
const maxNameText = 255

// follow returns the name that another one stands for in the end. ok is false for
// a loop.
func (f *aliasFollower) follow(name string) (end string, ok bool) {
	if f.ends == nil {
		f.ends = map[string]string{}
	}
	var path []string
	for again := true; again; {
		if known, seen := f.ends[name]; seen {
			end = known
			break
		}
		if len(path) > len(f.aliases) || len(name) > maxNameText {
			end = ""
			break
		}
		f.ends[name] = "" // a loop, if the name comes again
		path = append(path, name)
		end = name
		name, again = f.step(name)
	}
	for _, p := range path {
		f.ends[p] = end
	}
	return end, end != ""
}

// step replaces the longest alias that a name ends in by its target.
func (f *aliasFollower) step(name string) (string, bool) {
	for at := 0; at < len(name); {
		if target, ok := f.aliases[name[at:]]; ok {
			return name[:at] + target, true
		}
		dot := strings.IndexByte(name[at:], '.')
		if dot < 0 {
			break
		}
		at += dot + 1
	}
	return name, false
}
