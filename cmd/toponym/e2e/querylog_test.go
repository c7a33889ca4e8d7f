//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"toponym/internal/fakedns"
)

// askKinds asks a server for a name of the cluster over UDP and TCP, for one outside
// twice, and for one that does not exist.
func askKinds(t *testing.T, s *server) {
	t.Helper()
	for _, line := range []string{
		"dig web.marathon.mesos A", "dig +tcp web.marathon.mesos A", "dig www.outside.example A", "dig www.outside.example A", "dig nope.mesos A",
	} {
		ask(t, s.port, line)
	}
}

// outsideServer is an upstream server with one name.
func outsideServer(t *testing.T) string {
	return fakedns.Start(t, fakedns.Records("www.outside.example. 60 IN A 192.0.2.1")).Addr.String()
}

// wantMessages reads a file of dnstap messages by BIND's program: those of askKinds.
func wantMessages(t *testing.T, file string) {
	t.Helper()
	r := run(t, "dnstap-read", file)
	if r.status != 0 {
		t.Fatalf("dnstap-read: exit status %d\n%s", r.status, r)
	}
	// At least so many: dig and the server may have asked again.
	for pattern, want := range map[string]int{
		`AQ 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ UDP \d+b web\.marathon\.mesos/IN/A`: 1,
		`AR 127\.0\.0\.1:\d+ <- 127\.0\.0\.1:\d+ UDP \d+b web\.marathon\.mesos/IN/A`: 1,
		`A[QR] .* TCP \d+b web\.marathon\.mesos/IN/A`:                                2,
		`AR .* UDP \d+b nope\.mesos/IN/A`:                                            1,
		`CQ .* UDP \d+b www\.outside\.example/IN/A`:                                  2,
		`CR .* UDP \d+b www\.outside\.example/IN/A`:                                  2,
		`FQ .* UDP \d+b www\.outside\.example/IN/A`:                                  1,
		`FR .* UDP \d+b www\.outside\.example/IN/A`:                                  1,
	} {
		if got := len(regexp.MustCompile(`(?m) `+pattern+`$`).FindAllString(r.stdout, -1)); got < want {
			t.Errorf("%s: got %d messages, want %d at least:\n%s", pattern, got, want, r.stdout)
		}
	}
}

func TestDnstapConsumersGetMessages(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	requireTool(t, "fstrm_capture", "fstrm-bin")
	requireTool(t, "dnstap-read", "bind9-dnsutils")
	for _, network := range []string{"unix", "tcp", "file"} {
		t.Run(network, func(t *testing.T) {
			dir := t.TempDir()
			captured := filepath.Join(dir, "captured.tap")
			more := forwarding(outsideServer(t))
			more["dnstapIdentity"] = "ns1"
			var consumer *process
			switch network {
			case "unix":
				socket := filepath.Join(dir, "tap.sock")
				consumer = start(t, "fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", socket, "-w", captured)
				more["dnstap"] = "unix://" + socket
			case "tcp":
				port := freePort(t)
				consumer = start(t, "fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-a", "127.0.0.1", "-p", fmt.Sprint(port), "-w", captured)
				more["dnstap"] = "tcp://" + local(port)
			case "file":
				more["dnstap"] = "file://" + captured
			}
			s := serveExample(t, more)
			eventually(t, "the log says that messages are written", func() (bool, string) {
				log := s.stderr.String()
				return strings.Contains(log, "writing dnstap messages"), log
			})
			askKinds(t, s)
			eventually(t, "14 messages are written", func() (bool, string) {
				n := s.metrics(t).sum("toponym_dnstap_messages_total", "result", "written")
				return n >= 14, fmt.Sprint(n) // more if the upstream server is asked again
			})
			s.terminate(t)
			s.wait(t)
			if consumer != nil {
				consumer.terminate(t)
				consumer.wait(t)
			}
			wantMessages(t, captured)
		})
	}
}

// queryLines are the lines of a query log in JSON.
func queryLines(t *testing.T, file string) (lines []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, one)
	}
	return lines
}

// A query log can be selected, moved away and changed while the server runs.
func TestQueryLog(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	file := filepath.Join(t.TempDir(), "queries.log")
	more := forwarding(outsideServer(t))
	more["queryLog"], more["logFormat"] = file, "json"
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	config := configFile(t, m, s, more)
	s.process = start(t, toponym, "-config", config)
	s.waitReady(t)
	askKinds(t, s)
	wantLines := func(file string, want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d lines in %s", want, filepath.Base(file)), func() (bool, string) {
			lines := queryLines(t, file)
			return len(lines) == want, fmt.Sprint(lines)
		})
	}
	wantLines(file, 5)
	first := queryLines(t, file)[0]
	for key, want := range map[string]any{
		"msg": "query", "level": "info", "name": "web.marathon.mesos.", "type": "A", "rcode": "NOERROR", "protocol": "udp", "flags": "aa rd ra", "answers": 3.0,
	} {
		if first[key] != want {
			t.Errorf("%s: got %v, want %v in %v", key, first[key], want, first)
		}
	}

	// It is moved away as logrotate does, and begun again without a signal.
	if err := os.Rename(file, file+".moved"); err != nil {
		t.Fatal(err)
	}
	asked := 0
	eventually(t, "another file is begun", func() (bool, string) {
		ask(t, s.port, "dig web.marathon.mesos A")
		asked++
		_, err := os.Stat(file)
		return err == nil, fmt.Sprint(err)
	})
	eventually(t, "all lines are in one of the files", func() (bool, string) {
		old, now := len(queryLines(t, file+".moved")), len(queryLines(t, file))
		return old+now == 5+asked && now > 0, fmt.Sprintf("%d and %d of %d", old, now, 5+asked)
	})

	// The settings change while it runs: only NXDOMAIN, in the log itself.
	more["queryLog"], more["queryLogCodes"] = "log", []string{"NXDOMAIN"}
	b, err := os.ReadFile(configFile(t, m, s, more))
	if err == nil {
		err = os.WriteFile(config, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a query is in the log", func() (bool, string) {
		ask(t, s.port, "dig web.marathon.mesos A")
		ask(t, s.port, "dig nope.mesos A")
		log := s.stderr.String()
		return strings.Contains(log, `"rcode":"NXDOMAIN"`), log
	})
	if log := s.stderr.String(); strings.Contains(log, `"rcode":"NOERROR"`) {
		t.Errorf("got lines for other codes, want none:\n%s", log)
	}
}

// A consumer of dnstap that takes nothing, a socket that vanishes and a full disk cost
// messages and lines. Queries are answered, and metrics and the log say what is lost.
func TestLogsThatCannotBeWrittenHoldUpNoQuery(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	disk := newSmallDisk(t)
	socket := filepath.Join(t.TempDir(), "tap.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept() // and nothing is read
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	config := configFile(t, m, s, settings{"dnstap": "unix://" + socket, "queryLog": filepath.Join(disk.dir, "queries.log"), "queryLogRate": 0})
	disk.fill(t)
	s.process = start(t, "nsenter", "-t", disk.pid, "-m", "--", toponym, "-config", config)
	s.waitReady(t)
	for range 20 {
		if got := ask(t, s.port, "dig web.marathon.mesos A"); got.status != "NOERROR" {
			t.Fatalf("got %s, want NOERROR", got.status)
		}
	}
	eventually(t, "what is lost is counted", func() (bool, string) {
		ask(t, s.port, "dig web.marathon.mesos A")
		m := s.metrics(t)
		lines, messages := m.sum("toponym_query_log_lines_total", "result", "dropped"), m.sum("toponym_dnstap_messages_total", "result", "dropped")
		return lines > 0 && messages > 0, fmt.Sprintf("%v lines, %v messages", lines, messages)
	})
	eventually(t, "the log says so", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "cannot write the query log") && strings.Contains(log, "no space left on device") &&
			strings.Contains(log, "cannot write dnstap messages"), log
	})
	if err := os.Remove(socket); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, s.port, "dig web.marathon.mesos A"); got.status != "NOERROR" {
		t.Errorf("got %s without the socket, want NOERROR", got.status)
	}
	s.terminate(t)
	if status := s.wait(t); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}
