//go:build bench && linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// server is a name server under test.
type server struct {
	name    string
	threads int // of a peer
	proc    *process
	addr    netip.AddrPort // of DNS, UDP and TCP
	http    netip.AddrPort // only of Toponym
	Fresh   memory         // when it was ready, before the first query
	cases   []string       // in which it is measured; nil: all
}

// Names of servers in tables.
const (
	toponymName = "toponym"
	beforeName  = "before" // the Toponym of -before
)

// build is a Toponym that is measured.
type build struct{ name, program string }

// builds returns the Toponym that is measured and, with -before, an older one.
func (l *lab) builds() []build {
	all := []build{{toponymName, l.toponym}}
	if l.o.Before != "" {
		all = append(all, build{beforeName, l.o.Before})
	}
	return all
}

// startToponym starts a Toponym that reads a master, and waits until it has read
// the state. The settings more are added to the usual ones, or replace them.
func (l *lab) startToponym(b build, cores []int, master netip.AddrPort, refresh time.Duration, more map[string]any) (*server, error) {
	s := &server{name: b.name}
	var err error
	if s.addr, err = freePortAt(l.at); err != nil {
		return nil, err
	}
	if s.http, err = freePort(); err != nil {
		return nil, err
	}
	all := map[string]any{
		"masters":        []string{master.String()},
		"refreshSeconds": int(refresh.Seconds()),
		"resyncSeconds":  int(time.Hour.Seconds()),
		"listener":       s.addr.Addr().String(),
		"port":           s.addr.Port(),
		"httplistener":   s.http.Addr().String(),
		"httpport":       s.http.Port(),
		"maxUDPSize":     4096,
		// So that the number of addresses of an app is its number of instances.
		"unhealthy":  "include",
		"externalon": false,
	}
	if l.o.Veth { // as loopback is by default
		all["rateLimitExempt"] = []string{clientVeth.Masked().String()}
	}
	maps.Copy(all, more)
	settings, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	file := l.path(b.name + ".json")
	if err := os.WriteFile(file, settings, 0o644); err != nil {
		return nil, err
	}
	if s.proc, err = l.start(b.name, cores, b.program, "-config", file); err != nil {
		return nil, err
	}
	err = s.proc.await(5*time.Minute, func() error {
		if l.ctx.Err() != nil {
			return nil
		}
		_, err := get("http://" + s.http.String() + "/readyz")
		return err
	})
	if err == nil {
		err = l.ctx.Err()
	}
	return s, err
}

// readZone reads the records over HTTP, and the SOA and NS records over DNS.
func (s *server) readZone() (*zoneData, error) {
	client := &http.Client{Timeout: 2 * time.Minute}
	r, err := client.Get("http://" + s.http.String() + "/v1/axfr")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/v1/axfr: %s", r.Status)
	}
	z, err := readAXFR(r.Body)
	if err != nil {
		return nil, fmt.Errorf("/v1/axfr: %w", err)
	}
	for _, qtype := range []string{"SOA", "NS"} {
		lines, err := ask(s.addr, z.Domain, qtype)
		if err != nil {
			return nil, err
		}
		if len(lines.answer) == 0 {
			return nil, fmt.Errorf("no %s record of %s", qtype, z.Domain)
		}
		z.Apex = append(z.Apex, lines.answer...)
	}
	return z, nil
}

// sameDomain reports whether a name is in a domain. Both end in a dot.
func sameDomain(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
