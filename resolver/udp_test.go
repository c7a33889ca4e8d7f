package resolver

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"toponym/zone"
)

// Such a packet is forged, to make the server send packets to a victim.
func TestPacketsFromPort0GetNoResponse(t *testing.T) {
	for from, want := range map[string]bool{"192.0.2.1:0": false, "192.0.2.1:1": true, "[::1]:0": false} {
		if _, ok := clientOverUDP(netip.MustParseAddrPort(from)); ok != want {
			t.Errorf("%s: %v", from, ok)
		}
	}
	c, _ := clientOverUDP(netip.MustParseAddrPort("[::ffff:192.0.2.1]:1"))
	if !c.addr.Is4() {
		t.Errorf("%v is an IPv4 address", c.addr)
	}
}

// Systems without batches need it.
func TestQueriesAreAnsweredSingly(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.2"},
		{"::", "::1"},
		{"::", "127.0.0.2"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			o := testOptions()
			o.Listen = []Listen{{Addr: netip.MustParseAddr(x.listen)}}
			s := New(zone.NewStore(testZone(t)), o)
			if err := s.Listen(); err != nil {
				t.Skip(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() { s.answerSingly(ctx, s.endpoints.open[0].udp[0]) })
			}
			if got := askOver(t, dial(t, s, "udp", x.ask), askOne); got != wantOne {
				t.Errorf("got %q, want %q", got, wantOne)
			}
			cancel()
			s.endpoints.open[0].udp[0].SetReadDeadline(aLongTimeAgo)
			all.Wait()
			s.endpoints.open[0].udp[0].Close()
			s.endpoints.open[0].tcp[0].Close()
		})
	}
}
