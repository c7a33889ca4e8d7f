package server

import (
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

// standIn is a master on a port of its own, which can be killed.
type standIn struct {
	*httptest.Server
	at netip.AddrPort
}

func newStandIn(t *testing.T) *standIn {
	web := httptest.NewUnstartedServer(nil)
	web.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // streams that break are what this is about
	return &standIn{web, netip.MustParseAddrPort(web.Listener.Addr().String())}
}

func (s *standIn) lead(c *sim.Cluster, o sim.MasterOptions) {
	o.Addr = s.at
	s.Config.Handler = sim.NewMaster(c, o)
	s.Start()
}

func (s *standIn) kill() {
	s.Listener.Close()
	s.CloseClientConnections()
	s.Close()
}

// A master is killed and another takes over, to which the agents come back one
// by one. Queries that are sent all the time for tasks that never stop get
// their addresses each time.
func TestFailoverSeenFromOutside(t *testing.T) {
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
			first, second := newStandIn(t), newStandIn(t)
			first.lead(cluster, sim.MasterOptions{})
			defer second.kill()

			c := config.Defaults()
			c.StateSource = source
			c.Refresh, c.AgentReregisterTimeout = 100*time.Millisecond, time.Minute
			for _, m := range []*standIn{first, second} {
				c.Masters = append(c.Masters, config.HostPort{Host: m.at.Addr().String(), Port: m.at.Port()})
			}
			c.Listener, c.Port, c.HTTPOn = netip.MustParseAddr("127.0.0.1"), 0, false
			log, _ := test.NewNullLogger()
			s, cancel, done := startServer(t, c, log)
			name := func(i int) string { return fmt.Sprintf("app-%d.marathon.mesos.", i) }
			for i := range agents {
				testutil.Eventually(t, func() bool { return len(ask(t, s, name(i), dns.TypeA)) == 1 }, "%s has no address", name(i))
			}

			var over atomic.Bool
			asked := make(chan int)
			go func() {
				n := 0
				for ; !over.Load(); n++ {
					i := n % len(agents)
					r, err := dns.Exchange(new(dns.Msg).SetQuestion(name(i), dns.TypeA), s.DNSAddr().String())
					if err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) != 1 {
						t.Errorf("%s: %v, %v", name(i), r, err)
						break
					}
				}
				asked <- n
			}()
			cluster.Failover()
			first.kill()
			time.Sleep(100 * time.Millisecond)
			second.lead(cluster, sim.MasterOptions{Recovery: 300 * time.Millisecond})
			testutil.Eventually(t, func() bool { return s.watcher.Status().Retained == len(agents) }, "nobody noticed: %+v", s.watcher.Status())
			for _, id := range agents {
				time.Sleep(100 * time.Millisecond)
				if err := cluster.Reregister(id); err != nil {
					t.Fatal(err)
				}
			}
			if err := cluster.SetConnected(framework, true); err != nil {
				t.Fatal(err)
			}
			testutil.Eventually(t, func() bool { return s.watcher.Status().Retained == 0 }, "agents are still waited for: %+v", s.watcher.Status())
			over.Store(true)
			if n := <-asked; n < 100 {
				t.Errorf("%d queries are too few to tell", n)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
