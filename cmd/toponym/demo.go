package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/config"
	"toponym/sim"
)

// demoRefresh is how often the demo reads its master: soon enough to watch a
// name change.
const demoRefresh = time.Second

// demo is the command that answers for a simulated cluster.
func demo(ctx context.Context, args []string, env environment) int {
	fs := flags("demo", "toponym demo answers for a small simulated cluster inside this process.", env.stderr)
	masterAt := fs.String("master", "127.0.0.1:5050", "where the simulated master listens")
	dnsAt := fs.String("dns", "127.0.0.1:8053", "where DNS is answered, UDP and TCP")
	httpAt := fs.String("http", "127.0.0.1:8123", "where HTTP is answered")
	every := fs.Duration("every", 10*time.Second, "how often an instance of an app moves")
	verbose := verbosity(fs)
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	log := newLog(env.stderr, *verbose)
	if err := runDemo(ctx, demoOptions{*masterAt, *dnsAt, *httpAt, *every}, env, log); err != nil {
		log.Error(err)
		return statusFailed
	}
	return statusOK
}

type demoOptions struct {
	master, dns, http string
	every             time.Duration
}

func runDemo(ctx context.Context, o demoOptions, env environment, log logrus.FieldLogger) error {
	dnsAt, err := netip.ParseAddrPort(o.dns)
	if err != nil {
		return fmt.Errorf("-dns: %w", err)
	}
	httpAt, err := netip.ParseAddrPort(o.http)
	if err != nil {
		return fmt.Errorf("-http: %w", err)
	}
	if o.every <= 0 {
		return fmt.Errorf("-every: %v is not a time to wait", o.every)
	}
	l, err := net.Listen("tcp", o.master)
	if err != nil {
		return fmt.Errorf("the simulated master cannot listen: %w (is a Mesos master running here? -master chooses another address)", err)
	}
	defer l.Close()
	masterAt, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return err
	}

	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: masterAt.Addr().String(), Port: masterAt.Port()}}
	c.Refresh = demoRefresh
	c.TTL = 1 // nothing on the way shall hide a change
	c.Listener, c.Port = dnsAt.Addr(), dnsAt.Port()
	c.HTTPListener, c.HTTPPort = httpAt.Addr(), httpAt.Port()
	s, err := newServer(c, log, tuneRuntime())
	if err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}

	cluster := sim.NewDemo(sim.DemoOptions{Seed: 1, Every: o.every})
	web := &http.Server{
		Handler:           sim.NewMaster(cluster.Cluster, sim.MasterOptions{Addr: masterAt}),
		ReadHeaderTimeout: 5 * time.Second,
	}
	announce(env, s, masterAt, o.every)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return cluster.Run(ctx) })
	g.Go(func() error {
		if err := web.Serve(l); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	g.Go(func() error { <-ctx.Done(); return web.Close() })
	g.Go(func() error { return s.run(ctx) })
	return g.Wait()
}

// announce says what runs and what to try.
func announce(env environment, s *server, masterAt netip.AddrPort, every time.Duration) {
	dns := s.dnsAddr()
	fmt.Fprintf(env.stdout, `A simulated Mesos cluster runs in this process.

  master   http://%s/master/state
  DNS      %s, UDP and TCP
  HTTP     http://%s/

Three instances on a Calico network, and a service with its port:

  dig @%[4]s -p %[5]d nginx.marathon.mesos
  dig @%[4]s -p %[5]d _http._tcp.api.marathon.mesos SRV

Every %[6]v an instance of this app moves. Look twice:

  dig @%[4]s -p %[5]d cart-shop.marathon.mesos

Stop with Ctrl-C.
`, masterAt, dns, s.http.Addr(), dns.Addr(), dns.Port(), every)
}
