package sim

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHeadIsAnsweredWithABody: a body follows, which a client takes for the beginning of the next
// answer.
func TestHeadIsAnsweredWithABody(t *testing.T) {
	p := serve(t, NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
	c, err := p.Dial()
	noError(t, err)
	defer c.Close()
	go fmt.Fprint(c, "HEAD /master/state HTTP/1.1\r\nHost: master\r\n\r\n")
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, &http.Request{Method: "HEAD"})
	noError(t, err)
	rest, err := io.ReadAll(in)
	noError(t, err)
	if resp.StatusCode != 200 || resp.ContentLength != int64(len(rest)) || len(rest) == 0 {
		t.Errorf("%s, length %d, and %d bytes after it", resp.Status, resp.ContentLength, len(rest))
	}
	decode(t, rest)
}

// TestExpectHasNoResponse: a client that waits for it goes on after a while.
func TestExpectHasNoResponse(t *testing.T) {
	srv := httptest.NewUnstartedServer(NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
	srv.Listener = Listener(srv.Listener)
	srv.Start()
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	noError(t, err)
	defer c.Close()
	const call = `{"type":"GET_HEALTH"}`
	fmt.Fprintf(c, "POST /api/v1 HTTP/1.1\r\nHost: master\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(call), call)
	first, err := bufio.NewReader(c).ReadString('\n')
	noError(t, err)
	if want := "HTTP/1.1 200 OK"; strings.TrimSpace(first) != want {
		t.Errorf("got %q, want %q", first, want)
	}
}
