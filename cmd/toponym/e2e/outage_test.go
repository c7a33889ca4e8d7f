//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What runs all the time, on all kinds of networks, and the canary that tells
// whether changes are still seen.
const (
	outageAgents   = 20
	outageScenario = `
seed: 4
agents: 20
apps:
  - {name: web, instances: 4, ports: [{name: http}]}
  - {name: cart.shop, instances: 3, network: dcos-1, docker: true, ports: [{name: http, port: 8080}]}
  - {name: blog, instances: 2, network: bridge, docker: true, ports: [{name: http, port: 80}]}
  - {name: db, instances: 5, network: calico, ports: [{name: sql, port: 5432}]}
  - {name: six, instances: 2, network: dcos6, ports: [{name: http, port: 80}]}
  - {name: canary, instances: 1, network: dcos-1}
`
)

// outage is a cluster whose masters are in a ZooKeeper, with a server in front
// that follows the events and one that polls. Both are asked all the time.
type outage struct {
	*simulation
	zk        []*zkServer
	servers   map[string]*server // by what they read
	witnesses []*witness
}

// newOutage starts it all. Times are a twentieth of the usual ones and less: of
// a session, of agents to come back, and of all that has to do with them.
func newOutage(t *testing.T, flags ...string) *outage {
	t.Helper()
	o := &outage{zk: newZooKeeper(t, 1), servers: map[string]*server{}}
	o.simulation = simulate(t, append([]string{"-scenario", writeFile(t, "scenario.yaml", outageScenario),
		"-masters", "3", "-zk", zkURL(o.zk, "", "/mesos"), "-session", "1s", "-recovery", "300ms", "-heartbeat", "1s"}, flags...)...)
	for source, stateSource := range map[string]string{"stream": "auto", "poll": "poll"} {
		o.servers[source] = serve(t, o.first(), o.settings(stateSource))
	}
	o.leads(t, 0)
	for source, s := range o.servers {
		names := s.steadyNames(t, 80, "cart-shop.marathon.agentip.dcos.thisdcos.directory",
			"cart-shop.marathon.containerip.dcos.thisdcos.directory", "blog.marathon.autoip.dcos.thisdcos.directory",
			"web.marathon.mesos.thisdcos.directory")
		o.witnesses = append(o.witnesses, s.watch(t, source, names))
	}
	return o
}

func (o *outage) first() *master { return &master{addr: o.masters[0]} }

// settings of a server that finds the masters in ZooKeeper alone.
func (o *outage) settings(stateSource string) settings {
	return settings{
		"zk": zkURL(o.zk, "", "/mesos"), "masters": nil, "stateSource": stateSource, "refreshSeconds": 1, "resyncSeconds": 2,
		"zkDetectionTimeout": 1, "agentReregisterTimeout": 30, "timeout": 1,
	}
}

// leads waits until both servers have read the state of this master, each in
// its way.
func (o *outage) leads(t *testing.T, i int) {
	t.Helper()
	for source, s := range o.servers {
		eventually(t, patience, fmt.Sprintf("%s from master %d", source, i), func() (bool, string) {
			st := s.status(t)
			if st.Leader == nil {
				return false, "no leader"
			}
			return st.Source == source && strings.Contains(*st.Leader, strconv.Itoa(int(o.masters[i].Port()))), st.Source + " " + *st.Leader
		})
	}
}

// canaries changes how many there are, which both servers have to see.
func (o *outage) canaries(t *testing.T, n int) {
	t.Helper()
	o.do(t, fmt.Sprintf(`{"do": "scale", "app": "canary", "count": %d}`, n))
	for source, s := range o.servers {
		eventually(t, patience, fmt.Sprintf("%d canaries by %s", n, source), func() (bool, string) {
			got, err := s.addresses("canary.marathon.mesos")
			return err == nil && len(got) == n, fmt.Sprint(got, err)
		})
	}
}

// back waits until all agents have found the leader.
func (o *outage) back(t *testing.T, leader int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("all agents are with master %d", leader), func() (bool, string) {
		v := o.overview(t)
		return v.Leader == leader && v.Agents == outageAgents && v.Recovered == 0, fmt.Sprintf("%+v", v)
	})
}

// finish is the end of the asking.
func (o *outage) finish(t *testing.T) {
	t.Helper()
	for _, w := range o.witnesses {
		w.finish(t)
	}
}

// The leader is killed, the next one too while it still waits for the agents,
// and then all agents come back bit by bit: no client notices any of it.
func TestMastersKilledUnderZooKeeper(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "-reregister", "3s")
	o.do(t, `{"do": "master-kill"}`)
	eventually(t, patience, "half of the agents are with the next master", func() (bool, string) {
		v := o.overview(t)
		return v.Leader == 1 && v.Agents >= outageAgents/2 && v.Recovered > 0, fmt.Sprintf("%+v", v)
	})
	o.do(t, `{"do": "master-kill"}`)
	o.back(t, 2)
	o.leads(t, 2)
	o.canaries(t, 3)
	o.canaries(t, 1)
	o.finish(t)
}

// ZooKeeper is away for a while. The leader goes on at first, and changes are
// still seen. Then it ends, as a master of Mesos does that has lost its session,
// and so do the others. When ZooKeeper is back they are started again, and one
// of them leads. No client notices any of it, nor does one of a server that is
// killed meanwhile and remembers what it knew.
func TestZooKeeperStoppedForAWhile(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "-reregister", "2s")
	more := o.settings("auto")
	more["stateDir"] = t.TempDir()
	killed := keeping(t, o.first(), more)
	o.zk[0].kill(t)
	stopped := time.Now()
	o.canaries(t, 3)
	for source, s := range o.servers {
		eventually(t, patience, "the log says that nobody leads", func() (bool, string) {
			return strings.Contains(s.stderr.String(), "no leading master was seen in ZooKeeper for 1s"), source + ": it does not"
		})
	}
	o.do(t, `[{"do": "master-kill", "master": 2}, {"do": "master-kill", "master": 1}, {"do": "master-kill", "master": 0}]`)
	eventually(t, patience, "nobody leads", func() (bool, string) {
		v := o.overview(t)
		return v.Leader == -1 && time.Since(stopped) > 5*time.Second, fmt.Sprintf("%+v", v)
	})
	want := o.witnesses[0].questions
	killed.kill(t)
	killed = killed.again(t, o.first(), more)
	if r, took := killed.firstReply(t, "web.marathon.mesos."); took > time.Second || !slices.ContainsFunc(want, func(q steady) bool {
		return q.name == "web.marathon.mesos." && slices.Equal(q.want, dataOf(r))
	}) {
		t.Errorf("a server that was killed answers after %v\n%v", took, r)
	}

	o.zk[0].run(t)
	o.zk[0].waitServing(t)
	o.do(t, `[{"do": "master-start", "master": 1}, {"do": "master-start", "master": 0}, {"do": "master-start", "master": 2}]`)
	o.back(t, 1)
	o.leads(t, 1)
	o.canaries(t, 1)
	eventually(t, patience, "the server that was killed follows", func() (bool, string) {
		got, err := killed.addresses("canary.marathon.mesos")
		return err == nil && len(got) == 1 && killed.status(t).Source == "stream", fmt.Sprint(got, err)
	})
	o.finish(t)
}
