// Package config holds the settings of the server: what the operator's file
// and the environment say, made typed and checked. It stands before all other
// rooms, knows none of them, and only cmd/toponym hands its values on.
//
// The file is that of Mesos-DNS, or the same keys in YAML or TOML. One table,
// in settings.go, lists every key with its default, its meaning and the parser
// of its values; loading, the check for unknown keys, suggestions and Describe
// all walk that table.
//
// What always holds: Load reports every fault of a file at once and never
// panics; a Config that Load returned satisfies every rule of this package;
// nothing here prints a secret, looks a name up or ends the process; and the
// environment is read only from what the caller passes in.
package config

import (
	"net/netip"
	"time"
)

// Config is a full set of settings. Each field names the key of the file that
// it comes from. Slices and maps are the caller's to read, not to change.
type Config struct {
	File string // absolute path of the file that was read; "" for Defaults

	// Finding and reading the leading master.
	ZooKeeper              ZooKeeper     // zk; zero when the key is absent
	Masters                []HostPort    // masters; nil when the key is absent
	ZkDetectionTimeout     time.Duration // zkDetectionTimeout; 0: wait for ever
	Refresh                time.Duration // refreshSeconds: between two polls of the state
	StateTimeout           time.Duration // stateTimeoutSeconds: for reading one state
	StateMaxBytes          int64         // stateMaxBytes: largest answer of a master that is read, in bytes
	StateSource            StateSource   // stateSource: stream, poll, or auto for the former where there is one
	Resync                 time.Duration // resyncSeconds: between two full readings beside a stream
	AgentReregisterTimeout time.Duration // agentReregisterTimeout: how long a failover may keep an agent away
	StateDir               string        // stateDir: where the cluster is kept on disk; "": nowhere
	SnapshotInterval       time.Duration // snapshotSeconds: between two writings of it at least
	MesosHTTPSOn           bool          // MesosHTTPSOn: speak HTTPS with the masters
	CACertFile             string        // CACertFile: PEM, CAs that sign the masters' certificates
	CertFile               string        // CertFile: PEM, our client certificate
	KeyFile                string        // KeyFile: PEM, its key
	MesosAuthentication    Authentication
	MesosCredentials       Credentials
	IAMConfigFile          string // IAMConfigFile: service account of DC/OS

	// What gets which name.
	Domain                 string    // domain: lower-case, no trailing dot
	TTL                    uint32    // ttl, in seconds (RFC 2181 section 8)
	SRVRecordDefaultWeight uint16    // srvRecordDefaultWeight (RFC 2782)
	IPSources              []string  // IPSources: Source… constants, first with an address wins
	EnforceRFC952          bool      // EnforceRFC952: labels of at most 24 characters, starting with a letter
	ReverseDNSOn           bool      // ReverseDnsOn: answer PTR
	SRVScope               SRVScope  // srvScope: where SRV records point to
	Unhealthy              Unhealthy // unhealthy: what becomes of tasks that fail their health check
	MinVisibility          string    // minVisibility: framework, cluster or external
	PublishStates          []string  // publishStates: as Mesos names them, such as TASK_RUNNING
	SOA                    SOA
	AddressDomains         []string          // viewDomains: origins of agentip, containerip and autoip
	AddressTTL             uint32            // viewTTL, in seconds
	Aliases                map[string]string // aliases: mirrored name to the name it mirrors
	StaticZones            []string          // staticZones: master files, absolute paths where the file's path is known

	// Answering.
	DNSOn             bool                  // dnson
	Listener          netip.Addr            // listener
	Port              uint16                // port, UDP and TCP; 0: any free one
	MaxUDPSize        uint16                // maxUDPSize, in octets (RFC 6891 section 6.2.5)
	SetTruncateBit    bool                  // SetTruncateBit: TC in answers that were cut
	ResolvSubnetFirst bool                  // ResolvSubnetFirst: addresses near the client come first
	TCPIdleTimeout    time.Duration         // tcpIdleTimeout (RFC 7766 section 6.2.3)
	TCPMaxConnections int                   // tcpMaxConnections: open at the same time
	RecurseOn         bool                  // recurseon: RA in answers
	ExternalOn        bool                  // externalon: forward names outside our zones
	Timeout           time.Duration         // timeout: for asking all upstream servers that there are
	Resolvers         []Upstream            // resolvers; nil: whoever forwards reads /etc/resolv.conf
	ZoneResolvers     map[string][]Upstream // zoneResolvers: zone, lower-case, no trailing dot, to its servers
	RecursionAllow    []netip.Prefix        // recursionAllow: clients that are forwarded for
	CacheMinTTL       time.Duration         // cacheMinTTL: for which an answer of others is kept at least
	CacheMaxTTL       time.Duration         // cacheMaxTTL: and at most
	CacheStale        time.Duration         // cacheStale: for which it serves after that when no server answers (RFC 8767); 0: never
	CacheEntries      int                   // cacheEntries: answers that are kept
	CacheBytes        int                   // cacheBytes: memory that they take, in bytes
	ForwardMax        int                   // forwardMax: queries that wait for upstream servers at a time
	ForwardMaxClient  int                   // forwardMaxClient: of those, the ones of one client
	RateLimit         int                   // rateLimit: answers over UDP per second and network of clients; 0: no limit
	RateLimitExempt   []netip.Prefix        // rateLimitExempt: clients that have no limit
	HTTPOn            bool                  // httpon
	HTTPListener      netip.Addr            // HTTPListener
	HTTPPort          uint16                // httpport; 0: any free one
	EnumerationOn     bool                  // EnumerationOn: answer /v1/enumerate

	origin map[string]settingSource // by key as in the table; absent: the default
}

// SOA is what the operator decides of the SOA record (RFC 1035 section 3.3.13).
// Times are in seconds; names are lower-case and end in a dot.
type SOA struct {
	MName   string // SOAMname: the primary server
	RName   string // SOARname: the mailbox of who is responsible, '@' written as '.'
	Refresh uint32 // SOARefresh
	Retry   uint32 // SOARetry
	Expire  uint32 // SOAExpire
	MinTTL  uint32 // SOAMinttl: how long to remember that a name is absent (RFC 2308)
}

// Credentials are what we show the masters.
type Credentials struct {
	Principal string // mesosCredentials.principal
	Secret    Secret // mesosCredentials.secret
}

// Authentication says how we authenticate to the masters: mesosAuthentication.
type Authentication string

// The values of mesosAuthentication. Mesos-DNS shows "none" as an empty string.
const (
	AuthNone  Authentication = ""
	AuthBasic Authentication = "basic" // RFC 7617, with MesosCredentials
	AuthIAM   Authentication = "iam"   // DC/OS service accounts, with IAMConfigFile
)

// SRVScope says which side of a port mapping SRV records point to.
type SRVScope string

// The values of srvScope.
const (
	SRVScopeLabels SRVScope = "labels" // where the port is open, as labels and mappings say
	SRVScopeCompat SRVScope = "compat" // where Mesos-DNS points to
)

// StateSource says where the state of the cluster comes from.
type StateSource string

// The values of stateSource.
const (
	StateAuto   StateSource = "auto"
	StateStream StateSource = "stream"
	StatePoll   StateSource = "poll"
)

// Unhealthy says what becomes of unhealthy tasks while a healthy one of the
// same name runs.
type Unhealthy string

// The values of unhealthy.
const (
	UnhealthyExclude Unhealthy = "exclude"
	UnhealthyInclude Unhealthy = "include"
)

// The IP sources: where the addresses of a task are taken from.
const (
	SourceHost    = "host"    // the agent
	SourceNetInfo = "netinfo" // network_infos of the container status
	SourceDocker  = "docker"  // status label Docker.NetworkSettings.IPAddress
	SourceMesos   = "mesos"   // status label MesosContainerizer.NetworkSettings.IPAddress
	SourceAuto    = "auto"    // the agent if the task publishes a host port, else its own addresses
)

// origin says who decided a setting.
type settingSource string

const (
	fromFile        settingSource = "file"
	fromEnvironment settingSource = "environment"
)

// Defaults returns the settings of an empty file. They do not pass validation:
// where the masters are has no default.
func Defaults() *Config {
	c := &Config{origin: map[string]settingSource{}}
	var none Errors // the table's own defaults are right: a test says so
	for _, s := range c.settings() {
		if s.def != nil {
			s.value.read(s.def, position{key: s.key, errs: &none})
		}
	}
	c.derive(&none)
	return c
}

// derive fills in the defaults that follow from other settings.
func (c *Config) derive(faults *Errors) {
	for _, s := range c.settings() {
		if s.derive != nil && c.origin[s.key] == "" {
			s.value.read(s.derive(), position{key: s.key, errs: faults})
		}
	}
}

// ListenDNS returns where DNS is served, over UDP and TCP.
func (c *Config) ListenDNS() netip.AddrPort { return netip.AddrPortFrom(c.Listener, c.Port) }

// ListenHTTP returns where HTTP is served.
func (c *Config) ListenHTTP() netip.AddrPort { return netip.AddrPortFrom(c.HTTPListener, c.HTTPPort) }
