package resolver

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"toponym/internal/testutil"
)

// oneTurn counts what a transfer does with its turn.
type oneTurn struct {
	held     atomic.Bool
	attempts atomic.Int64
}

func (t *oneTurn) Attempt(write func()) error {
	t.held.Store(true)
	defer t.held.Store(false)
	t.attempts.Add(1)
	write()
	return nil
}

func (t *oneTurn) Release() { t.held.Store(false) }

// While a client is waited for, its transfer has no turn; all bytes arrive once it reads.
func TestAClientIsNotWaitedForInTurn(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.SetWriteBuffer(64 << 10)
	client.SetReadBuffer(64 << 10)

	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	var turn oneTurn
	done := make(chan error, 1)
	go func() { done <- writeInTurn(server, sent, &turn) }()
	attempts := int64(-1)
	testutil.Eventually(t, func() bool {
		before := attempts
		attempts = turn.attempts.Load()
		return attempts > 0 && attempts == before && !turn.held.Load()
	}, "the client is not waited for, or in turn")
	select {
	case err := <-done:
		t.Fatalf("the write ended with %v while the client read nothing", err)
	default:
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got other bytes than were sent, error %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}

	server.SetWriteDeadline(time.Now().Add(time.Hour))
	go func() { done <- writeInTurn(server, sent, &turn) }()
	testutil.Eventually(t, func() bool { return turn.attempts.Load() > attempts }, "the client is not waited for")
	server.SetWriteDeadline(aLongTimeAgo)
	if err := <-done; err == nil {
		t.Error("a write goes on after its deadline")
	}
}
