package main

import (
	"fmt"
	"net"
	"net/netip"

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

func masterOptions(c *config.Config, log logrus.FieldLogger) (master.Options, error) {
	o := master.Options{
		HTTPS:    c.MesosHTTPSOn,
		Interval: c.Refresh,
		Timeout:  c.StateTimeout,
		MaxBytes: c.StateMaxBytes,
		Log:      log,
	}
	var masters []leader.Address
	for _, m := range c.Masters {
		masters = append(masters, leader.Address{Host: m.Host, Port: m.Port})
	}
	o.Leaders = leader.NewStatic(masters)
	if c.MesosHTTPSOn {
		t, err := c.TLS()
		if err != nil {
			return o, err
		}
		o.TLS = t
	}
	if c.MesosAuthentication == config.AuthBasic {
		o.Username, o.Password = c.MesosCredentials.Principal, c.MesosCredentials.Secret.Reveal()
	}
	return o, nil
}

func recordsOptions(c *config.Config) (records.Options, error) {
	o := records.Options{
		Rule:      records.RFC1123,
		SRVWeight: c.SRVRecordDefaultWeight,
		Reverse:   c.ReverseDNSOn,
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

func zoneOptions(c *config.Config, r records.Options) (zone.Options, error) {
	rname, err := records.ParseName(c.SOA.RName)
	if err != nil {
		return zone.Options{}, fmt.Errorf("SOARname: %q: %w", c.SOA.RName, err)
	}
	o := zone.Options{
		Origins: []records.Name{r.Domain},
		MName:   r.MName,
		RName:   rname,
		Refresh: c.SOA.Refresh,
		Retry:   c.SOA.Retry,
		Expire:  c.SOA.Expire,
		Minimum: c.SOA.MinTTL,
		TTL:     c.TTL,
	}
	if r.Reverse {
		o.Origins = append(o.Origins, records.ReverseIPv4, records.ReverseIPv6)
	}
	return o, nil
}

func resolverOptions(c *config.Config, log logrus.FieldLogger, cores int) resolver.Options {
	return resolver.Options{
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

func apiOptions(c *config.Config, p *pipeline, log logrus.FieldLogger) api.Options {
	return api.Options{
		Store:          p.zones,
		Version:        version(),
		URL:            projectURL,
		Domain:         c.Domain,
		RefreshSeconds: int(c.Refresh.Seconds()),
		EnumerationOn:  c.EnumerationOn,
		Enumerate:      func() any { return p.enumerate() },
		Addr:           netip.AddrPortFrom(c.HTTPListener, c.HTTPPort),
		Log:            log,
	}
}
