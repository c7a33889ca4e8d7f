package resolver

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toponym/zone"
)

func TestBackoffDoublesAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := backoff{max: 30 * time.Millisecond}
		var pauses []int64
		pause := func() {
			begin := time.Now()
			b.wait(ctx)
			pauses = append(pauses, time.Since(begin).Milliseconds())
		}
		for range 4 {
			pause()
		}
		b.reset()
		pause()
		cancel()
		pause()
		if want := []int64{5, 10, 20, 30, 5, 0}; !slices.Equal(pauses, want) {
			t.Errorf("pauses of %d ms, want %d", pauses, want)
		}
	})
}

// Such a packet would have us send something to somebody who asked nothing.
func TestPort0GetsNoReply(t *testing.T) {
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

// Systems without batches have this.
func TestAnsweringSingly(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.2"},
		{"::", "::1"},
		{"::", "127.0.0.2"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			o := testOptions()
			o.Addr = netip.MustParseAddr(x.listen)
			s := New(zone.NewStore(testZone(t)), o)
			if err := s.Listen(); err != nil {
				t.Skip(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() { s.answerSingly(ctx, s.udp) })
			}
			if got := askOver(t, dial(t, s, "udp", x.ask), askOne); got != wantOne {
				t.Error(got)
			}
			cancel()
			s.udp.SetReadDeadline(aLongTimeAgo)
			all.Wait()
			s.udp.Close()
			s.tcp.Close()
		})
	}
}
