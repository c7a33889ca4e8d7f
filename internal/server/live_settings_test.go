package server

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/fakedns"
	"toponym/internal/testutil"
)

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// settingsOf decodes the settings of a reloading server.
func (s *reloadingServer) settingsOf(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte("{"+s.base+"}"), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// reread has the server read other settings, and returns when it has done so.
func (s *reloadingServer) reread(t *testing.T, settings map[string]any) {
	t.Helper()
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	before := s.readings(t)
	s.write(t, string(b))
	s.hangup <- syscall.SIGHUP
	testutil.Eventually(t, func() bool { return s.readings(t) > before }, "the settings are read")
}

// readings is how often the settings have been read, with any result.
func (s *reloadingServer) readings(t *testing.T) (n int) {
	t.Helper()
	for line := range strings.Lines(scrape(t, s.metrics)) {
		if strings.HasPrefix(line, "toponym_config_reloads_total") {
			var one int
			fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &one)
			n += one
		}
	}
	return n
}

// Every setting is either live, and its value takes effect in what the server consists
// of, or the log says that it needs a restart.
func TestEverySettingIsLiveOrSaysThatItNeedsARestart(t *testing.T) {
	s := newReloadingServer(t, longInterval)
	defer s.stop()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	masterAddr := s.config.Load().Masters[0].String()

	// What a value is part of, as text or identity: it has to differ afterwards.
	zones := func() any {
		s.pipeline.mu.Lock()
		defer s.pipeline.mu.Unlock()
		return []any{s.pipeline.records, s.pipeline.zone}
	}
	var followed []any // keeps their addresses from being used again
	follows := func() any {
		m := s.masters.Load()
		followed = append(followed, m)
		return fmt.Sprintf("%p", m) // what it points to changes meanwhile
	}
	ask := func(name string, qtype uint16) func() any {
		return func() any {
			q := new(dns.Msg).SetQuestion(name, qtype)
			q.SetEdns0(4096, false)
			r, err := exchange(q, s.DNSAddr().String())
			if err != nil {
				return err.Error()
			}
			texts := []string{fmt.Sprint(r.Rcode, r.RecursionAvailable, r.IsEdns0().UDPSize())}
			for _, rr := range r.Answer {
				texts = append(texts, strings.Replace(rr.String(), fmt.Sprint("\t", rr.Header().Ttl, "\t"), " ", 1))
			}
			return strings.Join(texts, "\n")
		}
	}
	upstream := func(addr string) string {
		return fakedns.Start(t, fakedns.Records("www.example.com. 60 IN A "+addr)).Addr.String()
	}
	forwarded := ask("www.example.com.", dns.TypeA)
	stored := func() any { return s.config.Load() } // the part that uses it is tested where it is
	first := upstream("192.0.2.1")
	ca := testutil.NewCA(t)
	certPEM, keyPEM := issue(t, ca)
	authority, cert, key := file("ca.pem", string(ca.PEM())), file("cert.pem", string(certPEM)), file("key.pem", string(keyPEM))
	basic := map[string]any{"mesosAuthentication": "basic", "mesosCredentials": map[string]any{"principal": "a", "secret": "b"}}

	// companions are what a setting cannot be without.
	companions := map[string]map[string]any{
		"mesosAuthentication":        {"mesosCredentials": basic["mesosCredentials"]},
		"mesosCredentials.principal": basic, "mesosCredentials.secret": basic,
		"CertFile": {"CertFile": cert, "KeyFile": key}, "KeyFile": {"CertFile": cert, "KeyFile": key},
		"tlsListen":     {"tlsCertFile": cert, "tlsKeyFile": key},
		"httpsListen":   {"httpsCertFile": cert, "httpsKeyFile": key},
		"primaryNumber": {"primaryCount": 2},
		"reverseZones":  {"ReverseDnsOn": true},
	}

	type row struct {
		key    string
		value  any
		effect func() any // nil: it needs a restart
	}
	rows := []row{
		{"profile", "dcos", nil},
		{"zk", "zk://127.0.0.1:1/mesos", follows}, {"masters", []string{masterAddr, "127.0.0.1:1"}, follows}, {"mesos", "127.0.0.1:2", follows},
		{"refreshSeconds", 61, follows}, {"stateTimeoutSeconds", 61, follows}, {"zkDetectionTimeout", 61, follows}, {"MesosHTTPSOn", true, follows},
		{"CACertFile", authority, follows}, {"CertFile", file("cert2.pem", string(certPEM)), follows}, {"KeyFile", file("key2.pem", string(keyPEM)), follows}, {"mesosAuthentication", "basic", follows},
		{"mesosCredentials.principal", "p", follows}, {"mesosCredentials.secret", "s", follows}, {"IAMConfigFile", "iam.json", follows},
		{"stateSource", "poll", follows}, {"resyncSeconds", 61, follows}, {"stateMaxBytes", 1 << 25, follows}, {"agentReregisterTimeout", 61, follows},
		{"keepLabels", []string{"x"}, follows},
		{"ttl", 61, zones}, {"SOAMname", "ns9.mesos", zones}, {"SOARname", "me.mesos", zones}, {"SOARefresh", 61, zones}, {"SOARetry", 61, zones},
		{"SOAExpire", 61, zones}, {"SOAMinttl", 61, zones}, {"EnforceRFC952", true, zones}, {"IPSources", []string{"host"}, zones},
		{"srvRecordDefaultWeight", 9, zones}, {"srvScope", "compat", zones}, {"unhealthy", "include", zones}, {"splitTaskNames", false, zones},
		{"minVisibility", "external", zones}, {"publishStates", []string{"TASK_STAGING"}, zones}, {"aliasTakeover", "any", zones},
		{"maxTaskPorts", 9, zones}, {"maxTaskAddresses", 9, zones}, {"maxTaskRecords", 99, zones}, {"maxFrameworkRecords", 99, zones},
		{"addressTTL", 61, zones}, {"aliases", map[string]string{"shop.example.com": "nginx.marathon.mesos"}, ask("shop.example.com.", dns.TypeA)},
		{"staticZones", []string{file("static.zone", "extra.mesos. A 192.0.2.7\n")}, ask("extra.mesos.", dns.TypeA)},
		{"resolvers", []string{upstream("192.0.2.2")}, func() any { return s.dns.UpstreamStats() }},
		{"zoneResolvers", map[string]any{"example.com": []string{upstream("192.0.2.3")}}, forwarded},
		{"recursionAllow", []string{"192.0.2.0/24"}, forwarded}, {"recurseon", false, forwarded},
		{"answerLimit", 1, ask("nginx.marathon.mesos.", dns.TypeA)}, {"maxUDPSize", 600, ask("nginx.marathon.mesos.", dns.TypeA)},
		{"SetTruncateBit", false, stored}, {"ResolvSubnetFirst", true, stored}, {"timeout", 6, stored}, {"tcpIdleTimeout", 6, stored},
		{"tcpMaxConnections", 6, stored}, {"tcpMaxClient", 6, stored}, {"cacheMinTTL", 6, stored}, {"cacheMaxTTL", 6, stored}, {"cacheStale", 6, stored},
		{"cacheEntries", 600, stored}, {"cacheBytes", 6 << 20, stored}, {"forwardMax", 6, stored}, {"forwardMaxClient", 6, stored},
		{"forwardMaxDomain", 6, stored}, {"rateLimit", 6, stored}, {"rateLimitExempt", []string{}, stored},
		{"snapshotSeconds", 6, stored}, {"tsigKeys", map[string]any{"k": map[string]string{"algorithm": "hmac-sha256", "secret": "c2VjcmV0c2VjcmV0c2VjcmV0"}}, stored},
		{"transferAllow", []string{"192.0.2.0/24"}, stored}, {"transferTimeout", 61, stored}, {"notify", []string{"192.0.2.1"}, stored},
		{"queryLog", "log", stored}, {"queryLogNames", []string{"mesos"}, stored}, {"queryLogClients", []string{"192.0.2.0/24"}, stored},
		{"queryLogCodes", []string{"NXDOMAIN"}, stored}, {"queryLogSample", 6, stored}, {"queryLogRate", 6, stored}, {"queryLogBytes", 6000, stored},
		{"dnstap", "unix://" + dir + "/tap.sock", stored}, {"dnstapMessages", []string{"CLIENT_QUERY"}, stored}, {"dnstapIdentity", "ns9", stored},
		{"dnstapRate", 6, stored}, {"dnstapBytes", 6000, stored},
		{"notifyIntervalMs", 7, stored}, {"haproxyPorts", []string{"1-2"}, stored}, {"haproxyBindAddresses", []string{"192.0.2.1"}, stored},
		{"httpAuth", map[string]any{"/v1/axfr": map[string]any{}}, func() any {
			resp, err := http.Get("http://" + s.HTTPAddr().String() + "/v1/axfr")
			if err != nil {
				return err.Error()
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
			return resp.StatusCode
		}},
		{"listener", "127.0.0.2", func() any { return s.dns.Addrs() }}, {"port", freePort(t), func() any { return s.dns.Addrs() }},
		{"domain", "other", nil}, {"HTTPListener", "127.0.0.2", nil}, {"httpport", 8199, nil},
		{"dnson", false, nil}, {"httpon", false, nil}, {"externalon", false, nil}, {"EnumerationOn", false, nil}, {"ReverseDnsOn", true, nil},
		{"preferZone", true, nil}, {"stateDir", dir, nil}, {"historyVersions", 9, nil}, {"historyBytes", 999, nil}, {"transferMax", 9, nil},
		{"primaryNumber", 2, nil}, {"primaryCount", 2, nil}, {"catalogZone", "catalog.example", nil}, {"traefikExposedByDefault", true, nil},
		{"traefikDefaultRule", "Host(`x`)", nil}, {"tlsListen", []string{"127.0.0.1:0"}, nil}, {"tlsCertFile", "a.pem", nil}, {"tlsKeyFile", "a.pem", nil},
		{"tlsClientCAFile", "a.pem", nil}, {"watchMax", 9, nil}, {"watchMaxClient", 9, nil}, {"httpsListen", []string{"127.0.0.1:0"}, nil}, {"pprofListen", "127.0.0.1:0", nil},
		{"httpsCertFile", "a.pem", nil}, {"httpsKeyFile", "a.pem", nil}, {"httpsClientCAFile", "a.pem", nil}, {"addressDomains", []string{"a.example"}, nil},
		{"vipDomains", []string{"v.example"}, nil}, {"reverseZones", []string{"10.0.0.0/8"}, nil}, {"logFormat", "json", nil},
	}
	known := map[string]bool{}
	for _, r := range rows {
		known[r.key] = true
		with := s.settingsOf(t)
		with["resolvers"] = []string{first}
		maps.Copy(with, companions[r.key])
		s.reread(t, with)
		var before any
		if r.effect != nil {
			testutil.Eventually(t, func() bool { return len(s.nextMasters) == 0 }, "the masters are replaced")
			before = r.effect()
		}
		s.hook.Reset()
		assign(with, r.key, r.value)
		s.reread(t, with)
		said := func(message string) bool {
			return slices.ContainsFunc(s.hook.AllEntries(), func(e *logrus.Entry) bool { return e.Message == message && e.Data["setting"] == r.key })
		}
		if r.effect == nil {
			if !said("a changed setting needs a restart; keeping the previous value") {
				t.Errorf("%s: got no line that it needs a restart in %v", r.key, s.hook.AllEntries())
			}
			continue
		}
		if !said("a setting has changed") {
			t.Errorf("%s: got no line that it has changed in %v", r.key, s.hook.AllEntries())
			continue
		}
		testutil.Eventually(t, func() bool { return !reflect.DeepEqual(r.effect(), before) }, "%s takes effect; as before: %v", r.key, before)
	}
	for _, one := range config.Settings() {
		if one.Default != "" && !known[one.Key] {
			t.Errorf("%s: want it in this test", one.Key)
		}
	}
}

// assign sets a setting, which may be a member of an object.
func assign(settings map[string]any, key string, value any) {
	object, member, ok := strings.Cut(key, ".")
	if !ok {
		settings[key] = value
		return
	}
	members := map[string]any{}
	if before, ok := settings[object].(map[string]any); ok {
		maps.Copy(members, before)
	}
	members[member] = value
	settings[object] = members
}

// Settings of which a part cannot be used change nothing, and what was read from other
// files stays: records of zone files too, whatever else changes.
func TestSettingsAreFollowedWhollyOrNotAtAll(t *testing.T) {
	s := newReloadingServer(t, longInterval)
	defer s.stop()
	file := filepath.Join(t.TempDir(), "static.zone")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("extra.mesos. A 192.0.2.7\n")
	settings := s.settingsOf(t)
	settings["staticZones"], settings["ttl"] = []string{file}, 20
	s.reread(t, settings)
	extra := func() string {
		r, err := exchange(new(dns.Msg).SetQuestion("extra.mesos.", dns.TypeA), s.DNSAddr().String())
		if err != nil {
			return err.Error()
		}
		return strings.Join(strings.Fields(fmt.Sprint(r.Answer)), " ")
	}
	if got, want := extra(), "[extra.mesos. 20 IN A 192.0.2.7]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	settings["ttl"] = 21
	s.reread(t, settings)
	if got, want := extra(), "[extra.mesos. 21 IN A 192.0.2.7]"; got != want {
		t.Errorf("after another TTL: got %s, want %s", got, want)
	}
	masters := s.masters.Load()
	for name, broken := range map[string]func(map[string]any){
		"a zone file that is not there": func(m map[string]any) { m["staticZones"] = []string{file, file + "x"} },
		"an alias of a zone that needs a restart to be one": func(m map[string]any) {
			m["addressDomains"], m["zoneResolvers"] = []string{}, map[string]any{"dcos.thisdcos.directory": []string{"127.0.0.1:1"}}
		},
		"a certificate without a key": func(m map[string]any) { m["CertFile"] = file },
	} {
		s.hook.Reset()
		next := maps.Clone(settings)
		next["ttl"], next["masters"], next["recursionAllow"] = 22, []string{"127.0.0.1:9"}, []string{}
		broken(next)
		s.reread(t, next)
		if c := s.config.Load(); s.logged("cannot use the changed settings") == 0 || s.ttl(t) != 21 || s.masters.Load() != masters || len(c.RecursionAllow) == 0 {
			t.Errorf("%s: got ttl %d and the lines %v, want what was before and why", name, s.ttl(t), s.hook.AllEntries())
		}
	}
}

// A port that cannot be opened changes nothing, and log and status say why.
func TestAPortThatCannotBeOpenedIsSaid(t *testing.T) {
	s := newReloadingServer(t, longInterval)
	defer s.stop()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	before := s.DNSAddr()
	settings := s.settingsOf(t)
	settings["port"], settings["ttl"] = netip.MustParseAddrPort(taken.Addr().String()).Port(), 99
	s.reread(t, settings)
	const want = "(settings listener and port): address already in use"
	if failure := s.reading.Load().LastError; failure == nil || !strings.Contains(failure.Text, want) || s.logged(want) != 1 {
		t.Errorf("got status %v and log %v, want %q", failure, s.hook.AllEntries(), want)
	}
	if n := s.logged("setting:ttl"); n != 0 {
		t.Errorf("got %d lines that ttl has changed, want none", n)
	}
	if at := s.DNSAddr(); at != before || s.ttl(t) == 99 {
		t.Errorf("got address %v and TTL %d, want %v and the previous TTL", at, s.ttl(t), before)
	}
}

// The name of the server itself has the addresses at which it answers.
func TestAddressesOfTheServerFollowListeners(t *testing.T) {
	s := newReloadingServer(t, longInterval)
	defer s.stop()
	settings := s.settingsOf(t)
	settings["listener"] = []string{"127.0.0.2", "127.0.0.3"}
	s.reread(t, settings)
	testutil.Poll(t, func() (bool, string) {
		r, err := exchange(new(dns.Msg).SetQuestion("ns1.mesos.", dns.TypeA), s.DNSAddr().String())
		if err != nil {
			return false, err.Error()
		}
		var got []string
		for _, rr := range r.Answer {
			got = append(got, rr.(*dns.A).A.String())
		}
		slices.Sort(got)
		return s.DNSAddr().Addr().String() == "127.0.0.2" && slices.Equal(got, []string{"127.0.0.2", "127.0.0.3"}), fmt.Sprint(s.DNSAddr(), got)
	}, "127.0.0.2 answers that ns1 has both addresses")
}
