package sim

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
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
