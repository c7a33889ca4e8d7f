package config

import (
	"math"
	"slices"
	"strings"
)

// setting is one row of the table.
type setting struct {
	key        string     // as users write it; a dot separates an object from its member
	oldKey     string     // accepted as well, with a warning that names key; "": none
	def        any        // the default, in the shape of a JSON file; nil: none
	derive     func() any // the default where it depends on other settings
	reloadable bool       // a change takes effect without a restart, see Config.Follow
	doc        string
	value      field // nil: a key of Mesos-DNS that is accepted and ignored
}

// settings returns the table of all settings, bound to the fields of c, in the
// order of the documentation. It is the only list of keys.
//
// Reloadable are the settings that a running server can follow, see internal/server.
func (c *Config) settings() []setting {
	const maxPrimaries = 16
	const maxSeconds = math.MaxInt32 // the largest TTL (RFC 2181 section 8), and ample for a timer
	return []setting{
		{key: "profile", def: string(ProfileNone), doc: "defaults for another program's place: dcos for that of DC/OS's dcos-net (docs/dcos.md); empty: none",
			value: bind(&c.Profile, oneOf(ProfileNone, ProfileDCOS))},

		// Settings of Mesos-DNS.
		{key: "zk", reloadable: true, doc: "where the masters elect their leader: zk://host:port,…/path",
			value: bind(&c.ZooKeeper, zkAddress)},
		{key: "masters", reloadable: true, doc: "masters to ask until ZooKeeper names any, each host:port; the default port is 5050",
			value: bind(&c.Masters, listOf(masterAddress, `["10.0.0.1:5050"]`))},
		{key: "mesos", def: "127.0.0.1:5051", reloadable: true, doc: "Mesos agent, or master, that is asked where the masters are if neither zk nor masters is set; host:port, empty: none",
			value: bind(&c.Mesos, agentAddress)},
		{key: "refreshSeconds", def: 60, reloadable: true, doc: "seconds between two polls of the state",
			value: seconds(&c.Refresh, 1)},
		{key: "ttl", derive: func() any { return defaultTTL(c.StateSource) }, reloadable: true, doc: "TTL of records, in seconds; the default with stateSource poll is 60",
			value: bind(&c.TTL, integer[uint32](0, maxSeconds))},
		{key: "stateTimeoutSeconds", def: 300, reloadable: true, doc: "seconds, from its first byte on, after which reading one state is given up",
			value: seconds(&c.StateTimeout, 1)},
		{key: "timeout", def: 5, reloadable: true, doc: "seconds after which a forwarded query is given up, over all its upstream servers",
			value: seconds(&c.Timeout, 1)},
		{key: "zkDetectionTimeout", def: 30, reloadable: true, doc: "seconds without a leader in ZooKeeper after which a warning is logged; 0: no warning",
			value: seconds(&c.ZkDetectionTimeout, 0)},
		{key: "domain", def: "mesos", doc: "zone of the names of tasks",
			value: bind(&c.Domain, domainName(maxOrigin, false))},
		{key: "listener", derive: func() any { return c.Profile.listeners() }, reloadable: true, doc: "addresses and network interfaces on which DNS is served, one or a list, each with or without a port; several are opened as they appear on the host, a single address must be there",
			value: boundField[[]Listen]{&c.Listener, dnsListeners, showListeners}},
		{key: "port", def: 53, reloadable: true, doc: "port on which DNS is served where listener has none; 0: any free one, for tests",
			value: bind(&c.Port, integer[uint16](0, math.MaxUint16))},
		{key: "HTTPListener", derive: func() any { return c.Profile.httpListener() }, doc: "address on which HTTP is served",
			value: bind(&c.HTTPListener, listenAddress)},
		{key: "httpport", derive: func() any { return c.Profile.httpPort() }, doc: "port on which HTTP is served; 0: any free one, for tests",
			value: bind(&c.HTTPPort, integer[uint16](0, math.MaxUint16))},
		{key: "resolvers", reloadable: true, doc: "upstream servers for names outside our zones; absent: those of /etc/resolv.conf",
			value: bind(&c.Resolvers, listOf(upstream, `["10.0.0.1", "tls://dns.example.com@10.0.0.2"]`))},
		{key: "zoneResolvers", def: map[string]any{}, reloadable: true, doc: "upstream servers for the names of a zone; a name in several zones is sent to those of the longest",
			value: bind(&c.ZoneResolvers, mapOf(listOf(upstream, `["10.0.0.1"]`), `{"weave.local": ["10.0.0.1"]}`))},
		{key: "SOAMname", derive: func() any { return "ns1." + c.Domain }, reloadable: true, doc: "primary name server in SOA records (MNAME)",
			value: bind(&c.SOA.MName, absoluteName)},
		{key: "SOARname", derive: func() any { return "root.ns1." + c.Domain }, reloadable: true, doc: "mailbox in SOA records (RNAME)",
			value: bind(&c.SOA.RName, mailboxName)},
		{key: "SOARefresh", def: 60, reloadable: true, doc: "seconds after which a secondary checks for a new zone (SOA REFRESH)",
			value: bind(&c.SOA.Refresh, integer[uint32](0, maxSeconds))},
		{key: "SOARetry", def: 600, reloadable: true, doc: "seconds after which a secondary repeats a failed check (SOA RETRY)",
			value: bind(&c.SOA.Retry, integer[uint32](0, maxSeconds))},
		{key: "SOAExpire", def: 86400, reloadable: true, doc: "seconds after which a secondary stops answering from a zone that it cannot refresh (SOA EXPIRE)",
			value: bind(&c.SOA.Expire, integer[uint32](0, maxSeconds))},
		{key: "SOAMinttl", derive: func() any { return defaultTTL(c.StateSource) }, reloadable: true, doc: "negative TTL: seconds for which resolvers remember that a name does not exist (SOA MINIMUM); the default with stateSource poll is 60",
			value: bind(&c.SOA.MinTTL, integer[uint32](0, maxSeconds))},
		{key: "dnson", def: true, doc: "serve DNS",
			value: bind(&c.DNSOn, boolean)},
		{key: "httpon", def: true, doc: "serve HTTP",
			value: bind(&c.HTTPOn, boolean)},
		{key: "externalon", def: true, doc: "forward names outside our zones",
			value: bind(&c.ExternalOn, boolean)},
		{key: "recurseon", def: true, reloadable: true, doc: "set the flag RA in responses where forwarding is available",
			value: bind(&c.RecurseOn, boolean)},
		{key: "SetTruncateBit", def: true, reloadable: true, doc: "set the flag TC in truncated responses",
			value: bind(&c.SetTruncateBit, boolean)},
		{key: "EnumerationOn", def: true, doc: "answer the paths that disclose the whole cluster: /v1/enumerate, /v1/axfr, /v1/instances and /v1/sd",
			value: bind(&c.EnumerationOn, boolean)},
		{key: "ReverseDnsOn", def: false, doc: "answer PTR queries for the addresses of tasks",
			value: bind(&c.ReverseDNSOn, boolean)},
		{key: "EnforceRFC952", def: false, doc: "limit labels to 24 characters, starting with a letter",
			value: bind(&c.EnforceRFC952, boolean), reloadable: true},
		{key: "MesosHTTPSOn", def: false, reloadable: true, doc: "connect to the masters by HTTPS",
			value: bind(&c.MesosHTTPSOn, boolean)},
		{key: "ResolvSubnetFirst", def: false, reloadable: true, doc: "list addresses in the client's subnet first",
			value: bind(&c.ResolvSubnetFirst, boolean)},
		{key: "preferZone", def: false, doc: "list instances in the zone (fault_domain) of the client's agent first",
			value: bind(&c.PreferZone, boolean)},
		{key: "answerLimit", def: 0, reloadable: true, doc: "maximum number of addresses in an answer, a random choice each time; 0: all",
			value: bind(&c.AnswerLimit, integer[int](0, math.MaxUint16))},
		{key: "IPSources", def: []any{SourceAuto, SourceNetInfo, SourceMesos, SourceHost}, reloadable: true, doc: "sources of a task's addresses; the first one that has any is used",
			value: bind(&c.IPSources, listOf(oneOf(SourceHost, SourceDocker, SourceMesos, SourceNetInfo, SourceAuto), `["netinfo", "host"]`))},
		{key: "srvRecordDefaultWeight", def: 1, reloadable: true, doc: "weight of SRV records",
			value: bind(&c.SRVRecordDefaultWeight, integer[uint16](0, math.MaxUint16))},
		{key: "CACertFile", def: "", reloadable: true, doc: "PEM file of the CAs that the masters' certificates are verified with; empty: the CAs of the system",
			value: bind(&c.CACertFile, text)},
		{key: "CertFile", def: "", reloadable: true, doc: "PEM file of the client certificate for the masters",
			value: bind(&c.CertFile, text)},
		{key: "KeyFile", def: "", reloadable: true, doc: "PEM file of the private key of CertFile",
			value: bind(&c.KeyFile, text)},
		{key: "mesosAuthentication", def: "", reloadable: true, doc: "authentication to the masters: none, basic (mesosCredentials) or iam (IAMConfigFile)",
			value: bind(&c.MesosAuthentication, authentication)},
		{key: "mesosCredentials.principal", def: "", reloadable: true, doc: "principal for the masters",
			value: bind(&c.MesosCredentials.Principal, text)},
		{key: "mesosCredentials.secret", def: "", reloadable: true, doc: "secret of mesosCredentials.principal",
			value: bind(&c.MesosCredentials.Secret, secret)},
		{key: "IAMConfigFile", def: "", reloadable: true, doc: "JSON file of the DC/OS service account for the masters",
			value: bind(&c.IAMConfigFile, text)},

		// Settings that Mesos-DNS does not have.
		{key: "stateSource", def: string(StateAuto), reloadable: true, doc: "how the state is read: stream (events), poll, or auto: the stream where the master has one",
			value: bind(&c.StateSource, oneOf(StateAuto, StateStream, StatePoll))},
		{key: "resyncSeconds", def: 300, reloadable: true, doc: "seconds between two full states read beside the event stream",
			value: seconds(&c.Resync, 1)},
		{key: "stateMaxBytes", def: 1 << 30, reloadable: true, doc: "size limit of a master's answer, in bytes",
			value: bind(&c.StateMaxBytes, integer[int64](1, math.MaxInt64))},
		{key: "agentReregisterTimeout", def: 600, reloadable: true, doc: "seconds after a failover for which agents that have not re-registered keep their records",
			value: seconds(&c.AgentReregisterTimeout, 1)},
		{key: "stateDir", def: "", doc: "directory of the snapshot, which the next start answers from; a relative path is relative to the working directory; one process at a time uses it; empty: no snapshot",
			value: bind(&c.StateDir, text)},
		{key: "snapshotSeconds", def: 30, reloadable: true, doc: "minimum seconds between two snapshots",
			value: seconds(&c.SnapshotInterval, 1)},
		{key: "historyVersions", def: 10_000, doc: "maximum number of past versions of the zones whose differences are kept for transfers and watchers",
			value: bind(&c.HistoryVersions, integer[int](1, math.MaxInt32))},
		{key: "historyBytes", def: 64 << 20, doc: "size limit of these differences, in bytes; those that are kept ready for secondaries may have half as much in addition. It is 4 MiB while nobody has watched or transferred anything for an hour",
			value: bind(&c.HistoryBytes, integer[int](1, math.MaxInt))},
		{key: "tsigKeys", def: map[string]any{}, reloadable: true, doc: "keys that queries and responses of secondaries are signed with (RFC 8945): name to algorithm and secret in base64, or secretFile",
			value: bind(&c.TSIGKeys, c.tsigKeys)},
		{key: "transferAllow", def: []any{}, reloadable: true, doc: "who may have the zones transferred: networks, keys as key:NAME, tls for transfers over tlsListen (RFC 9103), names in client certificates as cert:NAME, or several of these in one text; empty: nobody",
			value: bindList(&c.TransferAllow, listOf(transferRule, `["10.0.0.0/8", "key:NAME", "10.0.0.0/8 key:NAME"]`))},
		{key: "transferTimeout", def: 60, reloadable: true, doc: "seconds that a zone transfer may take longer than at 128 KiB/s before it is cut off",
			value: seconds(&c.TransferTimeout, 1)},
		{key: "transferMax", def: 10, doc: "maximum number of zone transfers at a time, of which one client may have half; further ones wait for up to 4 s",
			value: bind(&c.TransferMax, integer[int](1, 10_000))},
		{key: "notify", def: []any{}, reloadable: true, doc: "secondaries that are told of new versions of the zones (NOTIFY, RFC 1996): IP or IP:port, then key:NAME to sign with a key of tsigKeys; at most 500",
			value: bindList(&c.Notify, listOf(notifyTarget, `["10.0.0.5", "10.0.0.6:5353 key:NAME"]`))},
		{key: "notifyIntervalMs", def: 100, reloadable: true, doc: "minimum milliseconds between two such messages about a zone to a secondary; changes within that time, or within a second if that is less, are transferred as one version",
			value: milliseconds(&c.NotifyInterval, 1, 60_000)},
		{key: "primaryNumber", def: 1, doc: "number of this server among the primaryCount servers that the same secondaries take zones from, each of which has another one",
			value: bind(&c.PrimaryNumber, integer[uint32](1, maxPrimaries))},
		{key: "primaryCount", def: 1, doc: "number of servers that the same secondaries take zones from: a serial is used by one of them only",
			value: bind(&c.PrimaryCount, integer[uint32](1, maxPrimaries))},
		{key: "catalogZone", def: "", doc: "name of a catalog zone that lists all zones, for secondaries (RFC 9432); empty: none",
			value: bind(&c.CatalogZone, catalogName)},
		{key: "srvScope", def: string(SRVScopeLabels), reloadable: true, doc: "targets of SRV records: labels, where the port is open; compat, those of Mesos-DNS",
			value: bind(&c.SRVScope, oneOf(SRVScopeLabels, SRVScopeCompat))},
		{key: "unhealthy", derive: func() any { return defaultUnhealthy(c.SRVScope) }, reloadable: true, doc: "exclude or include unhealthy tasks while others of the same name are healthy; the default with srvScope compat is include",
			value: bind(&c.Unhealthy, oneOf(UnhealthyExclude, UnhealthyInclude))},
		{key: "splitTaskNames", derive: func() any { return c.SRVScope != SRVScopeCompat }, reloadable: true, doc: "give tasks that are called by a path, such as role/env/job or a:b:c, the name job.env.role or c.b.a as well; the default with srvScope compat is false",
			value: bind(&c.SplitTaskNames, boolean)},
		{key: "minVisibility", def: "framework", reloadable: true, doc: "least DiscoveryInfo visibility for which a task has records: framework, cluster or external",
			value: bind(&c.MinVisibility, oneOf("framework", "cluster", "external"))},
		{key: "publishStates", def: []any{"TASK_RUNNING"}, reloadable: true, doc: "task states in which tasks have records",
			value: bind(&c.PublishStates, listOf(taskState, `["TASK_RUNNING", "TASK_STARTING"]`))},
		{key: "aliasTakeover", def: string(AliasTakeoverGroup), reloadable: true, doc: "tasks whose DNS_ALIAS may be a name that another app has left within the last hour: group (of the same framework and Marathon group), framework, or any",
			value: bind(&c.AliasTakeover, oneOf(AliasTakeoverGroup, AliasTakeoverFramework, AliasTakeoverAny))},
		{key: "maxTaskPorts", def: 256, reloadable: true, doc: "maximum number of ports of a task: of its DiscoveryInfo, of its resources, and port mappings; further ones are omitted",
			value: bind(&c.MaxTaskPorts, integer[int](1, math.MaxUint16))},
		{key: "maxTaskAddresses", def: 64, reloadable: true, doc: "maximum number of networks of a task, and of its addresses on each; further ones are omitted",
			value: bind(&c.MaxTaskAddresses, integer[int](1, 1000))},
		{key: "maxTaskRecords", def: 2_000, reloadable: true, doc: "maximum number of records of one task; further ones are omitted",
			value: bind(&c.MaxTaskRecords, integer[int](16, math.MaxInt32))},
		{key: "maxFrameworkRecords", def: 10_000_000, reloadable: true, doc: "number of records of all tasks of a framework above which each of them may have fewer, until an eighth of it is free again; 0: no limit",
			value: bind(&c.MaxFrameworkRecords, integer[int](0, math.MaxInt32))},
		{key: "keepLabels", def: []any{"HAPROXY_", "traefik.", "prometheus."}, reloadable: true, doc: "prefixes of the labels of tasks and ports that /v1/instances and the feeds for load balancers show; an empty prefix keeps all",
			value: bindList(&c.KeepLabels, listOf(text, `["HAPROXY_", "traefik."]`))},
		{key: "haproxyPorts", def: []any{"10000-20000"}, reloadable: true, doc: "ports that apps may have in configurations of /v1/sd/haproxy (label HAPROXY_n_PORT), ranges or single ones",
			value: bindList(&c.HAProxyPorts, listOf(portRange, `["10000-20000", 8443]`))},
		{key: "haproxyBindAddresses", def: []any{}, reloadable: true, doc: "addresses that apps may bind these ports to (label HAPROXY_n_BIND_ADDR); ports with other addresses are left out",
			value: bindList(&c.HAProxyBindAddresses, listOf(bindAddress, `["10.0.0.42"]`))},
		{key: "traefikExposedByDefault", def: false, doc: "/v1/sd/traefik has apps without the label traefik.enable too",
			value: bind(&c.TraefikExposed, boolean)},
		{key: "traefikDefaultRule", def: "Host(`{{ normalize .Name }}`)", doc: "rule of routers of HTTP that have none in /v1/sd/traefik, a template of Go",
			value: bind(&c.TraefikRule, ruleTemplate)},
		{key: "maxUDPSize", def: 1232, reloadable: true, doc: "size limit of UDP responses, in bytes",
			value: bind(&c.MaxUDPSize, integer[uint16](512, math.MaxUint16))},
		{key: "tcpIdleTimeout", def: 10, reloadable: true, doc: "seconds after which an idle TCP connection of a DNS client is closed",
			value: seconds(&c.TCPIdleTimeout, 1)},
		{key: "tcpMaxConnections", def: 1000, reloadable: true, doc: "maximum number of open TCP connections of DNS clients; for a further one the longest idle is closed",
			value: bind(&c.TCPMaxConnections, integer[int](1, math.MaxInt32))},
		{key: "tcpMaxClient", def: 250, reloadable: true, doc: "maximum number of open TCP connections of one client; for a further one the longest idle is closed",
			value: bind(&c.TCPMaxClient, integer[int](1, math.MaxInt32))},
		{key: "tlsListen", def: []any{}, doc: "addresses on which DNS over TLS is served (RFC 7858), IP:port or a list; without a port: 853; empty: it is not served",
			value: bindList(&c.TLSListen, listenAddresses(dotPort))},
		{key: "tlsCertFile", def: "", doc: "PEM file of the certificate of tlsListen; read again when it changes",
			value: bind(&c.TLSCertFile, c.optionalFile)},
		{key: "tlsKeyFile", def: "", doc: "PEM file of the private key of tlsCertFile; read again when it changes",
			value: bind(&c.TLSKeyFile, c.optionalFile)},
		{key: "tlsClientCAFile", def: "", doc: "PEM file of the CAs that certificates of clients of tlsListen are verified with; clients with another certificate are refused; read again when it changes",
			value: bind(&c.TLSClientCAFile, c.optionalFile)},
		{key: "watchMax", def: 2_000, doc: "maximum number of clients that watch changes (/v1/watch) at the same time; 0: none can",
			value: bind(&c.WatchMax, integer[int](0, 100_000))},
		{key: "watchMaxClient", def: 500, doc: "maximum number of such watches of one client",
			value: bind(&c.WatchMaxClient, integer[int](1, 100_000))},
		{key: "httpsListen", def: []any{}, doc: "addresses on which HTTPS is served beside HTTP, IP:port or a list; without a port: 8443; empty: it is not served",
			value: bindList(&c.HTTPSListen, listenAddresses(httpsPort))},
		{key: "httpsCertFile", derive: func() any { return c.TLSCertFile }, doc: "PEM file of the certificate of httpsListen; absent: tlsCertFile; read again when it changes",
			value: bind(&c.HTTPSCertFile, c.optionalFile)},
		{key: "httpsKeyFile", derive: func() any { return c.TLSKeyFile }, doc: "PEM file of the private key of httpsCertFile; absent: tlsKeyFile; read again when it changes",
			value: bind(&c.HTTPSKeyFile, c.optionalFile)},
		{key: "httpsClientCAFile", def: "", doc: "PEM file of the CAs that certificates of clients of httpsListen are verified with; clients with another certificate are refused; read again when it changes",
			value: bind(&c.HTTPSClientCAFile, c.optionalFile)},
		{key: "pprofListen", def: "", doc: "loopback address on which profiles of the process are served (/debug/pprof/), such as 127.0.0.1:6060; empty: they are not served",
			value: bind(&c.PprofListen, loopbackAddress)},
		{key: "httpAuth", def: map[string]any{}, reloadable: true, doc: "who may read a path of the HTTP API and those below it: tokens, tokenFiles (a bearer token in each line, read again when they change), clients (names in client certificates), networks; one of them is enough, {} is nobody; the longest path counts; a path in none is open to all, /healthz and /readyz always",
			value: bind(&c.HTTPAuth, c.httpAuth)},
		{key: "recursionAllow", def: localNetworks(), reloadable: true, doc: "networks of the clients that may have names forwarded",
			value: bind(&c.RecursionAllow, listOf(network, `["10.0.0.0/8"]`))},
		{key: "cacheMinTTL", def: 0, reloadable: true, doc: "minimum seconds for which a forwarded answer is cached",
			value: seconds(&c.CacheMinTTL, 0)},
		{key: "cacheMaxTTL", def: 86400, reloadable: true, doc: "maximum seconds for which a forwarded answer is cached",
			value: seconds(&c.CacheMaxTTL, 1)},
		{key: "cacheStale", def: 86400, reloadable: true, doc: "seconds for which an expired cache entry is served when no upstream server answers (RFC 8767); 0: never",
			value: seconds(&c.CacheStale, 0)},
		{key: "cacheEntries", def: 200_000, reloadable: true, doc: "maximum number of cache entries",
			value: bind(&c.CacheEntries, integer[int](1, math.MaxInt32))},
		{key: "cacheBytes", def: 64 << 20, reloadable: true, doc: "size limit of the cache, in bytes",
			value: bind(&c.CacheBytes, integer[int](1, math.MaxInt))},
		{key: "forwardMax", def: 20_000, reloadable: true, doc: "maximum number of pending forwarded queries; for a further one the oldest of the client with most gets SERVFAIL",
			value: bind(&c.ForwardMax, integer[int](1, math.MaxInt32))},
		{key: "forwardMaxClient", def: 5_000, reloadable: true, doc: "maximum number of pending forwarded queries of one client; for a further one the oldest gets SERVFAIL",
			value: bind(&c.ForwardMaxClient, integer[int](1, math.MaxInt32))},
		{key: "forwardMaxDomain", def: 5_000, reloadable: true, doc: "maximum number of pending forwarded queries for names with the same last two labels; for a further one the oldest gets SERVFAIL",
			value: bind(&c.ForwardMaxDomain, integer[int](1, math.MaxInt32))},
		{key: "rateLimit", def: 1000, reloadable: true, doc: "maximum UDP responses per second to one network, /24 or /56; 0: no limit",
			value: bind(&c.RateLimit, integer[int](0, 1_000_000))},
		{key: "rateLimitExempt", def: localNetworks(), reloadable: true, doc: "networks of the clients that rateLimit does not concern",
			value: bind(&c.RateLimitExempt, listOf(network, `["10.0.0.0/8"]`))},
		{key: "addressDomains", oldKey: "viewDomains", derive: func() any { return c.defaultAddressDomains() }, doc: "domains of the address trees agentip, containerip and autoip",
			value: bindList(&c.AddressDomains, listOf(domainName(maxOrigin, false), `["dcos.thisdcos.directory"]`))},
		{key: "addressTTL", oldKey: "viewTTL", def: 5, reloadable: true, doc: "TTL of records in the address trees, in seconds",
			value: bind(&c.AddressTTL, integer[uint32](0, maxSeconds))},
		{key: "vipDomains", derive: func() any { return c.Profile.vipDomains() }, doc: "domains of the names of VIPs, from the labels VIP_0, VIP_1 and so on of ports; the default with profile dcos is l4lb.thisdcos.directory",
			value: bindList(&c.VIPDomains, listOf(domainName(maxOrigin, false), `["l4lb.thisdcos.directory"]`))},
		{key: "aliases", derive: func() any { return c.defaultAliases() }, reloadable: true, doc: "aliases of domains, each with the name that it stands for; a value replaces the default",
			value: bind(&c.Aliases, mapOf(domainName(maxName, false), `{"thisdcos.global": "thisdcos.directory"}`))},
		{key: "reverseZones", derive: func() any { return c.defaultReverseZones() }, doc: "networks whose reverse names are zones of their own, where ReverseDnsOn is true; other addresses of the cluster are answered too, but are in no zone that can be transferred",
			value: bindList(&c.ReverseZones, listOf(reverseNetwork, `["10.0.0.0/8"]`))},
		{key: "logFormat", def: string(LogAuto), doc: "form of log lines: text or json, on standard error; journald, with the fields as fields of the journal; auto: journald where standard error is the journal, else text",
			value: bind(&c.LogFormat, oneOf(LogAuto, LogText, LogJSON, LogJournald))},
		{key: "queryLog", def: "", reloadable: true, doc: "where each query is logged, or those that the following settings select: log, for standard error; or a file, which may be moved away at any time; empty: nowhere",
			value: bind(&c.QueryLog, c.queryLog)},
		{key: "queryLogNames", def: []any{}, reloadable: true, doc: "domains whose names are logged; empty: all",
			value: bindList(&c.QueryLogNames, listOf(domainName(maxName, true), `["marathon.mesos"]`))},
		{key: "queryLogClients", def: []any{}, reloadable: true, doc: "networks of the clients whose queries are logged; empty: all",
			value: bindList(&c.QueryLogClients, listOf(network, `["10.0.0.0/8"]`))},
		{key: "queryLogCodes", def: []any{}, reloadable: true, doc: "response codes that are logged, such as NXDOMAIN; NONE: queries that get no response; empty: all",
			value: bindList(&c.QueryLogCodes, listOf(oneOf(queryLogCodes...), `["NXDOMAIN", "SERVFAIL"]`))},
		{key: "queryLogSample", def: 1, reloadable: true, doc: "of so many such queries one is logged",
			value: bind(&c.QueryLogSample, integer[int](1, math.MaxInt32))},
		{key: "queryLogRate", def: 1000, reloadable: true, doc: "maximum lines per second; further ones are dropped and counted; 0: no limit",
			value: bind(&c.QueryLogRate, integer[int](0, 10_000_000))},
		{key: "queryLogBytes", def: 100 << 20, reloadable: true, doc: "size in bytes at which a file of queryLog is renamed to FILE.1, and another one begun",
			value: bind(&c.QueryLogBytes, integer[int64](1<<10, math.MaxInt64))},
		{key: "dnstap", def: "", reloadable: true, doc: "consumer of dnstap messages: unix:///PATH, tcp://IP:PORT or file:///PATH; empty: none",
			value: boundField[DnstapOutput]{&c.Dnstap, dnstapOutput, func(o DnstapOutput) any { return o.String() }}},
		{key: "dnstapMessages", def: words(dnstapMessages), reloadable: true, doc: "types of the messages: AUTH of queries that the zones answer, CLIENT of others, FORWARDER of those to upstream servers",
			value: bindList(&c.DnstapMessages, listOf(oneOf(dnstapMessages...), `["CLIENT_QUERY", "CLIENT_RESPONSE"]`))},
		{key: "dnstapIdentity", def: "", reloadable: true, doc: "identity of this server in dnstap messages; empty: the host name",
			value: bind(&c.DnstapIdentity, text)},
		{key: "dnstapRate", def: 20_000, reloadable: true, doc: "maximum queries per second that have messages, those to upstream servers included; messages of further ones are dropped and counted; 0: no limit",
			value: bind(&c.DnstapRate, integer[int](0, 10_000_000))},
		{key: "dnstapBytes", def: 100 << 20, reloadable: true, doc: "size in bytes at which a file of dnstap is renamed to FILE.1, and another one begun",
			value: bind(&c.DnstapBytes, integer[int64](1<<10, math.MaxInt64))},
		{key: "staticZones", def: []any{}, reloadable: true, doc: "zone files (RFC 1035) with further records; paths are relative to the directory of the settings",
			value: bindList(&c.StaticZones, listOf(c.besideConfigFile, `["external.zone"]`))},

		{key: "ns", doc: "ignored; only early versions of Mesos-DNS used it"},
		{key: "mname", doc: "ignored; only early versions of Mesos-DNS used it"},
		{key: "email", doc: "ignored; only early versions of Mesos-DNS used it"},
		{key: "SOASerial", doc: "ignored; the serial follows from the content of the zone"},
		{key: "file", doc: "ignored; the flag -config names the file"},
	}
}

// localNetworks returns the networks that no client on the Internet is in:
// loopback, private (RFC 1918, RFC 4193) and link-local ones. A resolver that is
// open to others can be used in amplification attacks (RFC 5358).
func localNetworks() []any {
	return []any{
		"127.0.0.0/8", "::1/128",
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
		"169.254.0.0/16", "fe80::/10",
	}
}

// defaultUnhealthy is the default of unhealthy: Mesos-DNS ignores health.
func defaultUnhealthy(s SRVScope) any {
	if s == SRVScopeCompat {
		return string(UnhealthyInclude)
	}
	return string(UnhealthyExclude)
}

// defaultTTL is the default of ttl and SOAMinttl, in seconds. Where the event stream
// is followed, answers that clients have cached are what delays a change; a poll may
// come a minute after it anyway.
func defaultTTL(s StateSource) any {
	if s == StatePoll {
		return 60
	}
	return 10
}

// taskState parses an item of publishStates: a state of a task that has not
// ended (mesos.proto, TaskState), in any case.
func taskState(raw any, at position) (string, bool) {
	s, ok := text(raw, at)
	if !ok {
		return "", false
	}
	states := []string{"TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"}
	if s = strings.ToUpper(s); !slices.Contains(states, s) {
		return "", at.reject(raw, "is not known", "one of "+strings.Join(states, ", "))
	}
	return s, true
}

// Setting describes a setting, for documentation.
type Setting struct {
	Key     string // as users write it; a dot separates an object from its member
	Default string // as JSON; "" if there is none, or if the key is ignored
	Doc     string // meaning and unit
}

// Settings returns all settings in the order of the documentation.
func Settings() []Setting {
	var rows []Setting
	for _, s := range Defaults().settings() {
		row := Setting{Key: s.key, Doc: s.doc}
		if s.def != nil || s.derive != nil {
			row.Default = toJSON(s.value.show())
		}
		rows = append(rows, row)
	}
	return rows
}
