//go:build linux && (amd64 || arm64)

package upstream

import (
	"encoding/binary"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// unreachableMessage is an ICMP message (RFC 792) that says that the port of a packet
// over UDP is unreachable. It quotes the packet's headers and what is given of its data.
func unreachableMessage(from, to *net.UDPAddr, data []byte) []byte {
	b := []byte{3, 3, 0, 0, 0, 0, 0, 0}
	b = append(b, 0x45, 0, 0, byte(28+len(data)), 0, 0, 0, 0, 64, syscall.IPPROTO_UDP, 0, 0)
	b = append(append(b, from.IP.To4()...), to.IP.To4()...)
	b = binary.BigEndian.AppendUint16(b, uint16(from.Port))
	b = binary.BigEndian.AppendUint16(b, uint16(to.Port))
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
	b = append(append(b, 0, 0), data...)
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
	return b
}

// TestForgedICMPMessages sends real ones, which needs privileges.
func TestForgedICMPMessages(t *testing.T) {
	t.Parallel()
	raw, err := net.Dial("ip4:icmp", "127.0.0.1")
	if err != nil {
		t.Skip(err)
	}
	defer raw.Close()
	for name, quote := range map[string]func(q *dns.Msg) []byte{
		"without data":     func(*dns.Msg) []byte { return nil },
		"of another query": func(q *dns.Msg) []byte { q = q.Copy(); q.Id++; b, _ := q.Pack(); return b },
	} {
		t.Run(name, func(t *testing.T) {
			s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
				for range 5 {
					raw.Write(unreachableMessage(w.RemoteAddr().(*net.UDPAddr), w.LocalAddr().(*net.UDPAddr), quote(q)))
				}
				good(w, q)
			})
			g := run(t, Options{Timeout: time.Minute}).Group(udpOf(s))
			for range 20 {
				wantAnswer(t, g)
			}
			if got := g.servers[0].counters.failures.Load(); got != 0 {
				t.Errorf("%d failures, want 0", got)
			}
		})
	}
}
