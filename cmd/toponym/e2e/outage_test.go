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

// The apps run all the time, on every kind of network. The app canary is scaled
// to see whether changes still arrive.
const (
	outageAgents   = 20
	outageScenario = `
seed: 4
agents: 20
apps:
  - {id: /web, cmd: x, instances: 4, portDefinitions: [{name: http}]}
  - id: /shop/cart
    instances: 3
    networks: [{mode: container, name: dcos-1}]
    container: {type: DOCKER, docker: {image: cart}, portMappings: [{containerPort: 8080, name: http}]}
  - id: /blog
    instances: 2
    networks: [{mode: container/bridge}]
    container: {type: DOCKER, docker: {image: blog}, portMappings: [{containerPort: 80, name: http}]}
  - id: /db
    cmd: x
    instances: 5
    networks: [{mode: container, name: calico}]
    container: {type: MESOS, portMappings: [{containerPort: 5432, name: sql}]}
  - id: /six
    cmd: x
    instances: 2
    networks: [{mode: container, name: dcos6}]
    container: {type: MESOS, portMappings: [{containerPort: 80, name: http}]}
  - id: /canary
    cmd: x
    networks: [{mode: container, name: dcos-1}]
    container: {type: MESOS, portMappings: []}
`
)

// outage is a cluster whose masters register in ZooKeeper, with one server that
// follows the event stream and one that polls. Both are queried all the time.
type outage struct {
	*simulation
	zk        []*zkServer
	servers   map[string]*server // "stream" and "poll"
	witnesses []*witness
}

// newOutage starts the cluster and the servers. Sessions last long enough that a busy
// machine ends none, because a leader exits then. Agents return in a twentieth of the
// usual time or less.
func newOutage(t *testing.T, flags ...string) *outage {
	t.Helper()
	o := &outage{zk: newZooKeeper(t, 1), servers: map[string]*server{}}
	o.simulation = simulate(t, append([]string{"-scenario", writeFile(t, "scenario.yaml", outageScenario),
		"-masters", "3", "-zk", zkURL(o.zk, "", "/mesos"), "-session", "5s", "-recovery", "300ms", "-heartbeat", "1s"}, flags...)...)
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

// settings returns those of a server that finds the masters in ZooKeeper only.
func (o *outage) settings(stateSource string) settings {
	return settings{
		"zk": zkURL(o.zk, "", "/mesos"), "masters": nil, "stateSource": stateSource, "refreshSeconds": 1, "resyncSeconds": 2,
		"zkDetectionTimeout": 1, "agentReregisterTimeout": 30, "timeout": 1,
	}
}

// leads waits until both servers have read the state of master i.
func (o *outage) leads(t *testing.T, i int) {
	t.Helper()
	for source, s := range o.servers {
		eventually(t, fmt.Sprintf("%s from master %d", source, i), func() (bool, string) {
			st := s.status(t)
			if st.Leader == nil {
				return false, "no leader"
			}
			return st.Source == source && strings.Contains(*st.Leader, strconv.Itoa(int(o.masters[i].Port()))), st.Source + " " + *st.Leader
		})
	}
}

// canaries scales the app canary and waits until both servers answer with its
// n instances.
func (o *outage) canaries(t *testing.T, n int) {
	t.Helper()
	o.do(t, fmt.Sprintf(`{"do": "scale", "app": "canary", "count": %d}`, n))
	for source, s := range o.servers {
		eventually(t, fmt.Sprintf("%d canaries by %s", n, source), func() (bool, string) {
			got, err := s.addresses("canary.marathon.mesos")
			return err == nil && len(got) == n, fmt.Sprint(got, err)
		})
	}
}

// back waits until all agents have registered with the leader.
func (o *outage) back(t *testing.T, leader int) {
	t.Helper()
	eventually(t, fmt.Sprintf("all agents are with master %d", leader), func() (bool, string) {
		v := o.overview(t)
		return v.Leader == leader && v.Agents == outageAgents && v.Recovered == 0, fmt.Sprintf("%+v", v)
	})
}

// finish ends the queries and fails the test for every wrong response.
func (o *outage) finish(t *testing.T) {
	t.Helper()
	for _, w := range o.witnesses {
		w.finish(t)
	}
}

// The leader is killed, then its successor while that still waits for agents,
// and then the agents register one by one. No client notices any of it.
func TestNoAnswerChangesWhileMastersAreKilled(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "-reregister", "3s")
	o.do(t, `{"do": "master-kill"}`)
	eventually(t, "half of the agents are with the next master", func() (bool, string) {
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

// ZooKeeper is stopped. The leader goes on at first, and changes still arrive.
// Then it exits, because its session is over, and the others know no leader. ZooKeeper
// and the master are started again, and another one leads. No client notices any
// of it, nor does a client of a server that was killed meanwhile and started from
// its snapshot.
func TestNoAnswerChangesWhileZooKeeperIsStopped(t *testing.T) {
	t.Parallel()
	o := newOutage(t, "-reregister", "2s")
	more := o.settings("auto")
	more["stateDir"] = t.TempDir()
	killed := serveWithSnapshot(t, o.first(), more)
	o.zk[0].kill(t)
	stopped := time.Now()
	o.canaries(t, 3)
	for source, s := range o.servers {
		eventually(t, "the log says that nobody leads", func() (bool, string) {
			return strings.Contains(s.stderr.String(), "ZooKeeper has named no leading master"), source + ": a log without it"
		})
	}
	eventually(t, "no master leads, 7 s after ZooKeeper stopped", func() (bool, string) {
		v := o.overview(t)
		return v.Leader == -1 && time.Since(stopped) > 7*time.Second, fmt.Sprintf("%+v", v)
	})
	want := o.witnesses[0].questions
	killed.kill(t)
	killed = killed.restart(t, o.first(), more)
	if r := killed.firstResponse(t, "web.marathon.mesos."); !slices.ContainsFunc(want, func(q steady) bool {
		return q.name == "web.marathon.mesos." && slices.Equal(q.want, dataOf(r))
	}) {
		t.Errorf("first response after the restart: got\n%v\nwant that of the servers that were not killed", r)
	}

	o.zk[0].run(t)
	o.zk[0].waitServing(t)
	o.do(t, `{"do": "master-start", "master": 0}`)
	leader := -1
	eventually(t, "a master leads again", func() (bool, string) {
		v := o.overview(t)
		leader = v.Leader
		return leader >= 0, fmt.Sprintf("%+v", v)
	})
	o.back(t, leader)
	o.leads(t, leader)
	o.canaries(t, 1)
	eventually(t, "the restarted server follows the leader", func() (bool, string) {
		got, err := killed.addresses("canary.marathon.mesos")
		return err == nil && len(got) == 1 && killed.status(t).Source == "stream", fmt.Sprint(got, err)
	})
	o.finish(t)
}
