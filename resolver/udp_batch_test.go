//go:build linux && (amd64 || arm64)

package resolver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"toponym/internal/dnswire"
	"toponym/internal/testutil"
	"toponym/zone"
)

// batchOn serves an address in batches with any function for the responses. What
// is sent before the function that it returns is called comes as one batch.
func batchOn(t *testing.T, addr string, respond respondFunc) (*net.UDPConn, func()) {
	t.Helper()
	udp, tcp, err := bind(netip.MustParseAddr(addr), 0, false, false)
	if err != nil {
		t.Skip(err)
	}
	tcp.Close()
	b, err := newBatch(udp, zone.NewStore(nil), respond)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		udp.SetReadDeadline(aLongTimeAgo)
		all.Wait()
		udp.Close()
	})
	return udp, func() { all.Go(func() { b.serve(ctx) }) }
}

// dialBatch connects to the port of a socket at an address.
func dialBatch(t *testing.T, udp *net.UDPConn, addr string) *net.UDPConn {
	t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(addr), udp.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadBuffer(socketBuffer)
	return conn
}

func TestBatchesAllocateNothing(t *testing.T) {
	r, z := newResponder(shuffledOptions()), testZone(t)
	answer := func(buf []byte, _ *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery) {
		return r.respond(buf, z, c, packet)
	}
	for _, x := range []struct{ listen, ask string }{
		{"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.2"}, {"::1", "::1"}, {"::", "::1"}, {"::", "127.0.0.1"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			udp, serve := batchOn(t, x.listen, answer)
			conn := dialBatch(t, udp, x.ask)
			serve()
			packet, _ := packQuery(t, askOne)
			buf := make([]byte, 512)
			exchange := func() {
				for range 2 * batchSize {
					conn.Write(packet)
				}
				for range 2 * batchSize {
					if _, err := conn.Read(buf); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := testing.AllocsPerRun(100, exchange); n != 0 {
				t.Errorf("%v allocations for %d queries", n, 2*batchSize)
			}
		})
	}
}

// What cannot be sent is left out; the responses before and behind it are sent.
func TestAResponseThatCannotBeSentCostsNoOther(t *testing.T) {
	udp, serve := batchOn(t, "127.0.0.1", func(buf []byte, _ *zone.Zone, _ client, packet []byte) ([]byte, *pendingQuery) {
		if string(packet) == "too large" {
			return buf[:66000], nil
		}
		return buf[:copy(buf, packet)], nil
	})
	conn := dialBatch(t, udp, "127.0.0.1")
	for _, p := range []string{"too large", "a", "too large", "too large", "b", "too large"} {
		conn.Write([]byte(p))
	}
	serve()
	buf := make([]byte, 100)
	for _, want := range []string{"a", "b"} {
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v, want %q", buf[:n], err, want)
		}
	}
}

func TestResponsesOfAnySizeAreSent(t *testing.T) {
	for _, size := range []int{1, 1232, 4096, 65000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			udp, serve := batchOn(t, "127.0.0.1", func(buf []byte, _ *zone.Zone, _ client, packet []byte) ([]byte, *pendingQuery) {
				copy(buf, bytes.Repeat(packet, size))
				return buf[:size], nil
			})
			conn := dialBatch(t, udp, "127.0.0.1")
			for i := range batchSize {
				conn.Write([]byte{byte(i)})
			}
			serve()
			buf := make([]byte, 70000)
			for i := range batchSize {
				n, err := conn.Read(buf)
				if err != nil {
					t.Fatalf("response %d: %v", i, err)
				}
				if want := bytes.Repeat([]byte{byte(i)}, size); !bytes.Equal(buf[:n], want) {
					t.Fatalf("%d bytes of %d, want %d of %d", n, buf[0], size, i)
				}
			}
		})
	}
}

// countingSocket counts how often something waits for room in the socket's queue. It
// waits for as long as it takes, or not at all.
type countingSocket struct {
	*net.UnixConn
	waits  atomic.Int32
	inVain bool
}

func (s *countingSocket) SetWriteDeadline(time.Time) error {
	s.waits.Add(1)
	if s.inVain {
		return s.UnixConn.SetWriteDeadline(aLongTimeAgo)
	}
	return s.UnixConn.SetWriteDeadline(time.Time{})
}

// socketPair gives a batch with responses to send on one end of a socket pair, which
// takes a few packets at a time only, and the other end.
func socketPair(t *testing.T) (*batch, *countingSocket, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	var ends []*net.UnixConn
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "")
		end, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end.Close() })
		ends = append(ends, end.(*net.UnixConn))
	}
	counting := &countingSocket{UnixConn: ends[0]}
	b, err := newBatch(counting, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Small room, whatever the system's default is.
	ends[0].SetWriteBuffer(4096)
	return b, counting, ends[1]
}

func (b *batch) fill() {
	for i := range batchSize {
		b.responses.add(append(b.responses.buffer()[:0], bytes.Repeat([]byte{byte(i)}, 100)...), peer{})
	}
}

func (b *batch) sendNow() { b.raw.Control(func(fd uintptr) { b.send(fd) }) }

func TestResponsesWaitForRoomInTheSocketsQueue(t *testing.T) {
	b, socket, other := socketPair(t)
	b.fill()
	sent := make(chan struct{})
	go func() { b.sendNow(); close(sent) }()
	testutil.Eventually(t, func() bool { return socket.waits.Load() > 0 }, "the queue is full")
	buf := make([]byte, 200)
	for i := range batchSize {
		if n, err := other.Read(buf); n != 100 || buf[0] != byte(i) {
			t.Fatalf("response %d: got %d bytes of %d, error %v", i, n, buf[0], err)
		}
	}
	<-sent
	if waits := socket.waits.Load(); waits != 1 || b.congested {
		t.Errorf("it waited %d times, congested is %v, want once and false", waits, b.congested)
	}
}

// While they wait, nothing else is answered, so they wait in vain only once.
func TestASocketThatTakesNothingHoldsUpOneBatchOnly(t *testing.T) {
	b, socket, other := socketPair(t)
	socket.inVain = true
	for range 5 {
		b.fill()
		b.sendNow()
		if b.responses.made != 0 || b.responses.used != 0 {
			t.Fatal("responses are left")
		}
	}
	if got := socket.waits.Load(); got != 1 || !b.congested {
		t.Errorf("5 batches waited %d times, congested is %v, want once and true", got, b.congested)
	}
	// It recovers when the socket takes responses again.
	buf := make([]byte, 200)
	for range batchSize {
		b.responses.add(append(b.responses.buffer()[:0], 'x'), peer{})
		b.sendNow()
		if !b.congested {
			return
		}
		other.Read(buf)
	}
	t.Error("it does not recover")
}

// All queries come before the first is read.
func TestABurstIsAnsweredInFull(t *testing.T) {
	const burst = 2000
	s := New(zone.NewStore(testZone(t)), testOptions())
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	defer func() { cancel(); <-done }()
	run := func() { go func() { done <- s.Run(ctx) }() }

	var size int
	onSocket(s.endpoints.open[0].udp[0], func(fd int) (err error) {
		size, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	if size < socketBuffer {
		run()
		t.Skipf("net.core.rmem_max allows no more than %d bytes", size)
	}
	var conns []*net.UDPConn
	for range 8 {
		conns = append(conns, dialBatch(t, s.endpoints.open[0].udp[0], "127.0.0.1"))
	}
	packet, _ := packQuery(t, askOne)
	for i := range burst {
		if _, err := conns[i%len(conns)].Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	run()
	buf := make([]byte, 2000)
	for i := range burst {
		n, err := conns[i%len(conns)].Read(buf)
		if err != nil {
			t.Fatalf("response %d: %v", i, err)
		}
		if got := render(t, packet, buf[:n]); i%100 == 0 && got != wantOne {
			t.Fatalf("response %d: got %q, want %q", i, got, wantOne)
		}
	}
}

func TestAServerThatIsNeverIdleEnds(t *testing.T) {
	s, stop := start(t, "127.0.0.1", testOptions())
	packet, _ := packQuery(t, askOne)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer all.Wait()
	defer cancel()
	for range 2 {
		conn := dial(t, s, "udp", "127.0.0.1")
		all.Go(func() {
			for ctx.Err() == nil {
				conn.Write(packet)
			}
		})
	}
	askOver(t, dial(t, s, "udp", "127.0.0.1"), askOne) // it is busy
	stop()
}

// No query is longer than what is read of a packet.
func TestLongPacketsAreMalformed(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "udp", "127.0.0.1")
	packet, _ := packQuery(t, askOne)
	conn.Write(append(packet, make([]byte, querySize)...))
	buf := make([]byte, 2000)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if got := render(t, packet[:dnswire.HeaderSize], buf[:n]); !strings.HasPrefix(got, "FORMERR qr") {
		t.Errorf("got %q, want FORMERR", got)
	}
}

// What is read before a batch is answered takes any packets, in batches of any size, and
// allocates nothing.
func TestPrefetchTakesAnyPackets(t *testing.T) {
	z := testZone(t)
	header := string(make([]byte, dnswire.HeaderSize))
	label := "\x3f" + strings.Repeat("x", 63)
	packets := []string{
		"", "short", header, header + "\x05mesos", header + "\xc0\x0c", header + "\x40", header + "\x00",
		header + "\x03WEB\x08marathon\x05mesos\x00\x00\x01\x00\x01",
		header + strings.Repeat(label, 3) + "\x3d" + strings.Repeat("y", 61) + "\x00", // as long as a name may be
		header + strings.Repeat(label, 4) + "\x00",
		header + strings.Repeat("\x01a", 127) + "\x00",
	}
	b := new(batch)
	b.queries.init(false)
	for i := range batchSize {
		b.queries.messages[i].Length = uint32(copy(b.queries.packets[i][:], packets[i%len(packets)]))
	}
	b.queries.messages[7].Header.Flags = unix.MSG_TRUNC
	for n := range batchSize + 1 {
		for i := 0; i < n; i += zone.MaxPrefetch {
			if allocs := testing.AllocsPerRun(100, func() { b.prefetch(z, i, n) }); allocs != 0 {
				t.Errorf("from query %d of %d: got %v allocations, want none", i, n, allocs)
			}
		}
	}
}
