package config

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// errorsOf loads invalid settings and returns the lines of the error.
func errorsOf(t *testing.T, name, content string, environ ...string) []string {
	t.Helper()
	c, _, err := Load(write(t, name, content), environ)
	var errs Errors
	if !errors.As(err, &errs) || c != nil {
		t.Fatalf("got %v and error %v, want an Errors", c, err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestAllErrorsAreReportedAtOnce(t *testing.T) {
	got := errorsOf(t, "c.json", `{
		"masters": ["10.0.0.1:0", 5, "10.0.0.2:5050", "10.0.0.2:5050"],
		"ttl": "abc", "port": 70000, "refreshSeconds": 0, "domain": "-mesos",
		"dnson": "maybe", "listener": "localhost",
		"IPSources": ["host", "rkt", "host"], "stateMaxBytes": 1e30}`, "TOPONYM_TIMEOUT=-1")
	equalLines(t, got, []string{
		`masters[0]: "10.0.0.1:0" has no port from 1 to 65535: want something like "10.0.0.1" or "10.0.0.1:5050"`,
		`masters[1]: 5 is not a string: want a string in quotes`,
		`masters[3]: "10.0.0.2:5050" is given twice: want each once`,
		`refreshSeconds: 0 is out of range: want a whole number from 1 to 2147483647`,
		`ttl: "abc" is not a whole number: want a whole number from 0 to 2147483647`,
		`TOPONYM_TIMEOUT: "-1" is out of range: want a whole number from 1 to 2147483647`,
		`domain: "-mesos" is not a domain name: a label begins or ends with a hyphen: want something like mesos or dcos.example.com`,
		`listener: "localhost" is neither an IP address nor a network interface: want something like "0.0.0.0", or ["10.0.0.1", "[fd00::1]:5353", "eth0"]`,
		`port: 70000 is out of range: want a whole number from 0 to 65535`,
		`dnson: "maybe" is neither true nor false: want true or false`,
		`IPSources[1]: "rkt" is not known: want one of "host", "docker", "mesos", "netinfo", "auto"`,
		`IPSources[2]: "host" is given twice: want each once`,
		`stateMaxBytes: 1e+30 is out of range: want a whole number from 1 to 9223372036854775807`,
	})
}

func TestErrorsNameTheSettingAndTheProblem(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, tt := range map[string]struct{ text, want string }{
		"nobody to ask":            {`"masters": [], "mesos": ""`, "masters: neither masters nor zk nor mesos is given"},
		"nothing to do":            {`"dnson": false, "httpon": "false"`, "dnson: dnson and httpon are both off"},
		"masters not a list":       {`"masters": "10.0.0.1:5050"`, `masters: "10.0.0.1:5050" is not a list`},
		"master as a URL":          {`"masters": ["http://10.0.0.1:5050"]`, `masters[0]: "http://10.0.0.1:5050" is not host:port`},
		"master without host":      {`"masters": [":5050"]`, `masters[0]: ":5050" is not host:port`},
		"master with port 0":       {`"masters": ["a:0"]`, `masters[0]: "a:0" has no port`},
		"master mistyped":          {`"masters": ["10.0.0.256:5050"]`, `masters[0]: "10.0.0.256:5050" is neither an IP address nor a host name`},
		"same master":              {`"masters": ["[::1]:1", "[0::1]:1"]`, `masters[1]: "[0::1]:1" is given twice`},
		"same master, dotted":      {`"masters": ["m.example:1", "M.example.:1"]`, `masters[1]: "M.example.:1" is given twice`},
		"key twice":                {`"ttl": 1, "TTL": 2`, "TTL: is given twice, again at line 1, column "},
		"member twice":             {`"zoneResolvers": {"a": ["10.0.0.1"], "A": ["10.0.0.2"]}`, "zoneResolvers.A: is given twice, again at line 1, column "},
		"a million":                {`"port": 1000000`, "port: 1000000 is out of range"},
		"fraction":                 {`"ttl": 1.5`, "ttl: 1.5 is not a whole number"},
		"negative ttl":             {`"ttl": -1`, "ttl: -1 is out of range"},
		"huge number in quotes":    {`"ttl": "99999999999999999999"`, "is out of range"},
		"no timeout":               {`"timeout": 0`, "timeout: 0 is out of range"},
		"negative detection":       {`"zkDetectionTimeout": -1`, "zkDetectionTimeout: -1 is out of range"},
		"weight":                   {`"srvRecordDefaultWeight": 65536`, "srvRecordDefaultWeight: 65536 is out of range"},
		"small UDP":                {`"maxUDPSize": 511`, "maxUDPSize: 511 is out of range: want a whole number from 512 to 65535"},
		"flag":                     {`"dnson": 1`, "dnson: 1 is neither true nor false"},
		"list for a text":          {`"domain": ["mesos"]`, "domain: […] is not a string"},
		"no domain":                {`"domain": ""`, `domain: "" is not a domain name: it is empty`},
		"underscore":               {`"domain": "me_sos"`, `'_' is not allowed`},
		"empty label":              {`"domain": "a..b"`, "it has an empty label"},
		"long label":               {`"domain": "` + label + `a"`, "a label is longer than 63"},
		"long domain":              {`"domain": "` + label + "." + label + `"`, "it is longer than 119"},
		"no IP sources":            {`"IPSources": []`, "IPSources: is empty"},
		"no states":                {`"publishStates": []`, `publishStates: is empty`},
		"a state of ended tasks":   {`"publishStates": ["TASK_FINISHED"]`, `publishStates[0]: "TASK_FINISHED" is not known: want one of TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING`},
		"visibility":               {`"minVisibility": "all"`, `minVisibility: "all" is not known`},
		"scope":                    {`"srvScope": "host"`, `srvScope: "host" is not known`},
		"rule of Traefik":          {`"traefikDefaultRule": "Host({{ .Name"`, `traefikDefaultRule: "Host({{ .Name" makes no rules (line 1: `},
		"rule of Traefik, field":   {`"traefikDefaultRule": "Host({{ .App }})"`, `traefikDefaultRule: "Host({{ .App }})" makes no rules (it fails for an app called /shop/cart: line 1:`},
		"autoip":                   {`"IPSources": ["autoip"]`, `IPSources[0]: "autoip" is not known`},
		"resolver by name":         {`"resolvers": ["dns.example"]`, `resolvers[0]: "dns.example" is neither an IP address nor IP:port`},
		"resolver twice":           {`"resolvers": ["10.0.0.1", "10.0.0.1:53"]`, `resolvers[1]: "10.0.0.1:53" is given twice`},
		"resolver's name":          {`"resolvers": ["tls://a b@10.0.0.1"]`, `resolvers[0]: "******@10.0.0.1" has a server name that is not a host name`},
		"resolver over HTTPS":      {`"resolvers": ["https://10.0.0.1"]`, `resolvers[0]: "https://10.0.0.1" is neither`},
		"TTLs crossed":             {`"cacheMinTTL": 10, "cacheMaxTTL": 5`, "cacheMinTTL: is more than cacheMaxTTL"},
		"zone is domain":           {`"zoneResolvers": {"mesos": ["10.0.0.1"]}`, `zoneResolvers["mesos"]: is within domain`},
		"zone in domain":           {`"zoneResolvers": {"x.MESOS": ["10.0.0.1"]}`, `zoneResolvers["x.mesos"]: is within domain`},
		"zone in address tree":     {`"zoneResolvers": {"x.y": ["10.0.0.1"]}, "addressDomains": ["y"]`, `zoneResolvers["x.y"]: is within addressDomains`},
		"zone by an alias":         {`"zoneResolvers": {"x.y": ["10.0.0.1"]}, "aliases": {"y": "mesos"}`, `zoneResolvers["x.y"]: is x.mesos by aliases, which`},
		"zone without servers":     {`"zoneResolvers": {"a": []}`, `zoneResolvers["a"]: has no servers`},
		"zone's server":            {`"zoneResolvers": {"a.b": ["x"]}`, `zoneResolvers["a.b"][0]: "x" is neither`},
		"zone's name":              {`"zoneResolvers": {"a b": ["10.0.0.1"]}`, `zoneResolvers["a b"]: "a b" is not a domain name`},
		"zone twice":               {`"zoneResolvers": {"a": ["10.0.0.1"], "a.": ["10.0.0.1"]}`, `zoneResolvers["a."]: is given twice`},
		"zone in capitals":         {`"zoneResolvers": {"b.a": ["10.0.0.1"], "B.A.": ["10.0.0.1"]}`, `is given twice`},
		"zoneResolvers a list":     {`"zoneResolvers": []`, "zoneResolvers: […] is not a map"},
		"alias to itself":          {`"aliases": {"a": "x.a"}`, `aliases["a"]: is part of a loop of aliases`},
		"alias hides domain":       {`"aliases": {"mesos": "b"}`, `aliases["mesos"]: hides domain`},
		"alias hides address tree": {`"aliases": {"a": "b"}, "addressDomains": ["a"]`, `aliases["a"]: is one of addressDomains`},
		"every reverse name":       {`"reverseZones": ["0.0.0.0/0"]`, `reverseZones[0]: "0.0.0.0/0" is every address`},
		"many reverse zones":       {`"ReverseDnsOn": true, "reverseZones": ["64.0.0.0/9", "32.0.0.0/9", "9.0.0.0/24"]`, `reverseZones: makes 257 zones, of which the first are 0.64.in-addr.arpa`},
		"reverse zone elsewhere":   {`"ReverseDnsOn": true, "zoneResolvers": {"2.10.in-addr.arpa": ["10.0.0.1"]}, "reverseZones": ["10.0.0.0/8"]`, `reverseZones[0]: "10.0.0.0/8" has reverse names in 2.10.in-addr.arpa`},
		"staticZones a text":       {`"staticZones": "a.zone"`, `staticZones: "a.zone" is not a list`},
		"static zone twice":        {`"staticZones": ["a.zone", "./a.zone"]`, `staticZones[1]: "./a.zone" is given twice`},
		"static zone, no path":     {`"staticZones": [" "]`, `staticZones[0]: " " is not a path`},
		"network":                  {`"recursionAllow": ["10.0.0.0/33"]`, `recursionAllow[0]: "10.0.0.0/33" is not a network`},
		"unhealthy":                {`"unhealthy": "hide"`, `unhealthy: "hide" is not known: want one of "exclude", "include"`},
		"zk as a list":             {`"zk": "10.0.0.1:2181"`, "zk: does not begin with zk://"},
		"zk without path":          {`"zk": "zk://10.0.0.1:2181"`, "zk: names no path"},
		"zk without server":        {`"zk": "zk:///mesos"`, "zk: names a server that is not host:port"},
		"zk with two paths":        {`"zk": "zk://a:2181/mesos,b:2181/mesos"`, "zk: goes on with servers after the path: want something like zk://10.0.0.1:2181,10.0.0.2:2181/mesos, with the path once, at the end"},
		"zk with a path between":   {`"zk": "zk://a/mesos,b:2181"`, "zk: goes on with servers after the path"},
		"zk with an odd path":      {`"zk": "zk://a/mesos//x"`, "zk: names a path that ZooKeeper does not allow"},
		"zk with dots":             {`"zk": "zk://a/mesos/../x"`, "zk: names a path that ZooKeeper does not allow"},
		"iam, no file":             {`"mesosAuthentication": "iam"`, "IAMConfigFile: is missing: mesosAuthentication is iam"},
		"iam, gone":                {`"mesosAuthentication": "iam", "IAMConfigFile": "testdata/none"`, `IAMConfigFile: "testdata/none" cannot be read: no such file`},
		"iam, a directory":         {`"mesosAuthentication": "iam", "IAMConfigFile": "testdata"`, `IAMConfigFile: "testdata" cannot be read: is a directory`},
		"basic, colon":             {`"mesosAuthentication": "basic", "mesosCredentials": {"principal": "a:b", "secret": "s"}`, "mesosCredentials.principal: contains a colon"},
		"authentication":           {`"mesosAuthentication": "digest"`, `mesosAuthentication: "digest" is not known`},
		"basic, no principal":      {`"mesosAuthentication": "basic", "mesosCredentials": {"secret": "s"}`, "mesosCredentials.principal: is missing"},
		"basic, no secret":         {`"mesosAuthentication": "basic", "mesosCredentials": {"principal": "p"}`, "mesosCredentials.secret: is missing"},
		"credentials as a text":    {`"mesosCredentials": "p:s"`, "mesosCredentials: is not an object: want one with principal and secret"},
		"a port twice":             {`"port": 8123`, "httpport: is 8123, like port, on the same address: want another port"},
		"a port twice, IPv6":       {`"port": 8123, "listener": "::", "HTTPListener": "127.0.0.1"`, "httpport: is 8123, like port"},
		"a port twice, by IPv4":    {`"port": 8123, "listener": "10.0.0.1"`, "httpport: is 8123, like port"},
		"stateDir is a file":       {`"stateDir": "testdata/v1.json"`, `stateDir: "testdata/v1.json" is not a directory: want a directory, which may be missing`},
		"stateDir below a file":    {`"stateDir": "testdata/v1.json/state"`, `stateDir: "testdata/v1.json/state" cannot be used: not a directory`},
		"both names of a key":      {`"viewDomains": ["a"], "addressDomains": ["a"]`, "viewDomains: is the old name of addressDomains, which is given as well: want only addressDomains"},
		"an error by an old key":   {`"viewTTL": -1`, "viewTTL: -1 is out of range"},
		"CA that is not there":     {`"CACertFile": "testdata/none.pem"`, `CACertFile: "testdata/none.pem" cannot be read: no such file`},
		"CA that is none":          {`"CACertFile": "testdata/mesos-dns.json"`, `CACertFile: "testdata/mesos-dns.json" contains no certificate`},
		"certificate, no key":      {`"CertFile": "x"`, "KeyFile: is missing while CertFile is given"},
		"key, no certificate":      {`"KeyFile": "x"`, "CertFile: is missing while KeyFile is given"},
		"certificate that is no":   {`"CertFile": "testdata/mesos-dns.json", "KeyFile": "testdata/mesos-dns.json"`, "CertFile: \"testdata/mesos-dns.json\" does not match KeyFile"},
	} {
		t.Run(name, func(t *testing.T) {
			text := tt.text
			if !strings.Contains(text, `"masters"`) {
				text = where + ", " + text
			}
			got := errorsOf(t, "c.json", "{"+text+"}")
			if len(got) != 1 || !strings.Contains(got[0], tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAnInvalidSettingCausesNoOtherErrors(t *testing.T) {
	equalLines(t, errorsOf(t, "c.json", `{"masters": ["x y"], "IPSources": ["x"], "domain": "_", "zoneResolvers": {"mesos": ["10.0.0.1"]}}`), []string{
		`masters[0]: "x y" is not host:port: want something like "10.0.0.1" or "10.0.0.1:5050"`,
		`domain: "_" is not a domain name: '_' is not allowed: want something like mesos or dcos.example.com`,
		`IPSources[0]: "x" is not known: want one of "host", "docker", "mesos", "netinfo", "auto"`,
	})
}

func TestALoopOfAliasesIsRejected(t *testing.T) {
	const rest = ": is part of a loop of aliases: want a target that does not lead back to the alias"
	equalLines(t, errorsOf(t, "c.json", `{`+where+`, "aliases": {"a": "b", "b": "a", "c": "x.d", "d": "e"}}`),
		[]string{`aliases["a"]` + rest, `aliases["b"]` + rest})
}

func TestKeysGivenTwiceAreRejectedInEveryFormat(t *testing.T) {
	for name, content := range map[string]string{
		"c.yaml": "masters: ['10.0.0.1:5050']\nttl: 1\nTTL: 2\n",
		"c.toml": "masters = ['10.0.0.1:5050']\nttl = 1\nTTL = 2\n",
	} {
		equalLines(t, errorsOf(t, name, content), []string{"ttl: is given twice: want each key once; case does not count"})
	}
}

// Errors in JSON say where the key stands the second time.
func TestKeysGivenTwiceInJSONHaveLineAndColumn(t *testing.T) {
	const want = ": want each key once; case does not count"
	got := errorsOf(t, "c.json", "\ufeff{\n  \"masters\": [\"10.0.0.1:5050\"],\n  \"ttl\": 1, \"TTL\": 2,\n\t\"ttl\": 3,\n\n  \"httpAuth\": {\"tokens\": [{\"a\": 1,\n\"\\u0061\" : 2}]}}")
	equalLines(t, got[:min(len(got), 3)], []string{
		"TTL: is given twice, again at line 3, column 13" + want,
		"ttl: is given twice, again at line 4, column 2" + want,
		"httpAuth.tokens.a: is given twice, again at line 7, column 1" + want,
	})
}

// Objects that stand deep in others take linear time and memory. With the path of each
// key made again, this would be 2 GB.
func TestDeepKeysAreComparedInLinearTime(t *testing.T) {
	const depth = 2000
	data := strings.Repeat(`{"`+strings.Repeat("k", 1000)+`":`, depth) + "\n{\"a\": 1,\n\"A\": 2}" + strings.Repeat("}", depth)
	var errs Errors
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	newJSONDuplicates([]byte(data), &errs).value()
	runtime.ReadMemStats(&after)
	if len(errs) != 1 || errs[0].Problem != "is given twice, again at line 3, column 1" {
		t.Errorf("got %d errors, want one at line 3", len(errs))
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 100<<20 {
		t.Errorf("got %d MB allocated, want at most 100", got>>20)
	}
}

func TestSyntaxErrorsSayWhereAndShowNoSecret(t *testing.T) {
	for _, tt := range []struct {
		name, content string
		line, column  int
	}{
		{"c.json", "{\n  \"ttl\": 1,\n  hunter2\n}", 3, 3},
		{"c.json", "", 1, 1},
		{"c.json", "[1]", 1, 1},
		{"c.json", `{} {"zk": "hunter2"}`, 1, 4},
		{"c.json", "{\n\"ttl\": 1e999}", 2, 0},
		{"c.toml", "ttl = 1\nx = hunter2\n", 2, 5},
		{"c.toml", "ttl = 1\nttl = 2\n", 0, 0},
		{"c.yaml", "ttl: 1\nx: 'hunter2\n", 2, 0},
		{"c.yaml", "hunter2 is my secret", 1, 0},
		{"c.yaml", "secret: *hunter2", 0, 0},
		{"c.yaml", "ttl: 1\nttl: 2\n", 2, 0},
	} {
		file := write(t, tt.name, tt.content)
		_, _, err := Load(file, nil)
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a syntax error", tt.content, err)
			continue
		}
		if tt.line > 0 && e.Line != tt.line || tt.column > 0 && e.Column != tt.column {
			t.Errorf("%q: got %d:%d (%v), want %d:%d", tt.content, e.Line, e.Column, e, tt.line, tt.column)
		}
		if !strings.HasPrefix(e.Error(), file) || strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%q: got %v, want the path first and nothing of the content", tt.content, e)
		}
	}
}

// A path such as /dev/zero must not fill the memory.
func TestFilesHaveALimit(t *testing.T) {
	if _, _, err := Load("/dev/zero", nil); err == nil || !strings.Contains(err.Error(), "it is larger than 16384 KiB") {
		t.Errorf("got error %v, want the limit", err)
	}
	got := errorsOf(t, "c.json", `{`+where+`, "CACertFile": "/dev/zero"}`)
	equalLines(t, got, []string{`CACertFile: "/dev/zero" cannot be read: it is larger than 4096 KiB: want a PEM file`})
}

func TestKeysCannotForgeLinesOfTheLog(t *testing.T) {
	got := errorsOf(t, "c.json", `{`+where+`, "ttl\nmasters: fine": 1, "TTL\nmasters: fine": 2}`)
	equalLines(t, got, []string{`"TTL\nmasters: fine": is given twice, again at line 1, column 57: want each key once; case does not count`})
}

// The commonest mistakes have words of their own; for others the character tells what is
// wrong.
func TestSyntaxErrorsOfJSONSayWhatIsWrong(t *testing.T) {
	for content, want := range map[string]string{
		`{"ttl": 1,}`:                `:1:11: not valid JSON: a comma before }`,
		"{\"masters\": [\"a\",\n ]}": `:2:2: not valid JSON: a comma before ]`,
		"{'ttl': 1}":                 `:1:2: not valid JSON: a single quote: JSON wants double quotes`,
		`{"domain": 'mesos'}`:        `:1:12: not valid JSON: a single quote: JSON wants double quotes`,
		`{"ttl": 1 "a"`:              `:1:11: not valid JSON: no comma before "`,
		`{"masters": ["a" "b"]}`:     `:1:18: not valid JSON: no comma before "`,
		"{\"ttl\": 1, // seconds\n}": `:1:12: not valid JSON: a comment: JSON has none, YAML and TOML do`,
		"{\"ttl\": 1 /* seconds */}": `:1:11: not valid JSON: a comment: JSON has none, YAML and TOML do`,
		"# settings\n{}":             `:1:1: not valid JSON: a comment: JSON has none, YAML and TOML do`,
		`{"ttl": /etc}`:              `:1:9: not valid JSON: invalid character '/' looking for beginning of value`,
		`{"ttl": }`:                  `:1:9: not valid JSON: invalid character '}' looking for beginning of value`,
		`{"ttl": 1; "a": 2}`:         `:1:10: not valid JSON: invalid character ';' after object key:value pair`,
	} {
		file := write(t, "c.json", content)
		if _, _, err := Load(file, nil); err == nil || err.Error() != file+want {
			t.Errorf("%s: got %v, want %s", content, err, file+want)
		}
	}
}

// The YAML decoder cites what it expected in quotes, as it cites the content, which
// may be secret.
func TestSyntaxErrorsOfYAMLSayWhatWasExpected(t *testing.T) {
	file := write(t, "c.yaml", "masters: [hunter2\nport: 5")
	want := file + ":1: not valid YAML: did not find expected ',' or ']'"
	if _, _, err := Load(file, nil); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPortsMayBeEqualOnDifferentAddresses(t *testing.T) {
	for _, text := range []string{
		`"port": 8123, "listener": "10.0.0.1", "HTTPListener": "127.0.0.1"`,
		`"port": 8123, "listener": "0.0.0.0", "HTTPListener": "::1"`,
		`"port": 8123, "httpon": false`,
		`"port": 0, "httpport": 0`,
	} {
		mustLoad(t, "c.json", "{"+where+", "+text+"}")
	}
}

// Errors in zone files are of no use if they show only after all others are fixed.
func TestChecksOfOtherPackagesRunBesideErrors(t *testing.T) {
	broken := errors.New("a.zone:3: broken")
	check := Check{Keys: []string{"staticZones", "domain"}, Run: func(c *Config) error {
		if len(c.StaticZones) != 1 {
			t.Errorf("got zone files %q, want one", c.StaticZones)
		}
		return broken
	}}
	for text, want := range map[string]string{
		`"staticZones": ["a.zone"]`:                             "a.zone:3: broken",
		`"staticZones": ["a.zone"], "ttl": -1`:                  "ttl: -1 is out of range: want a whole number from 0 to 2147483647\na.zone:3: broken",
		`"staticZones": ["a.zone"], "domain": "-", "ttl": -1.5`: "ttl: -1.5 is not a whole number: want a whole number from 0 to 2147483647\ndomain: \"-\" is not a domain name: a label begins or ends with a hyphen: want something like mesos or dcos.example.com",
	} {
		_, _, err := Load(write(t, "c.json", "{"+where+", "+text+"}"), nil, check)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestOldKeysAreAcceptedWithAWarning(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "ViewDomains": ["a.example"], "viewTTL": 7}`)
	if got := toJSON([]any{c.AddressDomains, c.AddressTTL}); got != `[["a.example"],7]` {
		t.Errorf("got %s, want the values of the old keys", got)
	}
	equalLines(t, warnings, []string{"ViewDomains: is now called addressDomains", "viewTTL: is now called addressTTL"})

	c, warnings = mustLoad(t, "c.json", `{`+where+`}`, "TOPONYM_VIEWTTL=7", "TOPONYM_VIEWDOMAINS=a.example", "TOPONYM_ADDRESSDOMAINS=b.example")
	if got := toJSON([]any{c.AddressDomains, c.AddressTTL}); got != `[["b.example"],7]` {
		t.Errorf("got %s, want the value of the present variable and of the old one", got)
	}
	equalLines(t, warnings, []string{"TOPONYM_VIEWDOMAINS: is now called TOPONYM_ADDRESSDOMAINS", "TOPONYM_VIEWTTL: is now called TOPONYM_ADDRESSTTL"})
}

// The file for new users must give tasks the addresses that clients reach.
func TestDeployedSettingsAreValidAndUseTheDefaultSources(t *testing.T) {
	c, warnings, err := Load("../deploy/config.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	// Without masters the agent is asked, which check tells.
	if len(warnings) != 1 || warnings[0].Key != "masters" {
		t.Errorf("got warnings %v, want one for masters", warnings)
	}
	if want := Defaults().IPSources; !slices.Equal(c.IPSources, want) {
		t.Errorf("got IPSources %q, want the default %q", c.IPSources, want)
	}
}

// Long chains of aliases are followed once each: 5,000 took minutes before they
// were refused.
func TestLongChainsOfAliasesAreFollowedOnce(t *testing.T) {
	const n = 5000
	f := aliasFollower{aliases: map[string]string{"loop.a": "loop.b", "loop.b": "loop.a", "to.loop": "x.loop.a", "grows": "x.grows"}}
	for i := range n {
		f.aliases[fmt.Sprintf("a%d.example", i)] = fmt.Sprintf("a%d.example", i-1)
	}
	f.aliases["a0.example"] = "mesos"
	for name, want := range map[string]string{
		"a4999.example": "mesos", "web.a2500.example": "web.mesos", "mesos": "mesos",
		"loop.a": "", "to.loop": "", "grows": "", "y.grows": "",
	} {
		if got, ok := f.follow(name); got != want || ok != (want != "") {
			t.Errorf("%s: got %q and %v, want %q", name, got, ok, want)
		}
	}
	for i := range n {
		_, _ = f.follow(fmt.Sprintf("a%d.example", i))
	}
	if len(f.ends) > 2*n {
		t.Errorf("got %d names that were followed for %d aliases, want each once", len(f.ends), n)
	}
}
