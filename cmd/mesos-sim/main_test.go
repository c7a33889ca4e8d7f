package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"toponym/internal/testutil"
	"toponym/sim/scenario"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestMistakesOnTheCommandLineAreNamed: each is an error that names its flag or file.
func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	one := writeFile(t, "principal hunter2\n\n")
	odd := writeFile(t, "principal hunter2 x\n")
	none := writeFile(t, "\n")
	file := writeFile(t, "apps: [{id: web, cmd: x, portDefinitions: [{protocol: sctp}]}]\nchurn: {task: 1}")
	for _, tc := range []struct {
		args string
		want string // on stderr
	}{
		{"-listen here", "-listen"},
		{"-listen 127.0.0.1:65535 -masters 2", "2 masters need ports up to 65536"},
		{"-masters 0", "-masters"},
		{"-masters 10", "-masters"},
		{"-churn many", "1000/s"},
		{"-churn 5/d", "1000/s"},
		{"-churn NaN", "1000/s"},
		{"-churn -1/s", "1000/s"},
		{"-tasks -1", "tasks: -1 is not between"},
		{"-agents 1000000", "agents: 1000000 is not between"},
		{"-zk 127.0.0.1", "-zk"},
		{"-cert x.pem", "want both or neither"},
		{"-cert x.pem -key x.key", "-cert"},
		{"-credentials " + odd, "file:1: want a principal"},
		{"-credentials " + none, "no credentials"},
		{"-credentials /does/not/exist", "/does/not/exist"},
		{"-scenario /does/not/exist", "/does/not/exist"},
		{"-scenario " + file, "line 1: apps[0].portDefinitions[0].protocol: "},
		{"-scenario " + file, "line 2: churn.task: "},
		{"-heartbeat 0s", "-heartbeat"},
		{"-recovery -1s", "-recovery"},
		{"-max-subscribers 0", "-max-subscribers"},
		{"-listen 127.0.0.1:0 -control nowhere", "-control"},
		{"-listen 127.0.0.1:0 -marathon nowhere", "-marathon"},
		{"-listen 192.0.2.1:1 -credentials " + one, "-listen: masters: master 0: listen tcp 192.0.2.1:1"},
		{"extra", `unexpected argument "extra"; "mesos-sim -h" lists the flags`},
		{"-colour", `-colour; "mesos-sim -h" lists the flags`},
	} {
		var stdout, stderr screen
		if status := run(t.Context(), strings.Fields(tc.args), &stdout, &stderr); status == statusOK || !strings.Contains(stderr.String(), tc.want) {
			t.Errorf("%s: status %d, want a failure that says %q:\n%s", tc.args, status, tc.want, &stderr)
		}
		if strings.Contains(stderr.String(), "hunter2") {
			t.Errorf("%s: a secret is printed", tc.args)
		}
	}
}

func TestRatesAreReadPerUnit(t *testing.T) {
	for in, want := range map[string]string{"1000/s": "1000/s", "30/m": "0.5/s", "36/h": "0.01/s", "7": "7/s", "0": "0/s"} {
		var p perSecond
		if err := p.Set(in); err != nil || p.String() != want {
			t.Errorf("%s is %s, error %v, want %s", in, p.String(), err, want)
		}
	}
}

// screen is a stdout that is read while it is written.
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

func TestSimulationRunsAndStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out, log screen
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--masters", "2", "--tasks", "40", "--churn", "200/s", "--agent-churn", "1/h", "--marathon", "127.0.0.1:0"}, &out, &log)
	}()
	testutil.Eventually(t, func() bool { return strings.Contains(out.String(), "Ctrl-C") }, "it does not say what runs: %v", &log)
	text := out.String()
	for _, want := range []string{"2 agents, 3 frameworks, 40 tasks", "(leads)", "master 1", "SUBSCRIBE"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	control := regexp.MustCompile(`http://\S+/sim/status`).FindString(text)
	status := func() (o scenario.Overview) {
		resp, err := http.Get(control)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	testutil.Eventually(t, func() bool { return status().Steps > 20 }, "nothing happens")
	before := status().Tasks
	api := regexp.MustCompile(`http://\S+/v2/apps`).FindString(text)
	resp, err := http.Post(api, "application/json", strings.NewReader(`{"id": "hello", "cmd": "x", "instances": 200}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("%s: %s", api, resp.Status)
	}
	testutil.Eventually(t, func() bool { return status().Tasks > before+100 }, "the app does not run")
	cancel()
	if code := <-done; code != statusOK {
		t.Errorf("status %d, want 0: %s", code, &log)
	}
}

// Help that was asked for is output, so that a pager can show it.
func TestHelpGoesToStandardOutput(t *testing.T) {
	for _, arg := range []string{"-h", "-help", "--help", "help"} {
		var stdout, stderr screen
		if status := run(t.Context(), []string{arg}, &stdout, &stderr); status != statusOK || stderr.String() != "" {
			t.Errorf("%s: status %d, standard error %q, want 0 and nothing", arg, status, &stderr)
		}
		for _, want := range []string{"simulated Mesos cluster", "-tasks", "-listen ADDRESS"} {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%s: got %q, want it to say %q", arg, &stdout, want)
			}
		}
	}
}
