package upstream

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// FuzzAnsweredBy compares what counts as a response with what a library reads.
func FuzzAnsweredBy(f *testing.F) {
	q := question("www.example.test", dns.TypeA)
	query := q.appendQuery(nil, 7, true)
	response := bytes.Clone(query)
	response[2] |= dnswire.FlagQR >> 8
	f.Add(response)
	f.Add(query)
	f.Add(response[:20])
	f.Add([]byte{0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		if !q.answeredBy(msg) {
			return
		}
		code, _ := rcodeOf(msg), isTruncated(msg)
		if len(msg) == dnswire.HeaderSize {
			if !isFailure(code) {
				t.Fatal("a header alone is an answer")
			}
			return
		}
		end := dnswire.HeaderSize + len(q.Name) + 4
		head := append(bytes.Clone(msg[:4]), 0, 1, 0, 0, 0, 0, 0, 0)
		var m dns.Msg
		if err := m.Unpack(append(head, msg[dnswire.HeaderSize:end]...)); err != nil {
			t.Fatal(err)
		}
		if !m.Response || m.Opcode != dns.OpcodeQuery || dns.CanonicalName(m.Question[0].Name) != "www.example.test." ||
			m.Question[0].Qtype != dns.TypeA || m.Question[0].Qclass != dns.ClassINET {
			t.Fatalf("this counts as a response:\n%v", &m)
		}
	})
}

// idleConn is a connection over which nothing comes.
type idleConn struct {
	net.Conn
	closed context.Context
	close  func()
}

func (c idleConn) Write(b []byte) (int, error) { return len(b), nil }
func (c idleConn) Close() error                { c.close(); return nil }
func (c idleConn) Read([]byte) (int, error)    { <-c.closed.Done(); return 0, net.ErrClosed }

// FuzzResponses has servers send two messages each, over UDP and TLS. Whatever they are,
// the handler must be told once what came of its question, and nothing may be an answer
// that is not one.
func FuzzResponses(f *testing.F) {
	q := question("a.test", dns.TypeA)
	answer := new(dns.Msg).SetQuestion("a.test.", dns.TypeA)
	answer.Response = true
	rr, _ := dns.NewRR("a.test. 60 IN A 192.0.2.1")
	answer.Answer = []dns.RR{rr}
	pack := func(change func(m *dns.Msg)) []byte {
		m := answer.Copy()
		change(m)
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	good := pack(func(*dns.Msg) {})
	f.Add(good, good, uint8(0))
	f.Add(good[:len(good)-3], good, uint8(0))
	f.Add(pack(func(m *dns.Msg) { m.Truncated = true }), good, uint8(0))
	f.Add(pack(func(m *dns.Msg) { m.Rcode = dns.RcodeFormatError; m.Answer = nil }), good, uint8(2))
	f.Add(pack(func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure; m.Answer = nil }), good, uint8(2))
	f.Add([]byte{0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}, good, uint8(1))
	f.Fuzz(func(t *testing.T, first, second []byte, mode uint8) {
		c := New(Options{Timeout: time.Minute, Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
			if network == "udp" {
				closed, cancel := context.WithCancel(context.Background())
				return idleConn{closed: closed, close: cancel}, nil
			}
			return nil, errors.New("no connection")
		}})
		secure := mode&1 != 0
		g := c.Group([]Address{{AddrPort: netip.MustParseAddrPort("192.0.2.1:53"), TLS: secure}})
		s := g.servers[0]
		stream := &streamConn{pool: &s.streams, wake: make(chan struct{}, 1), pending: pending{}}
		s.streams.conns = []*streamConn{stream}
		o := make(outcomes, 2)
		g.Ask(q, o)
		for _, msg := range [][]byte{first, second} {
			if secure {
				deliver(&s.streams.mu, stream.pending, msg, mode, stream.handle)
				continue
			}
			for _, k := range s.openSockets() {
				deliver(&k.mu, k.pending, msg, mode, k.handle)
			}
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		c.Run(ended)
		if len(o) != 1 {
			t.Fatalf("the handler was told %d times, want once", len(o))
		}
		if r := <-o; r.err == nil && len(r.msg.Answer) > 0 && r.msg.Answer[0].Header().Name != r.msg.Question[0].Name {
			t.Fatalf("this is an answer:\n%v", r.msg)
		}
	})
}

// deliver hands a message over, with the id of a pending query unless the mode says
// otherwise.
func deliver(mu interface {
	Lock()
	Unlock()
}, p pending, msg []byte, mode uint8, handle func([]byte)) {
	msg = bytes.Clone(msg)
	if len(msg) >= 2 && mode&4 == 0 {
		mu.Lock()
		for id := range p {
			msg[0], msg[1] = byte(id>>8), byte(id)
		}
		mu.Unlock()
	}
	handle(msg)
}
