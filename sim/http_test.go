package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHead: a body follows, which a client takes for the beginning of the next
// answer.
func TestHead(t *testing.T) {
	p := serve(t, NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
	c, err := p.dial()
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

// TestHTTPS: as soon as there is a certificate, and never HTTP/2.
func TestHTTPS(t *testing.T) {
	lender := httptest.NewUnstartedServer(nil) // of its certificate
	lender.StartTLS()
	defer lender.Close()
	m, err := NewMasters(newScene(t).Cluster, MastersOptions{
		Listen: []string{"127.0.0.1:0"},
		TLS:    &tls.Config{Certificates: lender.TLS.Certificates},
	})
	noError(t, err)
	noError(t, m.Listen())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); noError(t, <-done) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: lender.Client().Transport.(*http.Transport).TLSClientConfig}}
	resp, err := client.Get(fmt.Sprintf("https://%s/master/state", m.Addr(0)))
	noError(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 {
		t.Errorf("%s %s", resp.Proto, resp.Status)
	}
}
