package resolver

import (
	"bufio"
	"net"
	"net/netip"
	"testing"
	"time"

	"toponym/zone"
)

// again reads the same over and over.
type again []byte

func (a again) Read(p []byte) (int, error) { return copy(p, a), nil }

// nowhere takes all that is written.
type nowhere struct{ net.Conn }

func (nowhere) Write(p []byte) (int, error)        { return len(p), nil }
func (nowhere) SetWriteDeadline(_ time.Time) error { return nil }

func TestAnswersOverTCPAllocateNothing(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), testOptions())
	packet, _ := packQuery(t, askOne)
	c := newConnection(s, nowhere{}, netip.MustParseAddr("127.0.0.1"))
	c.in = bufio.NewReaderSize(again(framed(packet)), connReadBuffer)
	s.connections.add(c)
	allocs := testing.AllocsPerRun(1000, func() {
		if err := c.answer(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a query", allocs)
	}
}
