package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"toponym/internal/testutil"
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
	bad := writeConfig(t, `{"masters": ["10.0.0.1:x"], "ttl": "soon", "mesosAuthentication": "basic",
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
		{"help for help", []string{"help", "help"}, 0, []string{"Usage:"}, nil},
		{"help for a command", []string{"help", "demo"}, 0, []string{"-every", "-dns"}, nil},
		{"help for an unknown command", []string{"help", "start"}, 2, nil, []string{`unknown command "start"`}},
		{"an unknown command", []string{"start"}, 2, nil, []string{`unknown command "start"`, `"toponym help"`}},
		{"a mistyped command", []string{"chekc"}, 2, nil, []string{`unknown command "chekc"; did you mean "check"?`}},
		{"an unknown flag", []string{"-colour"}, 2, nil, []string{"-colour"}},
		{"an argument too many", []string{"-v=1", "extra"}, 2, nil, []string{`unexpected argument "extra"`}},
		{"a file that is not there", []string{"-config", "/does/not/exist.json"}, 1, nil, []string{"/does/not/exist.json: no such file", "-config", "toponym demo"}},
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

// TestPortsInUseAreNamedWithTheirFlag: each address of the demo has a flag.
func TestPortsInUseAreNamedWithTheirFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, taken := range []string{"-master", "-dns", "-http", "-marathon"} {
		args := []string{"demo"}
		for _, name := range []string{"-master", "-dns", "-http", "-marathon"} {
			at := "127.0.0.1:0"
			if name == taken {
				at = l.Addr().String()
			}
			args = append(args, name, at)
		}
		o := runWith(t, args...)
		if o.status != statusFailed || !strings.Contains(o.stderr, l.Addr().String()+" (flag "+taken+")") || !strings.Contains(o.stderr, "in use") {
			t.Errorf("%s: status %d, want 1, the flag and the address:\n%s", taken, o.status, o.stderr)
		}
	}
}

// TestDemoHasAControlAPI: below /sim/ of its master, and an end by a signal is no
// error.
func TestDemoHasAControlAPI(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr screen
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"demo", "-master", "127.0.0.1:0", "-dns", "127.0.0.1:0", "-http", "127.0.0.1:0", "-marathon", "127.0.0.1:0"}, nil, &stdout, &stderr)
	}()
	testutil.Eventually(t, func() bool { return strings.Contains(stdout.String(), "Ctrl-C") }, "the demo does not say what runs: %v", &stderr)
	control := regexp.MustCompile(`http://\S+/sim`).FindString(stdout.String())
	call := func(path, body string) (int, string) {
		t.Helper()
		method := "GET"
		if body != "" {
			method = "POST"
		}
		r, err := http.NewRequestWithContext(ctx, method, control+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if status, body := call("/status", ""); status != 200 || !strings.Contains(body, `"tasks": 14`) || !strings.Contains(body, `"leader": 0`) {
		t.Errorf("/sim/status: %d %s", status, body)
	}
	if status, body := call("/do", `[{"do": "move", "app": "/shop/cart", "count": 1}, {"do": "health", "app": "blog", "healthy": false}]`); status != 200 {
		t.Errorf("/sim/do: %d %s", status, body)
	}
	if status, body := call("/do", `{"do": "master-kill"}`); status != 409 || !strings.Contains(body, "mesos-sim") {
		t.Errorf("/sim/do: %d %s, want 409 and the program that can", status, body)
	}
	cancel()
	if status := <-done; status != statusOK {
		t.Errorf("exit status %d, want 0: %v", status, &stderr)
	}
}

// screen is an output that is read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
