package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Both toponym check and the server itself name all faults of all files, by line.
func TestStaticZonesAreChecked(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "good.zone"), "db.mesos. A 10.0.0.1\n")
	write(t, filepath.Join(dir, "bad.zone"), "db.mesos. A 10.0.0.1\nx.mesos. A nonsense\n\ny.elsewhere. A 10.0.0.2\n")
	file := filepath.Join(dir, "config.json")
	for _, tc := range []struct {
		list   string
		status int
		stderr []string
	}{
		{`["good.zone"]`, 0, []string{"the configuration can be used\n"}},
		{`["good.zone", "bad.zone"]`, 1, []string{filepath.Join(dir, "bad.zone") + ":2: bad A A", filepath.Join(dir, "bad.zone") + ":4: y.elsewhere. A: the name is in no zone"}},
		{`["none.zone"]`, 1, []string{filepath.Join(dir, "none.zone") + ": cannot be read: no such file"}},
		{`["."]`, 1, []string{dir + ": cannot be read: is a directory"}},
	} {
		write(t, file, `{"masters": ["127.0.0.1:1"], "staticZones": `+tc.list+`}`)
		got := runWith(t, "check", "-config", file)
		if got.status != tc.status {
			t.Errorf("%s: status %d\n%s", tc.list, got.status, got.stderr)
		}
		if tc.status == 1 {
			served := runWith(t, "-config", file)
			if served.status != 1 || !strings.HasSuffix(served.stderr, got.stderr) {
				t.Errorf("%s: the server says\n%s\nand not\n%s", tc.list, served.stderr, got.stderr)
			}
		}
		for _, want := range tc.stderr {
			if !strings.Contains(got.stderr, want) {
				t.Errorf("%s: %q is not in\n%s", tc.list, want, got.stderr)
			}
		}
	}
}

// Errors of zone files appear beside those of settings, not after them.
func TestCheckReportsErrorsOfZoneFilesAndSettingsTogether(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	write(t, filepath.Join(dir, "bad.zone"), "x.mesos. A nonsense\n")
	write(t, file, `{"masters": ["127.0.0.1:1"], "ttl": -1, "staticZones": ["bad.zone"]}`)
	got := runWith(t, "check", "-config", file)
	for _, want := range []string{"ttl: -1 is out of range", filepath.Join(dir, "bad.zone") + ":1: bad A A"} {
		if got.status != statusFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("got status %d and\n%s\nwant status %d and %q", got.status, got.stderr, statusFailed, want)
		}
	}
}

// A stateDir is tried out, beside other errors, and nothing is left there.
func TestCheckTriesStateDir(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	state := filepath.Join(dir, "not", "yet")
	write(t, file, `{"masters": ["127.0.0.1:1"], "stateDir": "`+state+`"}`)
	if got := runWith(t, "check", "-config", file); got.status != statusOK || strings.Contains(got.stderr, "stateDir") {
		t.Errorf("got status %d and %s, want no error for a directory that can be made", got.status, got.stderr)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("got %v and %v, want the file of settings alone", list, err)
	}
	notDir := filepath.Join(dir, "file")
	write(t, notDir, "")
	write(t, file, `{"masters": ["127.0.0.1:1"], "stateDir": "`+notDir+`"}`)
	if got := runWith(t, "check", "-config", file); got.status != statusFailed || strings.Count(got.stderr, "stateDir") != 1 {
		t.Errorf("a file: got status %d and\n%s\nwant status %d and one error", got.status, got.stderr, statusFailed)
	}
	if err := os.Remove(notDir); err != nil {
		t.Fatal(err)
	}
	write(t, file, `{"masters": ["127.0.0.1:1"], "stateDir": "`+state+`"}`)
	if _, err := os.Stat("/proc/self"); err == nil && os.Geteuid() == 0 { // others may not even try
		write(t, file, `{"masters": ["127.0.0.1:1"], "ttl": -1, "stateDir": "/proc/none/state"}`)
		got := runWith(t, "check", "-config", file)
		for _, want := range []string{"ttl: -1 is out of range", `stateDir: "/proc/none/state" cannot be created: its file system takes no new files or directories`} {
			if got.status != statusFailed || !strings.Contains(got.stderr, want) {
				t.Errorf("got status %d and\n%s\nwant status %d and %q", got.status, got.stderr, statusFailed, want)
			}
		}
		return
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if got := runWith(t, "check", "-config", file); got.status != statusOK || !strings.Contains(got.stderr, "warning: stateDir: ") || !strings.Contains(got.stderr, "cannot be written by the user who checks") {
		t.Errorf("got status %d and %s, want a warning", got.status, got.stderr)
	}
}

func TestCheckWarnsOfUpstreamServersThatAreTheServer(t *testing.T) {
	for settings, want := range map[string]string{
		`"listener": "127.0.0.1", "port": 8055, "resolvers": ["127.0.0.1:8055", "10.0.0.1"]`: "warning: resolvers: 127.0.0.1:8055 is this server itself and will be ignored\n",
		`"listener": ["10.0.0.1", "[::1]:54"], "zoneResolvers": {"a.b": ["[::1]:54"]}`:       "warning: zoneResolvers[\"a.b\"]: [::1]:54 is this server itself and will be ignored\n",
		`"resolvers": ["127.0.0.53"]`: "warning: resolvers: 127.0.0.53:53 is this server itself and will be ignored\n",
		`"listener": "10.0.0.1", "resolvers": ["127.0.0.53", "10.0.0.1:54", "tls://10.0.0.1", "10.0.0.2"]`: "",
		`"dnson": false, "resolvers": ["127.0.0.1"]`:                                                       "",
	} {
		got := runWith(t, "check", "-config", writeConfig(t, `{"masters": ["10.0.0.1:5050"], `+settings+`}`))
		want += "the configuration can be used\n"
		if got.status != statusOK || got.stderr != want {
			t.Errorf("%s: got status %d and %q, want 0 and %q", settings, got.status, got.stderr, want)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
