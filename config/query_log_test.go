package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestQueryLogAndDnstap(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "queryLog": "queries.log", "queryLogCodes": ["NXDOMAIN", "None"],
		"queryLogNames": ["Marathon.mesos."], "queryLogClients": ["10.0.0.0/8"], "queryLogSample": 10,
		"dnstap": "tcp://[fd00::1]:6000", "dnstapMessages": ["CLIENT_QUERY"]}`)
	if len(warnings) > 0 {
		t.Errorf("got warnings %v, want none", warnings)
	}
	if filepath.Base(c.QueryLog) != "queries.log" || !filepath.IsAbs(c.QueryLog) || !slices.Equal(c.QueryLogCodes, []string{"nxdomain", "none"}) ||
		!slices.Equal(c.QueryLogNames, []string{"marathon.mesos"}) || c.QueryLogSample != 10 {
		t.Errorf("got %q %q %q %d, want a path beside the settings, and what was given", c.QueryLog, c.QueryLogCodes, c.QueryLogNames, c.QueryLogSample)
	}
	if c.Dnstap != (DnstapOutput{"tcp", "[fd00::1]:6000"}) || !slices.Equal(c.DnstapMessages, []string{"client_query"}) {
		t.Errorf("got %v %v, want what was given", c.Dnstap, c.DnstapMessages)
	}
	for _, s := range []string{"log", " LOG "} {
		if c, _ := mustLoad(t, "c.json", `{`+where+`, "queryLog": "`+s+`"}`); c.QueryLog != QueryLogToLog {
			t.Errorf("%q: got %q, want %q", s, c.QueryLog, QueryLogToLog)
		}
	}
}

func TestQueryLogAndDnstapThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for settings, want := range map[string]string{
		`"queryLog": "DIR/sub"`:                               "is not a regular file",
		`"queryLog": "DIR/no/such.log"`:                       "is in no directory that exists",
		`"queryLogCodes": ["NXDOMAINS"], "queryLog": "log"`:   "is not known",
		`"queryLogSample": 0, "queryLog": "log"`:              "is out of range",
		`"dnstap": "/run/dnstap.sock"`:                        "is not a URL",
		`"dnstap": "udp://10.0.0.1:6000"`:                     "is neither unix, tcp nor file",
		`"dnstap": "tcp://collector:6000"`:                    "has no IP address with a port",
		`"dnstap": "unix://dnstap.sock"`:                      "has no absolute path",
		`"dnstap": "file:///no/such/directory/tap"`:           "is in no directory that exists",
		`"dnstap": "file:///dev/null"`:                        "is not a regular file",
		`"dnstapMessages": [], "dnstap": "tcp://10.0.0.1:60"`: "is empty",
	} {
		file := filepath.Join(dir, "c.json")
		if err := os.WriteFile(file, []byte(`{`+where+`, `+strings.ReplaceAll(settings, "DIR", dir)+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", settings, err, want)
		}
	}
}

func TestSettingsOfALogThatIsOffAreWarnedOf(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "queryLogSample": 5, "dnstapRate": 5}`)
	var keys []string
	for _, w := range warnings {
		key, _, _ := strings.Cut(w, ":")
		keys = append(keys, key)
	}
	if !slices.Equal(keys, []string{"queryLogSample", "dnstapRate"}) {
		t.Errorf("got warnings for %q, want queryLogSample and dnstapRate", keys)
	}
}
