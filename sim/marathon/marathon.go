package marathon

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Options are the settings of a Marathon. The zero value is usable.
type Options struct {
	Settings
	Name        string           // of the framework; "marathon" when empty
	FrameworkID string           // shown by /v2/info
	Now         func() time.Time // the clock; time.Now when nil
	NewID       func() string    // makes UUIDs; random ones when nil
	// MaxInstances bounds the instances of one app; 100,000 when 0.
	MaxInstances int
}

const (
	maxVersions = 50     // kept of each app, as --zk_max_versions
	maxApps     = 50_000 // kept at all
	firstPort   = 10000  // --local_port_min
	lastPort    = 20000  // --local_port_max
)

// Marathon keeps apps and groups and sees to it that they run. It is the
// http.Handler of its API, and safe for concurrent use. It does nothing by
// itself: an app is brought to what it should be when it changes, and when
// Reconcile is called.
type Marathon struct {
	o        Options
	launcher Launcher

	mu           sync.Mutex
	apps         map[string]*entry
	groups       map[string]*group // without the root group
	rootVersion  string
	deployments  []*deployment          // that are not over
	locks        map[string]*deployment // by app; an app has one at most
	servicePorts map[uint16]int
	portsUsed    int // of the range that is given out
	lastVersion  time.Time
}

// entry is an app with its past and its tasks.
type entry struct {
	app     *App
	history []*App // oldest first; the last is app
	tasks   []run  // oldest first
}

// run is a task of an app.
type run struct {
	id     string
	config string // the app's LastConfigChangeAt when it was started
}

// group is what a group has besides what its name says.
type group struct {
	dependencies []string
	version      string
}

// New makes a Marathon without apps.
func New(l Launcher, o Options) *Marathon {
	o.Name = cmp.Or(o.Name, "marathon")
	o.MaxInstances = cmp.Or(o.MaxInstances, 100_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = randomID
	}
	m := &Marathon{
		o:            o,
		launcher:     l,
		apps:         map[string]*entry{},
		groups:       map[string]*group{},
		locks:        map[string]*deployment{},
		servicePorts: map[uint16]int{},
	}
	m.rootVersion = m.version()
	return m
}

// randomID makes a random UUID (RFC 9562, version 4).
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails, see crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// version is the time as Marathon writes it. No two are the same.
func (m *Marathon) version() string {
	now := m.o.Now().UTC().Truncate(time.Millisecond)
	if !now.After(m.lastVersion) {
		now = m.lastVersion.Add(time.Millisecond)
	}
	m.lastVersion = now
	return now.Format(timeFormat)
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// Reconcile starts what is missing and ends what is too much: after tasks were
// lost, or agents came.
func (m *Marathon) Reconcile() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(m.apps)) {
		m.reconcile(m.apps[id])
	}
	m.settle()
}

// reconcile brings an app as near to what it should be as the launcher lets.
func (m *Marathon) reconcile(e *entry) {
	e.tasks = slices.DeleteFunc(e.tasks, func(r run) bool {
		_, ok := m.launcher.Status(r.id)
		return !ok
	})
	config := e.app.VersionInfo.LastConfigChangeAt
	var current, old []run
	for _, r := range e.tasks {
		if r.config == config {
			current = append(current, r)
		} else {
			old = append(old, r)
		}
	}
	for len(current) > e.app.Instances {
		i := len(current) - 1
		if e.app.KillSelection == "OLDEST_FIRST" {
			i = 0
		}
		m.launcher.Kill(current[i].id)
		current = slices.Delete(current, i, i+1)
	}
	// The new come before the old go, one after the other; where there is no
	// room for that, such as with a fixed host port, the old go first.
	for len(current) < e.app.Instances {
		r := run{e.app.TaskID(m.o.NewID()), config}
		err := m.launcher.Launch(Instance{r.id, e.app})
		if err != nil && len(old) > 0 {
			m.launcher.Kill(old[0].id)
			old = old[1:]
			err = m.launcher.Launch(Instance{r.id, e.app})
		} else if err == nil && len(old) > 0 && len(current)+1+len(old) > e.app.Instances {
			m.launcher.Kill(old[0].id)
			old = old[1:]
		}
		if err != nil {
			break // what is left of the old stays until there is room
		}
		current = append(current, r)
	}
	if len(current) == e.app.Instances {
		for _, r := range old {
			m.launcher.Kill(r.id)
		}
		old = nil
	}
	e.tasks = append(old, current...)
}

// settled reports whether all instances run, and no others. Where there are
// health checks, each has had its first result.
func (m *Marathon) settled(e *entry) bool {
	if len(e.tasks) != e.app.Instances {
		return false
	}
	for _, r := range e.tasks {
		s, ok := m.launcher.Status(r.id)
		unchecked := len(e.app.HealthChecks) > 0 && s.Healthy == nil
		if !ok || s.State != taskRunning || unchecked || r.config != e.app.VersionInfo.LastConfigChangeAt {
			return false
		}
	}
	return true
}
