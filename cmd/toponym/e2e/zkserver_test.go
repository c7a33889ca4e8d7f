//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"toponym/sim"
)

// zookeeperJar lists the other files of its class path in its manifest.
const zookeeperJar = "/usr/share/java/zookeeper.jar"

// zkServer is a server of ZooKeeper on loopback, with a directory of its own.
type zkServer struct {
	*process
	port   int
	config string
}

// newZooKeeper starts an ensemble of one or more servers.
func newZooKeeper(t *testing.T, servers int) []*zkServer {
	t.Helper()
	requireTool(t, "java", "default-jre-headless")
	if _, err := os.Stat(zookeeperJar); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("ZooKeeper is not installed: Debian package zookeeper")
		}
		t.Skip("ZooKeeper is not installed: Debian package zookeeper")
	}
	var peers strings.Builder
	for i := range servers {
		if servers > 1 {
			fmt.Fprintf(&peers, "server.%d=127.0.0.1:%d:%d\n", i+1, freePort(t), freePort(t))
		}
	}
	var all []*zkServer
	for i := range servers {
		dir := t.TempDir()
		s := &zkServer{port: freePort(t), config: filepath.Join(dir, "zoo.cfg")}
		for name, content := range map[string]string{
			"myid": fmt.Sprintln(i + 1),
			"zoo.cfg": fmt.Sprintf("tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir=%s\nclientPortAddress=127.0.0.1\nclientPort=%d\n"+
				"maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr,cons\n%s", dir, s.port, &peers),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, s)
		s.run(t)
	}
	for _, s := range all {
		s.waitServing(t)
	}
	return all
}

// run starts the server with its data directory.
func (s *zkServer) run(t *testing.T) {
	t.Helper()
	s.process = start(t, "java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.jmx.log4j.disable=true",
		"-cp", zookeeperJar, "org.apache.zookeeper.server.quorum.QuorumPeerMain", s.config)
}

// kill ends the server with SIGKILL.
func (s *zkServer) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.wait(t)
}

// waitServing waits until the server accepts sessions.
func (s *zkServer) waitServing(t *testing.T) {
	t.Helper()
	eventually(t, "ZooKeeper serves", func() (bool, string) {
		text := s.ask("srvr")
		return strings.Contains(text, "Mode: "), text
	})
}

// sessions returns the number of clients with a session on this server.
func (s *zkServer) sessions() int { return strings.Count(s.ask("cons"), "sid=") }

// ask sends one of ZooKeeper's four-letter commands and returns the output.
func (s *zkServer) ask(word string) string {
	c, err := net.DialTimeout("tcp", local(s.port), oneTry)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(oneTry))
	_, _ = io.WriteString(c, word) // then there is no answer either
	b, _ := io.ReadAll(c)
	return string(b)
}

// zkURL returns the value of the setting zk.
func zkURL(servers []*zkServer, credentials, path string) string {
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, local(s.port))
	}
	return "zk://" + credentials + strings.Join(hosts, ",") + path
}

// zkClient opens a session, as a master or an operator has one.
func zkClient(t *testing.T, servers []*zkServer) *zk.Conn {
	t.Helper()
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, local(s.port))
	}
	c, _, err := zk.Connect(hosts, 10*time.Second, zk.WithLogger(log.New(io.Discard, "", 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	eventually(t, "a session", func() (bool, string) { return c.State() == zk.StateHasSession, c.State().String() })
	return c
}

// register writes a master's node, and its parents with it. The node goes with
// the session.
func register(t *testing.T, c *zk.Conn, path string, m *master, acl []zk.ACL) {
	t.Helper()
	for i, r := range path {
		if r == '/' && i > 0 {
			create(t, c, path[:i], nil, 0, zk.WorldACL(zk.PermAll))
		}
	}
	create(t, c, path, nil, 0, acl)
	ip := m.addr.Addr().As4()
	node := fmt.Sprintf(`{"address":{"hostname":"master.invalid","ip":%q,"port":%d},"hostname":"master.invalid","id":"6a7c1d52-0000-4000-8000-000000000001",`+
		`"ip":%d,"pid":"master@%s","port":%[2]d,"version":"1.12.0"}`, m.addr.Addr(), m.addr.Port(),
		uint32(ip[0])|uint32(ip[1])<<8|uint32(ip[2])<<16|uint32(ip[3])<<24, m.addr)
	create(t, c, path+"/json.info_", []byte(node), zk.FlagEphemeral|zk.FlagSequence, acl)
}

func create(t *testing.T, c *zk.Conn, path string, data []byte, flags int32, acl []zk.ACL) {
	t.Helper()
	if _, err := c.Create(path, data, flags, acl); err != nil && err != zk.ErrNodeExists {
		t.Fatalf("creating %s: %v", path, err)
	}
}

// masters are simulated masters of which one leads. The app "led-by-N" says
// which one was asked; all else is the same.
type masters struct {
	all      []*master
	sims     []*sim.Master
	clusters []*cluster
}

func newMasters(t *testing.T, n int) *masters {
	t.Helper()
	ms := &masters{}
	for i := range n {
		c := example(t)
		c.start(t, 0, networkTask(fmt.Sprintf("led-by-%d", i), 80, fmt.Sprintf("10.9.0.%d", i)))
		m := newMaster(t, c.Cluster)
		s := sim.NewMaster(c.Cluster, sim.MasterOptions{Addr: m.addr})
		m.answer(s)
		ms.all, ms.sims, ms.clusters = append(ms.all, m), append(ms.sims, s), append(ms.clusters, c)
	}
	ms.lead(0)
	return ms
}

// lead makes one of them the leader; the others send their clients there.
func (ms *masters) lead(i int) {
	for _, s := range ms.sims {
		s.SetLeader(ms.all[i].addr.String())
	}
}

// follows tells whether the server answers what this master says, and nothing
// else. It fails the test when a name that all masters know is missing.
func (s *server) follows(t *testing.T, i int) (bool, string) {
	t.Helper()
	if got, err := s.addresses("web.marathon.mesos"); err != nil || len(got) != 3 {
		t.Errorf("web.marathon.mesos: %v, %v", got, err)
	}
	got, err := s.addresses(fmt.Sprintf("led-by-%d.marathon.mesos", i))
	want := netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}).String()
	return err == nil && slices.Equal(got, []string{want}), fmt.Sprint(got, err)
}

// freeze and thaw stop a process for a while.
func (p *process) freeze(t *testing.T) { p.signal(t, syscall.SIGSTOP) }
func (p *process) thaw(t *testing.T)   { p.signal(t, syscall.SIGCONT) }

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
