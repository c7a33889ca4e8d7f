package marathon

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// groupDefinition is the JSON form of a group. A PUT leaves alone what is absent
// from it.
type groupDefinition struct {
	ID           string            `json:"id,omitempty"`
	Apps         []jsontext.Value  `json:"apps,omitzero"`
	Groups       []groupDefinition `json:"groups,omitzero"`
	Dependencies []string          `json:"dependencies,omitzero"`
	ScaleBy      *float64          `json:"scaleBy,omitzero"`
	Version      string            `json:"version,omitempty"`
}

// group is what is known of a group, its members aside.
type group struct {
	dependencies []string
	version      string
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// addGroup adds a group and its parents, where they do not exist.
func (s *Scheduler) addGroup(p pathID, version string) {
	for ; !p.root(); p = p.parent() {
		if s.groups[p.String()] == nil {
			s.groups[p.String()] = &group{version: version}
		}
	}
}

// ParseGroup reads a group and returns the apps in it and in its subgroups. ok is
// false for a definition with neither "apps" nor "groups", which is not a group.
func ParseGroup(data []byte, s Settings) (apps []*App, ok bool, err error) {
	var g groupDefinition
	if err := decode(data, &g); err != nil {
		return nil, false, err
	}
	if g.Apps == nil && g.Groups == nil {
		return nil, false, nil
	}
	t := newDefinitionTree(s)
	if err := t.add(g, pathID{absolute: true}, ""); err != nil {
		return nil, true, err
	}
	for _, id := range sortedKeys(t.apps) {
		apps = append(apps, t.apps[id])
	}
	return apps, true, t.violations.err(notValid)
}

// definitionTree has the apps and groups of a group definition by their absolute ids.
type definitionTree struct {
	settings   Settings
	apps       map[string]*App
	groups     map[string]groupDefinition
	order      []string // ids of groups, parents first
	violations violations
}

func newDefinitionTree(s Settings) *definitionTree {
	return &definitionTree{settings: s, apps: map[string]*App{}, groups: map[string]groupDefinition{}}
}

// add reads a group whose id is relative to base. Violations of single apps are
// collected with their paths; any other error is returned.
func (t *definitionTree) add(g groupDefinition, base pathID, path string) error {
	id := parsePathID(g.ID).in(base)
	if !id.root() {
		for _, reason := range id.violations() {
			t.violations.add(path+"/id", reason)
		}
	}
	if _, ok := t.groups[id.String()]; ok {
		t.violations.add(path+"/id", "Group ids must be unique.")
	}
	t.groups[id.String()] = g
	t.order = append(t.order, id.String())
	for i, written := range g.Apps {
		at := fmt.Sprintf("%s/apps(%d)", path, i)
		a, err := parseIn(written, t.settings, id)
		switch e := err.(type) {
		case nil:
		case *Invalid:
			for _, d := range e.Details {
				for _, reason := range d.Errors {
					t.violations.add(at+d.Path, reason)
				}
			}
			if len(e.Details) == 0 {
				t.violations.add(at, e.Message)
			}
			continue
		default:
			return err
		}
		app := parsePathID(a.ID)
		if !slices.Equal(app.parent().segments, id.segments) {
			t.violations.add(at+"/id", fmt.Sprintf(childRule, id))
		}
		if t.apps[a.ID] != nil {
			t.violations.add(at+"/id", "Application ids must be unique.")
		}
		t.apps[a.ID] = a
	}
	for i, below := range g.Groups {
		at := fmt.Sprintf("%s/groups(%d)", path, i)
		if below.ID == "" {
			t.violations.add(at+"/id", "error.path.missing")
			continue
		}
		if p := parsePathID(below.ID).in(id); !p.within(id) || len(p.segments) <= len(id.segments) {
			t.violations.add(at+"/id", fmt.Sprintf(childRule, id))
			continue
		}
		if err := t.add(below, id, at); err != nil {
			return err
		}
	}
	return nil
}

// putGroup creates or changes a group. Where the definition has a list of apps or
// groups, it replaces all that were there.
func (s *Scheduler) putGroup(base pathID, g groupDefinition, mustBeNew, force bool) (*deployment, pathID, error) {
	id := parsePathID(g.ID).in(base)
	if mustBeNew && (id.root() || s.groups[id.String()] != nil) {
		return nil, id, apiErrorf(http.StatusConflict, "Group %s is already created. Use PUT to change this group.", id)
	}
	if s.apps[id.String()] != nil {
		return nil, id, apiErrorf(http.StatusConflict, "An app with the path %s already exists.", id)
	}
	if g.ScaleBy != nil {
		d, err := s.scaleGroup(id, *g.ScaleBy, force)
		return d, id, err
	}
	if g.Version != "" {
		return nil, id, apiErrorf(http.StatusNotImplemented, "Going back to a version of a group is not simulated.")
	}
	t := newDefinitionTree(s.o.Settings)
	if err := t.add(g, base, ""); err != nil {
		return nil, id, err
	}
	t.violations.require(len(s.groups)+len(t.order) <= maxApps, "/groups", "there are too many groups")
	if err := t.violations.err(notValid); err != nil {
		return nil, id, err
	}
	c := change{}
	gone := s.replaced(t)
	for app := range s.apps {
		parent := parsePathID(app).parent()
		listed := s.apps[app].app.pod == nil // a list of apps says nothing of the pods
		if def, ok := t.groups[parent.String()]; ok && def.Apps != nil && listed || gone[parent.String()] {
			c[app] = nil
		}
	}
	for app, a := range t.apps {
		if e := s.apps[app]; e != nil && e.app.pod != nil && !gone[parsePathID(app).parent().String()] {
			return nil, id, apiErrorf(http.StatusConflict, "A pod with the path %s already exists.", app)
		}
		c[app] = a
	}
	for _, name := range t.order {
		if s.apps[name] != nil && !c.removes(name) {
			return nil, id, apiErrorf(http.StatusConflict, "An app with the path %s already exists.", name)
		}
	}
	d, err := s.apply(c, force)
	if err != nil {
		return nil, id, err
	}
	for name := range gone {
		delete(s.groups, name)
	}
	for _, name := range t.order {
		p := parsePathID(name)
		s.addGroup(p, d.version)
		if p.root() {
			continue
		}
		s.groups[name].version = d.version
		if deps := t.groups[name].Dependencies; deps != nil {
			s.groups[name].dependencies = nil
			for _, dep := range deps {
				s.groups[name].dependencies = append(s.groups[name].dependencies, parsePathID(dep).in(p).String())
			}
		}
	}
	return d, id, nil
}

// replaced returns the groups that a definition removes, because a list of groups
// does not have them.
func (s *Scheduler) replaced(t *definitionTree) map[string]bool {
	gone, above := map[string]bool{}, map[string]bool{}
	for _, name := range t.order {
		for p := parsePathID(name); !p.root() && !above[p.String()]; p = p.parent() {
			above[p.String()] = true
		}
	}
	for name := range s.groups {
		if _, ok := t.groups[name]; ok {
			continue
		}
		// The nearest group above that is in the definition decides, unless a
		// group of the definition lies below.
		for p := parsePathID(name); !p.root(); {
			p = p.parent()
			if def, ok := t.groups[p.String()]; ok {
				gone[name] = def.Groups != nil && !above[name]
				break
			}
		}
	}
	maps.DeleteFunc(gone, func(_ string, is bool) bool { return !is })
	return gone
}

// scaleGroup multiplies the instances of all apps of a group.
func (s *Scheduler) scaleGroup(id pathID, by float64, force bool) (*deployment, error) {
	if !id.root() && s.groups[id.String()] == nil {
		return nil, apiErrorf(http.StatusNotFound, "Group '%s' does not exist", id)
	}
	var f violations
	f.require(by >= 0 && by <= 1e6, "/scaleBy", "error.min")
	if err := f.err(notValid); err != nil {
		return nil, err
	}
	c := change{}
	for app, e := range s.apps {
		if parsePathID(app).within(id) {
			next := *e.app
			next.VersionInfo = nil
			next.Instances = int(math.Ceil(float64(next.Instances) * by))
			c[app] = &next
		}
	}
	return s.apply(c, force)
}

// removeGroup removes a group with all apps, pods and groups in it.
func (s *Scheduler) removeGroup(id pathID, force bool) (*deployment, error) {
	if !id.root() && s.groups[id.String()] == nil {
		return nil, apiErrorf(http.StatusNotFound, "Group '%s' does not exist", id)
	}
	c := change{}
	for app := range s.apps {
		if parsePathID(app).within(id) {
			c[app] = nil
		}
	}
	d, err := s.apply(c, force)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(s.groups, func(name string, _ *group) bool { return parsePathID(name).within(id) })
	return d, nil
}
