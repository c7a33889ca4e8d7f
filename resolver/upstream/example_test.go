package upstream_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/upstream"
)

// printer prints the answer to a question.
type printer chan struct{}

// OnResponse returns the response as a message.
func (p printer) OnResponse(msg []byte) (upstream.Result, error) {
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		return nil, err // maybe it is forged: wait for another one
	}
	return m, nil
}

// Done prints what came of the question.
func (p printer) Done(result upstream.Result, err error) {
	if err != nil {
		fmt.Println(err)
	} else {
		fmt.Println(result.(*dns.Msg).Answer[0])
	}
	close(p)
}

// A client asks the server of a group.
func Example() {
	// A server that knows one address.
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR("www.example. 300 IN A 192.0.2.1")
		m.Answer = []dns.RR{rr}
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	defer server.Shutdown()

	c := upstream.New(upstream.Options{Timeout: 5 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { c.Run(ctx); close(ended) }()

	g := c.Group([]upstream.Address{{AddrPort: netip.MustParseAddrPort(conn.LocalAddr().String())}})
	p := make(printer)
	g.Ask(upstream.Question{Name: []byte("\x03www\x07example\x00"), Type: dns.TypeA, Class: dns.ClassINET}, p)
	<-p

	c.Release(g)
	cancel()
	<-ended
	// Output:
	// www.example.	300	IN	A	192.0.2.1
}
