package config

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
		{key: "agentReregisterTimeout"},
	}
}

// checkLater reports what the user wrote and this version does not act on.
func (l *loader) checkLater() {
	for _, row := range notYet() {
		if l.cfg.origin[row.key] == "" || !l.sound(row.key) || row.when != nil && !row.when(l.cfg) {
			continue
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
