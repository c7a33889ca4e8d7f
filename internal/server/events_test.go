package server

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
)

// replay starts a master that sends the events of a file, one on each line, and
// nothing afterwards. It has no other calls.
func replay(t *testing.T, file string) netip.AddrPort {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var records []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		records = append(records, fmt.Sprintf("%d\n%s", len(lines.Bytes()), lines.Bytes()))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 4096)
		n, _ := r.Body.Read(body)
		if r.URL.Path != "/api/v1" || !strings.Contains(string(body[:n]), "SUBSCRIBE") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/recordio")
		for _, record := range records {
			fmt.Fprint(w, record)
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-stopped:
		}
	}))
	t.Cleanup(func() {
		close(stopped)
		web.Close()
	})
	return netip.MustParseAddrPort(web.Listener.Addr().String())
}

// serveEvents runs a server that follows the events of a file, the last of which
// is about the agent of the task "late".
func serveEvents(t *testing.T, file string, change func(*config.Config)) *Server {
	t.Helper()
	master := replay(t, file)
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: master.Addr().String(), Port: master.Port()}}
	c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
	change(c)
	log, _ := test.NewNullLogger()
	s := serving(t, c, log)
	testutil.Eventually(t, func() bool { return len(ask(t, s, "late.marathon.mesos.", dns.TypeA)) > 0 }, "the last event is in the answers")
	return s
}

// With publishStates, tasks that are starting have names and the addresses known
// by then.
func TestStartingTasksHaveNamesWherePublished(t *testing.T) {
	s := serveEvents(t, "../../testdata/events/kinds.jsonl", func(c *config.Config) {
		c.PublishStates = []string{"TASK_RUNNING", "TASK_STARTING"}
	})
	for name, want := range map[string][]string{
		"starting-ucr.marathon.mesos.":                                  {"9.0.2.50"},
		"starting-ucr.marathon.dcos.network.mesos.":                     {"9.0.2.50"},
		"starting-docker.marathon.containerip.dcos.thisdcos.directory.": nil,
		"starting-docker.marathon.slave.mesos.":                         {"10.9.0.10"},
		"ahead.marathon.mesos.":                                         {"9.0.2.42"},
	} {
		if got := ask(t, s, name, dns.TypeA); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got := followed(t, s, "_http._tcp.starting-ucr.marathon.mesos."); got != "80 9.0.2.50" {
		t.Errorf("the port of a starting task: got %q, want 80 9.0.2.50", got)
	}
}

// Tasks of every kind, as a stream reports them, each named after its container
// and network or after what happens to it. What is answered follows from where
// their ports are open.
func TestAnswersForTasksOfAllKinds(t *testing.T) {
	s := serveEvents(t, "../../testdata/events/kinds.jsonl", func(*config.Config) {})
	const s0, s1, s2 = "10.9.0.10", "10.9.0.11", "10.9.0.12"
	on := func(list ...string) []string { return list }
	for _, tc := range []struct {
		task         string // T.F
		agent        string
		own          []string // addresses below containerip: none on a bridge with mapped ports
		auto         []string // addresses below autoip and mesos
		network      string   // that own are on
		port         string
		main, inside string // where the port leads, "number address…": below mesos and autoip; below containerip
		onAgent      string // its number on the agent
	}{
		{"none-on-host.marathon", s0, on(s0), on(s0), "", "_http._tcp", "9000 " + s0, "9000 " + s0, "9000"},
		{"ucr-on-host.marathon", s1, on(s1), on(s1), "", "_admin._udp", "9002 " + s1, "9002 " + s1, "9002"},
		{"docker-on-host.marathon", s0, on(s0), on(s0), "", "_http._udp", "9003 " + s0, "9003 " + s0, "9003"},

		{"ucr-on-bridge.marathon", s1, nil, on(s1), "mesos-bridge", "_http._tcp", "9010 " + s1, "", "9010"},
		{"docker-on-bridge.marathon", s0, nil, on(s0), "", "_dns._tcp", "9011 " + s0, "", "9011"},
		{"docker-on-bridge.marathon", s0, nil, on(s0), "", "_dns._udp", "9012 " + s0, "", "9012"},
		{"docker-on-bridge-1-4.marathon", s0, nil, on(s0), "", "_http._tcp", "9013 " + s0, "", "9013"},

		{"docker-on-user.marathon", s0, on("9.0.2.130"), on("9.0.2.130"), "dcos", "_http._tcp", "80 9.0.2.130", "80 9.0.2.130", ""},
		{"docker-on-user-1-4.marathon", s0, on("9.0.2.131"), on("9.0.2.131"), "dcos", "_http._tcp", "80 9.0.2.131", "80 9.0.2.131", ""},
		{"docker-on-user-mapped.marathon", s0, on("9.0.2.132"), on(s0), "dcos", "_http._tcp", "9020 " + s0, "80 9.0.2.132", "9020"},
		{"docker-on-user-mapped.marathon", s0, on("9.0.2.132"), on(s0), "dcos", "_admin._tcp", "81 9.0.2.132", "81 9.0.2.132", ""},
		{"ucr-on-two.marathon", s1, on("10.200.0.7", "9.0.1.7"), on(s1), "", "_http._tcp", "80 9.0.1.7", "80 9.0.1.7", ""},
		{"ucr-on-two.marathon", s1, on("10.200.0.7", "9.0.1.7"), on(s1), "", "_admin._tcp", "9021 " + s1, "80 10.200.0.7", "9021"},
		{"ucr-on-dual.marathon", s1, on("172.19.0.2", "fd01:b::2:8000:2"), on("172.19.0.2", "fd01:b::2:8000:2"), "dcos6", "_http._tcp",
			"8080 172.19.0.2 fd01:b::2:8000:2", "8080 172.19.0.2 fd01:b::2:8000:2", ""},
		{"ucr-on-ipv6.marathon", s0, on("fd01:c::5"), on("fd01:c::5"), "six", "_http._tcp", "8080 fd01:c::5", "8080 fd01:c::5", ""},

		// Two tasks, of which only one has the port in its status.
		{"pod-on-bridge.marathon", s1, on("172.31.254.6"), on(s1, "172.31.254.6"), "", "_http._tcp", "9030 " + s1, "", "9030"},
		{"pod-on-dcos.marathon", s0, on("9.0.2.20"), on("9.0.2.20"), "dcos", "_http._tcp", "8080 9.0.2.20", "8080 9.0.2.20", ""},

		{"node-0-server.hello-world", s0, on("9.0.2.30"), on("9.0.2.30"), "dcos", "_dummy._tcp", "1025 9.0.2.30", "1025 9.0.2.30", ""},
		{"node-1-server.hello-world", s0, on(s0), on(s0), "", "_api._tcp", "4044 " + s0, "4044 " + s0, "4044"},

		// Updates without a container_status, without networks, from the master, and
		// with a state newer than the status.
		{"checked.marathon", s0, on("9.0.2.40"), on("9.0.2.40"), "dcos", "_http._tcp", "80 9.0.2.40", "80 9.0.2.40", ""},
		{"reconciled.marathon", s0, on("9.0.2.41"), on("9.0.2.41"), "dcos", "_http._tcp", "80 9.0.2.41", "80 9.0.2.41", ""},
		{"ahead.marathon", s0, on("9.0.2.42"), on("9.0.2.42"), "dcos", "_http._tcp", "80 9.0.2.42", "80 9.0.2.42", ""},

		{"cart-shop.marathon", s0, on(s0), on(s0), "", "_http._tcp", "9040 " + s0, "9040 " + s0, "9040"},
		{"zero.marathon", s0, on("9.0.2.43"), on("9.0.2.43"), "dcos", "_default._tcp", "", "", ""},
		{"silent.marathon", s0, on(s0), on(s0), "", "", "", "", ""},
		{"plain.marathon", s0, on(s0), on(s0), "", "", "", "", ""},
		{"killed.marathon", "", nil, nil, "", "_http._tcp", "", "", ""},
		{"starting-ucr.marathon", "", nil, nil, "", "_http._tcp", "", "", ""},
		{"starting-docker.marathon", "", nil, nil, "", "_http._tcp", "", "", ""},
		{"late.marathon", s2, on(s2), on(s2), "", "_http._tcp", "9044 " + s2, "9044 " + s2, "9044"},
		{"never.marathon", "", nil, nil, "", "_http._tcp", "", "", ""},
	} {
		t.Run(tc.task+tc.port, func(t *testing.T) {
			const views = ".dcos.thisdcos.directory."
			task, framework, _ := strings.Cut(tc.task, ".")
			agent := on()
			if tc.agent != "" {
				agent = on(tc.agent)
			}
			at := func(name string, want ...string) {
				t.Helper()
				got := append(ask(t, s, name, dns.TypeA), ask(t, s, name, dns.TypeAAAA)...)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %v, want %v", name, got, want)
				}
			}
			at(tc.task+".mesos.", tc.auto...)
			at(tc.task+".slave.mesos.", agent...)
			at(tc.task+".agentip"+views, agent...)
			at(tc.task+".containerip"+views, tc.own...)
			at(tc.task+".autoip"+views, tc.auto...)
			if tc.network != "" {
				at(tc.task+"."+tc.network+".network.mesos.", tc.own...)
			}
			if tc.port == "" {
				return
			}
			leads := func(name, want string) {
				t.Helper()
				if got := followed(t, s, name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			onAgent := tc.onAgent
			if onAgent != "" {
				onAgent += " " + tc.agent
			}
			port, proto, _ := strings.Cut(tc.port, ".")
			mesosDNS := port + "._" + task + "." + proto + "." + framework
			for _, name := range on(tc.port+"."+tc.task, mesosDNS) {
				leads(name+".mesos.", tc.main)
				leads(name+".autoip"+views, tc.main)
				leads(name+".containerip"+views, tc.inside)
				leads(name+".agentip"+views, onAgent)
			}
			leads(mesosDNS+".slave.mesos.", onAgent)
		})
	}
}

// followed returns where an SRV record leads: "number address…", the addresses
// being those of the additional section, which are all of the target's.
func followed(t *testing.T, s *Server, name string) string {
	t.Helper()
	r, err := exchange(new(dns.Msg).SetQuestion(name, dns.TypeSRV), s.DNSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Answer) == 0 {
		return ""
	}
	srv, ok := r.Answer[0].(*dns.SRV)
	if !ok || len(r.Answer) > 1 {
		t.Fatalf("%s: got %v, want one SRV record", name, r.Answer)
	}
	var addrs []string
	for _, rr := range r.Extra {
		switch rr := rr.(type) {
		case *dns.A:
			addrs = append(addrs, rr.A.String())
		case *dns.AAAA:
			addrs = append(addrs, rr.AAAA.String())
		}
	}
	slices.Sort(addrs)
	return fmt.Sprintf("%d %s", srv.Port, strings.Join(addrs, " "))
}
