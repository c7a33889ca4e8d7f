package marathon

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// deployment is a change that is under way.
type deployment struct {
	id, version string
	apps        []string
}

// change is a set of apps that become others; nil ones go.
type change map[string]*App

// problem is an answer other than success.
type problem struct {
	status int
	body   any
}

func (p *problem) Error() string { return http.StatusText(p.status) }

func failure(status int, format string, args ...any) error {
	message := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD") // a query may be anything
	return &problem{status, map[string]string{"message": message}}
}

// locked is the answer while another deployment changes the same app.
func locked(by map[*deployment]bool) error {
	body := struct {
		Message     string `json:"message"`
		Deployments []ref  `json:"deployments"`
	}{Message: "App is locked by one or more deployments. Override with the option '?force=true'. " +
		"View details at '/v2/deployments/<DEPLOYMENT_ID>'."}
	for d := range by {
		body.Deployments = append(body.Deployments, ref{d.id})
	}
	slices.SortFunc(body.Deployments, func(a, b ref) int { return strings.Compare(a.ID, b.ID) })
	return &problem{http.StatusConflict, body}
}

// settle forgets the deployments that are over.
func (m *Marathon) settle() {
	m.forget(func(d *deployment) bool {
		return !slices.ContainsFunc(d.apps, func(id string) bool {
			e := m.apps[id]
			return e != nil && !m.settled(e)
		})
	})
}

// forget drops deployments, and frees their apps.
func (m *Marathon) forget(over func(*deployment) bool) {
	m.deployments = slices.DeleteFunc(m.deployments, func(d *deployment) bool {
		if !over(d) {
			return false
		}
		for _, id := range d.apps {
			delete(m.locks, id)
		}
		return true
	})
}

// apply makes a change and starts its deployment. With force it takes the
// place of the deployments that are in its way.
func (m *Marathon) apply(c change, force bool) (*deployment, error) {
	m.settle()
	inTheWay := map[*deployment]bool{}
	for id := range c {
		if d := m.locks[id]; d != nil {
			inTheWay[d] = true
		}
	}
	if len(inTheWay) > 0 && !force {
		return nil, locked(inTheWay)
	}
	if err := m.admit(c); err != nil {
		return nil, err
	}
	m.forget(func(d *deployment) bool { return inTheWay[d] })
	d := &deployment{id: m.o.NewID(), version: m.version(), apps: sortedKeys(c)}
	m.rootVersion = d.version
	for _, id := range d.apps {
		if c[id] == nil {
			m.remove(id)
		} else {
			m.put(c[id], d.version, nil)
		}
		m.locks[id] = d
	}
	m.deployments = append(m.deployments, d)
	return d, nil
}

// admit refuses what would be too much, and ids that are taken.
func (m *Marathon) admit(c change) error {
	var f faults
	grow := 0
	for _, id := range sortedKeys(c) {
		a := c[id]
		if a == nil {
			continue
		}
		if m.apps[id] == nil {
			grow++
			if m.groups[id] != nil {
				return failure(http.StatusConflict, "A group with the path %s already exists.", id)
			}
			for p := parsePathID(id).parent(); !p.root(); p = p.parent() {
				if e := m.apps[p.String()]; e != nil && !c.removes(p.String()) || c[p.String()] != nil {
					return failure(http.StatusConflict, "An app with the path %s already exists.", p)
				}
			}
		}
		f.unless(a.Instances <= m.o.MaxInstances, "/instances", "error.max")
	}
	f.unless(len(m.apps)+grow <= maxApps, "/", "there are too many apps")
	return f.err(notValid)
}

func (c change) removes(id string) bool {
	a, ok := c[id]
	return ok && a == nil
}

// put makes a the definition of its app, whose instances may run already.
func (m *Marathon) put(a *App, version string, running []string) {
	e := m.apps[a.ID]
	next := *a
	next.Version = version
	next.VersionInfo = &VersionInfo{LastScalingAt: version, LastConfigChangeAt: version}
	if e == nil {
		e = &entry{}
		m.apps[a.ID] = e
		m.addGroup(parsePathID(a.ID).parent(), version)
		m.assignServicePorts(&next, nil)
	} else {
		m.assignServicePorts(&next, e.app)
		if sameConfig(&next, e.app) && a.VersionInfo == nil {
			next.VersionInfo.LastConfigChangeAt = e.app.VersionInfo.LastConfigChangeAt
		}
		if next.Instances == e.app.Instances {
			next.VersionInfo.LastScalingAt = e.app.VersionInfo.LastScalingAt
		}
	}
	e.app = &next
	for _, id := range running {
		e.tasks = append(e.tasks, run{id, next.VersionInfo.LastConfigChangeAt})
	}
	e.history = append(e.history, &next)
	if len(e.history) > maxVersions {
		e.history = e.history[1:]
	}
	m.reconcile(e)
}

// restarted is the app as something that must be started anew, though its
// definition is the same: that is what a VersionInfo means to put.
func restarted(a *App) *App {
	next := *a
	next.VersionInfo = &VersionInfo{}
	return &next
}

func (m *Marathon) remove(id string) {
	e := m.apps[id]
	if e == nil {
		return
	}
	for _, r := range e.tasks {
		m.launcher.Kill(r.id)
	}
	m.countServicePorts(e.app, -1)
	delete(m.apps, id)
}

// sameConfig reports whether two definitions differ in their instances only.
func sameConfig(a, b *App) bool {
	return bytes.Equal(configOf(a), configOf(b))
}

func configOf(a *App) []byte {
	plain := *a
	plain.Instances, plain.Version, plain.VersionInfo = 0, "", nil
	b, err := json.Marshal(&plain, json.Deterministic(true))
	if err != nil {
		return nil // an App is made of what was read as JSON
	}
	if a.pod != nil {
		return append(b, a.pod.config()...)
	}
	return b
}
