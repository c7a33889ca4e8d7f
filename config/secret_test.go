package config

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// printed returns all that this package shows: every printed form of what Load
// returns, and what a Config shows of itself.
func printed(c *Config, warnings []Warning, err error) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		fmt.Fprintf(&b, verb+"\n"+verb+"\n", err, warnings)
		if c != nil {
			fmt.Fprintf(&b, verb+"\n"+verb+"\n"+verb+"\n", *c, c, []any{c, c.MesosCredentials, c.ZooKeeper, &c.ZooKeeper, &c.MesosCredentials, struct{ C *Config }{c}})
		}
	}
	if c != nil {
		c.Describe(&b)
		for _, v := range []any{c.V1(1), c, c.MesosCredentials.Secret} {
			text, err := json.Marshal(v)
			fmt.Fprintf(&b, "%s %v\n", text, err)
		}
	}
	var errs Errors
	if errors.As(err, &errs) {
		for _, f := range errs {
			fmt.Fprintf(&b, "%v %+v %#v\n", f, f, f)
		}
	}
	return b.String()
}

func TestASecretIsPrintedAsStars(t *testing.T) {
	s := Secret("hunter2")
	if s.Reveal() != "hunter2" {
		t.Errorf("Reveal: got %q, want hunter2", s.Reveal())
	}
	for verb, want := range map[string]string{"%v": stars, "%s": stars, "%x": stars, "%d": stars, "%10s": stars, "%q": `"******"`, "%#v": `"******"`} {
		if got := fmt.Sprintf(verb, s); got != want {
			t.Errorf("%s: got %s, want %s", verb, got, want)
		}
	}
	if got := fmt.Sprintf("%v|%q", Secret(""), Secret("")); got != `|""` {
		t.Errorf("an empty secret: got %s, want nothing", got)
	}
}

// A secret may stand in its place, or anywhere that users mistake for it.
func TestNothingShowsASecret(t *testing.T) {
	for _, text := range []string{
		`"zk": "zk://user:hunter2@10.0.0.1/mesos"`,
		`"zk": "zk://user:p:hunter2@x@10.0.0.1/mesos"`,
		`"zk": "zk://user:hunter2"`,
		`"zk": "zk:/user:hunter2@10.0.0.1/mesos"`,
		`"zk": "zk://hunter2@10.0.0.1/mesos"`,
		`"zk": "zk://user:hunter2@/mesos"`,
		`"zk": ["zk://user:hunter2@10.0.0.1/mesos"]`,
		`"masters": ["zk://user:hunter2@10.0.0.1/mesos"]`,
		`"masters": "http://user:hunter2@10.0.0.1:5050"`,
		`"resolvers": {"a": "hunter2"}`,
		`"mesosCredentials": {"principal": "p", "secret": "hunter2"}`,
		`"mesosCredentials": {"principal": "p", "secret": "hunter2", "Secret": "hunter2"}`,
		`"mesosCredentials": {"principal": ["hunter2"], "secret": ["hunter2"]}`,
		`"mesosCredentials": {"password": "hunter2"}`,
		`"mesosCredentials": "p:hunter2"`,
		`"mesosCredential": {"secret": "hunter2"}`,
		`"mesosAuthentication": "basic", "mesosCredentials": {"secret": "hunter2"}`,
		`"httpAuth": {"/v1/axfr": {"tokens": ["hunter2-hunter2-hunter2"]}}`,
		`"httpAuth": {"/v1/axfr": {"tokens": ["hunter2-hunter2-hunter2", "hunter2-hunter2-hunter2"]}}`,
		`"httpAuth": {"/v1/axfr": {"tokens": ["hunter2"]}}`,
		`"httpAuth": {"/v1/axfr": {"tokens": "hunter2-hunter2-hunter2"}}`,
		`"httpAuth": {"/v1/axfr": {"token": "hunter2-hunter2-hunter2"}}`,
		`"httpAuth": {"/v1/axfr": "hunter2-hunter2-hunter2"}`,
		`"httpAuth": "hunter2-hunter2-hunter2"`,
		`"httpAuth": {"/v1/axfr": {"networks": ["hunter2"], "clients": [["hunter2"]]}}`,
		`"tsigKeys": {"k": {"secret": "aHVudGVyMg=="}}`,
		`"tsigKeys": {"k": {"secret": "aHVudGVyMg=="}}, "transferAllow": ["key:other"]`,
		`"tsigKeys": {"k": {"secret": "hunter2"}}`,
		`"tsigKeys": {"k": {"algorithm": "hunter2", "secret": "aHVudGVyMg=="}}`,
		`"tsigKeys": {"k": {"key": "hunter2"}}`,
		`"tsigKeys": {"k": {"secret": ["hunter2"]}}`,
		`"tsigKeys": {"k": "hunter2"}`,
		`"tsigKeys": "hmac-sha256:k:hunter2"`,
		`"mesosCredentials": {"secret": hunter2}`,
		`"mesosCredentials": {"secret": "hunter2}`,
	} {
		for _, rest := range []string{"", `, "ttl": -1`} {
			file := write(t, "c.json", `{"masters": ["10.0.0.1:5050"], `+text+rest+`}`)
			if strings.Contains(text, "masters") {
				file = write(t, "c.json", `{`+text+rest+`}`)
			}
			out := printed(Load(file, []string{"TOPONYM_MESOSCREDENTIALS_SECRETS=hunter2"}))
			inHex := hex.EncodeToString([]byte("hunter2"))
			for line := range strings.Lines(strings.ToLower(out)) {
				if strings.Contains(line, "hunter2") || strings.Contains(line, inHex) || strings.Contains(line, "ahvudgvymg") {
					t.Errorf("got the secret of %s in %s", text, line)
				}
			}
		}
	}
}

var addresses = regexp.MustCompile("0xc[0-9a-f]+") // of memory, in %#v of netip.Addr

// No file makes Load panic, and what the package shows does not depend on what
// a secret is.
func FuzzLoad(f *testing.F) {
	sample, err := os.ReadFile("testdata/mesos-dns.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample, byte(0), "TOPONYM_TTL=x", "hunter2")
	f.Add([]byte(`"masters": ["10.0.0.1:5050"], "zoneResolvers": {"weave.local": ["10.0.0.1"]}`), byte(0), "", "s")
	f.Add([]byte(`"ttl": "abc", "port": -1, "mesosCredentials": {"Secret": 5}, "zk": 7`), byte(0), "TOPONYM_ZK=zk://u:p@h/m", "s")
	f.Add([]byte(`"masters": ["10.0.0.1:5050"], "httpAuth": {"/v1": {"tokens": ["x", 1]}, "/": {}}`), byte(0), "TOPONYM_HTTPAUTH={", "s")
	f.Add([]byte("masters: ['10.0.0.1:5050']\nttl: .nan\naliases: {1: 2, a: b}\n"), byte(1), "TOPONYM_MASTERS=a:1,b:2", "s")
	f.Add([]byte("masters = ['10.0.0.1:5050']\nttl = 1979-05-27\n[aliases]\na = 'b'\n"), byte(2), "TOPONYM_ALIASES={}", "s")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, rest []byte, format byte, variable, secret string) {
		name := []string{"c.json", "c.yaml", "c.toml"}[format%3]
		load := func(content string) string {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return addresses.ReplaceAllString(printed(Load(file, []string{variable})), "")
		}
		load(string(rest))

		with := func(secret string) string {
			start := map[string]string{
				"c.json": `{"mesosCredentials": {"principal": "p", "secret": "%[1]s"}, "tsigKeys": {"k": {"secret": "%[1]s"}}, "zk": "zk://u:%[1]s@10.0.0.1/m", `,
				"c.yaml": "mesosCredentials: {principal: p, secret: '%[1]s'}\ntsigKeys: {k: {secret: '%[1]s'}}\nzk: 'zk://u:%[1]s@10.0.0.1/m'\n",
				"c.toml": "mesosCredentials = {principal = 'p', secret = '%[1]s'}\ntsigKeys = {k = {secret = '%[1]s'}}\nzk = 'zk://u:%[1]s@10.0.0.1/m'\n",
			}[name]
			content := fmt.Sprintf(start, secret) + string(rest)
			if name == "c.json" {
				content += "}"
			}
			return load(content)
		}
		// Hexadecimal, so that no format needs quoting.
		one := "x" + hex.EncodeToString([]byte(secret))
		other := "x" + strings.Repeat("z", len(one)-1)
		a, b := strings.Split(with(one), "\n"), strings.Split(with(other), "\n")
		for i := range max(len(a), len(b)) {
			if i >= len(a) || i >= len(b) || a[i] != b[i] {
				t.Fatalf("what is shown depends on the secret:\n%q\n%q", a[i:], b[i:])
			}
		}
	})
}

// printedValue is a value in every printed form.
func printedValue(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	text, err := json.Marshal(v)
	fmt.Fprintf(&b, "%s %v\n", text, err)
	return b.String()
}
