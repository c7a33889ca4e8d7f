package server

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"
)

// listenProfiles opens the listener of the setting pprofListen.
func listenProfiles(at netip.AddrPort) (net.Listener, error) {
	return net.Listen("tcp", at.String())
}

// serveProfiles serves profiles of the process, such as what takes its time and
// memory, until ctx ends. They are on a listener of their own, for this machine
// alone: they show what is in memory, and cost time.
//
// A request whose Host is a name is refused: a page in a browser on this machine could
// have had the name lead here (DNS rebinding).
func serveProfiles(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	byAddress := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if _, notAddr := netip.ParseAddr(host); err != nil || notAddr != nil && host != "localhost" {
			http.Error(w, "ask by address and port", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
	server := &http.Server{
		Handler: byAddress, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		WriteTimeout: 2 * time.Minute, // of a profile, which takes 30 s by default
	}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	_ = server.Serve(l) // it ends with ctx
}
