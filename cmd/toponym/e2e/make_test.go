//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The first commands of README.md need Go and make alone, and Ctrl-C, which reaches make
// and the demo, ends them quietly.
func TestMakeRun(t *testing.T) {
	require(t, "curl")
	requireTool(t, "make", "make")
	n := newNamespace(t)
	dir := copySource(t)
	const oneBuild = "GOFLAGS=-trimpath CGO_ENABLED=0" // so that each target finds what others have built
	for target, want := range map[string]string{"": "answer for a simulated cluster", "build": ""} {
		r := n.run(t, strings.Fields("env "+oneBuild+" make -C "+dir+" "+target)...)
		if r.status != 0 || !strings.Contains(r.stdout, want) {
			t.Fatalf("make %s: exit status %d\n%s", target, r.status, r)
		}
	}
	for _, program := range []string{"toponym", "mesos-sim"} {
		if _, err := os.Stat(filepath.Join(dir, "bin", program)); err != nil {
			t.Errorf("after make build: %v", err)
		}
	}
	cmd := exec.Command("nsenter", n.command(strings.Fields("env "+oneBuild+" make -C "+dir+" run")...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what a shell gives a command
	p := startCommand(t, cmd)
	eventually(t, "the demo is ready", func() (bool, string) {
		r := n.run(t, "curl", "-sf", "http://127.0.0.1:8123/readyz")
		return r.status == 0, r.String()
	})
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	if got := p.stderr.String(); strings.Contains(got, "***") || strings.Contains(got, "rror") {
		t.Errorf("output after Ctrl-C: got\n%s\nwant no error", got)
	}
}

// make vulncheck fails for vulnerabilities and errors. That the database cannot be reached
// is said, and is no failure.
func TestVulncheckSaysWhatWasNotChecked(t *testing.T) {
	t.Parallel()
	requireTool(t, "make", "make")
	for _, c := range []struct {
		name, prints string
		status       int
		fails        bool
		want         string
	}{
		{"nothing found", "No vulnerabilities found.", 0, false, "No vulnerabilities found."},
		{"a vulnerability", "Vulnerability #1: GO-2026-1", 3, true, "GO-2026-1"},
		{"the code does not build", "govulncheck: loading packages: errors", 1, true, "loading packages"},
		{"no network", `govulncheck: fetching vulnerabilities: Get "https://vuln.example/": no such host`, 1, false, "NOT CHECKED"},
		{"an outage", "govulncheck: fetching vulnerabilities: HTTP GET https://vuln.example/ returned unexpected status: 503", 1, false, "NOT CHECKED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := writeFile(t, "go", fmt.Sprintf("#!/bin/sh\necho '%s' >&2\nexit %d\n", c.prints, c.status))
			if err := os.Chmod(program, 0o700); err != nil {
				t.Fatal(err)
			}
			r := run(t, "make", "-C", source, "vulncheck", "GO="+program)
			if (r.status != 0) != c.fails || !strings.Contains(r.String(), c.want) {
				t.Errorf("exit status %d, want a failure: %v, and %q in\n%s", r.status, c.fails, c.want, r)
			}
			if got := strings.Contains(r.String(), "NOT CHECKED"); got != (c.want == "NOT CHECKED") {
				t.Errorf("NOT CHECKED: got %v in\n%s", got, r)
			}
		})
	}
}
