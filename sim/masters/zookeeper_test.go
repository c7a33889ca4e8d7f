package masters

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"toponym/sim"
)

func TestParseZooKeeper(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"zk://127.0.0.1:2181/mesos", "[127.0.0.1:2181] /mesos  "},
		{"zk://a,b:1,[::1]:2,[::2]/x/y/", "[a:2181 b:1 [::1]:2 [::2]:2181] /x/y  "},
		{"zk://user:p@ss@a:1/mesos", "[a:1] /mesos user p@ss"},
		{"127.0.0.1:2181/mesos", "error zk://"},
		{"zk://127.0.0.1:2181", "error path"},
		{"zk://127.0.0.1:2181/", "error path"},
		{"zk:///mesos", "error missing"},
		{"zk://a,,b/mesos", "error missing"},
		{"zk://user@a/mesos", "error password"},
	} {
		z, err := ParseZooKeeper(tt.in)
		if want, fails := strings.CutPrefix(tt.want, "error "); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", tt.in, err, want)
			}
			continue
		}
		noError(t, err)
		if got := fmt.Sprint(z.Servers, " ", z.Path, " ", z.User, " ", z.Password); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestNodeHasTheMasterInfoOfMesos: what stands in the node. ip is the address read the wrong
// way round: 10.0.1.10 is 0a 00 01 0a.
func TestNodeHasTheMasterInfoOfMesos(t *testing.T) {
	for _, tt := range []struct{ addr, hostname, want string }{
		{"10.0.1.10:5050", "m1.test", `"address":{"hostname":"m1.test","ip":"10.0.1.10","port":5050}`},
		{"10.0.1.10:5050", "", `"ip":167837706,"pid":"master@10.0.1.10:5050","port":5050,"version":"1.12.0"}`},
		{"127.0.0.1:5050", "", `"hostname":"127.0.0.1","id":"`},
		{"127.0.0.1:5050", "", `"ip":16777343,`},
		{"[fd00::1]:5050", "", `"ip":"fd00::1"`},
	} {
		m := sim.NewMaster(sim.NewCluster(sim.Options{}), sim.MasterOptions{Addr: netip.MustParseAddrPort(tt.addr), Hostname: tt.hostname})
		info := string(m.Info())
		decode(t, info)
		if !strings.Contains(info, tt.want) {
			t.Errorf("%s has no %s", info, tt.want)
		}
	}
}

// TestMastersDoNotStartWithoutZooKeeper: where it does not answer, the masters do not start.
func TestMastersDoNotStartWithoutZooKeeper(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	defer l.Close() // it accepts, and that is all
	m, err := New(sim.NewCluster(sim.Options{}), Options{
		Listen:    []string{"127.0.0.1:0"},
		ZooKeeper: &ZooKeeper{Servers: []string{l.Addr().String()}, Path: "/mesos", Limit: 20 * time.Millisecond},
	})
	noError(t, err)
	if err := m.Listen(); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error %v", err)
	}
}
