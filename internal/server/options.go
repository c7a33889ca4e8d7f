package server

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/api"
	"toponym/api/haproxy"
	"toponym/api/traefik"
	"toponym/config"
	"toponym/internal/traefikrule"
	"toponym/records"
	"toponym/resolver"
	"toponym/state/leader"
	"toponym/state/master"
	"toponym/zone"
)

// The functions of this file turn settings into the options of each package.

// newDetector returns what finds the masters: the list of the settings, ZooKeeper, or
// the local agent. The latter two also have to run.
func newDetector(c *config.Config, log logrus.FieldLogger) (leader.Detector, error) {
	switch {
	case !c.ZooKeeper.IsZero():
		return leader.NewZooKeeper(zooKeeperOptions(c, c.ZooKeeper, log)), nil
	case len(c.Masters) == 0 && c.Mesos != "":
		return newLocal(c, log)
	}
	return leader.NewStatic(c.Masters), nil
}

func zooKeeperOptions(c *config.Config, z config.ZooKeeper, log logrus.FieldLogger) leader.ZooKeeperOptions {
	return leader.ZooKeeperOptions{
		Servers:  z.Servers,
		Path:     z.Path,
		User:     z.User,
		Password: z.Password.Reveal(),
		Masters:  c.Masters,
		Timeout:  c.ZkDetectionTimeout,
		Log:      log,
	}
}

// newLocal returns what asks the local agent where the masters are. Its answers are
// taken from nobody else.
func newLocal(c *config.Config, log logrus.FieldLogger) (*leader.Local, error) {
	address, err := leader.ParseAddress(c.Mesos)
	if err != nil {
		return nil, fmt.Errorf("mesos: %w", err)
	}
	transport := &http.Transport{}
	if c.MesosHTTPSOn {
		certs, err := newCertificates("the local agent", c.TLS(), log)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = certs.config()
	}
	return leader.NewLocal(leader.LocalOptions{
		Address: address,
		HTTPS:   c.MesosHTTPSOn,
		Client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		ZooKeeper: func(text string) (leader.ZooKeeperOptions, error) {
			z, err := config.ParseZooKeeper(text)
			return zooKeeperOptions(c, z, log), err
		},
		Log: log,
	}), nil
}

func masterOptions(c *config.Config, masters leader.Detector, log logrus.FieldLogger) (master.Options, error) {
	o := master.Options{
		Leaders:    masters,
		HTTPS:      c.MesosHTTPSOn,
		Interval:   c.Refresh,
		Resync:     c.Resync,
		Reregister: c.AgentReregisterTimeout,
		Timeout:    c.StateTimeout,
		MaxBytes:   c.StateMaxBytes,
		KeepLabels: keptLabels(c),
		Log:        log,
	}
	switch c.StateSource {
	case config.StateStream:
		o.Source = master.Stream
	case config.StatePoll:
		o.Source = master.Poll
	}
	// Certificates are needed without MesosHTTPSOn as well: the login of iam may
	// be at an HTTPS address.
	if c.MesosHTTPSOn || c.CACertFile != "" || c.CertFile != "" {
		certs, err := newCertificates("the masters", c.TLS(), log)
		if err != nil {
			return o, err
		}
		o.TLS = certs.config
	}
	switch c.MesosAuthentication {
	case config.AuthBasic:
		o.Username, o.Password = c.MesosCredentials.Principal, c.MesosCredentials.Secret.Reveal()
	case config.AuthIAM:
		o.Account = func() (master.Account, error) {
			a, err := c.ServiceAccount()
			if err != nil {
				return master.Account{}, err
			}
			return master.Account{UID: a.UID, LoginEndpoint: a.LoginEndpoint, Key: a.Key}, nil
		}
	}
	return o, nil
}

// parseName is records.ParseName with the setting in the error.
func parseName(setting, text string) (records.Name, error) {
	n, err := records.ParseName(text)
	if err != nil {
		return n, fmt.Errorf("%s: %q: %w", setting, text, err)
	}
	return n, nil
}

// RecordsOptions returns the options for making records. An error names the
// setting.
func RecordsOptions(c *config.Config) (records.Options, error) {
	o := records.Options{
		Rule:      records.RFC1123,
		SRVWeight: c.SRVRecordDefaultWeight,
		Reverse:   c.ReverseDNSOn,
		States:    c.PublishStates,
		Limits: records.Limits{
			TaskPorts:        c.MaxTaskPorts,
			TaskAddrs:        c.MaxTaskAddresses,
			TaskRecords:      c.MaxTaskRecords,
			FrameworkRecords: c.MaxFrameworkRecords,
		},
		IncludeUnhealthy: c.Unhealthy == config.UnhealthyInclude,
		SplitNames:       c.SplitTaskNames,
	}
	if c.EnforceRFC952 {
		o.Rule = records.RFC952
	}
	var err error
	if o.Domain, err = parseName("domain", c.Domain); err != nil {
		return o, err
	}
	if o.MName, err = parseName("SOAMname", c.SOA.MName); err != nil {
		return o, err
	}
	for _, text := range c.IPSources {
		source, err := records.ParseIPSource(text)
		if err != nil {
			return o, fmt.Errorf("IPSources: %w", err)
		}
		o.IPSources = append(o.IPSources, source)
	}
	for _, text := range c.AddressDomains {
		n, err := parseName("addressDomains", text)
		if err != nil {
			return o, err
		}
		o.AddressDomains = append(o.AddressDomains, n)
	}
	for _, text := range c.VIPDomains {
		n, err := parseName("vipDomains", text)
		if err != nil {
			return o, err
		}
		o.VIPDomains = append(o.VIPDomains, n)
	}
	if o.Scope, err = records.ParseSRVScope(string(c.SRVScope)); err != nil {
		return o, fmt.Errorf("srvScope: %w", err)
	}
	if o.AliasTakeover, err = records.ParseAliasTakeover(string(c.AliasTakeover)); err != nil {
		return o, fmt.Errorf("aliasTakeover: %w", err)
	}
	if o.MinVisibility, err = records.ParseVisibility(c.MinVisibility); err != nil {
		return o, fmt.Errorf("minVisibility: %w", err)
	}
	o.Listeners, err = serverAddrs(c.Listener)
	return o, err
}

// keptLabels returns the prefixes of labels that are kept: those of the setting, and
// those of VIPs where they have names.
func keptLabels(c *config.Config) []string {
	if len(c.VIPDomains) == 0 {
		return c.KeepLabels
	}
	return append(slices.Clone(c.KeepLabels), "VIP_", "vip_")
}

// serverAddrs returns the addresses of the name server's own name: those of the
// setting listener, of its interfaces those that they have now, or every address of
// this host where one is unspecified.
func serverAddrs(listeners []config.Listen) (addrs []netip.Addr, err error) {
	add := func(a netip.Addr) {
		if a = a.WithZone(""); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	for _, l := range listeners {
		switch {
		case l.Interface != "":
			if i, err := net.InterfaceByName(l.Interface); err == nil {
				local, err := i.Addrs()
				if err != nil {
					return nil, fmt.Errorf("reading the addresses of %s: %w", l.Interface, err)
				}
				forEachAddr(local, add)
			}
		case !l.Addr.IsUnspecified():
			add(l.Addr)
		default:
			local, err := net.InterfaceAddrs()
			if err != nil {
				return nil, fmt.Errorf("reading the addresses of this host: %w", err)
			}
			forEachAddr(local, func(a netip.Addr) {
				if !a.IsLoopback() {
					add(a)
				}
			})
		}
	}
	return addrs, nil
}

func forEachAddr(local []net.Addr, f func(netip.Addr)) {
	for _, l := range local {
		if p, err := netip.ParsePrefix(l.String()); err == nil {
			f(p.Addr().Unmap())
		}
	}
}

// sourceAddrs returns the addresses of each family from which messages are sent: the
// first of the setting listener; not valid where the system chooses one.
func sourceAddrs(listeners []config.Listen) (ipv4, ipv6 netip.Addr) {
	for _, l := range listeners {
		switch {
		case l.Addr.Is4() && !ipv4.IsValid():
			ipv4 = l.Addr
		case l.Addr.Is6() && !ipv6.IsValid():
			ipv6 = l.Addr
		}
	}
	return ipv4, ipv6
}

// recordsAndZone returns the options of both packages: those of the zone follow
// from those of the records.
func recordsAndZone(c *config.Config) (records.Options, zone.Options, error) {
	r, err := RecordsOptions(c)
	if err != nil {
		return r, zone.Options{}, err
	}
	z, err := zoneOptions(c, r)
	return r, z, err
}

func zoneOptions(c *config.Config, r records.Options) (zone.Options, error) {
	rname, err := parseName("SOARname", c.SOA.RName)
	if err != nil {
		return zone.Options{}, err
	}
	o := zone.Options{
		MName:   r.MName,
		RName:   rname,
		Refresh: c.SOA.Refresh,
		Retry:   c.SOA.Retry,
		Expire:  c.SOA.Expire,
		Minimum: c.SOA.MinTTL,
	}
	origin := func(n records.Name, ttl uint32) { o.Origins = append(o.Origins, zone.Origin{Name: n, TTL: ttl}) }
	origin(r.Domain, c.TTL)
	for _, n := range r.AddressDomains {
		if n != r.Domain {
			origin(n, c.AddressTTL)
			continue
		}
		// The domain keeps its own TTL, so each address tree is an origin.
		for _, tree := range []string{"agentip", "containerip", "autoip"} {
			below, err := n.Join(tree)
			if err != nil {
				return o, fmt.Errorf("addressDomains: %v: %w", n, err)
			}
			origin(below, c.AddressTTL)
		}
	}
	for _, n := range r.VIPDomains {
		if n != r.Domain && !slices.Contains(r.AddressDomains, n) {
			origin(n, c.AddressTTL)
		}
	}
	if r.Reverse {
		for _, text := range c.ReverseZoneNames() {
			n, err := parseName("reverseZones", text)
			if err != nil {
				return o, err
			}
			origin(n, c.TTL)
		}
		for _, n := range []records.Name{records.ReverseIPv4, records.ReverseIPv6} {
			o.Origins = append(o.Origins, zone.Origin{Name: n, TTL: c.TTL, Partial: true})
		}
	}
	for _, text := range slices.Sorted(maps.Keys(c.Aliases)) {
		name, err := parseName("aliases", text)
		if err != nil {
			return o, err
		}
		target, err := parseName("aliases", c.Aliases[text])
		if err != nil {
			return o, err
		}
		o.Aliases = append(o.Aliases, zone.Alias{Name: name, Target: target})
	}
	if len(o.Origins) > zone.MaxOrigins || len(o.Aliases) > zone.MaxOrigins {
		return o, fmt.Errorf("addressDomains, aliases: there are more than %d", zone.MaxOrigins)
	}
	return o, nil
}

// resolverOptions returns the options of the DNS side, for a number of cores and
// of TCP connections.
func resolverOptions(c *config.Config, log logrus.FieldLogger, cores, tcpConnections int) resolver.Options {
	var listen []resolver.Listen
	for _, l := range c.Listener {
		listen = append(listen, resolver.Listen(l))
	}
	return resolver.Options{
		Forward:                    forwardOptions(c),
		RateLimit:                  c.RateLimit,
		RateExempt:                 c.RateLimitExempt,
		Listen:                     listen,
		Port:                       c.Port,
		MaxUDPSize:                 c.MaxUDPSize,
		SetTruncateBit:             c.SetTruncateBit,
		ResolvSubnetFirst:          c.ResolvSubnetFirst,
		AnswerLimit:                c.AnswerLimit,
		TCPIdleTimeout:             c.TCPIdleTimeout,
		TCPMaxConnections:          tcpConnections,
		TCPMaxConnectionsPerClient: c.TCPMaxClient,
		Workers:                    cores,
		Log:                        log,
	}
}

// resolvConf names the upstream servers where the setting resolvers does not.
const resolvConf = "/etc/resolv.conf"

// forwardOptions is nil where no names are forwarded.
func forwardOptions(c *config.Config) *resolver.ForwardOptions {
	if !c.ExternalOn {
		return nil
	}
	o := &resolver.ForwardOptions{
		Upstreams:           upstreams(c.Resolvers),
		ResolvConf:          resolvConf,
		ZoneUpstreams:       map[string][]resolver.Upstream{},
		AllowedClients:      c.RecursionAllow,
		RecursionAvailable:  c.RecurseOn,
		Timeout:             c.Timeout,
		MinTTL:              c.CacheMinTTL,
		MaxTTL:              c.CacheMaxTTL,
		MaxStale:            c.CacheStale,
		CacheEntries:        c.CacheEntries,
		CacheBytes:          c.CacheBytes,
		MaxPending:          c.ForwardMax,
		MaxPendingPerClient: c.ForwardMaxClient,
		MaxPendingPerSuffix: c.ForwardMaxDomain,
	}
	for zone, servers := range c.ZoneResolvers {
		o.ZoneUpstreams[zone] = upstreams(servers)
	}
	return o
}

func upstreams(servers []config.Upstream) []resolver.Upstream {
	var list []resolver.Upstream
	for _, s := range servers {
		list = append(list, resolver.Upstream{AddrPort: s.AddrPort, TLS: s.TLS, Name: s.Name})
	}
	return list
}

// apiOptions returns the options of the HTTP side, for numbers of watchers and of
// connections besides theirs.
func (s *Server) apiOptions(connections, watchers int) api.Options {
	c := s.config.Load()
	return api.Options{
		Store:                s.pipeline.zones,
		Version:              s.o.Version,
		URL:                  s.o.URL,
		Domain:               c.Domain,
		RefreshSeconds:       func() int { return int(s.config.Load().Refresh.Seconds()) },
		EnumerationOn:        c.EnumerationOn,
		DCOS:                 c.Profile == config.ProfileDCOS,
		VIPs:                 s.vips(c),
		Enumerate:            s.pipeline.enumerate,
		Instances:            s.pipeline.instances,
		Hosts:                s.pipeline.hosts,
		HAProxy:              s.haproxyRules,
		Traefik:              &s.traefik,
		Explain:              s.pipeline.explain,
		ReverseOff:           !c.ReverseDNSOn,
		Search:               s.pipeline.search,
		Task:                 s.pipeline.task,
		Settings:             s.settings,
		Route:                s.route,
		Preview:              s.preview(),
		Background:           s.tuning.answer,
		History:              s.pipeline.history,
		FrameworkNames:       s.pipeline.frameworkNames,
		MaxWatchers:          watchers,
		MaxWatchersPerClient: c.WatchMaxClient,
		MaxConnections:       connections + watchers,
		Addr:                 c.ListenHTTP(),
		Status:               s.status,
		Trends:               s.trends.describe,
		Metrics:              s.metrics.handler(s.log),
		Config:               func(serial uint32) any { return s.config.Load().V1(serial) },
		Log:                  s.log,
	}
}

// settings returns the current settings.
func (s *Server) settings() (list []api.Setting) {
	for _, one := range s.config.Load().Current() {
		list = append(list, api.Setting{
			Key: one.Key, Value: one.Value, Default: one.Default, Origin: one.Origin, Doc: one.Doc, Reloadable: one.Reloadable,
		})
	}
	return list
}

// traefikOptions returns which apps are in configurations of Traefik. An error names
// the setting.
func traefikOptions(c *config.Config) (traefik.Options, error) {
	rule, err := traefikrule.Parse(c.TraefikRule)
	if err != nil {
		return traefik.Options{}, fmt.Errorf("traefikDefaultRule: %w", err)
	}
	return traefik.Options{ExposedByDefault: c.TraefikExposed, DefaultRule: rule}, nil
}

// haproxyRules returns what apps may have in configurations of HAProxy, and where
// DNS is served.
func (s *Server) haproxyRules() (rules haproxy.Rules, dns netip.AddrPort) {
	c := s.config.Load()
	for _, r := range c.HAProxyPorts {
		rules.Ports = append(rules.Ports, haproxy.PortRange(r))
	}
	rules.BindAddrs = c.HAProxyBindAddresses
	if c.DNSOn {
		dns = c.DNSAddr()
		if !dns.IsValid() && s.dns != nil { // the settings name interfaces alone
			dns = s.dns.Addr()
		}
	}
	return rules, dns
}

// vips returns what lists the VIPs; nil where they have no names.
func (s *Server) vips(c *config.Config) func() []records.VIP {
	if len(c.VIPDomains) == 0 {
		return nil
	}
	return func() []records.VIP {
		o, err := RecordsOptions(s.config.Load())
		if err != nil || len(o.VIPDomains) == 0 {
			return nil
		}
		return records.VIPs(s.pipeline.instances(records.InstanceFilter{}), o.Rule, o.VIPDomains[0])
	}
}

// route returns how a name is answered that the zones do not have; nil if the zones
// answer it themselves, also with NXDOMAIN.
func (s *Server) route(name records.Name) *api.Route {
	if s.dns == nil {
		return nil
	}
	route, ok := s.dns.Route([]byte(name))
	if !ok {
		return nil
	}
	r := &api.Route{Local: route.Local, Domain: route.Domain, Servers: route.Servers}
	if route.Domain != "" {
		r.Cached = cachedAnswers(s.dns.Cached([]byte(name)))
	}
	return r
}

// cachedAnswers is what the cache holds for a name, as text.
func cachedAnswers(found []resolver.CachedAnswer) (list []api.CachedAnswer) {
	for _, c := range found {
		a := api.CachedAnswer{
			Type: c.Type, Rcode: c.Rcode, Records: []api.LookupRecord{}, TTL: uint32(c.Left / time.Second), Stale: c.Stale, DNSSEC: c.DNSSEC, CD: c.CD,
		}
		for _, rr := range c.Records {
			a.Records = append(a.Records, api.NewLookupRecord(rr))
		}
		list = append(list, a)
	}
	return list
}

// preview returns the function of [api.Options.Preview].
func (s *Server) preview() func(records.Name) *dns.Msg {
	if s.dns == nil {
		return nil
	}
	return func(name records.Name) *dns.Msg { return s.dns.Preview([]byte(name)) }
}
