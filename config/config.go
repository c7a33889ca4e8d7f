// Package config holds the settings of the server: the operator's file and the
// environment, typed and checked. It imports no other package of the server;
// internal/server hands its values on.
//
// The file is that of Mesos-DNS, or the same keys in YAML or TOML. One table,
// in settings.go, has a row for each key: its default, its meaning, the parser
// of its values, and whether it can change while the server runs. Loading, the
// warnings about unknown keys, Describe, Follow and V1 all walk that table, so
// a new setting is a row and a field of Config.
//
// What always holds: Load reports every error of a file at once and never
// panics; a Config that Load returned satisfies every rule of this package;
// nothing here prints a secret, looks a name up or ends the process; and the
// environment is read only from what the caller passes in.
package config

import (
	"net/netip"
	"time"
)

// Config is a full set of settings. The comment of each field begins with its key
// in the file. Slices and maps are shared: callers must not change them.
type Config struct {
	File    string  // absolute path of the file that was read; "" for Defaults
	Profile Profile // profile: whose place the server takes

	// Finding and reading the leading master.
	ZooKeeper              ZooKeeper     // zk; zero when the key is absent
	Masters                []HostPort    // masters; nil when the key is absent
	Mesos                  string        // mesos: host:port of who says where the masters are if neither is set; empty: nobody
	ZkDetectionTimeout     time.Duration // zkDetectionTimeout: without a leader, until it is logged; 0: never
	Refresh                time.Duration // refreshSeconds: interval of polls
	StateTimeout           time.Duration // stateTimeoutSeconds: limit for reading one state
	StateMaxBytes          int64         // stateMaxBytes: size limit of a master's answer
	StateSource            StateSource   // stateSource
	Resync                 time.Duration // resyncSeconds: interval of full states beside the event stream
	AgentReregisterTimeout time.Duration // agentReregisterTimeout: after a failover
	StateDir               string        // stateDir: directory of the snapshot; "": none is kept
	SnapshotInterval       time.Duration // snapshotSeconds: minimum between two snapshots
	HistoryVersions        int           // historyVersions: past versions whose differences are kept
	HistoryBytes           int           // historyBytes: limit of their size
	MesosHTTPSOn           bool          // MesosHTTPSOn: HTTPS to the masters
	CACertFile             string        // CACertFile: PEM, CAs that the masters' certificates are verified with
	CertFile               string        // CertFile: PEM, client certificate
	KeyFile                string        // KeyFile: PEM, private key of CertFile
	MesosAuthentication    Authentication
	MesosCredentials       Credentials
	IAMConfigFile          string // IAMConfigFile: DC/OS service account

	// Names and records.
	Domain                 string        // domain: lower-case, without the trailing dot
	TTL                    uint32        // ttl, in seconds (RFC 2181 section 8)
	SRVRecordDefaultWeight uint16        // srvRecordDefaultWeight (RFC 2782)
	IPSources              []string      // IPSources: Source… constants; the first with an address is used
	EnforceRFC952          bool          // EnforceRFC952: labels of at most 24 characters that start with a letter
	ReverseDNSOn           bool          // ReverseDnsOn: PTR records
	SRVScope               SRVScope      // srvScope
	Unhealthy              Unhealthy     // unhealthy
	SplitTaskNames         bool          // splitTaskNames
	MinVisibility          string        // minVisibility: framework, cluster or external
	PublishStates          []string      // publishStates: task states such as TASK_RUNNING
	AliasTakeover          AliasTakeover // aliasTakeover
	MaxTaskPorts           int           // maxTaskPorts: of each kind
	MaxTaskAddresses       int           // maxTaskAddresses: networks, and addresses on each
	MaxTaskRecords         int           // maxTaskRecords: records of one task
	MaxFrameworkRecords    int           // maxFrameworkRecords: records of all tasks of a framework; 0: no limit
	KeepLabels             []string      // keepLabels: prefixes of the labels of tasks and ports that feeds show
	HAProxyPorts           []PortRange   // haproxyPorts: that apps may have in configurations of HAProxy
	HAProxyBindAddresses   []netip.Addr  // haproxyBindAddresses: that apps may bind them to
	TraefikExposed         bool          // traefikExposedByDefault: apps without the label traefik.enable
	TraefikRule            string        // traefikDefaultRule: a template of Go
	SOA                    SOA
	ReverseZones           []netip.Prefix    // reverseZones: networks whose reverse names are zones
	AddressDomains         []string          // addressDomains: origins of the address trees agentip, containerip, autoip
	AddressTTL             uint32            // addressTTL, in seconds
	VIPDomains             []string          // vipDomains: origins of the names of VIPs
	Aliases                map[string]string // aliases: from alias to the name that it stands for
	StaticZones            []string          // staticZones: zone files; absolute paths where File is known

	// Answering.
	DNSOn             bool                  // dnson
	Listener          []Listen              // listener
	Port              uint16                // port, UDP and TCP, of items of Listener without one; 0: any free one
	MaxUDPSize        uint16                // maxUDPSize, in bytes (RFC 6891 section 6.2.5)
	SetTruncateBit    bool                  // SetTruncateBit: TC in truncated responses
	ResolvSubnetFirst bool                  // ResolvSubnetFirst: addresses near the client first
	AnswerLimit       int                   // answerLimit: addresses in an answer; 0: all
	PreferZone        bool                  // preferZone: instances in the client's fault domain first
	TCPIdleTimeout    time.Duration         // tcpIdleTimeout (RFC 7766 section 6.2.3)
	TCPMaxConnections int                   // tcpMaxConnections: open at the same time
	TCPMaxClient      int                   // tcpMaxClient: open at the same time from one client
	TLSListen         []netip.AddrPort      // tlsListen: DNS over TLS; a port of 0: any free one
	TLSCertFile       string                // tlsCertFile: PEM, certificate of tlsListen
	TLSKeyFile        string                // tlsKeyFile: PEM, private key of TLSCertFile
	TLSClientCAFile   string                // tlsClientCAFile: PEM, CAs that certificates of clients are verified with
	Notify            []NotifyTarget        // notify: secondaries that are told of new versions
	NotifyInterval    time.Duration         // notifyIntervalMs: between two messages about a zone
	RecurseOn         bool                  // recurseon: RA in responses
	ExternalOn        bool                  // externalon: forward names outside our zones
	Timeout           time.Duration         // timeout: for one forwarded query, over all its upstream servers
	Resolvers         []Upstream            // resolvers; nil: those of /etc/resolv.conf
	ZoneResolvers     map[string][]Upstream // zoneResolvers: from zone, lower-case, without the trailing dot
	RecursionAllow    []netip.Prefix        // recursionAllow: clients that may have names forwarded
	CacheMinTTL       time.Duration         // cacheMinTTL: minimum time in the cache
	CacheMaxTTL       time.Duration         // cacheMaxTTL: maximum time in the cache
	CacheStale        time.Duration         // cacheStale: use of expired entries (RFC 8767); 0: none
	CacheEntries      int                   // cacheEntries: maximum number of entries
	CacheBytes        int                   // cacheBytes: maximum size, in bytes
	ForwardMax        int                   // forwardMax: pending forwarded queries
	ForwardMaxClient  int                   // forwardMaxClient: pending forwarded queries of one client
	ForwardMaxDomain  int                   // forwardMaxDomain: pending forwarded queries for one domain
	RateLimit         int                   // rateLimit: UDP responses per second to one network; 0: no limit
	RateLimitExempt   []netip.Prefix        // rateLimitExempt: clients without that limit
	TSIGKeys          map[string]TSIGKey    // tsigKeys: by name, lower-case, without the trailing dot
	TransferAllow     []TransferRule        // transferAllow: who may have the zones transferred
	TransferTimeout   time.Duration         // transferTimeout: beyond the time at the least rate
	TransferMax       int                   // transferMax: transfers at a time
	PrimaryNumber     uint32                // primaryNumber: from 1 to PrimaryCount
	PrimaryCount      uint32                // primaryCount: servers that the same secondaries take zones from
	CatalogZone       string                // catalogZone: lower-case, without the trailing dot; "": none
	HTTPOn            bool                  // httpon
	HTTPListener      netip.Addr            // HTTPListener
	HTTPPort          uint16                // httpport; 0: any free one
	HTTPSListen       []netip.AddrPort      // httpsListen; a port of 0: any free one
	PprofListen       netip.AddrPort        // pprofListen, a loopback address; invalid: not served
	HTTPSCertFile     string                // httpsCertFile: PEM, certificate of httpsListen
	HTTPSKeyFile      string                // httpsKeyFile: PEM, private key of HTTPSCertFile
	HTTPSClientCAFile string                // httpsClientCAFile: PEM, CAs that certificates of clients are verified with
	HTTPAuth          map[string]HTTPAccess // httpAuth: from path to who may read it and what is below it
	EnumerationOn     bool                  // EnumerationOn: answer /v1/enumerate
	WatchMax          int                   // watchMax: clients of /v1/watch at the same time; 0: the path is not served
	WatchMaxClient    int                   // watchMaxClient: those of one client
	LogFormat         LogFormat             // logFormat
	QueryLog          string                // queryLog: QueryLogToLog, the path of a file, or "": none
	QueryLogNames     []string              // queryLogNames: lower-case, without the trailing dot; "": the root
	QueryLogClients   []netip.Prefix        // queryLogClients
	QueryLogCodes     []string              // queryLogCodes: lower-case; "none": no response
	QueryLogSample    int                   // queryLogSample: one in so many
	QueryLogRate      int                   // queryLogRate: lines per second; 0: no limit
	QueryLogBytes     int64                 // queryLogBytes: size of a file
	Dnstap            DnstapOutput          // dnstap
	DnstapMessages    []string              // dnstapMessages: lower-case
	DnstapIdentity    string                // dnstapIdentity; "": the host name
	DnstapRate        int                   // dnstapRate: queries per second; 0: no limit
	DnstapBytes       int64                 // dnstapBytes: size of a file

	sources map[string]settingSource // by key in the table; absent: the default
}

// SOA holds the configurable fields of SOA records (RFC 1035 section 3.3.13).
// Times are in seconds; names are lower-case, with a trailing dot.
type SOA struct {
	MName   string // SOAMname: the primary server
	RName   string // SOARname: the mailbox of the person responsible, with a dot for the @
	Refresh uint32 // SOARefresh
	Retry   uint32 // SOARetry
	Expire  uint32 // SOAExpire
	MinTTL  uint32 // SOAMinttl: SOA MINIMUM, the negative TTL (RFC 2308)
}

// Credentials authenticate the server to the masters.
type Credentials struct {
	Principal string // mesosCredentials.principal
	Secret    Secret // mesosCredentials.secret
}

// Authentication is how the server authenticates to the masters.
type Authentication string

// The values of mesosAuthentication. Mesos-DNS shows "none" as an empty string.
const (
	AuthNone  Authentication = ""
	AuthBasic Authentication = "basic" // RFC 7617, with MesosCredentials
	AuthIAM   Authentication = "iam"   // DC/OS service accounts, with IAMConfigFile
)

// SRVScope selects the targets of SRV records.
type SRVScope string

// The values of srvScope.
const (
	SRVScopeLabels SRVScope = "labels" // where the port is open, by network-scope labels and port mappings
	SRVScopeCompat SRVScope = "compat" // the targets of Mesos-DNS
)

// StateSource selects how the state of the cluster is read.
type StateSource string

// The values of stateSource.
const (
	StateAuto   StateSource = "auto"   // the event stream where the master has one, else polls
	StateStream StateSource = "stream" // the event stream of the operator API
	StatePoll   StateSource = "poll"   // /master/state at intervals
)

// LogFormat says what log lines look like.
type LogFormat string

// The values of logFormat.
const (
	LogAuto     LogFormat = "auto" // LogJournald where standard error is the journal, else LogText
	LogText     LogFormat = "text"
	LogJSON     LogFormat = "json"
	LogJournald LogFormat = "journald"
)

// AliasTakeover selects the tasks that may have, as an alias, a name that another
// app has left within the last hour.
type AliasTakeover string

// The values of aliasTakeover.
const (
	AliasTakeoverGroup     AliasTakeover = "group"     // of the same framework and Marathon group
	AliasTakeoverFramework AliasTakeover = "framework" // of the same framework
	AliasTakeoverAny       AliasTakeover = "any"
)

// Unhealthy selects what happens to unhealthy tasks while a task with the same
// name is healthy.
type Unhealthy string

// The values of unhealthy.
const (
	UnhealthyExclude Unhealthy = "exclude" // they have no records
	UnhealthyInclude Unhealthy = "include" // they have records like healthy ones
)

// The IP sources: where a task's addresses are taken from.
const (
	SourceHost    = "host"    // the agent
	SourceNetInfo = "netinfo" // network_infos of the container status
	SourceDocker  = "docker"  // status label Docker.NetworkSettings.IPAddress
	SourceMesos   = "mesos"   // status label MesosContainerizer.NetworkSettings.IPAddress
	SourceAuto    = "auto"    // the agent if the task publishes a host port, else its own addresses
)

// settingSource is where the value of a setting comes from.
type settingSource string

const (
	fromFile        settingSource = "file"
	fromEnvironment settingSource = "environment"
)

// Defaults returns the settings of an empty file.
func Defaults() *Config {
	return newLoader("").config
}

// derive sets the defaults that depend on other settings. errs is only for the
// parsers: a default that depends on a valid value is valid.
func (c *Config) derive(errs *Errors) {
	for _, s := range c.settings() {
		if s.derive != nil && c.sources[s.key] == "" {
			s.value.read(s.derive(), position{key: s.key, errs: errs})
		}
	}
}

// ListenHTTP returns the address of the HTTP listener.
func (c *Config) ListenHTTP() netip.AddrPort { return netip.AddrPortFrom(c.HTTPListener, c.HTTPPort) }
