package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func loadText(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load(file, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFollowTakesOverWhatIsReloadable(t *testing.T) {
	const base = `"masters": ["10.0.0.1:5050"]`
	for name, tt := range map[string]struct {
		from, to string
		want     []Change
	}{
		"nothing":      {`{` + base + `}`, `{` + base + `}`, nil},
		"only written": {`{` + base + `}`, `{"ttl": 10, ` + base + `}`, nil},
		"live":         {`{` + base + `}`, `{"TTL": 30, ` + base + `}`, []Change{{"ttl", "10", "30", true}}},
		"back to the default": {`{"IPSources": ["host"], ` + base + `}`, `{` + base + `}`,
			[]Change{{"IPSources", `["host"]`, `["auto","netinfo","mesos","host"]`, true}}},
		"servers": {`{` + base + `}`, `{"resolvers": ["10.0.0.2"], ` + base + `}`,
			[]Change{{"resolvers", `null`, `["10.0.0.2:53"]`, true}}},
		"both": {`{` + base + `}`, `{"httpport": 54, "SOAMinttl": 5, ` + base + `}`,
			[]Change{{"httpport", "8123", "54", false}, {"SOAMinttl", "10", "5", true}}},
		"what follows is not listed": {`{` + base + `}`, `{"domain": "dcos", ` + base + `}`,
			[]Change{{"domain", `"mesos"`, `"dcos"`, false}}},
		"what is written is": {`{` + base + `}`, `{"SOAMname": "ns9.mesos", ` + base + `}`,
			[]Change{{"SOAMname", `"ns1.mesos."`, `"ns9.mesos."`, true}}},
		"what follows is followed": {`{` + base + `}`, `{"srvScope": "compat", ` + base + `}`,
			[]Change{{"srvScope", `"labels"`, `"compat"`, true}}},
		"secrets": {`{"mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "hunter2"}, ` + base + `}`,
			`{"mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "hunter3"}, ` + base + `}`,
			[]Change{{"mesosCredentials.secret", `"******"`, `"******"`, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := loadText(t, tt.from), loadText(t, tt.to)
			before := describe(t, from)
			got, changes := from.Follow(to)
			if !slices.Equal(changes, tt.want) {
				t.Errorf("got changes %+v, want %+v", changes, tt.want)
			}
			if describe(t, from) != before {
				t.Error("Follow changed the settings that it was called on")
			}
			_, left := got.Follow(to)
			for _, c := range left {
				if c.Live {
					t.Errorf("%s is reloadable and was not taken over", c.Key)
				}
			}
			_, kept := got.Follow(from)
			for _, c := range kept {
				if !c.Live {
					t.Errorf("%s is not reloadable and was taken over", c.Key)
				}
			}
		})
	}
}

func TestDefaultsFollowTheSettingsThatTheyDependOn(t *testing.T) {
	const base = `"masters": ["10.0.0.1:5050"]`
	from := loadText(t, `{"SOAMname": "ns9.mesos", `+base+`}`)
	got, _ := from.Follow(loadText(t, `{"srvScope": "compat", "domain": "dcos", `+base+`}`))
	if got.Unhealthy != UnhealthyInclude || got.Domain != "mesos" || got.SOA.MName != "ns1.mesos." {
		t.Errorf("got unhealthy %s, domain %s, SOAMname %s, want include, mesos, ns1.mesos.", got.Unhealthy, got.Domain, got.SOA.MName)
	}
}

// A default that depends on a live setting, and is not live itself, stays as it was; if
// that breaks a rule, it is found.
func TestDefaultsThatNeedARestartStay(t *testing.T) {
	const base = `"masters": ["10.0.0.1:5050"]`
	from := loadText(t, `{`+base+`}`)
	got, changes := from.Follow(loadText(t, `{"zoneResolvers": {"dcos.thisdcos.directory": ["10.0.0.2"]}, `+base+`}`))
	if !slices.Equal(got.AddressDomains, from.AddressDomains) || len(changes) != 2 || !changes[0].Live || changes[1].Key != "addressDomains" || changes[1].Live {
		t.Errorf("got addressDomains %v and changes %+v, want what was before and both changes", got.AddressDomains, changes)
	}
	if err := got.Check(); err == nil || !strings.Contains(err.Error(), "zoneResolvers") {
		t.Errorf("got error %v, want one about zoneResolvers", err)
	}
	if err := from.Check(); err != nil {
		t.Errorf("settings of one file: got error %v, want none", err)
	}
}

func describe(t *testing.T, c *Config) string {
	t.Helper()
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
