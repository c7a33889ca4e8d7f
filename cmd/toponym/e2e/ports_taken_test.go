//go:build e2e

package e2e_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// A port that somebody else has ends the program with a message that says which
// one, and who to look for.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		network string
		setting string
	}{
		{"DNS over UDP", "udp", "port"},
		{"DNS over TCP", "tcp", "port"},
		{"HTTP", "tcp", "httpport"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			if c.network == "udp" {
				l, err := net.ListenPacket("udp", local(port))
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			} else {
				l, err := net.Listen("tcp", local(port))
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			}
			s := launch(t, newMaster(t, example(t).Cluster), settings{c.setting: port})
			if status := s.wait(t); status != 1 {
				t.Errorf("exit status %d, want 1", status)
			}
			log := s.stderr.String()
			if !strings.Contains(log, "address already in use") || !strings.Contains(log, strconv.Itoa(port)) {
				t.Errorf("the message names neither port %d nor what is wrong:\n%s", port, log)
			}
			if strings.Count(log, "level=error") != 1 {
				t.Errorf("want one error in the log:\n%s", log)
			}
		})
	}
}
