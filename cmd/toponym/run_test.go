package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outcome is what a run of the program gives.
type outcome struct {
	status         int
	stdout, stderr string
}

func runWith(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, args, nil, &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCommandLine(t *testing.T) {
	bad := writeConfig(t, `{"masters": ["10.0.0.1"], "ttl": "soon", "mesosAuthentication": "basic",
		"mesosCredentials": {"principal": "p", "secret": "hunter2"}}`)
	good := writeConfig(t, `{"masters": ["10.0.0.1:5050"], "Ttl": 30, "refreshSecond": 5,
		"mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "hunter2"}}`)
	for _, tc := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr []string // what must be there
	}{
		{"-version", []string{"-version"}, 0, []string{version()}, nil},
		{"--version", []string{"--version"}, 0, []string{version()}, nil},
		{"the flags in unit files of Mesos-DNS", []string{
			"-logtostderr=true", "-alsologtostderr", "-log_dir=/var/log", "-stderrthreshold=INFO", "-vmodule=records=2", "-log_backtrace_at", "a.go:1", "-v=2", "-version",
		}, 0, []string{version()}, nil},
		{"version", []string{"version"}, 0, []string{version()}, nil},
		{"help", []string{"help"}, 0, []string{"Usage:", "check", "demo", "preview"}, nil},
		{"--help", []string{"--help"}, 0, []string{"Usage:"}, nil},
		{"the help of a command", []string{"demo", "-help"}, 0, nil, []string{"-every", "-dns"}},
		{"an unknown command", []string{"start"}, 2, nil, []string{`unknown command "start"`, "Usage:"}},
		{"an unknown flag", []string{"-colour"}, 2, nil, []string{"-colour"}},
		{"an argument too many", []string{"-v=1", "extra"}, 2, nil, []string{`unexpected argument "extra"`}},
		{"a file that is not there", []string{"-config", "/does/not/exist.json"}, 1, nil, []string{"/does/not/exist.json"}},
		{"a bad file", []string{"-config", bad}, 1, nil, []string{"masters[0]", "ttl"}},
		{"check of a bad file", []string{"check", "-config=" + bad}, 1, nil, []string{"masters[0]", "ttl"}},
		{"check of a good file", []string{"check", "--config=" + good}, 0, []string{"refreshSeconds", "10.0.0.1:5050"}, []string{"refreshSecond", "refreshSeconds"}},
		{"demo at what is no address", []string{"demo", "-dns", "here"}, 1, nil, []string{"-dns"}},
		{"demo that never moves", []string{"demo", "-every", "0s"}, 1, nil, []string{"-every"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := runWith(t, tc.args...)
			if got.status != tc.status {
				t.Errorf("status %d, want %d", got.status, tc.status)
			}
			for _, want := range tc.stdout {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("stdout lacks %q:\n%s", want, got.stdout)
				}
			}
			for _, want := range tc.stderr {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("stderr lacks %q:\n%s", want, got.stderr)
				}
			}
			if strings.Contains(got.stdout+got.stderr, "hunter2") {
				t.Error("a secret is printed")
			}
		})
	}
}
