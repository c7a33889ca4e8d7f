//go:build e2e

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
)

// behindZooKeeper returns the settings of a server that finds its masters in
// ZooKeeper and polls too rarely for a test to notice.
func behindZooKeeper(url string) settings {
	return settings{"zk": url, "masters": nil, "refreshSeconds": 3600}
}

var open = zk.WorldACL(zk.PermAll)

// twoMasters registers two masters in an ensemble. Closing the first one's session
// removes its node.
func twoMasters(t *testing.T, size int) (servers []*zkServer, ms *masters, first *zk.Conn) {
	t.Helper()
	servers, ms = newZooKeeper(t, size), newMasters(t, 2)
	first = zkClient(t, servers)
	register(t, first, "/mesos", ms.all[0], open)
	register(t, zkClient(t, servers), "/mesos", ms.all[1], open)
	return servers, ms, first
}

// When the leader dies, the next one is followed.
func TestZooKeeperLeaderIsFollowed(t *testing.T) {
	t.Parallel()
	servers := newZooKeeper(t, 1)
	ms := newMasters(t, 2)
	first, second := zkClient(t, servers), zkClient(t, servers)
	register(t, first, "/mesos", ms.all[0], open)
	register(t, second, "/mesos", ms.all[1], open)
	create(t, second, "/mesos/log_replicas", nil, 0, open)

	s := serve(t, ms.all[0], behindZooKeeper(zkURL(servers, "", "/mesos")), "-v=2")
	if ok, instead := s.follows(t, 0); !ok {
		t.Fatal(instead)
	}
	ms.all[0].stop()
	ms.lead(1)
	first.Close() // as when its session expires
	eventually(t, "the second master is followed", func() (bool, string) { return s.follows(t, 1) })

	// The first one returns, and leads again when the second one dies.
	ms.all[0].start(t)
	again := zkClient(t, servers)
	register(t, again, "/mesos", ms.all[0], open)
	ms.all[1].stop()
	ms.lead(0)
	second.Close()
	eventually(t, "the first master is followed again", func() (bool, string) { return s.follows(t, 0) })
	if log := s.stderr.String(); strings.Contains(log, "ZooKeeper is unavailable") {
		t.Error("log: want no loss of ZooKeeper in it")
	}
}

// Neither the path nor its parents exist at first.
func TestZooKeeperPathIsCreatedLater(t *testing.T) {
	t.Parallel()
	servers := newZooKeeper(t, 1)
	ms := newMasters(t, 1)
	s := launch(t, ms.all[0], behindZooKeeper(zkURL(servers, "", "/dcos/prod/mesos")))
	eventually(t, "the log says that the path is missing", func() (bool, string) {
		return strings.Contains(s.stderr.String(), "path of the election does not exist"), "it does not"
	})
	register(t, zkClient(t, servers), "/dcos/prod/mesos", ms.all[0], open)
	eventually(t, "the master is followed", func() (bool, string) {
		status, _, err := s.get("/readyz")
		return err == nil && status == 200, "not ready"
	})
	if ok, instead := s.follows(t, 0); !ok {
		t.Error(instead)
	}
}

// The session expires and the leader changes while the server is stopped.
func TestZooKeeperSessionExpires(t *testing.T) {
	t.Parallel()
	servers, ms, first := twoMasters(t, 1)
	s := serve(t, ms.all[0], behindZooKeeper(zkURL(servers, "", "/mesos")), "-v=2")

	s.freeze(t)
	ms.all[0].stop()
	ms.lead(1)
	first.Close()
	eventually(t, "ZooKeeper gives the session up", func() (bool, string) {
		n := servers[0].sessions()
		return n == 1, fmt.Sprintf("%d sessions, one is the second master's", n)
	})
	s.thaw(t)
	eventually(t, "the second master is followed", func() (bool, string) { return s.follows(t, 1) })
}

// Names stay while ZooKeeper is away, and later changes are noticed.
func TestZooKeeperGoesAndReturns(t *testing.T) {
	t.Parallel()
	servers, ms, first := twoMasters(t, 1)
	with := behindZooKeeper(zkURL(servers, "", "/mesos"))
	with["refreshSeconds"], with["zkDetectionTimeout"] = 1, 1
	s := serve(t, ms.all[0], with)

	servers[0].kill(t)
	for _, want := range []string{"ZooKeeper is unavailable", "ZooKeeper has named no leading master"} {
		eventually(t, "the log says so", func() (bool, string) {
			if ok, instead := s.follows(t, 0); !ok {
				t.Fatal(instead)
			}
			return strings.Contains(s.stderr.String(), want), "no " + want
		})
	}
	// A new leader is found by a redirect, without ZooKeeper.
	ms.lead(1)
	eventually(t, "the second master is followed", func() (bool, string) { return s.follows(t, 1) })

	ms.lead(0)
	servers[0].run(t)
	servers[0].waitServing(t)
	eventually(t, "ZooKeeper is back", func() (bool, string) {
		return strings.Count(s.stderr.String(), "ZooKeeper names the leading master") == 2, "it is not"
	})
	eventually(t, "the first master is followed", func() (bool, string) { return s.follows(t, 0) })
	if n := strings.Count(s.stderr.String(), "ZooKeeper is unavailable"); n != 1 {
		t.Errorf("log lines about the loss of ZooKeeper: got %d, want 1", n)
	}
	first.Close()
	ms.lead(1)
	eventually(t, "the second master is followed", func() (bool, string) { return s.follows(t, 1) })
}

// One of three servers is left, which accepts no sessions.
func TestZooKeeperWithoutQuorum(t *testing.T) {
	t.Parallel()
	servers, ms, first := twoMasters(t, 3)
	with := behindZooKeeper(zkURL(servers, "", "/mesos"))
	with["refreshSeconds"], with["zkDetectionTimeout"] = 1, 5
	s := serve(t, ms.all[0], with)

	// The loss of the session is logged at once, and the missing quorum after
	// zkDetectionTimeout.
	servers[0].kill(t)
	servers[1].kill(t)
	eventually(t, "the log says that there is no quorum", func() (bool, string) {
		return strings.Contains(s.stderr.String(), "does the ensemble have a quorum?"), "it does not"
	})
	ms.clusters[0].start(t, 1, networkTask("late", 80, "10.9.1.1"))
	eventually(t, "the known leader is listened to", func() (bool, string) {
		if ok, instead := s.follows(t, 0); !ok {
			t.Fatal(instead)
		}
		got, err := s.addresses("late.marathon.mesos")
		return err == nil, fmt.Sprint(got, err)
	})

	servers[1].run(t)
	eventually(t, "there is a quorum", func() (bool, string) {
		return strings.Count(s.stderr.String(), "ZooKeeper names the leading master") >= 2, "there is none"
	})
	ms.lead(1)
	eventually(t, "the first master's session ends", func() (bool, string) {
		return first.State() == zk.StateHasSession, first.State().String()
	})
	first.Close()
	eventually(t, "the second master is followed", func() (bool, string) { return s.follows(t, 1) })
}

// The nodes can be read by one user only.
func TestZooKeeperAuthentication(t *testing.T) {
	t.Parallel()
	servers := newZooKeeper(t, 1)
	ms := newMasters(t, 1)
	c := zkClient(t, servers)
	if err := c.AddAuth("digest", []byte("mesos:"+secret)); err != nil {
		t.Fatal(err)
	}
	register(t, c, "/mesos", ms.all[0], zk.DigestACL(zk.PermAll, "mesos", secret))

	s := serve(t, ms.all[0], behindZooKeeper(zkURL(servers, "mesos:"+secret+"@", "/mesos")), "-v=2")
	if ok, instead := s.follows(t, 0); !ok {
		t.Error(instead)
	}
	_, body, err := s.get("/v1/config")
	if err != nil {
		t.Fatal(err)
	}
	wantSecretKept(t, body+s.stderr.String())

	for credentials, want := range map[string]string{
		"":                          "/mesos may not be read without authentication",
		"mesos:" + secret[1:] + "@": "/mesos may not be read by user",
	} {
		with := behindZooKeeper(zkURL(servers, credentials, "/mesos"))
		with["masters"] = []string{ms.all[0].addr.String()}
		s := serve(t, ms.all[0], with, "-v=2") // finds the leader through masters
		eventually(t, "the log says why", func() (bool, string) { return strings.Contains(s.stderr.String(), want), "no " + want })
	}
}
