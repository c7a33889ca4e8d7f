package resolver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
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
		if got := readReply(t, conn, packet); got != wantOne {
			t.Fatal(got)
		}
	}
}

// Messages may come in any pieces (RFC 7766, section 8).
func TestQueriesInPieces(t *testing.T) {
	serveOne(t, testOptions(), func(_ context.CancelFunc, conn net.Conn) {
		packet, _ := packQuery(t, askOne)
		for _, b := range framed(packet) {
			conn.Write([]byte{b})
			synctest.Wait()
		}
		if got := readReply(t, conn, packet); got != wantOne {
			t.Error(got)
		}
	})
}

func TestLargeQueries(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "tcp", "127.0.0.1")
	padding := "+opt=12:" + strings.Repeat("00", 65535-12-27-11-4)
	if got, want := askOver(t, conn, askOne+" "+padding), wantOne+"\nopt 1232"; got != want {
		t.Error(got)
	}
	if got := askOver(t, conn, askOne); got != wantOne {
		t.Error(got)
	}
}

func TestGarbageOverTCP(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	t.Run("is skipped by its length", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1")
		reply, _ := packQuery(t, askOne)
		reply[2] |= 0x80
		for _, p := range [][]byte{nil, {1}, []byte("too short"), reply} {
			conn.Write(framed(p))
		}
		if got := askOver(t, conn, askOne); got != wantOne {
			t.Error(got)
		}
	})
	t.Run("is FORMERR where there is an id", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1")
		packet, _ := packQuery(t, askOne)
		packet = append(packet, "garbage"...)
		conn.Write(framed(packet))
		if got := readReply(t, conn, packet); got != "FORMERR qr" {
			t.Error(got)
		}
	})
	t.Run("does not hold the connection when it ends", func(t *testing.T) {
		conn := dial(t, s, "tcp", "127.0.0.1").(*net.TCPConn)
		conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")) // announces 18245 octets
		conn.CloseWrite()
		if n, err := conn.Read(make([]byte, 10)); err == nil {
			t.Errorf("%d octets came back", n)
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
			s.serveConn(ctx, t.Context(), ours, netip.MustParseAddr("127.0.0.1"))
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
	t.Run("that do not take their reply", func(t *testing.T) {
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
func TestQueriesThatWereReadAreAnsweredAtTheEnd(t *testing.T) {
	o := testOptions()
	release := make(chan struct{})
	o.Shuffle = func(int, func(i, j int)) { <-release }
	s, stop := start(t, "127.0.0.1", o)
	conn := dial(t, s, "tcp", "127.0.0.1")
	packet, _ := packQuery(t, "web.marathon.mesos. A")
	conn.Write(append(framed(packet), framed(packet)...))
	release <- struct{}{} // the first is being answered, so both were read
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(release)
	for range 2 {
		if got := readReply(t, conn, packet); !strings.HasPrefix(got, "NOERROR") {
			t.Error(got)
		}
	}
	<-stopped
}

// More connections than allowed wait until others end.
func TestConnectionsAreLimited(t *testing.T) {
	o := testOptions()
	o.TCPMaxConnections = 2
	s, _ := start(t, "127.0.0.1", o)
	var conns []net.Conn
	for range 2 {
		c := dial(t, s, "tcp", "127.0.0.1")
		askOver(t, c, askOne)
		conns = append(conns, c)
	}
	third := dial(t, s, "tcp", "127.0.0.1")
	packet, _ := packQuery(t, askOne)
	(&dns.Conn{Conn: third}).Write(packet)
	third.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	third.SetReadDeadline(time.Now().Add(5 * time.Second))
	conns[0].Close()
	if got := readReply(t, third, packet); got != wantOne {
		t.Error(got)
	}
}
