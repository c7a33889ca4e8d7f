package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/scenario"
)

// A server without masters in its settings asks the agent on its machine.
func TestTheLocalAgentNamesTheMaster(t *testing.T) {
	cluster := scenario.NewDemo(scenario.Options{})
	web := httptest.NewUnstartedServer(nil)
	at := netip.MustParseAddrPort(web.Listener.Addr().String())
	web.Config.Handler = sim.NewMaster(cluster.Cluster, sim.MasterOptions{Addr: at})
	web.Start()
	t.Cleanup(web.Close) // after the server has ended, which follows a stream
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/flags" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"flags": {"master": %q, "work_dir": "/var/lib/mesos"}}`, at)
	}))
	t.Cleanup(agent.Close)

	c := config.Defaults()
	c.Mesos = strings.TrimPrefix(agent.URL, "http://")
	c.Listener, c.Port = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0
	c.HTTPListener, c.HTTPPort = netip.MustParseAddr("127.0.0.1"), 0
	log, _ := test.NewNullLogger()
	s := serving(t, c, log)
	testutil.Eventually(t, func() bool { return len(ask(t, s, "nginx.marathon.mesos.", dns.TypeA)) == 3 }, "nginx.marathon.mesos has its addresses")
	if got := ask(t, s, "master0.mesos.", dns.TypeA); len(got) != 1 || got[0] != "127.0.0.1" {
		t.Errorf("master0.mesos: got %v, want the master that the agent named", got)
	}
}
