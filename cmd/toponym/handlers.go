package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// serveHandler answers at a listener until ctx ends.
func serveHandler(ctx context.Context, g *errgroup.Group, l net.Listener, h http.Handler) {
	web := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	g.Go(func() error {
		if err := web.Serve(l); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	g.Go(func() error { <-ctx.Done(); return web.Close() })
}
