package resolver

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/zone"
)

// opened are sockets as another program opens them: some addresses, each with the
// same port for both transports.
func opened(t *testing.T, places int) (udp []*net.UDPConn, tcp []*net.TCPListener) {
	t.Helper()
	for range places {
		u, l, err := bind(netip.MustParseAddr("127.0.0.1"), 0, false, false)
		if err != nil {
			t.Fatal(err)
		}
		udp, tcp = append(udp, u), append(tcp, l)
	}
	return udp, tcp
}

func TestServerUsesInheritedSockets(t *testing.T) {
	for _, tt := range []struct {
		name            string
		places, workers int
	}{{"one for all", 1, 3}, {"one each", 2, 2}, {"more than workers", 3, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			udp, tcp := opened(t, tt.places)
			var at []string
			for _, u := range udp {
				at = append(at, u.LocalAddr().String())
			}
			o := testOptions()
			o.Workers = tt.workers
			s := New(zone.NewStore(testZone(t)), o)
			if err := s.UseSockets(udp, tcp); err != nil {
				t.Fatal(err)
			}
			if s.Addr().String() != at[0] {
				t.Errorf("listens on %v, want %v", s.Addr(), at[0])
			}
			if s.UseSockets(udp, tcp) == nil || s.Listen() == nil {
				t.Error("got no error for a second set of sockets")
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.Run(ctx) }()
			for _, addr := range at {
				for _, network := range []string{"udp", "tcp"} {
					c := dns.Client{Net: network, Timeout: 10 * time.Second}
					// Several clients, as the system spreads them.
					for range 10 {
						r, _, err := c.Exchange(new(dns.Msg).SetQuestion("one.marathon.mesos.", dns.TypeA), addr)
						if err != nil || len(r.Answer) != 1 {
							t.Fatalf("%s %s: %v, error %v", network, addr, r, err)
						}
					}
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			testutil.NothingListens(t, at[0])
		})
	}
}

func TestInheritedSocketsMustBeOfBothTransports(t *testing.T) {
	udp, tcp := opened(t, 1)
	defer udp[0].Close()
	defer tcp[0].Close()
	s := New(zone.NewStore(testZone(t)), testOptions())
	if s.UseSockets(udp, nil) == nil || s.UseSockets(nil, tcp) == nil {
		t.Error("got no error without sockets of both transports")
	}
	if err := s.UseSockets(udp, tcp); err != nil {
		t.Error(err)
	}
}
