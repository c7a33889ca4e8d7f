package config

import (
	"math"
	"slices"
	"strings"
)

// setting is one row of the table.
type setting struct {
	key    string     // as users write it; a dot stands for a member of an object
	def    any        // the default, in the shape of a JSON file; nil: none
	derive func() any // the default where it follows from other settings
	doc    string
	value  field // nil: a key of Mesos-DNS that is accepted and ignored
}

// settings returns the table of all settings, bound to the fields of c, in the
// order in which the documentation shows them. It is the only list of keys
// that there is.
func (c *Config) settings() []setting {
	const maxSeconds = math.MaxInt32 // the largest TTL (RFC 2181 section 8), and ample for a timer
	return []setting{
		{key: "zk", doc: "where the masters elect their leader: zk://host:port,…/path",
			value: bind(&c.ZooKeeper, zkAddress)},
		{key: "masters", doc: "the masters, each host:port",
			value: bind(&c.Masters, listOf(masterAddress, `["10.0.0.1:5050"]`))},
		{key: "refreshSeconds", def: 60, doc: "seconds between two polls of the state",
			value: seconds(&c.Refresh, 1)},
		{key: "ttl", def: 60, doc: "TTL of answers in seconds",
			value: bind(&c.TTL, integer[uint32](0, maxSeconds))},
		{key: "stateTimeoutSeconds", def: 300, doc: "seconds in which a state must have been read",
			value: seconds(&c.StateTimeout, 1)},
		{key: "timeout", def: 5, doc: "seconds to wait for upstream servers",
			value: seconds(&c.Timeout, 1)},
		{key: "zkDetectionTimeout", def: 30, doc: "seconds without a leader after which it is logged; 0: never",
			value: seconds(&c.ZkDetectionTimeout, 0)},
		{key: "domain", def: "mesos", doc: "the zone that the names of tasks end in",
			value: bind(&c.Domain, domainName(maxOrigin, false))},
		{key: "listener", def: "0.0.0.0", doc: "address on which DNS is served",
			value: bind(&c.Listener, listenAddress)},
		{key: "port", def: 53, doc: "port on which DNS is served; 0: any free one, for tests",
			value: bind(&c.Port, integer[uint16](0, math.MaxUint16))},
		{key: "HTTPListener", def: "0.0.0.0", doc: "address on which HTTP is served",
			value: bind(&c.HTTPListener, listenAddress)},
		{key: "httpport", def: 8123, doc: "port on which HTTP is served; 0: any free one, for tests",
			value: bind(&c.HTTPPort, integer[uint16](0, math.MaxUint16))},
		{key: "resolvers", doc: "servers for names outside our zones; without it, those of /etc/resolv.conf",
			value: bind(&c.Resolvers, listOf(upstream, `["10.0.0.1", "tls://dns.example.com@10.0.0.2"]`))},
		{key: "zoneResolvers", def: map[string]any{}, doc: "servers for the names of one zone; of zones within each other the longest counts",
			value: bind(&c.ZoneResolvers, mapOf(listOf(upstream, `["10.0.0.1"]`), `{"weave.local": ["10.0.0.1"]}`))},
		{key: "SOAMname", derive: func() any { return "ns1." + c.Domain }, doc: "primary server in the SOA record",
			value: bind(&c.SOA.MName, absoluteName)},
		{key: "SOARname", derive: func() any { return "root.ns1." + c.Domain }, doc: "mailbox in the SOA record",
			value: bind(&c.SOA.RName, mailboxName)},
		{key: "SOARefresh", def: 60, doc: "seconds after which a secondary looks for a new zone",
			value: bind(&c.SOA.Refresh, integer[uint32](0, maxSeconds))},
		{key: "SOARetry", def: 600, doc: "seconds after which a secondary tries again",
			value: bind(&c.SOA.Retry, integer[uint32](0, maxSeconds))},
		{key: "SOAExpire", def: 86400, doc: "seconds after which a secondary gives the zone up",
			value: bind(&c.SOA.Expire, integer[uint32](0, maxSeconds))},
		{key: "SOAMinttl", def: 60, doc: "seconds for which the absence of a name is remembered",
			value: bind(&c.SOA.MinTTL, integer[uint32](0, maxSeconds))},
		{key: "dnson", def: true, doc: "serve DNS", value: bind(&c.DNSOn, boolean)},
		{key: "httpon", def: true, doc: "serve HTTP", value: bind(&c.HTTPOn, boolean)},
		{key: "externalon", def: true, doc: "forward names outside our zones", value: bind(&c.ExternalOn, boolean)},
		{key: "recurseon", def: true, doc: "say in answers that recursion is available", value: bind(&c.RecurseOn, boolean)},
		{key: "SetTruncateBit", def: true, doc: "set TC in answers that were cut", value: bind(&c.SetTruncateBit, boolean)},
		{key: "EnumerationOn", def: true, doc: "answer /v1/enumerate", value: bind(&c.EnumerationOn, boolean)},
		{key: "ReverseDnsOn", def: false, doc: "answer PTR for the addresses of tasks", value: bind(&c.ReverseDNSOn, boolean)},
		{key: "EnforceRFC952", def: false, doc: "labels of at most 24 characters that start with a letter",
			value: bind(&c.EnforceRFC952, boolean)},
		{key: "MesosHTTPSOn", def: false, doc: "speak HTTPS with the masters", value: bind(&c.MesosHTTPSOn, boolean)},
		{key: "ResolvSubnetFirst", def: false, doc: "addresses in the client's subnet come first",
			value: bind(&c.ResolvSubnetFirst, boolean)},
		{key: "IPSources", def: []any{SourceAuto, SourceNetInfo, SourceMesos, SourceHost}, doc: "where the addresses of tasks are taken from: the first that has one",
			value: bind(&c.IPSources, listOf(oneOf(SourceHost, SourceDocker, SourceMesos, SourceNetInfo, SourceAuto), `["netinfo", "host"]`))},
		{key: "srvRecordDefaultWeight", def: 1, doc: "weight of SRV records",
			value: bind(&c.SRVRecordDefaultWeight, integer[uint16](0, math.MaxUint16))},
		{key: "CACertFile", def: "", doc: "PEM file of the CAs that the masters are checked against; empty: those of the system",
			value: bind(&c.CACertFile, text)},
		{key: "CertFile", def: "", doc: "PEM file of our certificate for the masters", value: bind(&c.CertFile, text)},
		{key: "KeyFile", def: "", doc: "PEM file of its key", value: bind(&c.KeyFile, text)},
		{key: "mesosAuthentication", def: "", doc: "none, basic or iam", value: bind(&c.MesosAuthentication, authentication)},
		{key: "mesosCredentials.principal", def: "", doc: "who we are to the masters",
			value: bind(&c.MesosCredentials.Principal, text)},
		{key: "mesosCredentials.secret", def: "", doc: "the secret of the principal",
			value: bind(&c.MesosCredentials.Secret, secret)},
		{key: "IAMConfigFile", def: "", doc: "file of the DC/OS service account", value: bind(&c.IAMConfigFile, text)},

		// From here on, what Mesos-DNS does not have.
		{key: "stateSource", def: string(StateAuto), doc: "stream to follow the events of the master, poll to read its state again and again, auto for the stream where there is one",
			value: bind(&c.StateSource, oneOf(StateAuto, StateStream, StatePoll))},
		{key: "resyncSeconds", def: 300, doc: "seconds between two full readings of the state beside the stream",
			value: seconds(&c.Resync, 1)},
		{key: "stateMaxBytes", def: 1 << 30, doc: "largest answer of a master that is read, in bytes",
			value: bind(&c.StateMaxBytes, integer[int64](1, math.MaxInt64))},
		{key: "agentReregisterTimeout", def: 600, doc: "seconds for which a failover may keep an agent away",
			value: seconds(&c.AgentReregisterTimeout, 1)},
		{key: "stateDir", def: "", doc: "directory where the cluster is kept for the next start; empty: nowhere",
			value: bind(&c.StateDir, text)},
		{key: "snapshotSeconds", def: 30, doc: "seconds between two writings of it at least",
			value: seconds(&c.SnapshotInterval, 1)},
		{key: "srvScope", def: string(SRVScopeLabels), doc: "labels: SRV records point to where their port is open; compat: to where those of Mesos-DNS do",
			value: bind(&c.SRVScope, oneOf(SRVScopeLabels, SRVScopeCompat))},
		{key: "unhealthy", derive: func() any { return defaultUnhealthy(c.SRVScope) }, doc: "exclude or include unhealthy tasks while others of the name are healthy; include with srvScope compat",
			value: bind(&c.Unhealthy, oneOf(UnhealthyExclude, UnhealthyInclude))},
		{key: "minVisibility", def: "framework", doc: "how far a DiscoveryInfo must want to be seen for records: framework, cluster or external",
			value: bind(&c.MinVisibility, oneOf("framework", "cluster", "external"))},
		{key: "publishStates", def: []any{"TASK_RUNNING"}, doc: "states in which tasks have records",
			value: bind(&c.PublishStates, listOf(taskState, `["TASK_RUNNING", "TASK_STARTING"]`))},
		{key: "maxUDPSize", def: 1232, doc: "largest answer over UDP in octets",
			value: bind(&c.MaxUDPSize, integer[uint16](512, math.MaxUint16))},
		{key: "tcpIdleTimeout", def: 10, doc: "seconds after which an idle connection is closed",
			value: seconds(&c.TCPIdleTimeout, 1)},
		{key: "tcpMaxConnections", def: 1000, doc: "connections open at the same time",
			value: bind(&c.TCPMaxConnections, integer[int](1, math.MaxInt32))},
		{key: "recursionAllow", def: localNetworks(), doc: "clients that are forwarded for",
			value: bind(&c.RecursionAllow, listOf(network, `["10.0.0.0/8"]`))},
		{key: "cacheMinTTL", def: 0, doc: "seconds for which an answer of others is kept at least",
			value: seconds(&c.CacheMinTTL, 0)},
		{key: "cacheMaxTTL", def: 86400, doc: "seconds for which an answer of others is kept at most",
			value: seconds(&c.CacheMaxTTL, 1)},
		{key: "cacheStale", def: 86400, doc: "seconds for which it serves after that when no upstream server answers; 0: never",
			value: seconds(&c.CacheStale, 0)},
		{key: "cacheEntries", def: 200_000, doc: "answers of others that are kept",
			value: bind(&c.CacheEntries, integer[int](1, math.MaxInt32))},
		{key: "cacheBytes", def: 64 << 20, doc: "memory that they take, in bytes",
			value: bind(&c.CacheBytes, integer[int](1, math.MaxInt))},
		{key: "forwardMax", def: 20_000, doc: "queries that wait for upstream servers at a time; more get SERVFAIL",
			value: bind(&c.ForwardMax, integer[int](1, math.MaxInt32))},
		{key: "forwardMaxClient", def: 5_000, doc: "of those, the ones of one client",
			value: bind(&c.ForwardMaxClient, integer[int](1, math.MaxInt32))},
		{key: "rateLimit", def: 1000, doc: "answers over UDP per second to one /24 or /56; 0: no limit",
			value: bind(&c.RateLimit, integer[int](0, 1_000_000))},
		{key: "rateLimitExempt", def: localNetworks(), doc: "clients that have no such limit",
			value: bind(&c.RateLimitExempt, listOf(network, `["10.0.0.0/8"]`))},
		{key: "viewDomains", derive: func() any { return c.defaultViewDomains() }, doc: "origins of the names under agentip, containerip and autoip",
			value: bindList(&c.AddressDomains, listOf(domainName(maxOrigin, false), `["dcos.thisdcos.directory"]`))},
		{key: "viewTTL", def: 5, doc: "TTL of these names in seconds",
			value: bind(&c.AddressTTL, integer[uint32](0, maxSeconds))},
		{key: "aliases", derive: func() any { return c.defaultAliases() }, doc: "names that mirror others: what is written replaces the default",
			value: bind(&c.Aliases, mapOf(domainName(maxName, false), `{"thisdcos.global": "thisdcos.directory"}`))},
		{key: "staticZones", def: []any{}, doc: "master files (RFC 1035) of further records; from the folder of this file",
			value: bindList(&c.StaticZones, listOf(c.besideConfigFile, `["external.zone"]`))},

		{key: "ns", doc: "ignored: of early versions of Mesos-DNS"},
		{key: "mname", doc: "ignored: of early versions of Mesos-DNS"},
		{key: "email", doc: "ignored: of early versions of Mesos-DNS"},
		{key: "SOASerial", doc: "ignored: the serial follows from the content of the zone"},
		{key: "file", doc: "ignored: the file is known by now"},
	}
}

// localNetworks are the addresses that cannot belong to a client out on the
// Internet: loopback, private (RFC 1918, RFC 4193) and link-local ones. An open
// resolver would lend itself to attacks by amplification (RFC 5358).
func localNetworks() []any {
	return []any{
		"127.0.0.0/8", "::1/128",
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
		"169.254.0.0/16", "fe80::/10",
	}
}

// defaultUnhealthy is what Mesos-DNS does where its answers are asked for.
func defaultUnhealthy(s SRVScope) any {
	if s == SRVScopeCompat {
		return string(UnhealthyInclude)
	}
	return string(UnhealthyExclude)
}

// taskState is an item of publishStates: a state of a task that has not ended
// (mesos.proto, TaskState). Case does not matter.
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

// Setting is a row of the table of settings, for documentation.
type Setting struct {
	Key     string // as users write it; a dot stands for a member of an object
	Default string // as JSON; "" where there is none, or where the key is ignored
	Doc     string // what it means, with its unit
}

// Settings returns the table of settings in the order of the documentation.
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
