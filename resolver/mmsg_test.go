//go:build linux && (amd64 || arm64)

package resolver

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSocketsShareThePortAmongThemselvesOnly(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "0.0.0.0", "::1", "::"} {
		t.Run(addr, func(t *testing.T) {
			network, _ := networks(netip.MustParseAddr(addr), false)
			first, tcp, err := bind(netip.MustParseAddr(addr), 0, false, false)
			if err != nil {
				t.Skip(err)
			}
			defer first.Close()
			defer tcp.Close()
			more, err := listenReusePort(first, network, 3)
			if err != nil || len(more) != 3 {
				t.Fatalf("got %d sockets and error %v, want 3", len(more), err)
			}
			at := first.LocalAddr().(*net.UDPAddr)
			for _, udp := range more {
				defer udp.Close()
				if got := udp.LocalAddr().(*net.UDPAddr); !got.IP.Equal(at.IP) || got.Port != at.Port {
					t.Errorf("%v, want %v", got, at)
				}
			}
			// Another server does not get in, with or without its TCP part.
			tcp.Close()
			if udp, tcp, err := bind(netip.MustParseAddr(addr), uint16(at.Port), false, false); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("a second server: %v", err)
				udp.Close()
				tcp.Close()
			}
		})
	}
}

// Otherwise the tests of batches would say nothing of the server.
func TestTheSystemHasBatchCalls(t *testing.T) {
	udp, tcp, err := bind(netip.MustParseAddr("127.0.0.1"), 0, false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	defer tcp.Close()
	if !canBatch(udp) {
		t.Error("recvmmsg or sendmmsg cannot be called, so queries are answered singly")
	}
}

func TestRepliesAreSentFromWhereQueriesWentTo(t *testing.T) {
	message := func(level, kind uint32, data ...byte) (c control, received uint64) {
		length := uint64(unix.SizeofCmsghdr + len(data))
		binary.NativeEndian.PutUint64(c[:], length)
		binary.NativeEndian.PutUint32(c[cmsgLevel:], level)
		binary.NativeEndian.PutUint32(c[cmsgType:], kind)
		copy(c[cmsgData:], data)
		return c, (length + 7) &^ 7
	}
	in6 := func(addr string, index byte) []byte {
		b := netip.MustParseAddr(addr).As16()
		return append(b[:], index, 0, 0, 0)
	}
	in4 := func(index byte) []byte { return []byte{index, 0, 0, 0, 192, 0, 2, 1, 192, 0, 2, 255} }
	const v4, v6 = unix.IPPROTO_IP, unix.IPPROTO_IPV6
	for _, x := range []struct {
		title       string
		level, kind uint32
		data, want  []byte // no want: nothing is said
	}{
		{"IPv4: the route decides on the interface", v4, unix.IP_PKTINFO, in4(7), in4(0)},
		{"IPv6 too", v6, unix.IPV6_PKTINFO, in6("2001:db8::1", 7), in6("2001:db8::1", 0)},
		{"IPv4 to a socket for both", v6, unix.IPV6_PKTINFO, in6("::ffff:192.0.2.1", 7), in6("::ffff:192.0.2.1", 0)},
		{"an address of the link stays there", v6, unix.IPV6_PKTINFO, in6("fe80::1", 7), in6("fe80::1", 7)},
		{"something else", v4, unix.IP_TTL, []byte{64, 0, 0, 0}, nil},
		{"too short", v4, unix.IP_PKTINFO, in4(7)[:8], nil},
		{"too long", v4, unix.IP_PKTINFO, append(in4(7), 0), nil},
	} {
		c, received := message(x.level, x.kind, x.data...)
		n := c.reverse(received)
		want, _ := message(x.level, x.kind, x.want...)
		switch {
		case x.want == nil && n != 0:
			t.Errorf("%s: %d bytes", x.title, n)
		case x.want != nil && (n != uint64(unix.SizeofCmsghdr+len(x.want)) || c != want):
			t.Errorf("%s: %x (%d), want %x", x.title, c, n, want)
		}
	}
	if n := new(control).reverse(0); n != 0 {
		t.Errorf("nothing was received, but %d bytes are sent", n)
	}
}

func TestAddressesOfTheSystem(t *testing.T) {
	var s sockaddr
	if got := s.addrPort(); got.IsValid() {
		t.Error(got)
	}
	binary.NativeEndian.PutUint16(s[:], unix.AF_INET)
	copy(s[2:], []byte{0, 53, 192, 0, 2, 1})
	if got := s.addrPort().String(); got != "192.0.2.1:53" {
		t.Errorf("got %q, want %q", got, "192.0.2.1:53")
	}
	binary.NativeEndian.PutUint16(s[:], unix.AF_INET6)
	a := netip.MustParseAddr("2001:db8::1").As16()
	copy(s[8:], a[:])
	if got := s.addrPort().String(); got != "[2001:db8::1]:53" {
		t.Errorf("got %q, want %q", got, "[2001:db8::1]:53")
	}
}
