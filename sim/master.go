package sim

import (
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MasterOptions are the settings of a Master.
type MasterOptions struct {
	// Addr is the address of the master, which its pid and leader show.
	Addr netip.AddrPort
	// Hostname is the master's --hostname; the address of Addr when empty. It need not
	// resolve.
	Hostname string
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	// Startup is how long after NewMaster every path is 404, because the port
	// is open before the handlers exist. A real master takes some 35 ms.
	Startup time.Duration
	// Recovery is how long an elected master reads the registry: its state is empty
	// meanwhile, and the operator API responds with 503.
	Recovery time.Duration
	// NoOperatorAPI makes /api/v1 404, as it is in Mesos before 1.0.
	NoOperatorAPI bool
	// Heartbeat is the time between two HEARTBEAT events; 15 seconds when 0.
	Heartbeat time.Duration
	// MaxSubscribers is --max_operator_event_stream_subscribers: one more ends
	// the oldest stream. 1000 when 0.
	MaxSubscribers int
	// MaxWaiting is how many bytes of events may wait for a subscriber that
	// does not read them, before its stream ends; 64 MB when 0.
	MaxWaiting int
	// Admit, if not nil, authenticates each request for the state (RealmReadOnly)
	// or the operator API (RealmReadWrite). With ok false it has sent the
	// response. visible limits the frameworks that the client may see; nil shows
	// all of them.
	Admit func(w http.ResponseWriter, r *http.Request, realm string) (visible func(framework string) bool, ok bool)
	// Gate, if not nil, is called before each request is handled and before each
	// record of a stream is written. It may block, and reports false if ctx ended
	// first.
	Gate func(ctx context.Context) bool
	// Process numbers the master processes that were started at this address:
	// each has an id of its own.
	Process int
}

// Master answers HTTP as a Mesos 1.12 master does. It is safe for concurrent
// use. A new one leads.
type Master struct {
	cluster *Cluster
	options MasterOptions
	now     func() time.Time
	routes  map[string]http.HandlerFunc

	mu     sync.Mutex
	id     identity
	leader string // "host:port", empty when nobody leads
}

// NewMaster makes a master that shows c.
func NewMaster(c *Cluster, o MasterOptions) *Master {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Heartbeat = cmp.Or(o.Heartbeat, 15*time.Second)
	o.MaxSubscribers = cmp.Or(o.MaxSubscribers, 1000)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 64<<20)
	m := &Master{cluster: c, options: o, now: o.Now, id: newIdentity(o.Addr, o.Hostname, o.Now())}
	m.id.restarted(o.Process)
	m.leader = m.HostPort()
	state := readOnly(m.state)
	m.routes = map[string]http.HandlerFunc{
		"/master/state":    state,
		"/state":           state,
		"/redirect":        readOnly(m.redirect),
		"/master/redirect": readOnly(m.redirect),
		"/health":          readOnly(m.health),
		"/master/health":   readOnly(m.health),
		"/version":         readOnly(m.version),
	}
	if !o.NoOperatorAPI {
		m.routes["/api/v1"] = m.api
		m.routes["/master/api/v1"] = m.api
	}
	return m
}

// SetLeader sets the leader, as host:port. The master's own address makes it lead; with
// another one it redirects there; with "" it knows no leader.
func (m *Master) SetLeader(hostPort string) {
	m.mu.Lock()
	if hostPort == m.id.addr.String() {
		hostPort = m.HostPort()
	}
	led := m.leader == m.HostPort()
	leads := hostPort == m.HostPort()
	if leads && !led {
		m.id.elected = m.now()
	}
	m.leader = hostPort
	m.mu.Unlock()
	if led && !leads {
		m.BreakStreams() // a leader that is replaced ends its process
	}
}

// The realms of Mesos's HTTP authentication.
const (
	RealmReadOnly  = "mesos-master-readonly"
	RealmReadWrite = "mesos-master-readwrite"
)

func (m *Master) admit(w http.ResponseWriter, r *http.Request, realm string) (visible func(framework string) bool, ok bool) {
	if m.options.Admit == nil {
		return nil, true
	}
	return m.options.Admit(w, r, realm)
}

// open waits for the gate, if there is one.
func (m *Master) open(ctx context.Context) bool { return m.options.Gate == nil || m.options.Gate(ctx) }

// Addr returns the address of the master, as its pid has it.
func (m *Master) Addr() netip.AddrPort { return m.id.addr }

// HostPort returns the host name and port that standbys redirect clients to.
func (m *Master) HostPort() string {
	return joinHostPort(m.id.hostname, m.id.addr.Port())
}

// view returns the master's identity, the leader, and whether it leads itself.
func (m *Master) view() (id identity, leader string, leads bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, m.leader, m.leader == m.HostPort()
}

// ServeHTTP implements http.Handler. Like Mesos, and unlike http.ServeMux, it compares the
// path as it was sent and does not clean "//master/state".
func (m *Master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.open(r.Context()) {
		panic(http.ErrAbortHandler) // the client gave up
	}
	id, _, _ := m.view()
	h, ok := m.routes[r.URL.Path]
	if !ok || m.now().Sub(id.started) < m.options.Startup {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h(w, r)
}

// readOnly refuses methods other than GET and HEAD.
func readOnly(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}
}

// leads reports whether this master leads. If not, it redirects the client to a path of the
// leader.
func (m *Master) leads(w http.ResponseWriter, r *http.Request, path string) bool {
	_, leader, leads := m.view()
	if leads {
		return true
	}
	if q := r.URL.Query(); len(q) > 0 {
		path += "?" + q.Encode() // sorted: the order changes, as it does in Mesos
	}
	redirectTo(w, leader, path)
	return false
}

// recovered reports whether the master has read the registry.
func (m *Master) recovered() bool {
	id, _, _ := m.view()
	return m.now().Sub(id.elected) >= m.options.Recovery
}

func (m *Master) redirect(w http.ResponseWriter, _ *http.Request) {
	_, leader, _ := m.view()
	redirectTo(w, leader, "")
}

// redirectTo sends a Location without a scheme and an empty body. http.Redirect would send
// an absolute URL and a body.
func redirectTo(w http.ResponseWriter, leader, path string) {
	if leader == "" {
		respondText(w, http.StatusServiceUnavailable, "No leader elected")
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

// state is /master/state. Before the end of the recovery it is 200 and empty, which clients
// must not take for news.
func (m *Master) state(w http.ResponseWriter, r *http.Request) {
	sees, ok := m.admit(w, r, RealmReadOnly)
	if !ok || !m.leads(w, r, "/master/state") {
		return
	}
	id, _, _ := m.view()
	b := &fullState{}
	if m.recovered() {
		b = m.cluster.fullState(sees)
	}
	serveJSON(w, r, b.size(id), func(w io.Writer) error { return b.writeState(w, id) })
}

// newIdentity makes an identity whose id follows from the address: it is the same in every
// run.
func newIdentity(addr netip.AddrPort, hostname string, now time.Time) identity {
	if hostname == "" {
		hostname = addr.Addr().String()
	}
	var hi, lo uint64
	for _, c := range []byte(addr.String()) {
		hi = mix(hi ^ uint64(c))
		lo = mix(lo + hi)
	}
	return identity{uuid: UUID(hi, lo), addr: addr, hostname: hostname, started: now, elected: now}
}

// restarted changes the id to that of a later process at the same address.
func (id *identity) restarted(start int) {
	if start > 1 {
		n := mix(uint64(start))
		for _, c := range []byte(id.uuid) {
			n = mix(n ^ uint64(c))
		}
		id.uuid = UUID(n, mix(n))
	}
}

func joinHostPort(host string, port uint16) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, port).String()
	}
	return strings.Join([]string{host, formatPort(port)}, ":")
}

// Info returns the MasterInfo of the master in JSON, which is what its node in
// ZooKeeper contains.
func (m *Master) Info() []byte {
	e := newEncoder(nil)
	e.masterInfo(m.id)
	return e.buf
}

// masterInfo writes the MasterInfo of the operator API and of ZooKeeper. Its ip is the
// address's bytes read as a little-endian number, which is of no use elsewhere; readers
// take the address.
func (e *encoder) masterInfo(id identity) {
	addr := id.addr.Addr()
	e.open('{')
	e.openKey("address", '{')
	e.stringField("hostname", id.hostname)
	e.stringField("ip", addr.String())
	e.intField("port", int(id.addr.Port()))
	e.close('}')
	e.typesField("capabilities", masterCapabilities)
	e.stringField("hostname", id.hostname)
	e.stringField("id", id.uuid)
	if addr.Is4() {
		b := addr.As4()
		e.intField("ip", int(binary.LittleEndian.Uint32(b[:])))
	} else {
		e.intField("ip", 0)
	}
	e.stringField("pid", id.pid())
	e.intField("port", int(id.addr.Port()))
	e.stringField("version", mesosVersion)
	e.close('}')
}

const (
	mesosVersion = "1.12.0"
	buildSHA     = "51301a7e0000000000000000000000000051301a" // no commit of Mesos: nothing was built
)

var (
	buildTime          = time.Date(2025, time.January, 15, 0, 0, 0, 0, time.UTC)
	masterCapabilities = []string{"AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"}
	agentCapabilities  = []string{
		"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER",
		"RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS",
	}
)

// identity is what a master reports about itself.
type identity struct {
	uuid             string
	addr             netip.AddrPort
	hostname         string
	started, elected time.Time
}

func (id identity) pid() string { return "master@" + id.addr.String() }

// flags writes the command line of the master. Readers of the state have to skip something
// of that size and depth.
func (e *encoder) flags(id identity, cluster string) {
	e.openKey("flags", '{')
	for _, f := range [][2]string{
		{"agent_ping_timeout", "15secs"},
		{"agent_reregister_timeout", "10mins"},
		{"allocation_interval", "1secs"},
		{"allocator", "hierarchical"},
		{"authenticate_agents", "false"},
		{"authenticate_frameworks", "false"},
		{"authenticate_http_frameworks", "false"},
		{"authenticate_http_readonly", "false"},
		{"authenticate_http_readwrite", "false"},
		{"authentication_v0_timeout", "15secs"},
		{"authenticators", "crammd5"},
		{"authorizers", "local"},
		{"cluster", cluster},
		{"filter_gpu_resources", "true"},
		{"framework_sorter", "drf"},
		{"help", "false"},
		{"hostname", id.hostname},
		{"hostname_lookup", "true"},
		{"http_authenticators", "basic"},
		{"initialize_driver_logging", "true"},
		{"ip", id.addr.Addr().String()},
		{"log_auto_initialize", "true"},
		{"log_dir", "/var/log/mesos"},
		{"logbufsecs", "0"},
		{"logging_level", "INFO"},
		{"max_agent_ping_timeouts", "5"},
		{"max_completed_frameworks", "50"},
		{"max_completed_tasks_per_framework", strconv.Itoa(maxCompleted)},
		{"max_operator_event_stream_subscribers", "1000"},
		{"max_unreachable_tasks_per_framework", "1000"},
		{"memory_profiling", "false"},
		{"min_allocatable_resources", "cpus:0.01|mem:32"},
		{"port", strconv.Itoa(int(id.addr.Port()))},
		{"publish_per_framework_metrics", "true"},
		{"quiet", "false"},
		{"quorum", "1"},
		{"recovery_agent_removal_limit", "100%"},
		{"registry", "replicated_log"},
		{"registry_fetch_timeout", "1mins"},
		{"registry_gc_interval", "15mins"},
		{"registry_max_agent_age", "2weeks"},
		{"registry_max_agent_count", "102400"},
		{"registry_store_timeout", "20secs"},
		{"registry_strict", "false"},
		{"require_agent_domain", "false"},
		{"role_sorter", "drf"},
		{"root_submissions", "true"},
		{"version", "false"},
		{"webui_dir", "/usr/share/mesos/webui"},
		{"work_dir", "/var/lib/mesos/master"},
		{"zk_session_timeout", "10secs"},
	} {
		e.stringField(f[0], f[1])
	}
	e.close('}')
}
