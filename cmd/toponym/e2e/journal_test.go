//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
)

const journald = "/lib/systemd/systemd-journald"

// Log lines reach the journal with their levels and fields; while it is away they are
// written to standard error instead.
func TestLogGoesToTheJournal(t *testing.T) {
	n := newNamespace(t)
	require(t, "journalctl")
	if _, err := os.Stat(journald); err != nil {
		t.Skip(err)
	}
	if r := n.run(t, "sh", "-ec", "mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/journal /run/log/journal"); r.status != 0 {
		t.Fatal(r)
	}
	journal := n.start(t, journald)
	eventually(t, "the journal is there", func() (bool, string) {
		r := n.run(t, "test", "-S", "/run/systemd/journal/socket")
		return r.status == 0, journal.stderr.String()
	})
	config, err := json.Marshal(settings{"masters": []string{"127.0.0.1:1"}, "listener": "127.0.0.1", "httpon": false, "logFormat": "journald"})
	if err != nil {
		t.Fatal(err)
	}
	s := n.start(t, toponym, "-config", writeFile(t, "config.json", string(config)))
	entries := func() (list []map[string]any) {
		for line := range strings.Lines(n.run(t, "journalctl", "--no-pager", "-o", "json", "SYSLOG_IDENTIFIER=toponym").stdout) {
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			list = append(list, e)
		}
		return list
	}
	has := func(want map[string]string) func() (bool, string) {
		return func() (bool, string) {
			list := entries()
			for _, e := range list {
				found := true
				for key, value := range want {
					text, _ := e[key].(string)
					found = found && strings.Contains(text, value)
				}
				if found {
					return true, ""
				}
			}
			b, _ := json.Marshal(list)
			return false, tail(string(b))
		}
	}
	eventually(t, "a line with its fields", has(map[string]string{"MESSAGE": "answering DNS over UDP and TCP addr=127.0.0.1:53", "PRIORITY": "6", "TOPONYM_ADDR": "127.0.0.1:53"}))
	eventually(t, "a warning", has(map[string]string{"PRIORITY": "4", "TOPONYM_ERROR": "connection refused"}))
	if text := s.stderr.String(); text != "" {
		t.Errorf("standard error: got %q, want nothing", text)
	}

	journal.kill(t)
	eventually(t, "lines on standard error", func() (bool, string) {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		text := s.stderr.String()
		return strings.Contains(text, "reading the settings again: SIGHUP was received"), text
	})
}
