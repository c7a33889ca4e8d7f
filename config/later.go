package config

import "slices"

// later is something that a file may say and that this version does not act on.
// Whoever builds it removes its row.
type later struct {
	key   string
	when  func(*Config) bool // nil: whenever the user wrote the key
	text  string             // "": the usual sentence
	fault bool               // the server cannot run with it; else a warning
	want  string
}

func notYet() []later {
	return []later{
		{key: "zk", when: func(c *Config) bool { return len(c.Masters) > 0 && !c.ZooKeeper.IsZero() },
			text: "leader detection through ZooKeeper is not in this version: masters is used"},
		{key: "zk", when: func(c *Config) bool { return len(c.Masters) == 0 && !c.ZooKeeper.IsZero() }, fault: true,
			text: "leader detection through ZooKeeper is not in this version, and masters is missing",
			want: `masters, for example ["10.0.0.1:5050"]`},
		{key: "zkDetectionTimeout"},
		{key: "mesosAuthentication", when: func(c *Config) bool { return c.MesosAuthentication == AuthIAM }, fault: true,
			text: `"iam" is not in this version`, want: `"none" or "basic"`},
		{key: "IAMConfigFile"},
		{key: "IPSources", when: func(c *Config) bool { return slices.Contains(c.IPSources, SourceAuto) }, fault: true,
			text: `"auto" is not in this version`, want: `some of "host", "docker", "mesos", "netinfo"`},
		{key: "externalon", when: func(c *Config) bool { return c.ExternalOn },
			text: "names outside of our zones are not forwarded in this version: they are refused"},
		{key: "recurseon", when: func(c *Config) bool { return c.RecurseOn },
			text: "nothing is forwarded in this version, so no answer says that recursion is available"},
		{key: "resolvers"},
		{key: "zoneResolvers"},
		{key: "recursionAllow"},
		{key: "viewDomains"},
		{key: "viewTTL"},
		{key: "aliases"},
		{key: "unhealthy"},
	}
}

// checkLater reports what the user wrote and this version does not act on.
func (l *loader) checkLater() {
	for _, row := range notYet() {
		if l.cfg.origin[row.key] == "" || !l.sound(row.key) || row.when != nil && !row.when(l.cfg) {
			continue
		}
		if row.fault && row.key == "zk" && !l.sound("masters") {
			continue // they are there, and what is wrong with them is said
		}
		text := row.text
		if text == "" {
			text = "accepted, has no effect in this version"
		}
		if row.fault {
			l.fault(row.key, text, row.want)
		} else {
			l.warn(l.label(row.key), text)
		}
	}
}
