package records_test

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
	"toponym/state/master"
)

// The states are written as each framework's own code builds its tasks, see
// testdata/frameworks/README.md. docs/frameworks.md shows these names.
func TestFrameworksHaveTheirNames(t *testing.T) {
	const (
		s0, s1   = "A 10.40.0.10", "A 10.40.0.11"
		inTree   = ".containerip." + trees
		sameSide = ".autoip." + trees
	)
	for framework, names := range map[string]map[string][]string{
		// A job key is split with and without a DiscoveryInfo, which has it split.
		"aurora": {
			"hello.prod.www-data.aurora.mesos":    {s0, s1},
			"hello-prod-www-data.aurora.mesos":    {s0, s1},
			"hello.staging.www-data.aurora.mesos": {s0},
			"www-datastaginghello.aurora.mesos":   {s0},
			"_http._tcp.hello.prod.www-data.aurora.mesos": {
				"SRV 0 1 31000 hello.prod.www-data-zxait-s0.aurora.mesos.", "SRV 0 1 31500 hello.prod.www-data-eje5o-s1.aurora.mesos."},
			"_health._hello.prod.www-data._tcp.aurora.mesos": {
				"SRV 0 1 31001 hello.prod.www-data-zxait-s0.aurora.mesos.", "SRV 0 1 31501 hello.prod.www-data-eje5o-s1.aurora.mesos."},
			"_http._udp.hello.prod.www-data.aurora.mesos": nil,
			"_hello.staging.www-data._tcp.aurora.mesos": {
				"SRV 0 1 31010 www-datastaginghello-3xx67-s0.aurora.slave.mesos.", "SRV 0 1 31011 www-datastaginghello-3xx67-s0.aurora.slave.mesos."},
			"hello.prod.www-data.aurora.eu-1b.zone.mesos": {s1},
			"hello.prod.www-data.aurora.eu.region.mesos":  {s0, s1},
			"aurora.mesos": {"A 10.40.0.5"},
		},
		// The port of the agent is announced with the protocol of the application.
		"compose": {
			"cart.shop.mc.mc.mesos":                          {s0},
			"mc.shop.cart.mc.mesos":                          {s0},
			"mc-shop-cart.mc.mesos":                          {s0},
			"_mc-shop-cart-8080._tcp.cart.shop.mc.mc.mesos":  {"SRV 0 1 32000 mc-shop-cart-3wokf-s0.mc.mesos."},
			"_mc-shop-cart-8080._http.cart.shop.mc.mc.mesos": {"SRV 0 1 32000 mc-shop-cart-3wokf-s0.mc.mesos."},
			"_mc-shop-cart-8443._tcp.mc-shop-cart.mc.mesos":  {"SRV 0 1 32001 mc-shop-cart-3wokf-s0.mc.mesos."},
			"_mc-shop-cart-8443._mc-shop-cart._tcp.mc.mesos": {"SRV 0 1 32001 mc-shop-cart-3wokf-s0.mc.mesos."},
			"_mc-shop-cart-8443._udp.mc-shop-cart.mc.mesos":  nil,
			"_mc-shop-chat-8080._tcp.chat.shop.mc.mc.mesos":  {"SRV 0 1 32100 mc-shop-chat-od6kd-s1.mc.mesos."},
			"_mc-shop-chat-8080._wss.chat.shop.mc.mc.mesos":  {"SRV 0 1 32100 mc-shop-chat-od6kd-s1.mc.mesos."},
			"_mc-shop-chat-8081._tcp.chat.shop.mc.mc.mesos":  {"SRV 0 1 32101 mc-shop-chat-od6kd-s1.mc.mesos."},
			"_mc-shop-chat-53._udp.chat.shop.mc.mc.mesos":    {"SRV 0 1 32102 mc-shop-chat-od6kd-s1.mc.mesos."},
			"_mc-shop-chat-53._tcp.chat.shop.mc.mc.mesos":    nil,
			"cart.shop.mc.mc.mc.role.mesos":                  {s0},
			// Docker's bridge and its default network are those of the agent.
			"mc-shop-cart.mc" + inTree:                             nil,
			"mc-shop-chat.mc" + inTree:                             nil,
			"mc-shop-chat.mc" + sameSide:                           {s1},
			"chat.shop.mc.mc.default.network.mesos":                nil,
			"search.shop.mc.mc.mesos":                              {s0},
			"search.shop.mc.mc.weave.network.mesos":                {"A 10.32.0.5"},
			"mc-shop-search.mc" + inTree:                           {"A 10.32.0.5"},
			"_mc-shop-search-9200._tcp.mc-shop-search.mc" + inTree: {"SRV 0 1 9200 mc-shop-search-rttqz-s0.mc.containerip.mesos."},
			"edge.shop.mc.mc.mesos":                                {s1},
		},
		"m3s": {
			"server.m3s.m3s.mesos":                     {s0},
			"m3sserver.m3s.mesos":                      {s0},
			"_kubernetes._tcp.server.m3s.m3s.mesos":    {"SRV 0 1 6443 m3sserver-1egaf-s0.m3s.mesos."},
			"_http._tcp.server.m3s.m3s.mesos":          {"SRV 0 1 31801 m3sserver-1egaf-s0.m3s.mesos."},
			"agent.m3s.m3s.mesos":                      {s1},
			"_m3s-http._tcp.agent.m3s.m3s.mesos":       {"SRV 0 1 31810 m3sagent-ctsu5-s1.m3s.mesos."},
			"_m3s-https._tcp.agent.m3s.m3s.mesos":      {"SRV 0 1 31811 m3sagent-ctsu5-s1.m3s.mesos."},
			"_m3s-https._https.m3sagent.m3s.mesos":     {"SRV 0 1 31811 m3sagent-ctsu5-s1.m3s.mesos."},
			"agent.m3s.m3s.weave.network.mesos":        nil, // docker0, whatever it is called
			"m3sagent.m3s" + inTree:                    nil,
			"_mysql._tcp.datastore.m3s.m3s.mesos":      {"SRV 0 1 31820 m3sdatastore-kdds1-s1.m3s.mesos."},
			"datastore.m3s.m3s.mesosnet.network.mesos": {"A 10.32.1.4"},
			"server.m3s.m3s.m3s.role.mesos":            {s0},
		},
		"marathon": {
			"cart-shop.marathon.mesos": {s0, s1},
			"cart.shop.marathon.mesos": {s0, s1},
			"_http._tcp.cart-shop.marathon.mesos": {
				"SRV 0 1 31000 cart-shop-e563w-s0.marathon.slave.mesos.", "SRV 0 1 31500 cart-shop-q8iat-s1.marathon.slave.mesos."},
			"cart-shop.marathon" + inTree:               nil, // Docker's bridge
			"cart-shop.marathon" + sameSide:             {s0, s1},
			"cart-shop.marathon.eu-1b.zone.mesos":       {s1},
			"_smtp._tcp.mail-shop.marathon.mesos":       {"SRV 0 1 31010 mail-shop-yuhgs-s0.marathon.slave.mesos."},
			"_smtp._udp.mail-shop.marathon.mesos":       nil,
			"_stats._udp.mail-shop.marathon.mesos":      {"SRV 0 1 31011 mail-shop-yuhgs-s0.marathon.slave.mesos."},
			"_stats._tcp.mail-shop.marathon.mesos":      nil,
			"search.marathon.mesos":                     {"A 192.168.40.7"},
			"search.marathon.slave.mesos":               {s1},
			"search.marathon.calico.network.mesos":      {"A 192.168.40.7"},
			"_http._tcp.search.marathon.mesos":          {"SRV 0 1 9200 search-mfrhm-s1.marathon.mesos."},
			"batch.marathon.mesos":                      {s1}, // no ports
			"_batch._tcp.marathon.mesos":                nil,
			"blog.marathon.mesos":                       {"A 192.168.40.3"}, // a pod is called by its own id,
			"web.marathon.mesos":                        nil,                // not by its container
			"_http._tcp.blog.marathon.mesos":            {"SRV 0 1 8081 blog-578kp-s0.marathon.mesos."},
			"_http._tcp.blog.marathon.eu-1a.zone.mesos": {"SRV 0 1 8081 blog-578kp-s0.marathon.mesos."},
		},
		// Two Marathons, and a service made with the SDK.
		"dcos": {
			"db-store.marathon.mesos":                     {"A 9.0.2.5"},
			"db-store.marathon.dcos.network.mesos":        {"A 9.0.2.5"},
			"db-store.marathon.slave-public.role.mesos":   {"A 9.0.2.5"},
			"db-store.marathon.agentip." + trees:          {s0},
			"db-store.marathon" + inTree:                  {"A 9.0.2.5"},
			"storedb.marathon." + vipDomain:               {"A 9.0.2.5"}, // the VIP has the port of the task
			"_5432._tcp.storedb.marathon." + vipDomain:    {"SRV 0 1 5432 db-store-b43cx-s0.marathon.mesos."},
			"front.marathon.mesos":                        {s1},
			"front.marathon" + inTree:                     nil,
			"front.marathon" + sameSide:                   {s1},
			"front.marathon-user.mesos":                   {s0},
			"front.marathon-user.dev.role.mesos":          {s0},
			"front.marathon." + vipDomain:                 nil, // nothing is open at its port 80
			"_80._tcp.front.marathon." + vipDomain:        {"SRV 0 1 12000 front-merkn-s1.marathon.slave.mesos."},
			"kafka-0-broker.datakafka.mesos":              {s0},
			"kafka-1-broker.datakafka.mesos":              {"A 9.0.1.8"},
			"kafka-1-broker.datakafka.slave.mesos":        {s1},
			"kafka-0-broker.datakafka" + sameSide:         {s0},
			"kafka-1-broker.datakafka" + sameSide:         {"A 9.0.1.8"},
			"_broker._tcp.kafka-0-broker.datakafka.mesos": {"SRV 0 1 1025 kafka-0-broker-tueub-s0.datakafka.mesos."},
			"_broker._tcp.kafka-1-broker.datakafka.mesos": {"SRV 0 1 9092 kafka-1-broker-6bxfw-s1.datakafka.mesos."},
			"broker.datakafka." + vipDomain:               {"A 9.0.1.8"},
			"_9092._tcp.broker.datakafka." + vipDomain: {
				"SRV 0 1 1025 kafka-0-broker-tueub-s0.datakafka.mesos.", "SRV 0 1 9092 kafka-1-broker-6bxfw-s1.datakafka.mesos."},
		},
		"chronos": {
			"backup.chronostask.chronos.mesos":             {s0},
			"chronostaskbackup.chronos.mesos":              {s0},
			"report-daily.chronostask.chronos.mesos":       {s1},
			"_report-daily.chronostask._tcp.chronos.mesos": {"SRV 0 1 31900 chronostaskreport-daily-j9n9g-s1.chronos.slave.mesos."},
			"_report-daily.chronostask._udp.chronos.mesos": nil,
			"chronostaskreport-daily.chronos" + inTree:     nil,
			"chronos.mesos": {"A 10.40.0.6"},
		},
		"singularity": {
			"web-service.singularity.mesos": {s0, s1},
			"_web-service._tcp.singularity.mesos": {
				"SRV 0 1 31001 web-service-on4wg-s0.singularity.slave.mesos.", "SRV 0 1 31002 web-service-on4wg-s0.singularity.slave.mesos.",
				"SRV 0 1 31101 web-service-kugik-s1.singularity.slave.mesos.", "SRV 0 1 31102 web-service-kugik-s1.singularity.slave.mesos."},
			"web-service.singularity.eu-1a.zone.mesos": {s0},
			"api.singularity.mesos":                    {s0},
			"_api._tcp.singularity.mesos":              {"SRV 0 1 31200 api-xra4i-s0.singularity.slave.mesos."},
			"_api._udp.singularity.mesos":              {"SRV 0 1 31201 api-xra4i-s0.singularity.slave.mesos."},
		},
	} {
		t.Run(framework, func(t *testing.T) {
			c := &cluster{T: t, set: setOfFramework(t, framework)}
			for name, want := range names {
				c.owns(name, want...)
			}
			c.owns("node1.agent.mesos", s0)
			c.owns("_agent._tcp.mesos", "SRV 0 1 5051 node1.agent.mesos.", "SRV 0 1 5051 node2.agent.mesos.")
		})
	}
}

// setOfFramework returns the records of a state in testdata/frameworks.
func setOfFramework(t *testing.T, framework string) *records.Set {
	t.Helper()
	f, err := os.Open("../testdata/frameworks/" + framework + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := master.Decode(f, "VIP_") // as with vipDomains
	if err != nil {
		t.Fatal(err)
	}
	c := state.NewCluster()
	c.Reconcile(s, nil)
	set, _ := records.Build(c, vipOptions())
	return set
}

// row is a row of docs/frameworks.md: a name and where it leads.
var row = regexp.MustCompile("^\\| `([a-z0-9._-]+\\.(?:mesos|directory))` \\| ([^|]+) \\|$")

// The tables of docs/frameworks.md are what the states in testdata have.
func TestTheDocumentationOfFrameworksIsTrue(t *testing.T) {
	text, err := os.ReadFile("../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	var set *records.Set
	rows := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			set = nil
			switch title {
			case "Agents and masters":
				set = setOfFramework(t, "aurora")
			default:
				set = setOfFramework(t, strings.ToLower(strings.ReplaceAll(title, "/", "")))
			}
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows++
		if got := leadsTo(set, m[1]); got != m[2] {
			t.Errorf("%s leads to %s, want %s as documented", m[1], got, m[2])
		}
	}
	if rows < 45 {
		t.Errorf("got %d rows, want those of all tables", rows)
	}
}

// leadsTo describes the addresses of a name, or the ports and addresses that its SRV
// records lead to.
func leadsTo(set *records.Set, name string) string {
	d := set.Data(records.MustParseName(name))
	var list []string
	for _, a := range d.A {
		list = append(list, netip.AddrFrom4(a).String())
	}
	for _, v := range d.SRV {
		for _, a := range set.Data(set.Target(v)).A {
			list = append(list, fmt.Sprintf("%d at %s", v.Port, netip.AddrFrom4(a)))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
