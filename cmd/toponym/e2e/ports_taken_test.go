//go:build e2e

package e2e_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

// A port in use ends the program with a message that names the port and the
// setting.
func TestPortInUse(t *testing.T) {
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
				t.Errorf("exit status: got %d, want 1", status)
			}
			log := s.stderr.String()
			if !strings.Contains(log, "address already in use") || !strings.Contains(log, strconv.Itoa(port)) {
				t.Errorf("message: want port %d and the reason in it, got\n%s", port, log)
			}
			if strings.Count(log, "level=error") != 1 {
				t.Errorf("errors in the log: want one, got\n%s", log)
			}
		})
	}
}
