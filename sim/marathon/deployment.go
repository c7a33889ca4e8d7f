package marathon

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// deployment is a change that has not finished.
type deployment struct {
	id, version string
	apps        []string
}

// change has the new definitions of apps by id; those that are nil are removed.
type change map[string]*App

// apiError is an answer with a status other than success.
type apiError struct {
	status int
	body   any
}

func (p *apiError) Error() string { return http.StatusText(p.status) }

func apiErrorf(status int, format string, args ...any) error {
	message := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD") // a query may be anything
	return &apiError{status, map[string]string{"message": message}}
}

// lockedError is the answer while other deployments change the same apps.
func lockedError(by map[*deployment]bool) error {
	body := struct {
		Message     string          `json:"message"`
		Deployments []deploymentRef `json:"deployments"`
	}{Message: "App is locked by one or more deployments. Override with the option '?force=true'. " +
		"View details at '/v2/deployments/<DEPLOYMENT_ID>'."}
	for d := range by {
		body.Deployments = append(body.Deployments, deploymentRef{d.id})
	}
	slices.SortFunc(body.Deployments, func(a, b deploymentRef) int { return strings.Compare(a.ID, b.ID) })
	return &apiError{http.StatusConflict, body}
}

// settle removes the deployments that have finished.
func (s *Scheduler) settle() {
	s.forget("deployment_success", func(d *deployment) bool {
		return !slices.ContainsFunc(d.apps, func(id string) bool {
			e := s.apps[id]
			return e != nil && !s.settled(e)
		})
	})
}

// forget removes deployments, unlocks their apps, and publishes an event for each.
func (s *Scheduler) forget(event string, over func(*deployment) bool) {
	s.deployments = slices.DeleteFunc(s.deployments, func(d *deployment) bool {
		if !over(d) {
			return false
		}
		for _, id := range d.apps {
			delete(s.locks, id)
		}
		s.events.publish(event, s.cluster.Now(), map[string]any{"id": d.id})
		return true
	})
}

// apply makes a change and starts its deployment. With force it replaces the
// deployments that lock the same apps.
func (s *Scheduler) apply(c change, force bool) (*deployment, error) {
	s.settle()
	inTheWay := map[*deployment]bool{}
	for id := range c {
		if d := s.locks[id]; d != nil {
			inTheWay[d] = true
		}
	}
	if len(inTheWay) > 0 && !force {
		return nil, lockedError(inTheWay)
	}
	if err := s.checkLimits(c); err != nil {
		return nil, err
	}
	s.forget("deployment_failed", func(d *deployment) bool { return inTheWay[d] })
	d := &deployment{id: s.newID(), version: s.version(), apps: sortedKeys(c)}
	s.rootVersion = d.version
	for _, id := range d.apps {
		if c[id] == nil {
			s.remove(id)
		} else {
			s.put(c[id], d.version)
		}
		s.locks[id] = d
	}
	s.deployments = append(s.deployments, d)
	s.events.publish("deployment_info", s.cluster.Now(), map[string]any{
		"plan": map[string]any{"id": d.id, "version": d.version, "affectedApps": d.apps},
	})
	return d, nil
}

// checkLimits returns an error for a change with too many apps or instances, or
// with ids that are in use.
func (s *Scheduler) checkLimits(c change) error {
	var f violations
	grow := 0
	for _, id := range sortedKeys(c) {
		a := c[id]
		if a == nil {
			continue
		}
		if s.apps[id] == nil {
			grow++
			if s.groups[id] != nil {
				return apiErrorf(http.StatusConflict, "A group with the path %s already exists.", id)
			}
			for p := parsePathID(id).parent(); !p.root(); p = p.parent() {
				if e := s.apps[p.String()]; e != nil && !c.removes(p.String()) || c[p.String()] != nil {
					return apiErrorf(http.StatusConflict, "An app with the path %s already exists.", p)
				}
			}
		}
		f.require(a.Instances <= s.o.MaxInstances, "/instances", "error.max")
	}
	f.require(len(s.apps)+grow <= maxApps, "/", "there are too many apps")
	return f.err(notValid)
}

func (c change) removes(id string) bool {
	a, ok := c[id]
	return ok && a == nil
}

// put makes a the definition of its app, and launches and kills instances.
func (s *Scheduler) put(a *App, version string) { s.reconcile(s.define(a, version)) }

// define makes a the definition of its app.
func (s *Scheduler) define(a *App, version string) *entry {
	e := s.apps[a.ID]
	next := *a
	next.Version = version
	next.VersionInfo = &VersionInfo{LastScalingAt: version, LastConfigChangeAt: version}
	if e == nil {
		e = &entry{}
		s.apps[a.ID] = e
		s.addGroup(parsePathID(a.ID).parent(), version)
		s.ports.assign(&next, nil)
	} else {
		s.ports.assign(&next, e.app)
		if a.VersionInfo == nil && sameConfig(&next, e.app) {
			next.VersionInfo.LastConfigChangeAt = e.app.VersionInfo.LastConfigChangeAt
		}
		if next.Instances == e.app.Instances {
			next.VersionInfo.LastScalingAt = e.app.VersionInfo.LastScalingAt
		}
	}
	e.app = &next
	e.history = append(e.history, &next)
	if len(e.history) > maxVersions {
		e.history = e.history[1:]
	}
	return e
}

// restarted returns the app with a VersionInfo, which tells define that all
// instances are to be replaced although the definition is the same.
func restarted(a *App) *App {
	next := *a
	next.VersionInfo = &VersionInfo{}
	return &next
}

func (s *Scheduler) remove(id string) {
	e := s.apps[id]
	if e == nil {
		return
	}
	for _, i := range e.instances {
		s.kill(i)
	}
	s.ports.count(e.app, -1)
	delete(s.apps, id)
}

// sameConfig reports whether two definitions differ in their number of instances only.
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
