//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
)

// Go's resolver sends A and AAAA queries at once, with EDNS, checks the names in
// the responses, and retries truncated ones over TCP.
func TestGoResolver(t *testing.T) {
	t.Parallel()
	c := example(t)
	c.app(t, "big", bigApp, "10.2.0.1", 9000)
	s := serve(t, newMaster(t, c.Cluster), settings{"ReverseDnsOn": true})
	r := s.goResolver()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()

	web := func() []string {
		var all []string
		for i := range 3 {
			all = append(all, instance("web", i)+".marathon.mesos.:8080")
		}
		return all
	}()
	for _, l := range []struct {
		about string
		ask   func() ([]string, error)
		want  []string
	}{
		{"LookupHost", func() ([]string, error) { return r.LookupHost(ctx, "web.marathon.mesos.") },
			[]string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}},
		{"LookupHost, both families", func() ([]string, error) { return r.LookupHost(ctx, "dual.marathon.mesos.") },
			[]string{"10.1.1.1", "fd00:1::1"}},
		{"LookupHost, 300 addresses", func() ([]string, error) { return r.LookupHost(ctx, "big.marathon.mesos.") },
			addressesFrom("10.2.0.1", bigApp)},
		{"LookupSRV in the order of RFC 2782", func() ([]string, error) { return srv(r.LookupSRV(ctx, "http", "tcp", "web.marathon.mesos")) }, web},
		{"LookupSRV of a whole name", func() ([]string, error) { return srv(r.LookupSRV(ctx, "", "", "_web._tcp.marathon.mesos")) }, web},
		{"LookupNS", func() ([]string, error) {
			ns, err := r.LookupNS(ctx, "mesos.")
			var all []string
			for _, n := range ns {
				all = append(all, n.Host)
			}
			return all, err
		}, []string{"ns1.mesos."}},
		{"LookupAddr", func() ([]string, error) { return r.LookupAddr(ctx, "10.1.0.2") }, []string{"web.marathon.mesos."}},
		{"LookupAddr, IPv6", func() ([]string, error) { return r.LookupAddr(ctx, "fd00:1::1") }, []string{"dual.marathon.mesos."}},
	} {
		t.Run(l.about, func(t *testing.T) {
			got, err := l.ask()
			if err != nil {
				t.Fatal(err)
			}
			if got, want := sorted(got), sorted(l.want); !slices.Equal(got, want) {
				t.Errorf("got %d results:\n%v\nwant %d:\n%v", len(got), got, len(want), want)
			}
		})
	}

	for _, l := range []struct {
		about string
		ask   func() ([]string, error)
	}{
		{"LookupHost of nothing", func() ([]string, error) { return r.LookupHost(ctx, "nope.marathon.mesos.") }},
		{"LookupHost of an empty non-terminal", func() ([]string, error) { return r.LookupHost(ctx, "_tcp.marathon.mesos.") }},
		{"LookupSRV of nothing", func() ([]string, error) { return srv(r.LookupSRV(ctx, "ftp", "tcp", "web.marathon.mesos")) }},
		{"LookupAddr of nothing", func() ([]string, error) { return r.LookupAddr(ctx, "10.1.0.99") }},
	} {
		t.Run(l.about, func(t *testing.T) {
			got, err := l.ask()
			if e := (*net.DNSError)(nil); !errors.As(err, &e) || !e.IsNotFound {
				t.Errorf("got %v, error %v; want the error of a host that does not exist", got, err)
			}
		})
	}
}

// srv formats targets as host:port.
func srv(_ string, all []*net.SRV, err error) ([]string, error) {
	var targets []string
	for _, s := range all {
		targets = append(targets, fmt.Sprintf("%s:%d", s.Target, s.Port))
	}
	return targets, err
}
