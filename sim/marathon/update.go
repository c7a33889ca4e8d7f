package marathon

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object whose members are not looked into.
type object map[string]jsontext.Value

// updated is an app with the members that an update names. The update may be
// in either form: what it says in the form of 1.4 is moved first to where the
// app has it.
func updated(a *App, update object, s Settings) (*App, error) {
	d := definition{App: defaults()}
	written, err := json.Marshal(update)
	if err != nil {
		return nil, err
	}
	if err := decode(written, &d); err != nil {
		return nil, err
	}
	if err := d.modernize(); err != nil {
		return nil, err
	}
	next, err := membersOf(a)
	if err != nil {
		return nil, err
	}
	if len(d.Networks) > 0 {
		// The ports of the old networks mean nothing on the new ones.
		onHost := d.Networks[0].Mode == ModeHost
		if onHost != a.onHost() {
			delete(next, "portDefinitions")
			delete(next, "requirePorts")
			if c := a.Container; c != nil && d.Container == nil {
				plain := *c
				plain.PortMappings = nil
				if next["container"], err = json.Marshal(&plain); err != nil {
					return nil, err
				}
			}
		}
	}
	moved, err := membersOf(&d.App)
	if err != nil {
		return nil, err
	}
	for member := range update {
		switch member {
		case "ipAddress", "ports", "uris", "id", "version":
			continue
		}
		if v, ok := moved[member]; ok {
			next[member] = v
		} else {
			delete(next, member) // such as an empty list, which is as good as none
		}
	}
	for _, member := range []string{"networks", "container", "portDefinitions", "fetch"} {
		if v, ok := moved[member]; ok && string(v) != "null" && string(v) != "[]" {
			next[member] = v // where fields of 1.4 ended up
		}
	}
	merged, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	return Parse(merged, s)
}

func membersOf(a *App) (object, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	var o object
	return o, json.Unmarshal(b, &o)
}
