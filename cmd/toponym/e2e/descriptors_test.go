//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	greedyConnections = 3000 // half over DNS, half over HTTP
	greedyAddresses   = 10
)

// A server with 1,024 descriptors has 3,000 clients that connect and do nothing, again
// as soon as they are disconnected. No answer is wrong or missing, other clients can
// connect, a master that was away is found again, and the snapshot is written.
func TestManyConnectionsLeaveDescriptorsForTheRest(t *testing.T) {
	t.Parallel()
	sim := simulate(t, "-scenario", writeFile(t, "scenario.yaml", outageScenario), "-heartbeat", "1s")
	m := &master{addr: sim.masters[0]}
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	file := configFile(t, m, s, settings{"stateDir": t.TempDir(), "snapshotSeconds": 1, "resyncSeconds": 1})
	s.process = start(t, "sh", "-c", fmt.Sprintf("ulimit -n %d; exec %s -config %s", descriptors, toponym, file))
	s.waitReady(t)
	w := s.watch(t, "UDP", s.steadyNames(t, 80))

	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var opened atomic.Int64
	for i := range greedyConnections {
		to := s.addr()
		if i%2 == 1 {
			to = s.web()
		}
		from := netip.AddrFrom4([4]byte{127, 0, 9, byte(1 + i%greedyAddresses)})
		all.Go(func() { connectAgain(ctx, from, to, &opened) })
	}
	eventually(t, "the connections are opened", func() (bool, string) {
		n := opened.Load()
		return n >= greedyConnections, fmt.Sprint(n)
	})

	sim.do(t, `{"do": "scale", "app": "canary", "count": 2}`)
	follows := func(what string, n int) {
		t.Helper()
		eventually(t, what, func() (bool, string) {
			r, _, err := (&dns.Client{Net: "tcp", Timeout: oneTry}).Exchange(new(dns.Msg).SetQuestion("canary.marathon.mesos.", dns.TypeA), s.addr())
			if err != nil {
				return false, err.Error()
			}
			return len(r.Answer) == n, r.String()
		})
	}
	follows("a change, seen over TCP", 2)
	sim.do(t, `{"do": "streams-break"}`)
	sim.do(t, `{"do": "scale", "app": "canary", "count": 3}`)
	follows("a change after a new connection to the master", 3)
	before := s.status(t).Snapshot
	sim.do(t, `{"do": "scale", "app": "canary", "count": 1}`)
	follows("another change", 1)
	eventually(t, "a snapshot is written", func() (bool, string) {
		now := s.status(t).Snapshot
		return now != nil && (before == nil || now.Age < 5), fmt.Sprintf("%+v", now)
	})
	n := openFiles(t, s)
	t.Logf("%d connections opened, %d open files of the server", opened.Load(), n)
	if n < descriptors/4 {
		t.Errorf("open files: got %d, want many of %d: the clients do not connect", n, descriptors)
	}
	w.finish(t)
}

// connectAgain holds a connection, and opens it again when it is closed.
func connectAgain(ctx context.Context, from netip.Addr, to string, opened *atomic.Int64) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: oneTry}
	for ctx.Err() == nil {
		if conn, err := dialer.DialContext(ctx, "tcp", to); err == nil {
			opened.Add(1)
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			_, _ = conn.Read(make([]byte, 1)) // until it is closed
			stop()
			conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
