package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toponym/internal/secondary"
)

// secondaryConfig writes settings with keys, and returns the arguments that name
// them.
func secondaryConfig(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	text := `{"masters": ["10.0.0.1:5050"], "listener": "10.0.0.9", "catalogZone": "catalog.example", "transferAllow": ["key:one.example"],
		"tsigKeys": {"one.example": {"secret": "MDEyMzQ1Njc4OWFiY2RlZg=="}` + more + `}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is printed has the zones, keys and addresses of the settings.
func TestSecondaryPrintsTheCurrentSettings(t *testing.T) {
	file := secondaryConfig(t, "")
	for kind, want := range map[string][]string{
		"knot":    {"address: 10.0.0.9@53", "catalog.example.", `secret: "MDEyMzQ1Njc4OWFiY2RlZg=="`, "listen: 0.0.0.0@53"},
		"nsd":     {`name: "mesos."`, `name: "dcos.thisdcos.directory."`, `name: "thisdcos.global."`, "request-xfr: 10.0.0.9@53 one.example"},
		"unbound": {`name: "mesos."`, "primary: 10.0.0.9@53"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(context.Background(), []string{"secondary", kind, "-config", file}, nil, &stdout, &stderr); status != statusOK {
			t.Errorf("%s: got status %d, %s", kind, status, &stderr)
		}
		for _, w := range want {
			if !strings.Contains(stdout.String(), w) {
				t.Errorf("%s: got\n%s\nwant %q in it", kind, &stdout, w)
			}
		}
	}
}

// Errors say what to do.
func TestSecondaryErrors(t *testing.T) {
	file := secondaryConfig(t, "")
	two := secondaryConfig(t, `, "two.example": {"secret": "MDEyMzQ1Njc4OWFiY2RlZg=="}`)
	nobody := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(nobody, []byte(`{"masters": ["10.0.0.1:5050"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{}, statusUsage, "want one of bind, coredns, knot"},
		{[]string{"djbdns"}, statusUsage, "want one of bind, coredns, knot"},
		{[]string{"knot", "nsd"}, statusUsage, "want one of"},
		{[]string{"knot", "-config", nobody}, statusFailed, "transferAllow is empty"},
		{[]string{"knot", "-config", two}, statusFailed, "choose one with -key: one.example, two.example"},
		{[]string{"knot", "-config", file, "-key", "three.example"}, statusFailed, `tsigKeys has no key "three.example"`},
		{[]string{"unbound", "-config", file, "-key", "one.example"}, statusFailed, "Unbound 1.17 cannot sign"},
		{[]string{"knot", "-config", file, "-primary", "ns1"}, statusFailed, `-primary "ns1" is neither an IP address nor IP:port`},
		{[]string{"knot", "-config", file, "-listen", "53"}, statusFailed, `-listen "53" is not IP:port`},
		{[]string{"coredns", "-config", file, "-downstream", "10.0.0.3"}, statusFailed, "CoreDNS cannot give the zones"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(context.Background(), append([]string{"secondary"}, tc.args...), nil, &stdout, &stderr)
		if status != tc.status || !strings.Contains(stderr.String(), tc.want) || stdout.Len() > 0 {
			t.Errorf("%v: got status %d, %q and %q; want %d, %q and nothing", tc.args, status, &stderr, &stdout, tc.status, tc.want)
		}
	}
}

// The commands of docs/scaling.md work with the settings that stand there.
func TestCommandsOfTheScalingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	config := block(t, string(page), "    {\n", "    }\n")
	for name, text := range map[string]string{"config.json": config, "secondary.key": "MDEyMzQ1Njc4OWFiY2RlZg=="} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kinds := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ toponym secondary ")
		if !ok {
			continue
		}
		args := strings.Fields(command)
		kinds[args[0]] = true
		var stdout, stderr bytes.Buffer
		if status := run(context.Background(), append([]string{"secondary"}, args...), nil, &stdout, &stderr); status != statusOK || stdout.Len() == 0 {
			t.Errorf("%s: got status %d, %s", command, status, &stderr)
		}
	}
	for _, kind := range secondary.Kinds() {
		if !kinds[kind] {
			t.Errorf("the page has no command for %s", kind)
		}
	}
}

// block returns the first part of a page from one line to another, both included.
func block(t *testing.T, page, first, last string) string {
	t.Helper()
	from := strings.Index(page, first)
	if from < 0 {
		t.Fatalf("got no %q in the page", first)
	}
	to := strings.Index(page[from:], last)
	if to < 0 {
		t.Fatalf("got no %q behind it", last)
	}
	return page[from : from+to+len(last)]
}
