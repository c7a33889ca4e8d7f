package server

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim"
)

// testMaster is a master with a port of its own that can be killed.
type testMaster struct {
	*httptest.Server
	at netip.AddrPort
}

func newTestMaster(t *testing.T) *testMaster {
	web := httptest.NewUnstartedServer(nil)
	web.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // broken streams are expected
	return &testMaster{web, netip.MustParseAddrPort(web.Listener.Addr().String())}
}

func (s *testMaster) lead(c *sim.Cluster, o sim.MasterOptions) {
	o.Addr = s.at
	s.Config.Handler = sim.NewMaster(c, o)
	s.Start()
}

func (s *testMaster) kill() {
	s.Listener.Close()
	s.CloseClientConnections()
	s.Close()
}

// While a master is killed, another one takes over, and the agents register with
// it one by one, every query for a running task gets its address.
func TestNoNameIsLostDuringAFailover(t *testing.T) {
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		t.Run(string(source), func(t *testing.T) {
			cluster := sim.NewCluster(sim.Options{Seed: 1})
			framework, err := cluster.AddFramework(sim.Framework{Name: "marathon", Checkpoint: true, Capabilities: []string{"PARTITION_AWARE"}})
			if err != nil {
				t.Fatal(err)
			}
			var agents []string
			for i := range 6 {
				id, err := cluster.AddAgent(sim.Agent{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 1)}), 5051)})
				if err != nil {
					t.Fatal(err)
				}
				agents = append(agents, id)
				task := sim.Task{Name: fmt.Sprint("app-", i), FrameworkID: framework, AgentID: id, Resources: sim.Resources{CPUs: 1, Mem: 1}}
				if _, err := cluster.StartTask(task); err != nil {
					t.Fatal(err)
				}
			}
			first, second := newTestMaster(t), newTestMaster(t)
			first.lead(cluster, sim.MasterOptions{})
			defer second.kill()

			c := config.Defaults()
			c.StateSource = source
			c.Refresh, c.AgentReregisterTimeout = 100*time.Millisecond, time.Hour
			for _, m := range []*testMaster{first, second} {
				c.Masters = append(c.Masters, config.HostPort{Host: m.at.Addr().String(), Port: m.at.Port()})
			}
			c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
			log, _ := test.NewNullLogger()
			s, cancel, done := startServer(t, c, log)
			name := func(i int) string { return fmt.Sprintf("app-%d.marathon.mesos.", i) }
			for i := range agents {
				testutil.EventuallyEqual(t, 1, func() int { return len(ask(t, s, name(i), dns.TypeA)) }, "addresses of %s", name(i))
			}

			asking, stopAsking := context.WithCancel(t.Context())
			var asked atomic.Int64
			asker := make(chan struct{})
			go func() {
				defer close(asker)
				for i := 0; asking.Err() == nil; i = (i + 1) % len(agents) {
					r, err := exchange(new(dns.Msg).SetQuestion(name(i), dns.TypeA), s.DNSAddr().String())
					if err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) != 1 {
						t.Errorf("%s: got %v, error %v, want one address", name(i), r, err)
						return
					}
					asked.Add(1)
				}
			}()
			// askMore lets each name be asked for several times.
			askMore := func() {
				enough := asked.Load() + int64(5*len(agents))
				testutil.Eventually(t, func() bool { return asked.Load() >= enough || t.Failed() }, "%d queries are answered", enough)
			}
			retained := func() int { return s.masterStatus().Retained }
			cluster.Failover()
			first.kill()
			askMore()
			second.lead(cluster, sim.MasterOptions{Recovery: 300 * time.Millisecond})
			testutil.EventuallyEqual(t, len(agents), retained, "agents retained after the failover")
			for _, id := range agents {
				askMore()
				if err := cluster.Reregister(id); err != nil {
					t.Fatal(err)
				}
			}
			if err := cluster.SetConnected(framework, true); err != nil {
				t.Fatal(err)
			}
			testutil.EventuallyEqual(t, 0, retained, "agents retained after all have re-registered")
			askMore()
			stopAsking()
			<-asker
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: got %v, want no error", err)
			}
		})
	}
}
