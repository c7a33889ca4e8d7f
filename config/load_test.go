package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// write puts a file of settings into a folder of its own.
func write(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// mustLoad loads settings that are right.
func mustLoad(t testing.TB, name, content string, environ ...string) (*Config, []string) {
	t.Helper()
	c, warnings, err := Load(write(t, name, content), environ)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c, lines(warnings)
}

func lines(warnings []Warning) (list []string) {
	for _, w := range warnings {
		list = append(list, w.String())
	}
	return list
}

// where is what every file must have.
const where = `"masters": ["10.0.0.1:5050"]`

func TestTheSampleOfMesosDNSIsRead(t *testing.T) {
	c, warnings, err := Load("testdata/mesos-dns.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.File, _ = filepath.Abs("testdata/mesos-dns.json")
	want.ZooKeeper = ZooKeeper{Servers: []HostPort{{Host: "127.0.0.1", Port: 2181}}, Path: "/mesos"}
	want.Masters = []HostPort{{Host: "127.0.0.1", Port: 5050}}
	want.Port, want.TTL, want.SOA.MinTTL = 8053, 60, 60
	want.Listener = []Listen{{Addr: netip.IPv4Unspecified()}}
	want.Resolvers = []Upstream{{AddrPort: netip.MustParseAddrPort("8.8.8.8:53")}}
	want.IPSources = []string{SourceMesos, SourceHost}
	want.sources = c.sources
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	equalLines(t, lines(warnings), []string{
		"ns: ignored; only early versions of Mesos-DNS used it",
	})
}

func TestDefaultsAreThoseOfTheDocumentation(t *testing.T) {
	c := Defaults()
	for _, row := range []struct {
		key       string
		got, want any
	}{
		{"refreshSeconds", c.Refresh, time.Minute},
		{"stateTimeoutSeconds", c.StateTimeout, 5 * time.Minute},
		{"stateMaxBytes", c.StateMaxBytes, int64(1 << 30)},
		{"zkDetectionTimeout", c.ZkDetectionTimeout, 30 * time.Second},
		{"ttl", c.TTL, uint32(10)},
		{"domain", c.Domain, "mesos"},
		{"SOA", c.SOA, SOA{"ns1.mesos.", "root.ns1.mesos.", 60, 600, 86400, 10}},
		{"DNS", c.DNSAddr(), netip.MustParseAddrPort("0.0.0.0:53")},
		{"listener", c.Listener, []Listen{{Addr: netip.IPv4Unspecified()}, {Addr: netip.IPv6Unspecified()}}},
		{"HTTP", c.ListenHTTP(), netip.MustParseAddrPort("0.0.0.0:8123")},
		{"maxUDPSize", c.MaxUDPSize, uint16(1232)},
		{"resolvers", c.Resolvers == nil, true},
		{"IPSources", c.IPSources, []string{"auto", "netinfo", "mesos", "host"}},
		{"srvScope", c.SRVScope, SRVScopeLabels},
		{"minVisibility", c.MinVisibility, "framework"},
		{"publishStates", c.PublishStates, []string{"TASK_RUNNING"}},
		{"addressDomains", c.AddressDomains, []string{"dcos.thisdcos.directory"}},
		{"recursionAllow", len(c.RecursionAllow), 8},
		{"stateSource", c.StateSource, StateAuto},
		{"unhealthy", c.Unhealthy, UnhealthyExclude},
		{"aliases", c.Aliases, map[string]string{"mesos.thisdcos.directory": "mesos", "thisdcos.global": "thisdcos.directory"}},
	} {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s: got %v, want %v", row.key, row.got, row.want)
		}
	}
}

func TestParsersAcceptTheDefaults(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`}`)
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	want := Defaults()
	want.File, want.Masters, want.sources = c.File, c.Masters, c.sources
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for _, s := range c.settings() {
		var errs Errors
		if s.def != nil {
			s.value.read(s.def, position{key: s.key, errs: &errs})
		}
		if len(errs) > 0 {
			t.Errorf("default of %s: got errors %v, want none", s.key, errs)
		}
	}
}

func TestTheDefaultPortOfAMasterIs5050(t *testing.T) {
	c, _ := mustLoad(t, "c.json", `{"masters": ["m1", "10.0.0.2", "fd00::1", "[fd00::2]", "m2:5051"]}`)
	if got, want := fmt.Sprint(c.Masters), "[m1:5050 10.0.0.2:5050 [fd00::1]:5050 [fd00::2]:5050 m2:5051]"; got != want {
		t.Errorf("got masters %s, want %s", got, want)
	}
}

// Without brackets, a port becomes the end of an IPv6 address.
func TestAddressesThatEndLikeAPortAreWarnedOf(t *testing.T) {
	for text, want := range map[string]string{
		`"masters": ["::1:5050"]`:                 `masters[0]: "::1:5050" is an address without a port: did you mean "[::1]:5050"? If not, write "[::1:5050]"`,
		`"masters": ["[::1:5050]", "[::1]:5050"]`: "",
		`"masters": ["fd00::1:10"]`:               "",
		`"mesos": "fd00::1:5051"`:                 `mesos: "fd00::1:5051" is an address without a port`,
		`"listener": "fd00::5:53"`:                `listener: "fd00::5:53" is an address without a port`,
		`"listener": ["fd00::5:5353"]`:            `listener[0]: "fd00::5:5353" is an address without a port`,
		`"listener": "2001:db8::53"`:              "",
		`"resolvers": ["fd00::1:5353"]`:           `resolvers[0]: "fd00::1:5353" is an address without a port`,
		`"resolvers": ["tls://fd00::1:853"]`:      `resolvers[0]: "fd00::1:853" is an address without a port`,
		`"resolvers": ["[fd00::1]:5353"]`:         "",
	} {
		if !strings.Contains(text, "masters") {
			text = where + ", " + text
		}
		_, warnings := mustLoad(t, "c.json", `{`+text+`}`)
		if got := strings.Join(warnings, "\n"); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: got warnings %q, want %q", text, got, want)
		}
	}
}

func TestValuesAreParsed(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		got        func(*Config) any
		want       any
	}{
		{"numbers in quotes", `"ttl": " 30 "`, func(c *Config) any { return c.TTL }, uint32(30)},
		{"keys in any case", `"TTL": 30`, func(c *Config) any { return c.TTL }, uint32(30)},
		{"null is absent", `"ttl": null`, func(c *Config) any { return c.TTL }, uint32(10)},
		{"TTL where the state is polled", `"stateSource": "poll"`, func(c *Config) any { return [2]uint32{c.TTL, c.SOA.MinTTL} }, [2]uint32{60, 60}},
		{"TTL where a stream is followed", `"stateSource": "stream"`, func(c *Config) any { return [2]uint32{c.TTL, c.SOA.MinTTL} }, [2]uint32{10, 10}},
		{"TTL where the state is polled, set", `"stateSource": "poll", "ttl": 7`, func(c *Config) any { return [2]uint32{c.TTL, c.SOA.MinTTL} }, [2]uint32{7, 60}},
		{"ttl may be 0", `"ttl": 0`, func(c *Config) any { return c.TTL }, uint32(0)},
		{"no timeout", `"zkDetectionTimeout": 0`, func(c *Config) any { return c.ZkDetectionTimeout }, time.Duration(0)},
		{"any free port", `"port": 0`, func(c *Config) any { return c.Port }, uint16(0)},
		{"domain", `"domain": "Mesos.Example.COM."`, func(c *Config) any { return c.Domain }, "mesos.example.com"},
		{"SOA follows domain", `"domain": "a.b"`, func(c *Config) any { return c.SOA.RName }, "root.ns1.a.b."},
		{"SOARname", `"SOARname": "Ops@example.com"`, func(c *Config) any { return c.SOA.RName }, "ops.example.com."},
		{"aliases follow domain", `"domain": "a.b"`, func(c *Config) any { return c.Aliases["mesos.thisdcos.directory"] }, "a.b"},
		{"an alias does not hide domain", `"domain": "mesos.thisdcos.directory"`, func(c *Config) any { return len(c.Aliases) }, 1},
		{"nor an address tree", `"addressDomains": ["thisdcos.global"]`, func(c *Config) any { return toJSON(c.Aliases) }, `{"mesos.thisdcos.directory":"mesos"}`},
		{"nor what is asked elsewhere", `"zoneResolvers": {"thisdcos.directory": ["10.0.0.1"]}`,
			func(c *Config) any { return toJSON([]any{len(c.AddressDomains), c.Aliases}) }, `[0,{"thisdcos.global":"thisdcos.directory"}]`},
		{"staticZones are beside the file", `"staticZones": ["a.zone", "sub/b.zone", "/etc/c.zone"]`, func(c *Config) any {
			dir := filepath.Dir(c.File)
			return toJSON([]any{c.StaticZones[0] == filepath.Join(dir, "a.zone"), c.StaticZones[1] == filepath.Join(dir, "sub/b.zone"), c.StaticZones[2]})
		}, `[true,true,"/etc/c.zone"]`},
		{"zones beside what aliases lead to", `"zoneResolvers": {"x.thisdcos.global": ["10.0.0.1"]}`, func(c *Config) any { return len(c.Aliases) }, 2},
		{"no aliases", `"aliases": {}`, func(c *Config) any { return len(c.Aliases) }, 0},
		{"listener", `"listener": "::"`, func(c *Config) any { return c.Listener }, []Listen{{Addr: netip.IPv6Unspecified()}}},
		{"empty listener", `"listener": ""`, func(c *Config) any { return c.Listener }, []Listen{{Addr: netip.IPv4Unspecified()}}},
		{"resolvers", `"resolvers": ["::1", "[fd00::1]:5353", "[fd00::2]", "::ffff:10.0.0.1"]`,
			func(c *Config) any { return toJSON(c.Resolvers) }, `["[::1]:53","[fd00::1]:5353","[fd00::2]:53","10.0.0.1:53"]`},
		{"resolvers over TLS", `"resolvers": ["tls://DNS.example.@10.0.0.1", "tls://[fd00::1]:8853", "tls://10.0.0.2"]`,
			func(c *Config) any { return toJSON(c.Resolvers) }, `["tls://dns.example@10.0.0.1:853","tls://[fd00::1]:8853","tls://10.0.0.2:853"]`},
		{"zoneResolvers keep their dots", `"zoneResolvers": {"Weave.Local.": ["10.0.0.1"], "a.b.c": ["10.0.0.2:54"]}`,
			func(c *Config) any { return toJSON(c.ZoneResolvers) }, `{"a.b.c":["10.0.0.2:54"],"weave.local":["10.0.0.1:53"]}`},
		{"zoneResolvers within each other", `"zoneResolvers": {"a": ["10.0.0.1"], "b.a": ["10.0.0.2"]}`,
			func(c *Config) any { return toJSON(c.ZoneResolvers) }, `{"a":["10.0.0.1:53"],"b.a":["10.0.0.2:53"]}`},
		{"a zone above domain", `"domain": "mesos.corp", "zoneResolvers": {"corp": ["10.0.0.1"]}`,
			func(c *Config) any { return len(c.ZoneResolvers) }, 1},
		{"recursionAllow", `"recursionAllow": ["10.1.2.3/8", "192.0.2.1"]`,
			func(c *Config) any { return toJSON(c.RecursionAllow) }, `["10.0.0.0/8","192.0.2.1/32"]`},
		{"zk", `"zk": "zk://u:p@s@A:1,[::1]:2,10.0.0.1/x/y/"`, func(c *Config) any { return c.ZooKeeper },
			ZooKeeper{User: "u", Password: "p@s", Servers: []HostPort{{Host: "a", Port: 1}, {Host: "::1", Port: 2}, {Host: "10.0.0.1", Port: 2181}}, Path: "/x/y"}},
		{"none", `"mesosAuthentication": "none"`, func(c *Config) any { return c.MesosAuthentication }, AuthNone},
		{"basic", `"mesosAuthentication": "Basic", "mesosCredentials": {"Principal": "p", "SECRET": " s "}`,
			func(c *Config) any { return c.MesosCredentials }, Credentials{"p", " s "}},
		{"stateMaxBytes", `"stateMaxBytes": 4294967296`, func(c *Config) any { return c.StateMaxBytes }, int64(1 << 32)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := mustLoad(t, "c.json", `{`+where+`, `+tt.text+`}`)
			if got := tt.got(c); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMastersAreInCanonicalForm(t *testing.T) {
	c, _ := mustLoad(t, "c.json", `{"masters": ["Mesos-1.example.com:5050", "[FD00::1]:5050", "10.0.0.1:1"]}`)
	if got := toJSON(c.Masters); got != `["mesos-1.example.com:5050","[fd00::1]:5050","10.0.0.1:1"]` {
		t.Errorf("got %s, want the masters in lower case and without names looked up", got)
	}
}

func TestEveryFormatGivesTheSameSettings(t *testing.T) {
	for name, content := range map[string]string{
		"c.json": "\ufeff" + `{"masters": ["10.0.0.1:5050"], "ttl": 5, "dnson": false, "zoneResolvers": {"weave.local": ["10.0.0.2"]}}`,
		"c":      `{"masters": ["10.0.0.1:5050"], "ttl": 5, "dnson": false, "zoneResolvers": {"weave.local": ["10.0.0.2"]}}`,
		"c.conf": `{"masters": ["10.0.0.1:5050"], "ttl": 5, "dnson": false, "zoneResolvers": {"weave.local": ["10.0.0.2"]}}`,
		"c.yaml": "masters: ['10.0.0.1:5050']\nttl: 5\ndnson: off\nzoneResolvers:\n  weave.local: [10.0.0.2]\n",
		"c.YML":  "masters:\n- 10.0.0.1:5050\nttl: 5\ndnson: false\nzoneResolvers: {weave.local: [10.0.0.2]}\n",
		"c.toml": "masters = ['10.0.0.1:5050']\nttl = 5\ndnson = false\n[zoneResolvers]\n'weave.local' = ['10.0.0.2']\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := mustLoad(t, name, content)
			if c.TTL != 5 || c.DNSOn || len(c.Masters) != 1 || len(c.ZoneResolvers["weave.local"]) != 1 {
				t.Errorf("got %+v, want ttl 5, dnson false, one master and one zone", c)
			}
		})
	}
}

func TestTheEnvironmentOverridesTheFile(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "ttl": 5, "mesosCredentials": {"principal": "p"}}`,
		"TOPONYM_REFRESHSECONDS=30", "TOPONYM_TTL=7", "TOPONYM_DNSON=off", "TOPONYM_DOMAIN=",
		"TOPONYM_MASTERS=10.0.0.2:5050, 10.0.0.3:5050", "TOPONYM_MESOSAUTHENTICATION=basic",
		"TOPONYM_MESOSCREDENTIALS_SECRET=hunter2", `TOPONYM_ZONERESOLVERS={"weave.local": ["10.0.0.1"]}`,
		"TOPONYM_TTTL=1", "TOPONYM_ttl=1", "TOPONYM_FOO=1", "PATH=/bin", "")
	if c.Refresh != 30*time.Second || c.TTL != 7 || c.DNSOn || c.Domain != "mesos" || len(c.ZoneResolvers) != 1 ||
		toJSON(c.Masters) != `["10.0.0.2:5050","10.0.0.3:5050"]` || c.MesosCredentials != (Credentials{"p", "hunter2"}) {
		t.Errorf("got %+v, want the values of the variables", c)
	}
	equalLines(t, warnings, []string{
		"TOPONYM_FOO: unknown variable, ignored",
		"TOPONYM_TTTL: unknown variable, ignored; did you mean TOPONYM_TTL?",
		"TOPONYM_ttl: unknown variable, ignored; did you mean TOPONYM_TTL?",
	})
}

func TestATildeStandsForHome(t *testing.T) {
	file := write(t, "c.json", `{`+where+`}`)
	c, _, err := Load("~/c.json", []string{"HOME=" + filepath.Dir(file)})
	if err != nil || c.File != file {
		t.Errorf("got %v, error %v, want file %s", c, err, file)
	}
	if _, _, err := Load("~/c.json", nil); err == nil {
		t.Error("got no error without HOME, want one")
	}
	if _, _, err := Load(file+".not", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got error %v, want fs.ErrNotExist", err)
	}
}

func TestUnknownKeysAreWarnedOfWithASuggestion(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "refreshSecond": 5, "qqqqqqqq": {}, "ma\u017fters": 1, "domain\n": "x",
		"mesosCredentials": {"principle": "x"}}`)
	equalLines(t, warnings, []string{
		`"domain\n": unknown key, ignored; did you mean domain?`,
		"maſters: unknown key, ignored; did you mean masters?",
		"qqqqqqqq: unknown key, ignored",
		"refreshSecond: unknown key, ignored; did you mean refreshSeconds?",
		"mesosCredentials.principle: unknown key, ignored; did you mean mesosCredentials.principal?",
	})
}

func TestKeysOfEarlyVersionsOfMesosDNSAreIgnored(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "ns": 1, "mname": "", "email": "x", "SOASerial": [], "File": "y"}`)
	for i, key := range []string{"ns", "mname", "email", "SOASerial", "file"} {
		if len(warnings) != 5 || !strings.HasPrefix(warnings[i], key+": ignored; ") {
			t.Fatalf("got warnings %q, want 5, the one at %d about %s", warnings, i, key)
		}
	}
}

func equalLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Mesos-DNS ignores health, so its answers include unhealthy tasks.
func TestUnhealthyTasksAreIncludedWithScopeCompat(t *testing.T) {
	for text, want := range map[string]Unhealthy{
		``:                       UnhealthyExclude,
		`, "srvScope": "labels"`: UnhealthyExclude,
		`, "srvScope": "Compat"`: UnhealthyInclude,
		`, "srvScope": "compat", "unhealthy": "exclude"`: UnhealthyExclude,
		`, "unhealthy": "include"`:                       UnhealthyInclude,
	} {
		if c, _ := mustLoad(t, "c.json", `{`+where+text+`}`); c.Unhealthy != want {
			t.Errorf("%s: got %s, want %s", text, c.Unhealthy, want)
		}
	}
}
