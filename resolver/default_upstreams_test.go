package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/internal/testutil"
	"toponym/zone"
)

func TestUpstreamsFollowResolvConfAndTheSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := func(a netip.AddrPort) bool { return a.Addr().String() == "127.0.0.1" }
	write("search x\nnameserver 127.0.0.1\nnameserver 192.0.2.1\n; a remark\nnameserver 192.0.2.1\nnameserver fe80::1%lo\nnameserver what\nnameserver ::ffff:192.0.2.2\n")
	list, err := readResolvConf(file)
	if got := fmt.Sprint(list); err != nil || got != "[127.0.0.1 192.0.2.1 fe80::1%lo 192.0.2.2]" {
		t.Errorf("got %s and error %v", got, err)
	}
	if _, err := readResolvConf(file + "x"); err == nil {
		t.Error("got no error for a file that does not exist")
	}
	o := forwardOptions()
	o.ResolvConf = file
	f := newForwarder(o, zone.NewStore(testZone(t)), nil, testOptions().Log)
	r := defaultUpstreams{f: f, isOwn: own}
	servers := func() string {
		r.refresh()
		if r.reading != nil {
			r.take(<-r.reading)
		}
		return fmt.Sprint(r.current, f.defaultGroup.Load().Len(), len(f.client.Stats()))
	}
	if got := servers(); got != "[192.0.2.1 fe80::1%lo 192.0.2.2] 3 3" {
		t.Errorf("got %q, want %q", got, "[192.0.2.1 fe80::1%lo 192.0.2.2] 3 3")
	}
	for _, x := range []struct{ text, want string }{
		{"nameserver 192.0.2.9\nnameserver 192.0.2.1", "[192.0.2.9 192.0.2.1] 2 2"},
		{"nameserver 127.0.0.1", "[192.0.2.9 192.0.2.1] 2 2"}, // what was known stays
		{"", "[192.0.2.9 192.0.2.1] 2 2"},
		{"nameserver 192.0.2.3", "[192.0.2.3] 1 1"},
	} {
		write(x.text)
		if got := servers(); got != x.want {
			t.Errorf("%q: %s, want %s", x.text, got, x.want)
		}
	}
	// Those that are given go before, and may be taken back.
	for _, x := range []struct{ given, want string }{
		{"192.0.2.7 127.0.0.1", "[192.0.2.7] 1 1"},
		{"192.0.2.8 192.0.2.7", "[192.0.2.8 192.0.2.7] 2 2"},
		{"127.0.0.1", "[] 0 0"},
		{"", "[192.0.2.3] 1 1"},
	} {
		var list []Upstream
		for _, a := range strings.Fields(x.given) {
			list = append(list, Upstream{AddrPort: netip.AddrPortFrom(netip.MustParseAddr(a), 53)})
		}
		f.setUpstreams(list)
		if got := servers(); got != x.want {
			t.Errorf("given %q: %s, want %s", x.given, got, x.want)
		}
	}
}

// A FIFO without a writer, or a file system that hangs, must not keep the server
// from starting or from ending.
func TestAResolvConfThatBlocksHoldsNothingUp(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "resolv.conf")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := readResolvConf(fifo); err == nil {
		t.Error("reading a FIFO gives no error")
	}
	synctest.Test(t, func(t *testing.T) {
		o := forwardOptions()
		f := newForwarder(o, zone.NewStore(testZone(t)), nil, testOptions().Log)
		ctx, cancel := context.WithCancel(t.Context())
		d := defaultUpstreams{f: f, isOwn: func(netip.AddrPort) bool { return false }, reading: make(chan resolvConf)} // which never ends
		begin := time.Now()
		d.begin(ctx)
		if took := time.Since(begin); took != resolvConfTimeout {
			t.Errorf("the start took %v, want %v", took, resolvConfTimeout)
		}
		done := make(chan struct{})
		go func() { d.run(ctx); close(done) }()
		time.Sleep(10 * followInterval)
		cancel()
		<-done // or the test ends with a deadlock
		if n := f.defaultGroup.Load().Len(); n != 0 {
			t.Errorf("got %d servers, want none", n)
		}
	})
}

func TestUpstreamsThatLeadBackAreNotAskedAgain(t *testing.T) {
	up := fakedns.Start(t, fakedns.Silent)
	o := forwarding(up)
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr().String()
	up.Set(func(w dns.ResponseWriter, q *dns.Msg) {
		m, _, err := new(dns.Client).Exchange(q, addr)
		if err != nil {
			m = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		}
		w.WriteMsg(m)
	})
	ctx, cancel := newContext(t)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != "REFUSED qr rd ra" && got != "SERVFAIL qr rd ra" {
		t.Error(got)
	}
	testutil.EventuallyEqual(t, "looping", func() string { return s.UpstreamStats()[0].State.String() }, "state of the upstream server")
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), "other.example.com. A +rd"); got != "SERVFAIL qr rd ra" {
		t.Errorf("got %q, want %q", got, "SERVFAIL qr rd ra")
	}
	cancel()
	<-done
}

func TestTheServersOwnAddressIsNotAsked(t *testing.T) {
	o := forwarding(fakedns.Start(t, outsideRecords))
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	o.Forward.ZoneUpstreams = map[string][]Upstream{"corp.example": nil}
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	self := Upstream{AddrPort: s.Addr()}
	f := s.responder.forward
	o.Forward.Upstreams = append(o.Forward.Upstreams, self)
	o.Forward.ZoneUpstreams = map[string][]Upstream{"corp.example": {self}}
	s.Configure(o)
	ended, cancel := newContext(t)
	cancel()
	if err := s.Run(ended); err != nil {
		t.Error(err)
	}
	if n := f.defaultGroup.Load().Len(); n != 1 || f.zoneGroup([]byte(wireName("corp.example"))).Len() != 0 {
		t.Errorf("%d servers", n)
	}
}

func TestOwnAddressesAreKnown(t *testing.T) {
	for _, x := range []struct {
		listen, addr string
		want         bool
	}{
		{"127.0.0.1", "127.0.0.1:53", true}, {"127.0.0.1", "127.0.0.1:5353", false}, {"127.0.0.1", "127.0.0.2:53", false},
		{"0.0.0.0", "127.0.0.53:53", true}, {"0.0.0.0", "[::ffff:127.0.0.1]:53", true}, {"0.0.0.0", "[::1]:53", false},
		{"::", "[::1]:53", true}, {"::", "127.0.0.1:53", true}, {"::", "192.0.2.1:53", false},
		{"0.0.0.0,::", "[::1]:53", true}, {"0.0.0.0,::", "127.0.0.1:53", true}, {"127.0.0.1,127.0.0.9", "127.0.0.9:53", true},
	} {
		s := &Server{}
		s.listening.Store(&listenOptions{listens(strings.Split(x.listen, ",")...), 53})
		if got := s.isOwn(netip.MustParseAddrPort(x.addr)); got != x.want {
			t.Errorf("%s before %s: %v, want %v", x.addr, x.listen, got, x.want)
		}
	}
}
