//go:build bench && linux && (amd64 || arm64)

package main

import "fmt"

// knotSettings configures Knot with a worker of each kind for each core. Its rate limiting is a
// module that is not loaded.
func knotSettings(s *server, dir, zone, domain string) string {
	return fmt.Sprintf(`server:
  rundir: "%[3]s"
  listen: %[1]s@%[2]d
  udp-workers: %[6]d
  tcp-workers: %[6]d
  background-workers: 1
  udp-max-payload: 4096
log:
  - target: stderr
    any: warning
database:
  storage: "%[3]s"
zone:
  - domain: %[4]s
    file: "%[5]s"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
`, s.addr.Addr(), s.addr.Port(), dir, domain, zone, s.threads)
}

func knotArgs(settings string) []string { return []string{"-c", settings} }
