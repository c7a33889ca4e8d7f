//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
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

	change(settings{"ttl": 5, "watchMax": 7, "resolvers": []string{"127.0.0.1:1"}})
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new TTL", func() (bool, string) { n := s.ttl(t); return n == 5, fmt.Sprint(n) })
	for _, line := range []string{"setting=watchMax", "needs a restart", "from=10 setting=ttl to=5"} {
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

// Settings of every kind change a hundred times, most of them good and some not, while
// clients ask over UDP and TCP. Each query gets one response, and the right one: also
// while the server listens elsewhere in addition, or at all addresses.
func TestNoQueryIsLostWhileSettingsChange(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	upstreams := []*fakedns.Server{
		fakedns.Start(t, fakedns.Records("www.example.com. 60 IN A 192.0.2.1")), fakedns.Start(t, fakedns.Records("www.example.com. 60 IN A 192.0.2.1")),
	}
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	more := settings{"externalon": true, "resolvers": []string{upstreams[0].Addr.String()}, "stateSource": "stream"}
	file := configFile(t, m, s, more)
	s.process = start(t, toponym, "-config", file)
	s.waitReady(t)
	static := []string{writeFile(t, "a.zone", "static.mesos. A 192.0.2.7\n"), writeFile(t, "b.zone", "other.mesos. A 192.0.2.8\n")}

	other := fakedns.Start(t, fakedns.Records())
	taken := int(other.Addr.Port()) // of another program

	ended := make(chan struct{})
	var asked atomic.Int64
	var clients sync.WaitGroup
	for _, network := range []string{"udp", "tcp"} {
		for name, want := range map[string][]string{
			"web.marathon.mesos.": {"10.1.0.1", "10.1.0.2", "10.1.0.3"}, "www.example.com.": {"192.0.2.1"}, "nothing.marathon.mesos.": nil,
		} {
			clients.Go(func() {
				c := dns.Client{Net: network, Timeout: patience}
				conn, err := c.Dial(s.addr())
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				for !closed(ended) {
					r, _, err := c.ExchangeWithConn(new(dns.Msg).SetQuestion(name, dns.TypeA), conn)
					if err != nil {
						t.Errorf("%s over %s: got %v after %d responses, want a response", name, network, err, asked.Load())
						return
					}
					if got := addressesIn(r); !slices.Equal(got, want) || (want == nil) != (r.Rcode == dns.RcodeNameError) {
						t.Errorf("%s over %s: got %s %v, want %v", name, network, dns.RcodeToString[r.Rcode], got, want)
						return
					}
					asked.Add(1)
				}
			})
		}
	}
	readings := func() float64 { return s.metrics(t).sum("toponym_config_reloads_total") }
	for i := range 100 {
		next := maps.Clone(more)
		next["ttl"] = 5 + i%7
		switch i % 13 {
		case 0:
			next["resolvers"] = []string{upstreams[1].Addr.String()}
		case 1:
			next["zoneResolvers"] = map[string]any{"example.com": []string{upstreams[i/10%2].Addr.String()}}
		case 2:
			next["masters"] = []string{m.addr.String(), "127.0.0.1:9"}
		case 3:
			next["staticZones"] = static[:1+i/10%2]
		case 4:
			next["aliases"] = map[string]string{"shop.example.org": "web.marathon.mesos"}
		case 5:
			next["recursionAllow"], next["rateLimit"], next["cacheEntries"] = []string{"127.0.0.0/8"}, 100+i, 100+i
		case 6:
			next["ttl"] = "soon"
		case 7:
			next["staticZones"] = []string{static[0], "missing.zone"}
		case 8:
			next["srvScope"], next["stateSource"] = "compat", "poll"
		case 9:
			next["masters"], next["keepLabels"] = []string{"127.0.0.1:9"}, []string{"x"} // nobody is there
		case 10:
			next["listener"] = []string{"127.0.0.1", "127.0.0.2"}
		case 11:
			next["listener"] = "0.0.0.0"
		case 12:
			next["listener"] = []string{"127.0.0.2", local(taken)}
		}
		before := readings()
		b, err := os.ReadFile(configFile(t, m, s, next))
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err == nil {
			err = s.cmd.Process.Signal(syscall.SIGHUP)
		}
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the settings are read again", func() (bool, string) { n := readings(); return n > before, fmt.Sprint(n, before) })
		if t.Failed() {
			break
		}
	}
	close(ended)
	clients.Wait()
	t.Logf("%d responses while settings changed a hundred times", asked.Load())

	b, err := os.ReadFile(configFile(t, m, s, more))
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the master of the settings is followed", func() (bool, string) {
		st := s.status(t)
		return st.Source == "stream", fmt.Sprintf("%+v", st)
	})
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
