package leader

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLowestSequenceLeads(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2, m1) // the leader, then who would be next
		r.wantMasters(m1, m2, m3)    // by address
		r.wantChanged(true)
		r.wantLog("info: ZooKeeper names the leading master master=10.0.0.3:5050 server=10.0.1.1:2181")
	})
}

func TestANewLeaderIsFollowedAtOnce(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{}, func(r *running) {
		r.wantChanged(true)
		r.SetLeading(m3)
		begin := time.Now()
		r.zk.remove("/mesos/json.info_0000000007")
		r.wait()
		r.wantChanged(true)
		r.wantCandidates(m2, m3, m1)
		r.wantMasters(m1, m2)
		if d := time.Since(begin); d != 0 {
			r.t.Errorf("the new leader was known after %v, want at once", d)
		}
		// One that comes back stands behind.
		r.zk.put("/mesos/json.info_0000000013", masterJSON("10.0.0.3", "10.0.0.3", 5050))
		r.wait()
		r.wantChanged(true) // not who leads, but who is there
		r.wantCandidates(m2, m3, m1)
		r.wantMasters(m1, m2, m3)
	})
}

// A restarted master has the same address, and has forgotten its agents.
func TestARestartedMasterIsAnotherLeader(t *testing.T) {
	e := newEnsemble(zk1)
	e.put("/mesos/json.info_0000000001", masterJSON("10.0.0.1", "10.0.0.1", 5050))
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantChanged(true)
		r.zk.put("/mesos/json.info_0000000002", masterJSON("10.0.0.1", "10.0.0.1", 5050))
		r.wait()
		r.wantChanged(false)
		r.wantMasters(m1)
		r.zk.remove("/mesos/json.info_0000000001")
		r.wait()
		r.wantChanged(true)
		r.wantCandidates(m1)
	})
}

func TestAnEmptyElectionForgetsNobody(t *testing.T) {
	bubble(t, elected(), ZooKeeperOptions{Masters: []Address{m1}}, func(r *running) {
		r.wantChanged(true)
		r.log.Reset()
		for _, n := range []string{"12", "09", "07"} {
			r.zk.remove("/mesos/json.info_00000000" + n)
			r.wait()
		}
		r.wantChanged(true) // at last m3 was alone
		r.sleep(time.Minute)
		r.wantLog("warning: ZooKeeper names no leading master; keeping the known masters error=no master takes part in the election in /mesos server=10.0.1.1:2181")
		r.wantChanged(false)
		r.wantMasters(m3)
		r.wantCandidates(m3, m1)
	})
}

func TestAPathThatDoesNotExistIsWaitedFor(t *testing.T) {
	bubble(t, newEnsemble(zk1), ZooKeeperOptions{Path: "/dcos/prod/mesos", Masters: []Address{m2}, Timeout: 30 * time.Second}, func(r *running) {
		r.wantCandidates(m2)
		r.wantMasters(m2)
		r.wantLog("waiting for it: no master has registered yet, or zk names another path path=/dcos/prod/mesos server=10.0.1.1:2181")
		r.sleep(time.Hour)
		r.wantLog("ZooKeeper has named no leading master duration=30s error=there is no /dcos/prod/mesos setting=zkDetectionTimeout")
		r.zk.put("/dcos/other", "")
		r.wait()
		begin := time.Now()
		r.zk.put("/dcos/prod/mesos", "")
		r.wait()
		r.wantLog("no master takes part in the election in /dcos/prod/mesos")
		r.zk.put("/dcos/prod/mesos/json.info_0000000000", masterJSON("10.0.0.1", "10.0.0.1", 5050))
		r.wait()
		r.wantLog("names the leading master master=10.0.0.1:5050")
		r.wantCandidates(m1, m2)
		r.wantMasters(m1)
		if d := time.Since(begin); d != 0 {
			r.t.Errorf("the new leader was known after %v, want at once", d)
		}
		// It goes and comes back, as when an operator cleans up.
		r.zk.remove("/dcos/prod/mesos/json.info_0000000000")
		r.zk.remove("/dcos/prod/mesos")
		r.wait()
		r.wantMasters(m1)
		r.zk.put("/dcos/prod/mesos/json.info_0000000000", masterJSON("10.0.0.3", "10.0.0.3", 5050))
		r.wait()
		r.wantMasters(m3)
	})
}

func TestNodesThatAreNotOfMastersAreIgnored(t *testing.T) {
	e := elected()
	for name, data := range map[string]string{
		"json.info_0000000001.bak": "{}", "json.info_": "{}", "json.info_-000000001x": "{}", "info": "x",
		"lock-0000000000": "x", "json.info_99999999999": "{}", "json.info_+000000001": "{}",
	} {
		e.put("/mesos/"+name, data)
	}
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2, m1)
		r.wantLog("names the leading master master=10.0.0.3:5050")
		r.wantChanged(true)

		// A node before the leader's that cannot be read is the leader's: the
		// others know who it is.
		e.put("/mesos/json.info_0000000002", "<html>")
		r.wait()
		r.wantChanged(false)
		r.wantCandidates(m3, m2, m1)
		r.wantLog("error=not a MasterInfo in JSON node=/mesos/json.info_0000000002",
			"keeping the known masters error=the node of the leader in /mesos cannot be read")
		e.remove("/mesos/json.info_0000000002")
		r.wait()
		r.wantLog("names the leading master master=10.0.0.3:5050")
	})
}

// While a cluster is upgraded to Mesos 0.24, masters of both kinds take part in
// one election.
func TestMastersOfTwoVersionsAreInOneElection(t *testing.T) {
	e := newEnsemble(zk1)
	e.put("/mesos/info_0000000004", message(0x0200000a, 5050, "master@10.0.0.2:5050", "10.0.0.2", nil))
	e.put("/mesos/json.info_0000000003", masterJSON("10.0.0.3", "10.0.0.3", 5050))
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.wantCandidates(m3, m2)
		e.put("/mesos/info_0000000001", message(0x0100000a, 5050, "", "10.0.0.1", nil))
		r.wait()
		r.wantCandidates(m1, m3, m2)
		r.wantMasters(m1, m2, m3)
	})
}

// Anyone who may write to ZooKeeper decides what nodes are called and hold.
func TestNodesCannotForgeOrFloodTheLog(t *testing.T) {
	e := newEnsemble(zk1)
	long := strings.Repeat("x", maxNodeBytes-100) + "\nlevel=error"
	e.put("/mesos/json.info_0000000001", fmt.Sprintf(`{"hostname": %q, "port": 5050, "address": {"ip": %q}}`, long, long[:100]))
	e.put("/mesos/json.info_0000000002", long)
	e.put("/mesos/json.info_0000000003\n", "")
	e.put("/mesos/"+long, "")
	bubble(t, e, ZooKeeperOptions{}, func(r *running) {
		r.sleep(time.Minute)
		for _, line := range r.log.AllEntries() {
			text := line.Message + fmt.Sprint(line.Data)
			if len(text) > 300 || strings.ContainsAny(text, "\r\n") {
				r.t.Errorf("got the line %.300q of %d bytes, want a short one", text, len(text))
			}
		}
		r.wantCandidates()
	})
}
