//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const bindName = "bind"

// transferPeers are the primaries that transfers are compared with. Each has one
// thread for the work, as Toponym has one core.
var transferPeers = []struct {
	name, pkg, program string
	settings           func(addr netip.AddrPort, dir string, zones map[string]string) string
	args               func(file string) []string
}{
	{knotName, "knot", "knotd", knotTransferSettings, knotArgs},
	{bindName, "bind9", "named", bindTransferSettings, func(file string) []string { return []string{"-g", "-n", "1", "-c", file} }},
}

func knotTransferSettings(addr netip.AddrPort, dir string, zones map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `server:
  rundir: "%[1]s"
  listen: %[2]s@%[3]d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "%[1]s"
acl:
  - id: all
    address: 127.0.0.0/8
    action: transfer
zone:
`, dir, addr.Addr(), addr.Port())
	for name, file := range zones {
		fmt.Fprintf(&b, "  - domain: %s\n    file: \"%s\"\n    acl: all\n    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\n", name, file)
	}
	return b.String()
}

func bindTransferSettings(addr netip.AddrPort, dir string, zones map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `options {
	directory "%[1]s";
	pid-file "%[1]s/named.pid";
	session-keyfile "%[1]s/session.key";
	listen-on port %[3]d { %[2]s; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	notify no;
	allow-transfer { any; };
	max-records-per-type 0;
	max-types-per-name 0;
	check-names primary ignore;
	transfer-message-size 65535;
};
controls { };
`, dir, addr.Addr(), addr.Port())
	for name, file := range zones {
		fmt.Fprintf(&b, "zone \"%s\" { type primary; file \"%s\"; check-integrity no; };\n", name, file)
	}
	return b.String()
}

// exportZones transfers zones into zone files (RFC 1035, section 5).
func (l *lab) exportZones(from netip.AddrPort, zones []string) (map[string]string, error) {
	files := map[string]string{}
	for _, zone := range zones {
		path := l.path(strings.TrimSuffix(zone, ".") + ".transferred")
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		c, err := dialTransfer(from)
		if err == nil {
			soas := 0
			_, err = c.axfr(zone, func(rr dns.RR) {
				if rr.Header().Rrtype == dns.TypeSOA {
					soas++
				}
				if soas < 2 {
					_, _ = w.WriteString(rr.String() + "\n") // Flush returns the error
				}
			})
			c.close()
		}
		if err == nil {
			err = w.Flush()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", zone, err)
		}
		files[zone] = path
	}
	return files, nil
}

// startTransferPeer starts a primary with the zones of files, and waits until it has
// loaded all.
func (l *lab) startTransferPeer(i int, zones map[string]string) (*server, error) {
	p := transferPeers[i]
	program, err := l.ensure(p.program, p.pkg)
	if err != nil {
		return nil, err
	}
	s := &server{name: p.name}
	settings := func(dir string) string { return p.settings(s.addr, dir, zones) }
	if err := l.launch(s, []int{l.o.ServerCore}, program, settings, p.args); err != nil {
		return nil, err
	}
	for zone := range zones {
		err := s.proc.await(5*time.Minute, func() error {
			r, err := askOver("udp", s.addr, zone, "SOA", 0, time.Second)
			if err == nil && len(r.answer) != 1 {
				err = fmt.Errorf("%s for the SOA record of %s", r.code, zone)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}
