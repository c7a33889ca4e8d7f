package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toponym/sim/marathon"
)

var update = flag.Bool("update", false, "rewrite the outputs in docs")

// fence is a block of a page: its kind, a file's name, its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$")

// TestExamplesOfTheDocumentationAreTrue runs the examples of the pages about frameworks:
// the blocks with the name of a file are that file, and the console blocks are commands
// with what they print.
func TestExamplesOfTheDocumentationAreTrue(t *testing.T) {
	for name, atLeast := range map[string]int{"marathon.md": 10, "frameworks.md": 2} {
		t.Run(name, func(t *testing.T) { testExamples(t, name, atLeast) })
	}
}

func testExamples(t *testing.T, name string, atLeast int) {
	page, err := filepath.Abs("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	commands := 0
	got := fence.ReplaceAllStringFunc(string(text), func(block string) string {
		m := fence.FindStringSubmatch(block)
		switch {
		case m[2] != "":
			if err := os.WriteFile(m[2], []byte(m[3]), 0o600); err != nil {
				t.Fatal(err)
			}
		case m[1] == "console":
			commands++
			line, _, _ := strings.Cut(m[3], "\n")
			args, ok := strings.CutPrefix(line, "$ toponym ")
			if !ok {
				t.Errorf("%q is no command of this program", line)
			}
			o := runWith(t, strings.Fields(args)...)
			if o.status == statusUsage {
				t.Errorf("%s: status %d", line, o.status)
			}
			return "```console\n" + line + "\n" + o.stdout + o.stderr + "```"
		}
		return block
	})
	if commands < atLeast {
		t.Errorf("got %d commands, want at least %d", commands, atLeast)
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(text) {
		t.Errorf("docs/%s differs from what the program prints; run with -update and read the diff\n%s", name, got)
	}
}

// composePort is a row of the table of docs/frameworks.md that says which protocols a port
// of a compose file has.
var composePort = regexp.MustCompile("(?m)^\\| `([0-9:/a-z]+)` \\| ([`a-z0-9_, ]+) \\|$")

// A port of a compose file has the protocols that docs/frameworks.md says. A warning comes
// where that is not what the file says.
func TestProtocolsOfComposeFilesAreAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := composePort.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 8 {
		t.Fatalf("got %d rows, want 8", len(rows))
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	for _, row := range rows {
		if err := os.WriteFile(file, []byte("services: {cart: {ports: [\""+row[1]+"\"]}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		data, _ := previewed(t, "-project", "shop", file)
		var got []string
		for name := range data {
			if rest, ok := strings.CutSuffix(name, ".mc-shop-cart.mc.mesos. SRV"); ok && strings.Count(rest, ".") == 1 {
				_, protocol, _ := strings.Cut(rest, ".")
				got = append(got, "`"+protocol+"`")
			}
		}
		slices.Sort(got)
		want := strings.Split(row[2], ", ")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got SRV records under %v, want %v as documented", row[1], got, want)
		}
		_, written, _ := strings.Cut(row[1], "/")
		warned := strings.Contains(runWith(t, "preview", "-project", "shop", file).stderr, "mesos-compose does not know the protocol")
		if lost := written != "" && !slices.Contains(want, "`_"+written+"`"); warned != lost {
			t.Errorf("%s: got a warning: %v, want %v", row[1], warned, lost)
		}
	}
}

// records gives the data of the records that a preview shows, by name and type.
func previewed(t *testing.T, args ...string) (data map[string][]string, shown []appPreview) {
	t.Helper()
	o := runWith(t, append([]string{"preview", "-json"}, args...)...)
	if o.status != statusOK {
		t.Fatalf("status %d\n%s", o.status, o.stderr)
	}
	var answer struct{ Apps []appPreview }
	if err := json.Unmarshal([]byte(o.stdout), &answer); err != nil {
		t.Fatal(err)
	}
	data = map[string][]string{}
	add := func(list []record) {
		for _, r := range list {
			data[r.Name+" "+r.Type] = append(data[r.Name+" "+r.Type], r.Data)
		}
	}
	for _, a := range answer.Apps {
		add(a.Records)
		for _, task := range a.Tasks {
			add(task.Records)
		}
	}
	return data, answer.Apps
}

const definitions = "../../testdata/marathon/"

// TestPreviewShowsWhereNamesLead: where the names of the documented apps lead.
func TestPreviewShowsWhereNamesLead(t *testing.T) {
	for file, want := range map[string]map[string]string{
		"apps/host.1.5": {
			"front-store.marathon.mesos. A":       "10.0.0.1",
			"front-store.marathon.slave.mesos. A": "10.0.0.1",
		},
		"apps/bridge.1.4": {
			"cart-store.marathon.slave.mesos. A": "10.0.0.1",
		},
		"apps/container.1.4": {
			"stock-store.marathon.mesos. A":       "9.128.0.2",
			"stock-store.marathon.slave.mesos. A": "10.0.0.1",
		},
		"apps/several": {
			// One of its ports has a host port, so auto is the agent's address.
			"gateway-store.marathon.mesos. A":                               "10.0.0.1",
			"gateway-store.marathon.first.network.mesos. A":                 "10.128.0.2",
			"gateway-store.marathon.containerip.dcos.thisdcos.directory. A": "10.128.0.2 10.129.0.2",
			"_admin._tcp.gateway-store.marathon.mesos. SRV":                 "0 1 81 gateway-store-oi936-s0.marathon.second.network.mesos.",
		},
		"apps/calico-nginx.1.4": {
			"nginx.marathon.mesos. A":                "192.168.0.2 192.168.0.66 192.168.0.130",
			"nginx-egkbx-s0.marathon.mesos. A":       "192.168.0.2",
			"nginx-cnuxo-s1.marathon.slave.mesos. A": "10.0.0.2",
			"_http._tcp.nginx.marathon.mesos. SRV":   "0 1 80 nginx-cnuxo-s1.marathon.mesos. 0 1 80 nginx-cseit-s2.marathon.mesos. 0 1 80 nginx-egkbx-s0.marathon.mesos.",
			"_http._nginx._tcp.marathon.mesos. SRV":  "0 1 80 nginx-cnuxo-s1.marathon.mesos. 0 1 80 nginx-cseit-s2.marathon.mesos. 0 1 80 nginx-egkbx-s0.marathon.mesos.",
		},
		"apps/dcos-virtual-network.1.4": {
			"my-networking.marathon.mesos. A":             "9.0.0.2",
			"_foo._tcp.my-networking.marathon.mesos. SRV": "0 1 123 my-networking-qee35-s0.marathon.mesos.",
		},
		"apps/ip-address-empty.1.4": {
			"i-have-my-own-ip.marathon.mesos. A": "9.128.0.2",
		},
		"apps/ip-address-discovery.1.4": {
			"i-tell-my-port.marathon.mesos. A": "192.168.0.2",
		},
	} {
		data, _ := previewed(t, "-default-network", "dcos", definitions+file+".json")
		for name, list := range want {
			if got := strings.Join(data[name], " "); got != list {
				t.Errorf("%s: %s is %q, want %q", file, name, got, list)
			}
		}
	}
}

// TestBothFormsHaveTheSamePreview: the two forms of an app get the same names.
func TestBothFormsHaveTheSamePreview(t *testing.T) {
	files, err := filepath.Glob(definitions + "apps/*.1.4.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, file := range files {
		old := runWith(t, "preview", file, "-default-network=dcos")
		other := runWith(t, "preview", strings.TrimSuffix(file, ".1.4.json")+".1.5.json", "-default-network=dcos")
		if old.status != statusOK || old.stdout != other.stdout || old.stdout == "" {
			t.Errorf("%s: status %d\n%s%s\n%s", file, old.status, old.stdout, old.stderr, other.stdout)
		}
	}
}

func TestPreviewReportsRefusedDefinitions(t *testing.T) {
	files, err := filepath.Glob(definitions + "refused/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, file := range files {
		o := runWith(t, "preview", file)
		if o.status != statusFailed || o.stdout != "" || !strings.Contains(o.stderr, "Marathon would refuse this: ") {
			t.Errorf("%s: status %d\n%s%s", file, o.status, o.stdout, o.stderr)
		}
		o = runWith(t, "preview", "--json", file)
		var body struct{ Message string }
		if err := json.Unmarshal([]byte(o.stdout), &body); err != nil || o.status != statusFailed || body.Message == "" {
			t.Errorf("%s: status %d, %v\n%s", file, o.status, err, o.stdout)
		}
	}
}

func TestPreviewUsesGivenTaskIDs(t *testing.T) {
	file := definitions + "apps/calico-nginx.1.5.json"
	_, shown := previewed(t, file, "-instances", "1", "-task-ids=nginx.mine", "-framework=marathon.user")
	if len(shown) != 1 || len(shown[0].Tasks) != 1 || shown[0].Tasks[0].ID != "nginx.mine" {
		t.Fatalf("%+v", shown)
	}
	names := shown[0].Tasks[0].Records
	if !slices.ContainsFunc(names, func(r record) bool { return strings.HasSuffix(r.Name, "-s0.marathon.user.mesos.") }) {
		t.Errorf("%+v", names)
	}
	_, shown = previewed(t, definitions+"apps/host-ports.1.4.json", "-instances=3")
	if ports := shown[0].Tasks[2].HostPorts; !slices.Equal(ports, []uint16{9000, 9001}) {
		t.Errorf("ports %v", ports)
	}
	if ids := shown[0].Tasks[2].Agent.String(); ids != "10.0.0.3" {
		t.Errorf("agent %v", ids)
	}
}

func TestPreviewUsesTheSettings(t *testing.T) {
	file := writeConfig(t, `{"masters": ["10.0.0.1:5050"], "domain": "example", "IPSources": ["host"], "ReverseDnsOn": true}`)
	data, _ := previewed(t, "-config", file, definitions+"apps/calico-nginx.1.5.json", "-instances=1")
	if got := data["nginx.marathon.example. A"]; !slices.Equal(got, []string{"10.0.0.1"}) {
		t.Errorf("%v", data)
	}
	bad := writeConfig(t, `{"ttl": "soon"}`)
	if o := runWith(t, "preview", "-config", bad, definitions+"apps/several.json"); o.status != statusFailed || !strings.Contains(o.stderr, "ttl") {
		t.Errorf("status %d\n%s", o.status, o.stderr)
	}
}

// JSON that lacks a field is not called invalid, and "-" is called by its name.
func TestRefusalsOfStandardInputSayWhatIsMissing(t *testing.T) {
	_, _, invalid := parseDefinitions([]byte(`{"name": "web", "image": "x"}`), marathon.Settings{})
	got, err := asRefusal("-", invalid, previewFlags{})
	const want = "standard input: Marathon would refuse this: a field is missing, or is of another type\n  /id is missing"
	if err != nil || got == nil || got.text != want {
		t.Errorf("got %v, %v; want %q", got, err, want)
	}
}

// What Marathon takes and gives in one piece are definitions, too.
func TestPreviewReadsWhatMarathonAnswers(t *testing.T) {
	const a, b, pod = `{"id": "/a", "cmd": "x", "tasksRunning": 1}`, `{"id": "/shop/b", "cmd": "x"}`,
		`{"id": "/p", "networks": [{"mode": "host"}], "containers": [{"name": "c", "resources": {"cpus": 1, "mem": 1}}]}`
	for _, tc := range []struct {
		text string
		want string // ids, or what is wrong
	}{
		{`[` + a + `,` + b + `,` + pod + `]`, "/a /shop/b /p"},
		{`{"apps": [` + a + `,` + b + `]}`, "/a /shop/b"},
		{`{"app": ` + b + `}`, "/shop/b"},
		{`{"id": "/g", "apps": [{"id": "a", "cmd": "x"}]}`, "/g/a"},
		{`[]`, "there is no definition in it"},
		{`{"apps": []}`, "there is no definition in it"},
		{`[{"id": "/a"}, 7, ` + a + `]`, "(1): error.expected.jsobject"},
		{`{"apps": [` + a + `, {"cmd": "x"}]}`, "/apps(1)/id is missing"},
		{`{"app": {"cmd": "x"}}`, "/id is missing"},
		{`null`, "/id is missing"},
	} {
		file := filepath.Join(t.TempDir(), "list.json")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := runWith(t, "preview", file, "-json")
		var shown struct{ Apps []appPreview }
		if o.status != statusOK {
			if o = runWith(t, "preview", file); !strings.Contains(o.stderr, tc.want) {
				t.Errorf("%s: %s", tc.text, o.stderr)
			}
			continue
		}
		if err := json.Unmarshal([]byte(o.stdout), &shown); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, a := range shown.Apps {
			ids = append(ids, a.ID)
		}
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.text, got, tc.want)
		}
	}
}

func TestPreviewWarnsOfMistypedMembers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(file, []byte(`[{"id": "a", "cmd": "x"}, {"id": "b", "cmd": "x", "instancess": 7}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := runWith(t, "preview", file)
	if want := "warning: " + file + `: (1)/instancess: Marathon knows no such field and ignores it; did you mean "instances"?` + "\n"; o.status != statusOK || o.stderr != want {
		t.Errorf("status %d: %s", o.status, o.stderr)
	}
}

// TestBadAppDoesNotHideTheOthersOfAList: the others are shown, and what is wrong
// with the bad one is told.
func TestBadAppDoesNotHideTheOthersOfAList(t *testing.T) {
	file := writeConfig(t, `{"apps": [{"id": "/a", "cmd": "x"}, {"id": "/b", "cmd": "x", "cpus": 0}, {"id": "/c", "cmd": "x"}]}`)
	o := runWith(t, "preview", file)
	if o.status != statusFailed || !strings.Contains(o.stderr, "/apps(1)/cpus: error.min") {
		t.Errorf("status %d, want 1 and the error of the second app:\n%s", o.status, o.stderr)
	}
	for _, want := range []string{"a.marathon.mesos.", "c.marathon.mesos."} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("the preview lacks %s:\n%s", want, o.stdout)
		}
	}
	o = runWith(t, "preview", "-json", file)
	var body struct {
		Apps    []appPreview
		Refused struct{ Details []struct{ Path string } }
	}
	if err := json.Unmarshal([]byte(o.stdout), &body); err != nil || len(body.Apps) != 2 || len(body.Refused.Details) != 1 || body.Refused.Details[0].Path != "/apps(1)/cpus" {
		t.Errorf("%v, %+v, want two apps and one error", err, body)
	}
}

// TestListOfMarathon14IsTaken: what an old Marathon gives for GET /v2/apps.
func TestListOfMarathon14IsTaken(t *testing.T) {
	file := writeConfig(t, `{"apps": [{"id": "/shop/web", "cmd": "serve", "args": null, "user": null, "env": {}, "instances": 2, "cpus": 0.1, "mem": 32, "disk": 0,
		"executor": "", "constraints": [], "uris": ["http://files.example/web.tgz"],
		"fetch": [{"uri": "http://files.example/web.tgz", "extract": true, "executable": false, "cache": false}], "storeUrls": [],
		"ports": [10000], "portDefinitions": [{"port": 10000, "protocol": "tcp", "labels": {}}], "requirePorts": false, "container": null,
		"labels": {}, "version": "2016-05-01T10:00:00.000Z", "tasksStaged": 0, "tasksRunning": 2, "deployments": []}]}`)
	if o := runWith(t, "preview", file); o.status != statusOK || !strings.Contains(o.stdout, "web-shop.marathon.mesos.") {
		t.Errorf("status %d\n%s%s", o.status, o.stdout, o.stderr)
	}
}

// TestMissingDefaultNetworkIsNamed: a network without a name needs the flag.
func TestMissingDefaultNetworkIsNamed(t *testing.T) {
	for name, text := range map[string]string{
		"an address":          `{"id": "/a", "cmd": "x", "ipAddress": {}}`,
		"a container network": `{"id": "/a", "cmd": "x", "networks": [{"mode": "container"}]}`,
		"a pod":               `{"id": "/p", "networks": [{"mode": "container"}], "containers": [{"name": "c", "resources": {"cpus": 1, "mem": 1}}]}`,
	} {
		file := writeConfig(t, text)
		if o := runWith(t, "preview", file); o.status != statusFailed || !strings.Contains(o.stderr, "-default-network is missing") {
			t.Errorf("%s: status %d, want 1 and the name of the flag:\n%s", name, o.status, o.stderr)
		}
		if o := runWith(t, "preview", "-default-network", "dcos", file); o.status != statusOK {
			t.Errorf("%s, with the flag: status %d\n%s", name, o.status, o.stderr)
		}
	}
	other := writeConfig(t, `{"id": "/a"}`)
	if o := runWith(t, "preview", other); strings.Contains(o.stderr, "-default-network") {
		t.Errorf("another error names the flag:\n%s", o.stderr)
	}
}

// TestRefusedProtocolOfAPodIsAWarning: published examples have such protocols.
func TestRefusedProtocolOfAPodIsAWarning(t *testing.T) {
	file := writeConfig(t, `{"id": "/p", "containers": [{"name": "c", "resources": {"cpus": 0.1, "mem": 32}, "endpoints": [{"name": "web", "hostPort": 0, "protocol": ["HTTP"]}]}]}`)
	o := runWith(t, "preview", file)
	if o.status != statusOK || !strings.Contains(o.stderr, `warning: `+file+`: /containers(0)/endpoints(0)/protocol(0): the protocol "HTTP" is refused by Marathon`) {
		t.Errorf("status %d, want 0 and a warning:\n%s", o.status, o.stderr)
	}
}

func TestPreviewNamesMistakesOnTheCommandLine(t *testing.T) {
	web := definitions + "apps/host.1.5.json"
	many := filepath.Join(t.TempDir(), "many.json")
	if err := os.WriteFile(many, []byte(`{"id":"a","cmd":"x","instances":1000}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{}, statusUsage, "want the file of a definition"},
		{[]string{web, "other.json"}, statusUsage, `unexpected argument "other.json"`},
		{[]string{web, "-colour"}, statusUsage, "-colour"},
		{[]string{"-help"}, statusOK, "-task-names"},
		{[]string{"/no/such.json"}, statusFailed, "/no/such.json"},
		{[]string{web, "-instances=-1"}, statusFailed, "-instances"},
		{[]string{web, "-instances", "201"}, statusFailed, "-instances"},
		{[]string{many}, statusFailed, "1000 instances"},
		{[]string{many, "-instances=2"}, statusOK, ""},
		{[]string{web, "-framework="}, statusUsage, "-framework"},
		{[]string{"-aurora-job", "prod/hello"}, statusFailed, "-aurora-job"},
		{[]string{"-aurora-job", "a/prod/hello", "-aurora-ports", "http,"}, statusFailed, "-aurora-ports"},
		{[]string{"-aurora-job", "a/prod/hello", web}, statusUsage, "unexpected argument"},
		{[]string{web, "-network", "lab"}, statusUsage, "NAME=PREFIX"},
		{[]string{web, "-network", "lab=10.0.0.0"}, statusUsage, "10.0.0.0"},
		{[]string{web, "-network", "lab=10.0.0.0/30"}, statusUsage, "too small"},
		{[]string{"../../README.md"}, statusFailed, "Invalid JSON"},
	} {
		o := runWith(t, append([]string{"preview"}, c.args...)...)
		if o.status != c.status || !strings.Contains(o.stderr, c.stderr) || c.stderr == "" && o.stderr != "" {
			t.Errorf("%v: status %d\n%s", c.args, o.status, o.stderr)
		}
	}
}

// TestPreviewShowsServicesOfComposeFiles: names of services, with the settings of
// mesos-compose that change them.
func TestPreviewShowsServicesOfComposeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "compose.yaml")
	if err := os.WriteFile(file, []byte(`
services:
  cart: {image: cart, deploy: {replicas: 2}, ports: ["8080:8080/http"]}
  search: {image: search, networks: {weave: {}}}
networks: {default: {name: default}, weave: {name: weave}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want map[string]string
	}{
		{nil, map[string]string{
			"cart.shop.mc.mc.mesos. A":                           "10.0.0.1 10.0.0.2",
			"mc-shop-cart.mc.mesos. A":                           "10.0.0.1 10.0.0.2",
			"_mc-shop-cart-8080._tcp.cart.shop.mc.mc.mesos. SRV": "0 1 31000 mc-shop-cart-baemt-s1.mc.mesos. 0 1 31000 mc-shop-cart-un6ju-s0.mc.mesos.",
			"cart.shop.mc.mc.default.network.mesos. A":           "",
			"search.shop.mc.mc.weave.network.mesos. A":           "10.128.0.2",
			"cart.shop.mc.mc.mc.role.mesos. A":                   "10.0.0.1 10.0.0.2",
		}},
		{[]string{"-project", "blog", "-task-prefix", "team", "-framework", "compose"}, map[string]string{
			"cart.blog.team.compose.mesos. A": "10.0.0.1 10.0.0.2",
			"cart.shop.mc.mc.mesos. A":        "",
		}},
	} {
		data, _ := previewed(t, append(c.args, file)...)
		for name, want := range c.want {
			if got := strings.Join(data[name], " "); got != want {
				t.Errorf("%v: %s: got %q, want %q", c.args, name, got, want)
			}
		}
	}
}

func TestPreviewShowsJobsOfAurora(t *testing.T) {
	for _, c := range []struct {
		args []string
		want map[string]string
	}{
		{[]string{"-populate-discovery-info"}, map[string]string{
			"hello.prod.www-data.aurora.mesos. A":              "10.0.0.1",
			"_http._tcp.hello.prod.www-data.aurora.mesos. SRV": "0 1 31000 hello.prod.www-data-6za89-s0.aurora.mesos.",
		}},
		{nil, map[string]string{
			"hello.prod.www-data.aurora.mesos. A":              "10.0.0.1",
			"www-dataprodhello.aurora.mesos. A":                "10.0.0.1",
			"_http._tcp.hello.prod.www-data.aurora.mesos. SRV": "",
		}},
	} {
		data, _ := previewed(t, append(c.args, "-aurora-job", "www-data/prod/hello", "-aurora-ports", "http")...)
		for name, want := range c.want {
			if got := strings.Join(data[name], " "); got != want {
				t.Errorf("%v: %s: got %q, want %q", c.args, name, got, want)
			}
		}
	}
}
