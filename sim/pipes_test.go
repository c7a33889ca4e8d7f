package sim

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
)

// pipes is a net.Listener without a network, so that it can stand in a
// synctest bubble.
type pipes struct {
	addr  netip.AddrPort
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes(addr netip.AddrPort) *pipes {
	return &pipes{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// serve runs a server of h on pipes until the test ends.
func serve(t *testing.T, h http.Handler) *pipes {
	p := newPipes(testAddr)
	srv := &http.Server{Handler: h}
	served := make(chan error)
	go func() { served <- srv.Serve(p) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return net.TCPAddrFromAddrPort(p.addr) }

func (p *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, fmt.Errorf("%v refuses", p.addr)
	}
}

// get asks once. The status is 0 where nobody listens.
func (p *pipes) get(t *testing.T, method, path, body string) (status int, location, answer string) {
	t.Helper()
	c, err := p.dial()
	if err != nil {
		return 0, "", ""
	}
	defer c.Close()
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: master\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	noError(t, err)
	b, err := io.ReadAll(resp.Body)
	noError(t, err)
	return resp.StatusCode, resp.Header.Get("Location"), string(b)
}
