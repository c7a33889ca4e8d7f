package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// v1Names are the members of the object that GET /v1/config of Mesos-DNS 0.10
// returns, in its order. Other programs read it. Each is a setting, in another
// case, but for SOASerial, File and MesosCredentials.
var v1Names = []string{
	"RefreshSeconds", "Port", "Timeout", "StateTimeoutSeconds", "ZkDetectionTimeout", "HttpPort", "TTL", "SRVRecordDefaultWeight",
	"SOASerial", "SOARefresh", "SOARetry", "SOAExpire", "SOAMinttl", "SOAMname", "SOARname", "Masters", "ZoneResolvers", "Resolvers",
	"IPSources", "Zk", "Domain", "File", "Listener", "HTTPListener", "RecurseOn", "DnsOn", "ReverseDnsOn", "HttpOn", "ExternalOn",
	"EnforceRFC952", "SetTruncateBit", "EnumerationOn", "MesosHTTPSOn", "CACertFile", "CertFile", "KeyFile", "MesosCredentials",
	"IAMConfigFile", "ResolvSubnetFirst", "MesosAuthentication",
}

// V1 returns the answer to GET /v1/config, for json.Marshal. serial is that of
// the current zone. Unlike the answer of Mesos-DNS it contains no secret.
func (c *Config) V1(serial uint32) any {
	values := map[string]any{}
	for _, s := range c.settings() {
		if s.value != nil {
			values[strings.ToLower(s.key)] = s.value.show()
		}
	}
	values["soaserial"] = serial
	values["file"] = c.File
	values["mesoscredentials"] = c.MesosCredentials
	values["resolvers"] = shortUpstreams(c.Resolvers)
	values["listener"] = ""
	if len(c.Listener) > 0 { // Mesos-DNS has one
		values["listener"] = c.Listener[0].String()
	}
	zones := map[string][]string{}
	for zone, servers := range c.ZoneResolvers {
		zones[zone] = shortUpstreams(servers)
	}
	values["zoneresolvers"] = zones
	o := v1Object{}
	for _, name := range v1Names {
		o = append(o, v1Member{name, values[strings.ToLower(name)]})
	}
	return o
}

// shortUpstreams leaves out the default port, as people write servers.
func shortUpstreams(servers []Upstream) []string {
	list := []string{}
	for _, s := range servers {
		list = append(list, s.short())
	}
	return list
}

// v1Object is a JSON object with its members in order.
type v1Object []v1Member

type v1Member struct {
	name  string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o v1Object) MarshalJSON() ([]byte, error) {
	b := bytes.NewBufferString("{")
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(b, "%q:%s", m.name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Format implements [fmt.Formatter]: it prints what MarshalJSON returns, so that no
// verb shows a secret.
func (o v1Object) Format(f fmt.State, _ rune) {
	b, err := o.MarshalJSON()
	if err == nil {
		_, _ = f.Write(b)
	}
}
