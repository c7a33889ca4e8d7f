package config

import (
	"maps"
	"slices"
)

// live are the settings that can change while the server runs: those that only
// the records and the zone are made of, which are made anew then, the one of the
// snapshot, and the servers that names are forwarded to. No rule of check is about one of them and another that is
// not here.
var reloadable = []string{
	"ttl",
	"SOAMname", "SOARname", "SOARefresh", "SOARetry", "SOAExpire", "SOAMinttl",
	"IPSources", "EnforceRFC952", "srvRecordDefaultWeight", "srvScope", "unhealthy", "minVisibility", "publishStates", "viewTTL",
	"snapshotSeconds", "resolvers",
}

// Change is a setting that another reading of the file gave another value.
type Change struct {
	Key      string
	From, To string // as JSON; a secret is stars
	Live     bool   // it can be followed at once; else it needs a restart
}

// Follow returns the settings that are in force after another reading: next
// where that can be followed while the server runs, c elsewhere. It lists all
// that differs, in the order of the documentation. Neither c nor next changes.
func (c *Config) Follow(next *Config) (*Config, []Change) {
	merged := *c
	merged.origin = maps.Clone(c.origin)
	var changes []Change
	news := next.settings()
	for i, s := range merged.settings() {
		n := news[i]
		if s.value == nil || s.value.equal(n.value) {
			continue
		}
		if s.derive != nil && c.origin[s.key] == "" && next.origin[s.key] == "" {
			continue // it follows from another setting, which is listed itself
		}
		change := Change{Key: s.key, From: toJSON(s.value.show()), To: toJSON(n.value.show()), Live: slices.Contains(reloadable, s.key)}
		changes = append(changes, change)
		if change.Live {
			s.value.take(n.value)
			merged.origin[s.key] = next.origin[s.key]
		}
	}
	var none Errors // each default follows from a value that is right
	merged.derive(&none)
	return &merged, changes
}
