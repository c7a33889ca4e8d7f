package server

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/scenario"
)

// newTestServer returns a server with some settings. Nothing runs.
func newTestServer(t *testing.T, c *config.Config, logger logrus.Ext1FieldLogger) *Server {
	t.Helper()
	s, err := New(Options{Config: c, Version: "v1.2.3", URL: "https://toponym.example", Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writeSettings(t *testing.T, text string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startServer runs a server with some settings until cancel is called. done
// delivers what Run returned.
func startServer(t *testing.T, c *config.Config, logger logrus.Ext1FieldLogger) (s *Server, cancel context.CancelFunc, done <-chan error) {
	t.Helper()
	s = newTestServer(t, c, logger)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, cancel, ended
}

// serving runs a server until the test is over.
func serving(t *testing.T, c *config.Config, logger logrus.Ext1FieldLogger) *Server {
	t.Helper()
	s, cancel, done := startServer(t, c, logger)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: got %v, want no error", err)
		}
	})
	return s
}

// exchange sends a query over UDP and waits for the response for as long as a
// busy machine may take.
func exchange(m *dns.Msg, addr string) (*dns.Msg, error) {
	c := dns.Client{Timeout: time.Minute}
	r, _, err := c.Exchange(m, addr)
	return r, err
}

// answers returns the data of the answer section, sorted.
func answers(m *dns.Msg) []string {
	var data []string
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			data = append(data, rr.A.String())
		case *dns.AAAA:
			data = append(data, rr.AAAA.String())
		default:
			data = append(data, rr.String())
		}
	}
	slices.Sort(data)
	return data
}

// From a master's state to an answer, and on without the master.
func TestAnswersFollowAMaster(t *testing.T) {
	cluster := scenario.NewDemo(scenario.Options{})
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
	c.Listener, c.Port = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0
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
		testutil.Eventually(t, func() bool { return strings.Join(ask(t, s, tc.name, tc.qtype), " ") == strings.Join(tc.want, " ") },
			"%s %s is %v", tc.name, dns.Type(tc.qtype), tc.want)
	}

	before := strings.Join(ask(t, s, "cart-shop.marathon.mesos.", dns.TypeA), " ")
	if _, err := cluster.Do(scenario.Action{Do: "move", App: "/shop/cart", Count: 1}); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, func() bool {
		now := strings.Join(ask(t, s, "cart-shop.marathon.mesos.", dns.TypeA), " ")
		return now != before && now != ""
	}, "cart-shop is no longer at %v", before)

	// Answers stay without a master.
	away()
	if got := ask(t, s, "nginx.marathon.mesos.", dns.TypeA); len(got) != 3 {
		t.Errorf("without a master: got %v, want 3 addresses", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: got %v, want no error", err)
	}
}

// ask returns the data that is answered for a name, sorted.
func ask(t *testing.T, s *Server, name string, qtype uint16) []string {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	r, err := exchange(m, s.DNSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return answers(r)
}

func TestPortInUseIsNamedWithItsSetting(t *testing.T) {
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
	first := newTestServer(t, c, log)
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	c.Port = first.DNSAddr().Port()
	second := newTestServer(t, c, log)
	port := fmt.Sprint(c.Port)
	if err := second.Listen(); err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), ":"+port+" (settings listener and port)") {
		t.Errorf("DNS: got error %v, want one that names port %s and its setting", err, port)
	}
	c.DNSOn, c.HTTPOn = false, true
	c.HTTPListener, c.HTTPPort = c.Listener[0].Addr, c.Port
	if err := newTestServer(t, c, log).Listen(); err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), ":"+port+" (settings HTTPListener and httpport)") {
		t.Errorf("HTTP: got error %v, want one that names port %s and its setting", err, port)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Run(ctx); err != nil {
		t.Error(err)
	}
}
