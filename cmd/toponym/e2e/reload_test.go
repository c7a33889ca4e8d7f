//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// ttl returns the TTL of the addresses of the app web.
func (s *server) ttl(t *testing.T) uint32 {
	t.Helper()
	r := s.firstResponse(t, "web.marathon.mesos.")
	if len(r.Answer) == 0 {
		t.Fatalf("answer: got none, want addresses:\n%v", r)
	}
	return r.Answer[0].Header().Ttl
}

func TestSettingsAreReadAgain(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	file := configFile(t, m, s, nil)
	s.process = start(t, toponym, "-config", file)
	s.waitReady(t)
	if n := s.ttl(t); n != 10 {
		t.Fatalf("TTL: got %d, want 10", n)
	}
	change := func(more settings) {
		t.Helper()
		b, err := os.ReadFile(configFile(t, m, s, more))
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	change(settings{"ttl": 5, "maxUDPSize": 4096, "resolvers": []string{"127.0.0.1:1"}})
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new TTL", func() (bool, string) { n := s.ttl(t); return n == 5, fmt.Sprint(n) })
	for _, line := range []string{"setting=maxUDPSize", "needs a restart", "from=10 setting=ttl to=5"} {
		eventually(t, fmt.Sprintf("the log says %q", line), func() (bool, string) {
			log := s.stderr.String()
			return strings.Contains(log, line), log
		})
	}
	eventually(t, "/v1/config shows TTL 5", func() (bool, string) {
		var shown struct{ TTL int }
		_, body, err := s.get("/v1/config")
		return err == nil && json.Unmarshal([]byte(body), &shown) == nil && shown.TTL == 5, fmt.Sprintf("TTL %d, error %v", shown.TTL, err)
	})

	change(settings{"ttl": "soon", "port": -1})
	eventually(t, "the log names all errors", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "ttl: ") && strings.Contains(log, "port: "), log
	})
	if n := s.ttl(t); n != 5 || !s.running() {
		t.Errorf("TTL after a file with errors: got %d, want 5", n)
	}

	// A change of the file is noticed without a signal.
	change(settings{"ttl": 6})
	eventually(t, "the new TTL", func() (bool, string) { n := s.ttl(t); return n == 6, fmt.Sprint(n) })
	if r := s.firstResponse(t, "web.marathon.mesos."); r.Rcode != dns.RcodeSuccess {
		t.Errorf("got %s, want NOERROR", dns.RcodeToString[r.Rcode])
	}
}
