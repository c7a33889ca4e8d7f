package sim

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// source is where a Master takes its state from: a Cluster, or a Spec.
type source interface {
	state() body
}

// body is what one answer shows, whenever and however often it is written.
type body interface {
	size(identity) int64
	writeState(io.Writer, identity) error
}

// MasterOptions are the settings of a Master.
type MasterOptions struct {
	// Addr is the address the master is served on, as its pid and leader say.
	Addr netip.AddrPort
	// Hostname is the master's --hostname; Addr's address when empty.
	Hostname string
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Master answers HTTP as a Mesos 1.12 master does. It is safe for concurrent
// use. A new one leads.
type Master struct {
	source source
	now    func() time.Time
	routes map[string]http.HandlerFunc

	mu     sync.Mutex
	id     identity
	leader string // "host:port", empty when nobody leads
}

// NewMaster makes a master that shows c.
func NewMaster(c *Cluster, o MasterOptions) *Master { return newMaster(c, o) }

// NewGeneratedMaster makes a master that shows the state of s, which never
// changes. Its Addr is o.Addr, whatever s says.
func NewGeneratedMaster(s Spec, o MasterOptions) *Master { return newMaster(&generated{spec: s}, o) }

func newMaster(src source, o MasterOptions) *Master {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Master{source: src, now: o.Now, id: newIdentity(o.Addr, o.Hostname, o.Now())}
	m.leader = m.hostPort()
	m.routes = map[string]http.HandlerFunc{
		"/master/state":    m.leading("/master/state", m.serveState),
		"/state":           m.leading("/master/state", m.serveState),
		"/redirect":        m.redirect,
		"/master/redirect": m.redirect,
		"/health":          m.health,
		"/master/health":   m.health,
		"/version":         m.version,
	}
	return m
}

// SetLeader says who leads, as host:port. The master's own address makes it
// lead; another one makes it redirect there; "" leaves all without a leader.
func (m *Master) SetLeader(hostPort string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hostPort == m.id.addr.String() {
		hostPort = m.hostPort()
	}
	if hostPort == m.hostPort() && m.leader != hostPort {
		m.id.elected = m.now()
	}
	m.leader = hostPort
}

// hostPort is what others are told to come back to.
func (m *Master) hostPort() string {
	return joinHostPort(m.id.hostname, m.id.addr.Port())
}

// view gives the master's identity, who leads, and whether that is itself.
func (m *Master) view() (id identity, leader string, leads bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, m.leader, m.leader == m.hostPort()
}

// ServeHTTP implements http.Handler. The path is compared as it was sent:
// like Mesos, and unlike http.ServeMux, it does not clean "//master/state".
func (m *Master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := m.routes[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h(w, r)
}

// leading lets only the leader answer; others send the client to path there.
func (m *Master) leading(path string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, leader, leads := m.view()
		if leads {
			h(w, r)
			return
		}
		target := path
		if q := r.URL.Query(); len(q) > 0 {
			target += "?" + q.Encode() // sorted: the order changes, as it does in Mesos
		}
		redirectTo(w, leader, target)
	}
}

func (m *Master) redirect(w http.ResponseWriter, _ *http.Request) {
	_, leader, _ := m.view()
	redirectTo(w, leader, "")
}

// redirectTo sends a Location without a scheme and an empty body, so not by
// http.Redirect, which would make the one absolute and write the other.
func redirectTo(w http.ResponseWriter, leader, path string) {
	if leader == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "No leader elected")
		return
	}
	w.Header().Set("Location", "//"+leader+path)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func (m *Master) health(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusOK)
}

func (m *Master) version(w http.ResponseWriter, r *http.Request) {
	e := newEncoder(nil)
	e.open('{')
	e.build()
	e.close('}')
	serveJSON(w, r, int64(len(e.buf)), func(w io.Writer) error {
		_, err := w.Write(e.buf)
		return err
	})
}

func (m *Master) serveState(w http.ResponseWriter, r *http.Request) {
	id, _, _ := m.view()
	b := m.source.state()
	serveJSON(w, r, b.size(id), func(w io.Writer) error { return b.writeState(w, id) })
}

// newIdentity makes an id that follows from the address, so that the same
// master is the same in every run.
func newIdentity(addr netip.AddrPort, hostname string, now time.Time) identity {
	if hostname == "" {
		hostname = addr.Addr().String()
	}
	var hi, lo uint64
	for _, c := range []byte(addr.String()) {
		hi = mix(hi ^ uint64(c))
		lo = mix(lo + hi)
	}
	return identity{uuid: uuid(hi, lo), addr: addr, hostname: hostname, started: now, elected: now}
}

func joinHostPort(host string, port uint16) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, port).String()
	}
	return strings.Join([]string{host, utoa(port)}, ":")
}
