package marathon

import (
	"cmp"
	"net/http"
	"strings"
)

// groups answers below /v2/groups.
func (r *request) groups(path string) (int, any, error) {
	id := parsePathID(path).in(pathID{absolute: true})
	if of, word := cutLast(path); word == "apps" || word == "versions" {
		return r.only(http.MethodGet, func() (int, any, error) {
			return r.partOfGroup(parsePathID(of).in(pathID{absolute: true}), word)
		})
	}
	return r.by(methods{
		http.MethodGet:    func() (int, any, error) { return r.showGroup(id) },
		http.MethodPost:   func() (int, any, error) { return r.putGroup(id, true) },
		http.MethodPut:    func() (int, any, error) { return r.putGroup(id, false) },
		http.MethodDelete: func() (int, any, error) { return r.deleteGroup(id) },
	})
}

func cutLast(path string) (before, last string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func (r *request) showGroup(id pathID) (int, any, error) {
	g := r.s.group(id)
	if g == nil {
		return 0, nil, apiErrorf(http.StatusNotFound, "Group '%s' does not exist", id)
	}
	return http.StatusOK, g, nil
}

// partOfGroup serves the apps or the versions of a group.
func (r *request) partOfGroup(id pathID, word string) (int, any, error) {
	g := r.s.group(id)
	if g == nil {
		return 0, nil, apiErrorf(http.StatusNotFound, "Group '%s' does not exist", id)
	}
	if word == "versions" {
		return http.StatusOK, []string{g.Version}, nil
	}
	return http.StatusOK, g.Apps, nil
}

func (r *request) putGroup(base pathID, create bool) (int, any, error) {
	var g groupDefinition
	if err := decode(r.body, &g); err != nil {
		return 0, nil, err
	}
	if r.URL.Query().Get("dryRun") == "true" {
		return 0, nil, apiErrorf(http.StatusNotImplemented, "A dry run is not simulated.")
	}
	d, id, err := r.s.putGroup(base, g, create, r.force)
	if err != nil {
		return 0, nil, err
	}
	if !create {
		return r.deployed(http.StatusOK, d)
	}
	r.w.Header().Set("Location", id.String())
	return r.deployed(http.StatusCreated, d)
}

func (r *request) deleteGroup(id pathID) (int, any, error) {
	d, err := r.s.removeGroup(id, r.force)
	if err != nil {
		return 0, nil, err
	}
	return r.deployed(http.StatusOK, d)
}

// groupView is a group in the answer to GET.
type groupView struct {
	ID           string       `json:"id"`
	Apps         []appView    `json:"apps"`
	Groups       []*groupView `json:"groups"`
	Pods         []*Pod       `json:"pods"`
	Dependencies []string     `json:"dependencies"`
	Version      string       `json:"version"`
}

// group returns a group with all apps, pods and groups in it, or nil.
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
