package masters

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"toponym/internal/testutil"
	"toponym/sim"
)

// TestMastersSpeakHTTPSWithACertificate, and never HTTP/2.
func TestMastersSpeakHTTPSWithACertificate(t *testing.T) {
	ca := testutil.NewCA(t)
	m, err := New(sim.NewCluster(sim.Options{}), Options{
		Listen: []string{"127.0.0.1:0"},
		TLS:    &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}},
	})
	noError(t, err)
	noError(t, m.Listen())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); noError(t, <-done) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
	resp, err := client.Get(fmt.Sprintf("https://%s/master/state", m.Addr(0)))
	noError(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 {
		t.Errorf("%s %s, want HTTP/1.1 with status 200", resp.Proto, resp.Status)
	}
}
