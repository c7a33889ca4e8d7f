//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// breakableLink forwards TCP connections to a server. While it is cut it forwards no
// byte and closes nothing, as a network does that has been partitioned.
type breakableLink struct {
	addr string

	mu   sync.Mutex
	open *sync.Cond
	cut  bool
}

func newBreakableLink(t *testing.T, to string) *breakableLink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	link := &breakableLink{addr: l.Addr().String()}
	link.open = sync.NewCond(&link.mu)
	t.Cleanup(func() { l.Close(); link.set(false) })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close()
				link.wait()
				far, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer far.Close()
				var both sync.WaitGroup
				for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
					both.Go(func() {
						link.copy(way[1], way[0])
						near.Close()
						far.Close()
					})
				}
				both.Wait()
			}()
		}
	}()
	return link
}

func (l *breakableLink) copy(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.wait()
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *breakableLink) wait() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut {
		l.open.Wait()
	}
}

func (l *breakableLink) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	l.open.Broadcast()
}

// statusLine keeps the last status that a service manager was told.
type statusLine struct {
	mu   sync.Mutex
	last string
}

// follow reads what a manager receives until the test ends.
func (m *manager) follow() *statusLine {
	s := &statusLine{}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := m.conn.Read(buf)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(buf[:n])) {
				if text, ok := strings.CutPrefix(line, "STATUS="); ok {
					s.mu.Lock()
					s.last = strings.TrimSpace(text)
					s.mu.Unlock()
				}
			}
		}
	}()
	return s
}

func (s *statusLine) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// fault is something that an operator has to be told of while it lasts, in each place
// where one looks.
type fault struct {
	name       string
	begin, end func(t *testing.T)
	status     string               // in the JSON of /v1/status, with spaces removed
	metric     func(m metrics) bool // whether it shows
	page, line string               // of the pages and of the service manager
	log, over  string               // lines at the beginning and at the end
}

// operated is a server with all that an operator looks at.
type operated struct {
	*server
	browser *browser
	line    *statusLine
}

// operate starts a server by a command that is followed by its own.
func operate(t *testing.T, m *master, more settings, before ...string) *operated {
	t.Helper()
	sm := newManager(t)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	args := append(before, toponym, "-config", configFile(t, m, s, more))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = []string{"NOTIFY_SOCKET=" + sm.path}
	s.process = startCommand(t, cmd)
	s.waitReady(t)
	o := &operated{s, newBrowser(t, s), sm.follow()}
	o.browser.open(t, "/")
	o.browser.see(t, "connected for")
	return o
}

// suffer has a fault begin and end. Each place has to tell of it, and then no longer;
// how long that takes is logged.
func (o *operated) suffer(t *testing.T, f fault) {
	t.Helper()
	known := len(o.stderr.String())
	places := []struct {
		name string
		says func() (yes bool, what string)
	}{
		{"status", func() (bool, string) {
			_, body, err := o.get("/v1/status")
			body = strings.Join(strings.Fields(body), "")
			return err == nil && regexp.MustCompile(f.status).MatchString(body), body
		}},
		{"metrics", func() (bool, string) { return f.metric(o.metrics(t)), "another value" }},
		{"page", func() (bool, string) {
			text := o.browser.text(t)
			return regexp.MustCompile(f.page).MatchString(text), tail(text)
		}},
		{"manager", func() (bool, string) {
			return regexp.MustCompile(f.line).MatchString(o.line.String()), o.line.String()
		}},
		{"log", func() (bool, string) {
			log := o.stderr.String()[known:]
			return strings.LastIndex(log, f.log) > strings.LastIndex(log, f.over), tail(log)
		}},
	}
	turn := func(what string, change func(*testing.T), want bool) {
		t.Helper()
		change(t)
		began := time.Now()
		took := make([]time.Duration, len(places))
		eventually(t, fmt.Sprintf("%s, %s: said everywhere: %v", f.name, what, want), func() (bool, string) {
			missing := ""
			for i, p := range places {
				if took[i] > 0 {
					continue
				}
				if yes, got := p.says(); yes == want {
					took[i] = time.Since(began)
				} else {
					missing += p.name + ": " + got + "\n"
				}
			}
			return missing == "", missing
		})
		text := ""
		for i, p := range places {
			text += fmt.Sprintf(" %s %.1f s", p.name, took[i].Seconds())
		}
		t.Logf("%s, %s:%s", f.name, what, text)
	}
	turn("begun", f.begin, true)
	o.browser.screenshot(t, "fault-"+strings.ReplaceAll(f.name, " ", "-"))
	turn("ended", f.end, false)
}

// Whatever fails, the page, the status, the metrics, the log and the service manager's
// status all say so soon, and say so no more soon after its end. How soon is logged: 5
// seconds are promised.
func TestFaultsAreSaidEverywhere(t *testing.T) {
	disk := newSmallDisk(t)
	at := local(freePort(t))
	scenario := writeFile(t, "scenario.yaml", "agents: 3\napps:\n  - {id: /web, cmd: x, instances: 2}\n")
	flags := []string{"-scenario", scenario, "-listen", at, "-heartbeat", "15s"}
	cluster := simulate(t, flags...)
	link := newBreakableLink(t, at)
	answers := fakedns.Records("www.example.com. 1 IN A 192.0.2.1")
	upstream := fakedns.Start(t, answers)
	m := &master{addr: cluster.masters[0]}
	o := operate(t, m, settings{
		"masters": []string{link.addr}, "stateDir": filepath.Join(disk.dir, "state"), "snapshotSeconds": 1, "externalon": true,
		"resolvers": []string{upstream.Addr.String()}, "timeout": 2,
	}, "nsenter", "-t", disk.pid, "-m", "--")

	// An upstream server is known to be away only when it is asked.
	asking := dns.Client{Timeout: time.Second}
	ended := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() {
		for i := 0; !closed(ended); i++ {
			asking.Exchange(new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.example.com.", i), dns.TypeA), o.addr())
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() { close(ended); clients.Wait() })

	away := fault{
		status: `"connected_since":null`, metric: func(m metrics) bool { return m.sum("toponym_master_connected") == 0 },
		page: "No connection to the leading master", line: "no contact with the leading master",
		log: "no contact with the leading master", over: "following the events of the leading master",
	}
	killed, hung, partitioned := away, away, away
	killed.name = "master killed"
	killed.begin = cluster.kill
	killed.end = func(*testing.T) { cluster = simulate(t, flags...) }
	hung.name, hung.log, hung.over = "master hung", "the leading master does not answer", "the leading master answers again"
	signal := func(s syscall.Signal) func(t *testing.T) {
		return func(t *testing.T) {
			if err := cluster.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	hung.begin, hung.end = signal(syscall.SIGSTOP), signal(syscall.SIGCONT)
	partitioned.name, partitioned.log, partitioned.over = "master partitioned", hung.log, hung.over
	partitioned.begin, partitioned.end = func(*testing.T) { link.set(true) }, func(*testing.T) { link.set(false) }
	filler := ""
	full := fault{
		name: "disk full",
		begin: func(t *testing.T) {
			filler = disk.fill(t)
			cluster.do(t, `{"do": "scale", "app": "web", "count": 5}`)
		},
		end: func(t *testing.T) {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		},
		status: `"snapshot_error":\{`, metric: func(m metrics) bool { return m.sum("toponym_snapshot_last_write_successful") == 0 },
		page: "The snapshot cannot be written", line: "The snapshot cannot be written",
		log: "the snapshot cannot be written", over: "the snapshot can be written again",
	}
	dead := fault{
		name:   "upstream dead",
		begin:  func(*testing.T) { upstream.Set(func(dns.ResponseWriter, *dns.Msg) {}) },
		end:    func(*testing.T) { upstream.Set(answers) },
		status: `"state":"down"`, metric: func(m metrics) bool { return m.sum("toponym_upstream_state", "state", "down") == 1 },
		page: "The upstream server .* is down", line: "The upstream server .* is down",
		log: "does not respond", over: "responds again",
	}
	for _, f := range []fault{hung, partitioned, full, dead, killed} {
		t.Run(f.name, func(t *testing.T) { o.suffer(t, f) })
	}
	for _, problem := range o.browser.takeProblems() {
		t.Error(problem)
	}
}

func TestZooKeeperThatIsGoneIsSaidEverywhere(t *testing.T) {
	zk := newZooKeeper(t, 1)
	cluster := simulate(t, "-scenario", writeFile(t, "scenario.yaml", "agents: 3\napps:\n  - {id: /web, cmd: x, instances: 2}\n"),
		"-zk", zkURL(zk, "", "/mesos"), "-session", "60s")
	o := operate(t, &master{addr: cluster.masters[0]}, settings{"zk": zkURL(zk, "", "/mesos"), "masters": nil})
	o.suffer(t, fault{
		name:   "ZooKeeper gone",
		begin:  func(t *testing.T) { zk[0].kill(t) },
		end:    func(t *testing.T) { zk[0].run(t); zk[0].waitServing(t) },
		status: `"state":"away"`, metric: func(m metrics) bool { return m.sum("toponym_zookeeper_state", "state", "away") == 1 },
		page: "ZooKeeper names no leader", line: "ZooKeeper names no leader",
		log: "ZooKeeper is unavailable", over: "ZooKeeper names the leading master",
	})
}
