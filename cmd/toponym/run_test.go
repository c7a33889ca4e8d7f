package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/sim"
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
		{"version", []string{"version"}, 0, []string{version()}, nil},
		{"help", []string{"help"}, 0, []string{"Usage:", "check", "demo", "preview"}, nil},
		{"--help", []string{"--help"}, 0, []string{"Usage:"}, nil},
		{"the help of a command", []string{"demo", "-help"}, 0, nil, []string{"-every", "-dns"}},
		{"an unknown command", []string{"start"}, 2, nil, []string{`no command "start"`, "Usage:"}},
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

// The whole program, from a master's state to an answer.
func TestServe(t *testing.T) {
	cluster := sim.NewDemo(sim.DemoOptions{Seed: 1})
	web := httptest.NewUnstartedServer(nil)
	at := netip.MustParseAddrPort(web.Listener.Addr().String())
	web.Config.Handler = sim.NewMaster(cluster.Cluster, sim.MasterOptions{Addr: at})
	web.Start()
	away := func() {
		web.Listener.Close() // nobody comes back
		web.CloseClientConnections()
		web.Close()
	}
	defer away()

	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: at.Addr().String(), Port: at.Port()}}
	c.Refresh = 10 * time.Millisecond
	c.Listener, c.Port = netip.MustParseAddr("127.0.0.1"), 0
	c.HTTPListener, c.HTTPPort = netip.MustParseAddr("127.0.0.1"), 0
	log, _ := test.NewNullLogger()
	s, cancel, done := startServer(t, c, log)

	for _, tc := range []struct {
		name  string
		qtype uint16
		want  []string
	}{
		{"nginx.marathon.mesos.", dns.TypeA, []string{"192.168.50.65", "192.168.50.66", "192.168.84.192"}},
		{"dual.marathon.mesos.", dns.TypeAAAA, []string{"fd01:b::2:8000:2"}},
		{"leader.mesos.", dns.TypeA, []string{"127.0.0.1"}},
		{"marathon.mesos.", dns.TypeA, []string{"10.0.1.11"}},
	} {
		eventually(t, func() bool { return strings.Join(ask(t, s, tc.name, tc.qtype), " ") == strings.Join(tc.want, " ") },
			"%s %s is not %v", tc.name, dns.Type(tc.qtype), tc.want)
	}

	before := strings.Join(ask(t, s, "cart-shop.marathon.mesos.", dns.TypeA), " ")
	if err := cluster.Move(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		now := strings.Join(ask(t, s, "cart-shop.marathon.mesos.", dns.TypeA), " ")
		return now != before && now != ""
	}, "cart-shop still is at %v", before)

	// A master that is away takes nothing with it.
	away()
	if got := ask(t, s, "nginx.marathon.mesos.", dns.TypeA); len(got) != 3 {
		t.Errorf("without a master: %v", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

// ask gives the data of an answer, sorted.
func ask(t *testing.T, s *server, name string, qtype uint16) []string {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	r, err := dns.Exchange(m, s.dnsAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return answers(r)
}

func TestTakenPort(t *testing.T) {
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.Listener, c.Port, c.HTTPOn = netip.MustParseAddr("127.0.0.1"), 0, false
	first, err := newServer(c, log, &tuning{cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.listen(); err != nil {
		t.Fatal(err)
	}
	c.Port = first.dnsAddr().Port()
	second, err := newServer(c, log, &tuning{cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.listen(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.run(ctx); err != nil {
		t.Error(err)
	}
}
