package marathon

import "cmp"

// groupView is a group as GET answers it.
type groupView struct {
	ID           string       `json:"id"`
	Apps         []appView    `json:"apps"`
	Groups       []*groupView `json:"groups"`
	Pods         []*Pod       `json:"pods"`
	Dependencies []string     `json:"dependencies"`
	Version      string       `json:"version"`
}

// group gives a group with all that is in it, or nil.
func (s *Scheduler) group(id pathID) *groupView {
	if !id.root() && s.groups[id.String()] == nil {
		return nil
	}
	views := map[string]*groupView{}
	view := func(p pathID) *groupView {
		v := &groupView{ID: p.String(), Version: s.rootVersion}
		if g := s.groups[p.String()]; g != nil {
			v.Version, v.Dependencies = cmp.Or(g.version, s.rootVersion), g.dependencies
		}
		views[p.String()] = v
		return v
	}
	top := view(id)
	for _, name := range sortedKeys(s.groups) { // a group comes before those in it
		if p := parsePathID(name); p.within(id) && len(p.segments) > len(id.segments) {
			above := views[p.parent().String()]
			above.Groups = append(above.Groups, view(p))
		}
	}
	for _, pods := range []bool{false, true} {
		for _, e := range s.entries(pods) {
			v := views[parsePathID(e.app.ID).parent().String()]
			switch {
			case v == nil:
			case pods:
				v.Pods = append(v.Pods, e.app.scaled())
			default:
				v.Apps = append(v.Apps, s.view(e, false))
			}
		}
	}
	return top
}
