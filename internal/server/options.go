package server

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/sirupsen/logrus"

	"toponym/api"
	"toponym/config"
	"toponym/records"
	"toponym/resolver"
	"toponym/state/leader"
	"toponym/state/master"
	"toponym/zone"
)

// What follows turns settings into the options of each room.

// leaders are where the masters are found out: in ZooKeeper when it is given,
// which then has to run, else in the list of the settings.
func leaders(c *config.Config, log logrus.FieldLogger) (leader.Detector, *leader.ZooKeeper) {
	masters := addresses(c.Masters)
	if c.ZooKeeper.IsZero() {
		return leader.NewStatic(masters), nil
	}
	z := leader.NewZooKeeper(leader.ZooKeeperOptions{
		Servers:  addresses(c.ZooKeeper.Servers),
		Path:     c.ZooKeeper.Path,
		User:     c.ZooKeeper.User,
		Password: c.ZooKeeper.Password.Reveal(),
		Masters:  masters,
		Timeout:  c.ZkDetectionTimeout,
		Log:      log,
	})
	return z, z
}

func addresses(hosts []config.HostPort) []leader.Address {
	var all []leader.Address
	for _, h := range hosts {
		all = append(all, leader.Address{Host: h.Host, Port: h.Port})
	}
	return all
}

func masterOptions(c *config.Config, l leader.Detector, log logrus.FieldLogger) (master.Options, error) {
	o := master.Options{
		Leaders:    l,
		HTTPS:      c.MesosHTTPSOn,
		Interval:   c.Refresh,
		Resync:     c.Resync,
		Reregister: c.AgentReregisterTimeout,
		Timeout:    c.StateTimeout,
		MaxBytes:   c.StateMaxBytes,
		Log:        log,
	}
	switch c.StateSource {
	case config.StateStream:
		o.Source = master.Stream
	case config.StatePoll:
		o.Source = master.Poll
	}
	if c.MesosHTTPSOn || c.CACertFile != "" || c.CertFile != "" {
		// Also without HTTPS to the masters: the login of iam may want it.
		t, err := newCertificates(c, log)
		if err != nil {
			return o, err
		}
		o.TLS = t.config
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

// RecordsOptions returns how the settings want records to be made.
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
	}
	if c.EnforceRFC952 {
		o.Rule = records.RFC952
	}
	var err error
	if o.Domain, err = records.ParseName(c.Domain); err != nil {
		return o, fmt.Errorf("domain: %q: %w", c.Domain, err)
	}
	if o.MName, err = records.ParseName(c.SOA.MName); err != nil {
		return o, fmt.Errorf("SOAMname: %q: %w", c.SOA.MName, err)
	}
	for _, name := range c.IPSources {
		s, err := records.ParseIPSource(name)
		if err != nil {
			return o, fmt.Errorf("IPSources: %w", err)
		}
		o.IPSources = append(o.IPSources, s)
	}
	for _, d := range c.AddressDomains {
		n, err := records.ParseName(d)
		if err != nil {
			return o, fmt.Errorf("addressDomains: %q: %w", d, err)
		}
		o.AddressDomains = append(o.AddressDomains, n)
	}
	if o.Scope, err = records.ParseSRVScope(string(c.SRVScope)); err != nil {
		return o, fmt.Errorf("srvScope: %w", err)
	}
	if o.MinVisibility, err = records.ParseVisibility(c.MinVisibility); err != nil {
		return o, fmt.Errorf("minVisibility: %w", err)
	}
	o.Listeners, err = listeners(c.Listener)
	return o, err
}

// listeners are the addresses that the name server's own name has: the
// listener, or every address of this host when it listens to all.
func listeners(a netip.Addr) ([]netip.Addr, error) {
	if !a.IsUnspecified() {
		return []netip.Addr{a.WithZone("")}, nil
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("finding the addresses of this host: %w", err)
	}
	var addrs []netip.Addr
	for _, l := range local {
		p, err := netip.ParsePrefix(l.String())
		if err == nil && !p.Addr().IsLoopback() {
			addrs = append(addrs, p.Addr().Unmap().WithZone(""))
		}
	}
	return addrs, nil
}

// recordsAndZone are the options of both rooms, which follow from each other.
func recordsAndZone(c *config.Config) (records.Options, zone.Options, error) {
	r, err := RecordsOptions(c)
	if err != nil {
		return r, zone.Options{}, err
	}
	z, err := zoneOptions(c, r)
	return r, z, err
}

func zoneOptions(c *config.Config, r records.Options) (zone.Options, error) {
	rname, err := records.ParseName(c.SOA.RName)
	if err != nil {
		return zone.Options{}, fmt.Errorf("SOARname: %q: %w", c.SOA.RName, err)
	}
	o := zone.Options{
		Origins: []zone.Origin{{Name: r.Domain, TTL: c.TTL}},
		MName:   r.MName,
		RName:   rname,
		Refresh: c.SOA.Refresh,
		Retry:   c.SOA.Retry,
		Expire:  c.SOA.Expire,
		Minimum: c.SOA.MinTTL,
	}
	for _, text := range c.AddressDomains {
		name, err := records.ParseName(text)
		if err != nil {
			return o, fmt.Errorf("addressDomains: %q: %w", text, err)
		}
		if name != r.Domain {
			o.Origins = append(o.Origins, zone.Origin{Name: name, TTL: c.AddressTTL})
			continue
		}
		// The domain keeps its TTL, and each view has its own.
		for _, view := range []string{"agentip", "containerip", "autoip"} {
			below, err := name.Join(view)
			if err != nil {
				return o, fmt.Errorf("addressDomains: %q: %w", text, err)
			}
			o.Origins = append(o.Origins, zone.Origin{Name: below, TTL: c.AddressTTL})
		}
	}
	if r.Reverse {
		o.Origins = append(o.Origins, zone.Origin{Name: records.ReverseIPv4, TTL: c.TTL}, zone.Origin{Name: records.ReverseIPv6, TTL: c.TTL})
	}
	for _, from := range slices.Sorted(maps.Keys(c.Aliases)) {
		name, err := records.ParseName(from)
		if err != nil {
			return o, fmt.Errorf("aliases: %q: %w", from, err)
		}
		target, err := records.ParseName(c.Aliases[from])
		if err != nil {
			return o, fmt.Errorf("aliases: %q: %w", c.Aliases[from], err)
		}
		o.Aliases = append(o.Aliases, zone.Alias{Name: name, Target: target})
	}
	if len(o.Origins) > zone.MaxOrigins || len(o.Aliases) > zone.MaxOrigins {
		return o, fmt.Errorf("addressDomains, aliases: there are more than %d", zone.MaxOrigins)
	}
	return o, nil
}

func resolverOptions(c *config.Config, log logrus.FieldLogger, cores int) resolver.Options {
	return resolver.Options{
		Forward:           forwardOptions(c),
		RateLimit:         c.RateLimit,
		RateExempt:        c.RateLimitExempt,
		Addr:              c.Listener,
		Port:              c.Port,
		MaxUDPSize:        c.MaxUDPSize,
		SetTruncateBit:    c.SetTruncateBit,
		ResolvSubnetFirst: c.ResolvSubnetFirst,
		TCPIdleTimeout:    c.TCPIdleTimeout,
		TCPMaxConnections: c.TCPMaxConnections,
		Workers:           cores,
		Log:               log,
	}
}

// forwardOptions is nil when names outside of our zones are not forwarded.
func forwardOptions(c *config.Config) *resolver.ForwardOptions {
	if !c.ExternalOn {
		return nil
	}
	o := &resolver.ForwardOptions{
		Upstreams:           upstreams(c.Resolvers),
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
	}
	if o.MaxStale == 0 {
		o.MaxStale = -1 // never, where 0 would be the default
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

// apiOptions returns the options of the HTTP side.
func (s *Server) apiOptions() api.Options {
	c := s.config.Load()
	return api.Options{
		Store:          s.pipeline.zones,
		Version:        s.o.Version,
		URL:            s.o.URL,
		Domain:         c.Domain,
		RefreshSeconds: int(c.Refresh.Seconds()),
		EnumerationOn:  c.EnumerationOn,
		Enumerate:      func() any { return s.pipeline.enumerate() },
		Explain:        s.pipeline.explain,
		Addr:           netip.AddrPortFrom(c.HTTPListener, c.HTTPPort),
		Status:         s.status,
		Metrics:        s.metrics.handler(s.log),
		Config:         func(serial uint32) any { return s.config.Load().V1(serial) },
		Log:            s.log,
	}
}
