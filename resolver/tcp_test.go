package resolver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"toponym/zone"
)

// framed is a message with its length before it.
func framed(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

func TestPipelinedQueriesAreAllAnsweredInTheirOrder(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "tcp", "127.0.0.1")
	const n = 1000
	var all []byte
	packet, _ := packQuery(t, askOne)
	for id := range n {
		binary.BigEndian.PutUint16(packet, uint16(id))
		all = append(all, framed(packet)...)
	}
	if _, err := conn.Write(all); err != nil {
		t.Fatal(err)
	}
	for id := range n {
		binary.BigEndian.PutUint16(packet, uint16(id))
		if got := readResponse(t, conn, packet); got != wantOne {
			t.Fatalf("query %d: got %q, want %q", id, got, wantOne)
		}
	}
}

// Messages may come in any pieces (RFC 7766, section 8).
func TestQueriesInPiecesAreAnswered(t *testing.T) {
	serveOne(t, testOptions(), func(_ context.CancelFunc, conn net.Conn) {
		packet, _ := packQuery(t, askOne)
		for _, b := range framed(packet) {
			conn.Write([]byte{b})
			synctest.Wait()
		}
		if got := readResponse(t, conn, packet); got != wantOne {
			t.Errorf("got %q, want %q", got, wantOne)
		}
	})
}

func TestQueriesOf64KiBAreAnsweredOverTCP(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "tcp", "127.0.0.1")
	padding := "+opt=12:" + strings.Repeat("00", 65535-12-27-11-4)
	if got, want := askOver(t, conn, askOne+" "+padding), wantOne+"\nopt 1232"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := askOver(t, conn, askOne); got != wantOne {
		t.Errorf("got %q, want %q", got, wantOne)
	}
}

func TestGarbageOverTCPCostsItsConnectionAtMost(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	t.Run("is skipped by its length", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1")
		reply, _ := packQuery(t, askOne)
		reply[2] |= 0x80
		for _, p := range [][]byte{nil, {1}, []byte("too short"), reply} {
			conn.Write(framed(p))
		}
		if got := askOver(t, conn, askOne); got != wantOne {
			t.Errorf("got %q, want %q", got, wantOne)
		}
	})
	t.Run("is FORMERR where there is an id", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1")
		packet, _ := packQuery(t, askOne)
		packet = append(packet, "garbage"...)
		conn.Write(framed(packet))
		if got := readResponse(t, conn, packet); got != "FORMERR qr" {
			t.Errorf("got %q, want %q", got, "FORMERR qr")
		}
	})
	t.Run("does not hold the connection when it ends", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1").(*net.TCPConn)
		conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")) // announces 18245 bytes
		conn.CloseWrite()
		if n, err := conn.Read(make([]byte, 10)); err == nil {
			t.Errorf("%d bytes came back", n)
		}
	})
}

// serveOne serves one end of a connection within a bubble, where time passes at
// once, and hands the other end to the test.
func serveOne(t *testing.T, o Options, test func(cancel context.CancelFunc, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(zone.NewStore(testZone(t)), o)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ours, theirs := net.Pipe()
		defer theirs.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serveConn(ctx, t.Context(), newConnection(s, ours, netip.MustParseAddr("127.0.0.1")))
		}()
		test(cancel, theirs)
		theirs.Close()
		<-done
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	o := testOptions()
	o.TCPIdleTimeout = 7 * time.Second
	closedAfter := func(t *testing.T, conn net.Conn, since time.Time) {
		t.Helper()
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("reading: %v", err)
		}
		if d := time.Since(since); d != o.TCPIdleTimeout {
			t.Errorf("closed after %v", d)
		}
	}
	t.Run("that ask nothing", func(t *testing.T) {
		serveOne(t, o, func(_ context.CancelFunc, conn net.Conn) { closedAfter(t, conn, time.Now()) })
	})
	t.Run("that have asked", func(t *testing.T) {
		serveOne(t, o, func(_ context.CancelFunc, conn net.Conn) {
			for range 3 { // each query starts the time again
				time.Sleep(5 * time.Second)
				askOver(t, conn, askOne)
			}
			closedAfter(t, conn, time.Now())
		})
	})
	t.Run("that bring a query too slowly", func(t *testing.T) {
		serveOne(t, o, func(_ context.CancelFunc, conn net.Conn) {
			begin := time.Now()
			conn.Write([]byte{0, 40})
			for range 6 {
				time.Sleep(time.Second)
				conn.Write([]byte{0})
			}
			closedAfter(t, conn, begin)
		})
	})
	t.Run("that do not take their response", func(t *testing.T) {
		serveOne(t, o, func(_ context.CancelFunc, conn net.Conn) {
			begin := time.Now()
			packet, _ := packQuery(t, askOne)
			conn.Write(framed(packet))
			time.Sleep(time.Minute)
			if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	})
}

func TestTheEndOfTheServerEndsIdleConnections(t *testing.T) {
	serveOne(t, testOptions(), func(cancel context.CancelFunc, conn net.Conn) {
		askOver(t, conn, askOne)
		begin := time.Now()
		cancel()
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) != 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// What the server has taken from the connection is answered.
func TestPipelinedQueriesThatWereReadAreAnsweredAtTheEnd(t *testing.T) {
	s := listening(t, "127.0.0.1", testOptions())
	_, release := blockAnswers(s)
	stop := run(t, s)
	conn := dial(t, s, "tcp", "127.0.0.1")
	packet, _ := packQuery(t, askWithCookie)
	conn.Write(append(framed(packet), framed(packet)...))
	release <- struct{}{} // the first is being answered, so both were read
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(release)
	for range 2 {
		if got := readResponse(t, conn, packet); !strings.HasPrefix(got, "NOERROR") {
			t.Errorf("got %q, want an answer", got)
		}
	}
	<-stopped
}

// dialFrom connects to a server from an address of this machine.
func dialFrom(t *testing.T, s *Server, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func isOpen(t *testing.T, conn net.Conn) bool {
	t.Helper()
	packet, _ := packQuery(t, askOne)
	if _, err := (&dns.Conn{Conn: conn}).Write(packet); err != nil {
		return false
	}
	_, err := conn.Read(make([]byte, 500))
	return err == nil
}

// A client whose idle connections reach its bound loses the one that has been idle
// for longest, and keeps nobody else out.
func TestIdleConnectionsOfOneClientDoNotShutOutOthers(t *testing.T) {
	o := testOptions()
	o.TCPMaxConnections, o.TCPMaxConnectionsPerClient = 10, 4
	s, _ := start(t, "127.0.0.1", o)
	other := dialFrom(t, s, "127.0.0.2")
	askOver(t, other, askOne)
	var conns []net.Conn
	for range 3 * o.TCPMaxConnections {
		c := dialFrom(t, s, "127.0.0.1")
		askOver(t, c, askOne)
		conns = append(conns, c)
	}
	if !isOpen(t, other) {
		t.Error("the connection of another client was closed")
	}
	for i, c := range conns {
		if got, want := isOpen(t, c), i >= len(conns)-o.TCPMaxConnectionsPerClient; got != want {
			t.Errorf("connection %d of %d: open is %v, want %v", i, len(conns), got, want)
		}
	}
	if got, want := s.connections.displacedCounts()["client"], uint64(len(conns)-4); got != want {
		t.Errorf("got %d displaced connections, want %d", got, want)
	}
}

// When the table is full, a new connection replaces the one that has been idle
// longest, whatever its client.
func TestTheLongestIdleConnectionMakesRoomWhenTheTableIsFull(t *testing.T) {
	o := testOptions()
	o.TCPMaxConnections, o.TCPMaxConnectionsPerClient = 3, 2
	s, _ := start(t, "127.0.0.1", o)
	first, second, third := dialFrom(t, s, "127.0.0.1"), dialFrom(t, s, "127.0.0.2"), dialFrom(t, s, "127.0.0.3")
	for _, c := range []net.Conn{first, second, third, first} {
		askOver(t, c, askOne)
	}
	if got := askOver(t, dialFrom(t, s, "127.0.0.4"), askOne); got != wantOne {
		t.Errorf("got %q on a fourth connection, want %q", got, wantOne)
	}
	for i, c := range []net.Conn{first, third, second} {
		if got, want := isOpen(t, c), i < 2; got != want {
			t.Errorf("connection %d: open is %v, want %v", i, got, want)
		}
	}
}

// Where no more files can be opened, idle connections make room, and those that wait
// for an answer only when there is no other.
func TestIdleConnectionsMakeRoomBeforeBusyOnes(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), testOptions())
	var theirs []net.Conn
	for i := range 3 {
		ours, other := net.Pipe()
		c := newConnection(s, ours, netip.MustParseAddr("127.0.0.1"))
		if i == 0 {
			c.pending = 1
		}
		s.connections.add(c)
		theirs = append(theirs, other)
	}
	for _, closed := range []int{1, 2, 0} {
		s.connections.closeOne()
		if _, err := theirs[closed].Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("connection %d: got %v, want it to be closed", closed, err)
		}
	}
	s.connections.closeOne() // there is none
	if got := s.connections.displacedCounts()["files"]; got != 3 || s.connections.counts() != [transports]int{} {
		t.Errorf("got %d connections closed and %d open, want 3 and 0", got, s.connections.counts()[TCP])
	}
}

// A client with thousands of connections does not keep a single core from the queries
// over UDP: for a connection that takes the place of another the server pauses.
func TestOnlyAFullTableSlowsAccepting(t *testing.T) {
	o := testOptions()
	o.TCPMaxConnections, o.TCPMaxConnectionsPerClient = 4, 2
	s := New(zone.NewStore(testZone(t)), o)
	for i, tc := range []struct {
		client string
		want   bool
	}{{"10.0.0.1", false}, {"10.0.0.1", false}, {"10.0.0.1", true}, {"10.0.0.2", false}, {"10.0.0.3", false}, {"10.0.0.4", true}} {
		ours, _ := net.Pipe()
		if got := s.connections.add(newConnection(s, ours, netip.MustParseAddr(tc.client))); got != tc.want {
			t.Errorf("connection %d: got full %v, want %v", i, got, tc.want)
		}
	}
}

// countingWrites counts what is written at a time.
type countingWrites struct {
	net.Conn
	sizes []int
}

func (c *countingWrites) Write(p []byte) (int, error) {
	c.sizes = append(c.sizes, len(p))
	return c.Conn.Write(p)
}

// Some clients expect a message with its length in one segment (RFC 7766, section
// 8).
func TestAnAnswerOverTCPLeavesInOneWrite(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 5000, base: 3}, instances{name: "some", count: 100, base: 4})
	s := New(zone.NewStore(z), testOptions())
	for _, asks := range [][]string{
		{askOne}, {"some.marathon.mesos. A"}, {"big.marathon.mesos. A"}, {"_big._tcp.marathon.mesos. SRV"},
		{"some.marathon.mesos. A", "some.marathon.mesos. A", "some.marathon.mesos. A"},
	} {
		ours, theirs := net.Pipe()
		counting := &countingWrites{Conn: ours}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.serveConn(t.Context(), t.Context(), newConnection(s, counting, netip.MustParseAddr("127.0.0.1")))
		}()
		var queries []byte
		for _, ask := range asks {
			packet, _ := packQuery(t, ask)
			queries = append(queries, framed(packet)...)
		}
		go theirs.Write(queries)
		total := 0
		var sizes []int
		for range asks {
			c := dns.Conn{Conn: theirs}
			buf := make([]byte, dns.MaxMsgSize)
			n, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			total += 2 + n
			sizes = append(sizes, total)
		}
		theirs.Close()
		<-done
		// Each write ends where a message ends.
		written := 0
		for _, n := range counting.sizes {
			if written += n; !slices.Contains(sizes, written) {
				t.Errorf("%s: got writes of %v bytes, want messages of %v bytes to be whole", asks[0], counting.sizes, sizes)
				break
			}
		}
	}
}
