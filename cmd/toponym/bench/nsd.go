//go:build bench && linux && (amd64 || arm64)

package main

import "fmt"

// nsdSettings configures NSD with a server process for each core. With minimal responses NSD
// omits the addresses of SRV targets; by default it adds the zone's NS records and
// their addresses to every response with enough room. Toponym does neither: it
// sends the addresses of SRV targets and no NS records.
func nsdSettings(minimal string) func(s *server, dir, zone, domain string) string {
	return func(s *server, dir, zone, domain string) string {
		return fmt.Sprintf(`server:
  server-count: %[7]d
  ip-address: %[1]s@%[2]d
  do-ip6: no
  username: ""
  zonesdir: "%[3]s"
  database: ""
  zonelistfile: "%[3]s/zone.list"
  xfrdfile: "%[3]s/xfrd.state"
  xfrdir: "%[3]s"
  pidfile: "%[3]s/nsd.pid"
  verbosity: 0
  zonefiles-write: 0
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  ipv4-edns-size: 4096
  minimal-responses: %[4]s
  tcp-count: 200
remote-control:
  control-enable: no
zone:
  name: "%[5]s"
  zonefile: "%[6]s"
`, s.addr.Addr(), s.addr.Port(), dir, minimal, domain, zone, s.threads)
	}
}

func nsdArgs(settings string) []string { return []string{"-d", "-c", settings} }
