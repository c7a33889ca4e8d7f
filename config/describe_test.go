package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestDescribeShowsEverySettingAndNoSecret(t *testing.T) {
	c, _ := mustLoad(t, "c.json", `{`+where+`, "ttl": 30, "mesosAuthentication": "basic",
		"mesosCredentials": {"principal": "dns", "secret": "hunter2"}, "zk": "zk://u:hunter2@10.0.0.9/mesos",
		"zoneResolvers": {"weave.local": ["10.0.0.2"]}}`, "TOPONYM_DOMAIN=example.com")
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/describe.txt", b.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestDescribeReturnsTheErrorOfTheWriter(t *testing.T) {
	if err := Defaults().Describe(brokenWriter{}); err == nil {
		t.Error("got no error, want that of the writer")
	}
}

func TestEverySettingHasItsOwnKeyAndAMeaning(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		if s.Doc == "" || seen[strings.ToLower(s.Key)] {
			t.Errorf("setting %s: got no meaning or a key that another has", s.Key)
		}
		seen[strings.ToLower(s.Key)] = true
	}
}

// People see which settings are not defaults, and no secrets.
func TestCurrentSettingsTellTheirOrigin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(`{"masters": ["10.0.0.1"], "ttl": 7, "mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "very-secret"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load(file, []string{"TOPONYM_DOMAIN=example"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]CurrentSetting{}
	for _, s := range c.Current() {
		got[s.Key] = s
		if strings.Contains(fmt.Sprint(s), "very-secret") {
			t.Errorf("got the secret in %+v", s)
		}
	}
	for key, want := range map[string][3]string{
		"ttl": {"7", "file", "10"}, "domain": {`"example"`, "environment", `"mesos"`}, "port": {"53", "", "53"},
	} {
		if s := got[key]; s.Value != want[0] || s.Origin != want[1] || s.Default != want[2] || s.Doc == "" {
			t.Errorf("%s: got %+v, want value, origin and default %q", key, s, want)
		}
	}
	if !got["ttl"].Reloadable || got["domain"].Reloadable {
		t.Error("got ttl that needs a restart, or domain that needs none")
	}
}
