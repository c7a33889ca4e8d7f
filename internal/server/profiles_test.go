package server

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
)

func TestProfilesAreForThoseWhoAskByAddress(t *testing.T) {
	l, err := listenProfiles(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); serveProfiles(ctx, l) }()
	for host, want := range map[string]int{"": http.StatusOK, "localhost:6060": http.StatusOK, "[::1]:6060": http.StatusOK,
		"evil.example.com": http.StatusForbidden, "evil.example.com:6060": http.StatusForbidden} {
		r, err := http.NewRequest(http.MethodGet, "http://"+l.Addr().String()+"/debug/pprof/heap", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		if w.StatusCode != want {
			t.Errorf("host %q: got status %d, want %d", host, w.StatusCode, want)
		}
	}
	cancel()
	<-ended
}
