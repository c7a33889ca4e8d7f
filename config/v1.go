package config

import (
	"time"
)

// v1 is the object of GET /v1/config as Mesos-DNS 0.10 gave it: other programs
// read it, so that keys, types and their order stay as they are.
type v1 struct {
	RefreshSeconds         int
	Port                   int
	Timeout                int
	StateTimeoutSeconds    int
	ZkDetectionTimeout     int
	HTTPPort               int `json:"HttpPort"`
	TTL                    int
	SRVRecordDefaultWeight int
	SOASerial              uint32
	SOARefresh             uint32
	SOARetry               uint32
	SOAExpire              uint32
	SOAMinttl              uint32
	SOAMname               string
	SOARname               string
	Masters                []string
	ZoneResolvers          map[string][]string
	Resolvers              []string
	IPSources              []string
	Zk                     string
	Domain                 string
	File                   string
	Listener               string
	HTTPListener           string
	RecurseOn              bool
	DNSOn                  bool `json:"DnsOn"`
	ReverseDNSOn           bool `json:"ReverseDnsOn"`
	HTTPOn                 bool `json:"HttpOn"`
	ExternalOn             bool
	EnforceRFC952          bool
	SetTruncateBit         bool
	EnumerationOn          bool
	MesosHTTPSOn           bool
	CACertFile             string
	CertFile               string
	KeyFile                string
	MesosCredentials       Credentials
	IAMConfigFile          string
	ResolvSubnetFirst      bool
	MesosAuthentication    Authentication
}

// V1 returns what GET /v1/config answers, for json.Marshal. The serial is that
// of the zone in force. Unlike that of Mesos-DNS it holds no secret.
func (c *Config) V1(serial uint32) any {
	v := v1{
		RefreshSeconds:         wholeSeconds(c.Refresh),
		Port:                   int(c.Port),
		Timeout:                wholeSeconds(c.Timeout),
		StateTimeoutSeconds:    wholeSeconds(c.StateTimeout),
		ZkDetectionTimeout:     wholeSeconds(c.ZkDetectionTimeout),
		HTTPPort:               int(c.HTTPPort),
		TTL:                    int(c.TTL),
		SRVRecordDefaultWeight: int(c.SRVRecordDefaultWeight),
		SOASerial:              serial,
		SOARefresh:             c.SOA.Refresh,
		SOARetry:               c.SOA.Retry,
		SOAExpire:              c.SOA.Expire,
		SOAMinttl:              c.SOA.MinTTL,
		SOAMname:               c.SOA.MName,
		SOARname:               c.SOA.RName,
		ZoneResolvers:          map[string][]string{},
		Resolvers:              v1Upstreams(c.Resolvers),
		IPSources:              c.IPSources,
		Zk:                     c.ZooKeeper.String(),
		Domain:                 c.Domain,
		File:                   c.File,
		Listener:               c.Listener.String(),
		HTTPListener:           c.HTTPListener.String(),
		RecurseOn:              c.RecurseOn,
		DNSOn:                  c.DNSOn,
		ReverseDNSOn:           c.ReverseDNSOn,
		HTTPOn:                 c.HTTPOn,
		ExternalOn:             c.ExternalOn,
		EnforceRFC952:          c.EnforceRFC952,
		SetTruncateBit:         c.SetTruncateBit,
		EnumerationOn:          c.EnumerationOn,
		MesosHTTPSOn:           c.MesosHTTPSOn,
		CACertFile:             c.CACertFile,
		CertFile:               c.CertFile,
		KeyFile:                c.KeyFile,
		MesosCredentials:       c.MesosCredentials,
		IAMConfigFile:          c.IAMConfigFile,
		ResolvSubnetFirst:      c.ResolvSubnetFirst,
		MesosAuthentication:    c.MesosAuthentication,
	}
	for _, m := range c.Masters {
		v.Masters = append(v.Masters, m.String())
	}
	for zone, servers := range c.ZoneResolvers {
		v.ZoneResolvers[zone] = v1Upstreams(servers)
	}
	return v
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }

// v1Upstreams leaves the usual port out, as people write it.
func v1Upstreams(servers []Upstream) []string {
	list := []string{}
	for _, s := range servers {
		list = append(list, s.short())
	}
	return list
}
