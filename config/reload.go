package config

import "maps"

// Change is a setting that has another value in a later reading of the file.
type Change struct {
	Key      string
	From, To string // as JSON; a secret is shown as stars
	Live     bool   // it takes effect at once, otherwise with a restart
}

// Follow returns the settings to use after the file was read again as next: the
// values of next for reloadable settings, those of c for all others. It lists
// every difference in the order of the documentation, except defaults that
// depend on a setting that is listed. Neither c nor next changes. The result may
// break rules about several settings, see [Config.Check].
func (c *Config) Follow(next *Config) (*Config, []Change) {
	merged := *c
	merged.sources = maps.Clone(c.sources)
	var changes []Change
	news := next.settings()
	for i, s := range merged.settings() {
		n := news[i]
		if s.value == nil || s.value.equal(n.value) {
			continue
		}
		if s.derive != nil && c.sources[s.key] == "" && next.sources[s.key] == "" {
			continue
		}
		changes = append(changes, Change{Key: s.key, From: toJSON(s.value.show()), To: toJSON(n.value.show()), Live: s.reloadable})
		if s.reloadable {
			s.value.assign(n.value)
			merged.sources[s.key] = next.sources[s.key]
		}
	}
	merged.derive(new(Errors))
	before := c.settings()
	for i, s := range merged.settings() {
		if s.derive == nil || s.reloadable || s.value.equal(before[i].value) {
			continue
		}
		changes = append(changes, Change{Key: s.key, From: toJSON(before[i].value.show()), To: toJSON(s.value.show())})
		s.value.assign(before[i].value)
	}
	return &merged, changes
}

// Check reports which rules settings break that come from several readings of the
// file, and which of the given ones. The error is like that of [Load].
func (c *Config) Check(checks ...Check) error {
	l := &loader{config: c, rows: c.settings(), written: map[string]string{}, invalid: map[string]bool{}}
	l.check()
	return l.failure(checks)
}
