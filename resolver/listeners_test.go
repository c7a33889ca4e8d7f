package resolver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/zone"
)

// listenElsewhere moves a running server.
func listenElsewhere(t *testing.T, s *Server, items ...string) error {
	t.Helper()
	l, err := s.OpenListeners(listens(items...), 0)
	if err != nil {
		return err
	}
	defer l.Close()
	l.Use(t.Context())
	return nil
}

// answersAt checks where a server says that it listens.
func answersAt(t *testing.T, s *Server, want ...string) {
	t.Helper()
	testutil.Poll(t, func() (bool, string) {
		var got []string
		for _, a := range s.Addrs() {
			got = append(got, a.Addr().String())
		}
		slices.Sort(got)
		return slices.Equal(got, want), strings.Join(got, " ")
	}, "the addresses are %v", want)
}

// Clients ask all the time, over UDP and TCP, at an address that is always wanted: by
// itself, among others, or as one of all. None of them loses a query.
func TestNoQueryIsLostWhileListenersChange(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets cannot overlap")
	}
	o := testOptions()
	o.Listen, o.addressInterval, o.leaveAfter = listens("127.0.0.1"), time.Millisecond, 20*time.Millisecond
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	ended := make(chan struct{})
	var clients sync.WaitGroup
	var asked atomic.Int64
	packet, _ := packQuery(t, askOne)
	for range 2 {
		for _, network := range []string{"udp", "tcp"} {
			conn := dial(t, s, network, "127.0.0.1")
			clients.Go(func() {
				c := dns.Conn{Conn: conn}
				in := make([]byte, dns.MaxMsgSize)
				for {
					select {
					case <-ended:
						return
					default:
					}
					conn.SetDeadline(time.Now().Add(10 * time.Second))
					_, err := c.Write(packet)
					if err == nil {
						_, err = c.Read(in)
					}
					if err != nil {
						t.Errorf("%s, query %d: %v", network, asked.Load(), err)
						return
					}
					asked.Add(1)
				}
			})
		}
	}
	for round := range 3 {
		for _, items := range [][]string{{"127.0.0.1", "127.0.0.2"}, {"0.0.0.0"}, {"127.0.0.1"}, {"127.0.0.3", "127.0.0.1"}, {"::"}, {"0.0.0.0", "::"}, {"::"}, {"127.0.0.1"}} {
			if err := listenElsewhere(t, s, items...); err != nil {
				t.Errorf("round %d, %v: %v", round, items, err)
				break
			}
			before := asked.Load()
			testutil.Eventually(t, func() bool { return asked.Load() > before+20 || t.Failed() }, "queries are answered")
		}
		testutil.Eventually(t, func() bool { return len(s.endpoints.list()) == 1 || t.Failed() }, "the others are closed")
		if t.Failed() {
			break
		}
	}
	close(ended)
	clients.Wait()
	t.Logf("%d queries", asked.Load())
}

// An address that is no longer wanted is answered for a while, and its connections stay.
func TestListenersLeaveLater(t *testing.T) {
	o := testOptions()
	o.Listen, o.addressInterval, o.leaveAfter = listens("127.0.0.1"), time.Millisecond, time.Hour
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	before := s.Addr()
	stays := dial(t, s, "tcp", "127.0.0.1")
	if err := listenElsewhere(t, s, "127.0.0.2"); err != nil {
		t.Fatal(err)
	}
	answersAt(t, s, "127.0.0.2")
	if s.Addr().Port() != before.Port() {
		t.Errorf("got port %d, want that of before, %d", s.Addr().Port(), before.Port())
	}
	for _, network := range []string{"udp", "tcp"} {
		for _, addr := range []string{"127.0.0.1", "127.0.0.2"} {
			if got := askOver(t, dial(t, s, network, addr), askOne); got != wantOne {
				t.Errorf("%s over %s: got %q, want %q", addr, network, got, wantOne)
			}
		}
	}
	for _, e := range s.endpoints.list() { // an hour later
		if !e.leaving.IsZero() {
			e.stop()
		}
	}
	testutil.Eventually(t, func() bool {
		_, err := net.Dial("tcp", before.String())
		return errors.Is(err, syscall.ECONNREFUSED)
	}, "no connection is taken")
	if got := askOver(t, stays, askOne); got != wantOne {
		t.Errorf("an open connection: got %q, want %q", got, wantOne)
	}
}

// Where a socket cannot be opened, nothing changes, and nothing stays open.
func TestListenersThatCannotBeOpenedChangeNothing(t *testing.T) {
	o := testOptions()
	o.Listen, o.addressInterval = listens("127.0.0.1"), time.Millisecond
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	taken, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.3:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := taken.LocalAddr().(*net.UDPAddr).AddrPort()
	var listenError *ListenError
	if err := listenElsewhere(t, s, fmt.Sprint("127.0.0.2:", at.Port()), at.String()); !errors.As(err, &listenError) || !errors.Is(err, syscall.EADDRINUSE) || listenError.Addr != at {
		t.Errorf("got %v, want that %v is in use", err, at)
	}
	answersAt(t, s, "127.0.0.1")
	testutil.NothingListens(t, fmt.Sprint("127.0.0.2:", at.Port())) // which could be opened
}

// Addresses that may come later are waited for after a change as at the start, and those
// of an interface that is no longer named go on for a while.
func TestListenersMayComeLater(t *testing.T) {
	var i testInterfaces
	i.set(map[string][]string{"a": {"127.0.0.2"}})
	o := testOptions()
	o.Listen, o.addressesOf, o.addressInterval, o.leaveAfter = listens("127.0.0.1"), i.addresses, time.Millisecond, time.Hour
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	if err := listenElsewhere(t, s, "a", "late"); err != nil {
		t.Fatal(err)
	}
	answersAt(t, s, "127.0.0.2")
	i.set(map[string][]string{"a": {"127.0.0.2"}, "late": {"127.0.0.3"}})
	answersAt(t, s, "127.0.0.2", "127.0.0.3")
	if err := listenElsewhere(t, s, "127.0.0.2"); err != nil {
		t.Fatal(err)
	}
	i.set(map[string][]string{})
	answersAt(t, s, "127.0.0.2")
	if got := askOver(t, dial(t, s, "udp", "127.0.0.3"), askOne); got != wantOne {
		t.Errorf("127.0.0.3: got %q, want %q", got, wantOne)
	}
}
