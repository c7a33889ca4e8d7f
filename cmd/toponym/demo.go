package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"toponym/config"
	"toponym/internal/server"
	"toponym/sim"
	"toponym/sim/scenario"
)

// demoRefresh is the interval at which the demo reads the state.
const demoRefresh = time.Second

// demoCommand is the command toponym demo.
func demoCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "demo [FLAGS]", Short: "answer for a simulated cluster, without any set-up",
		Long: "toponym demo runs a small simulated cluster and answers for it, all in one process.",
		Args: noArguments,
	}
	var o demoOptions
	flags := c.Flags()
	flags.StringVar(&o.master, "master", "127.0.0.1:5050", "`ADDRESS` of the simulated master")
	flags.StringVar(&o.dns, "dns", "127.0.0.1:8053", "`ADDRESS` on which DNS is served, over UDP and TCP")
	flags.StringVar(&o.http, "http", "127.0.0.1:8123", "`ADDRESS` on which HTTP is served")
	flags.StringVar(&o.marathon, "marathon", demoMarathon, "`ADDRESS` of the simulated Marathon's API, or \"off\"")
	flags.DurationVar(&o.every, "every", 10*time.Second, "time between two moves of an instance")
	verbosity := verbosityFlag(flags)
	c.RunE = withStatus(func(ctx context.Context, _ []string) int {
		log := newLog(env.stderr, *verbosity, config.LogText)
		o.marathonWanted = flags.Changed("marathon")
		if err := runDemo(ctx, o, env, log); err != nil {
			log.Error(err)
			return statusFailed
		}
		return statusOK
	})
	return c
}

type demoOptions struct {
	master, dns, http, marathon string
	marathonWanted              bool // the user chose the address
	every                       time.Duration
}

// demoMarathon is Marathon's usual address.
const demoMarathon = "127.0.0.1:8080"

// listenMarathon opens the port of Marathon's API. The default port is often in use
// by another program, in which case the demo runs without the API.
func (o demoOptions) listenMarathon(log logrus.FieldLogger) (net.Listener, error) {
	if o.marathon == "off" {
		return nil, nil
	}
	l, err := net.Listen("tcp", o.marathon)
	switch {
	case err == nil:
		return l, nil
	case o.marathonWanted:
		return nil, cannotListen("Marathon", o.marathon, "-marathon", err)
	}
	log.WithError(err).WithField("flag", "-marathon").Warn("the simulated Marathon has no API: its address cannot be used")
	return nil, nil
}

// cannotListen returns an error that names the flag of an address.
func cannotListen(service, address, flagName string, err error) error {
	at, parseErr := netip.ParseAddrPort(address)
	if parseErr != nil {
		return notAddress(flagName, address)
	}
	return &server.ListenError{Service: service, Addr: at, Chosen: "flag " + flagName, Err: err}
}

func notAddress(flagName, address string) error {
	return fmt.Errorf("%s: %q is not an address: want something like 127.0.0.1:8053", flagName, address)
}

func runDemo(ctx context.Context, o demoOptions, env environment, log logrus.Ext1FieldLogger) error {
	dnsAt, err := netip.ParseAddrPort(o.dns)
	if err != nil {
		return notAddress("-dns", o.dns)
	}
	httpAt, err := netip.ParseAddrPort(o.http)
	if err != nil {
		return notAddress("-http", o.http)
	}
	if o.every <= 0 {
		return fmt.Errorf("-every: %v is not a positive duration", o.every)
	}
	l, err := net.Listen("tcp", o.master)
	if err != nil {
		return cannotListen("Mesos", o.master, "-master", err)
	}
	defer l.Close()
	m, err := o.listenMarathon(log)
	if err != nil {
		return err
	}
	if m != nil {
		defer m.Close()
	}
	masterAt, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return err
	}

	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: masterAt.Addr().String(), Port: masterAt.Port()}}
	c.Refresh = demoRefresh
	c.TTL = 1 // so that no cache hides a change
	c.Listener, c.Port = []config.Listen{{Addr: dnsAt.Addr()}}, dnsAt.Port()
	c.HTTPListener, c.HTTPPort = httpAt.Addr(), httpAt.Port()
	s, err := server.New(serverOptions(c, log))
	if err != nil {
		return err
	}
	if err := s.Listen(); err != nil {
		if e := (*server.ListenError)(nil); errors.As(err, &e) {
			e.Chosen = "flag -" + strings.ToLower(e.Service)
		}
		return err
	}

	sc := scenario.Demo()
	for i := range sc.Steps { // there is one, which moves an instance
		sc.Steps[i].At, sc.Steps[i].Every = scenario.Duration(o.every), scenario.Duration(o.every)
	}
	cluster, err := scenario.New(sc, scenario.Options{})
	if err != nil {
		return err
	}
	announce(env, s, masterAt, m, o.every)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return cluster.Run(ctx) })
	serveHandler(ctx, g, sim.Listener(l), cluster.Handler(cluster.NewMaster(sim.MasterOptions{Addr: masterAt})))
	if m != nil {
		serveHandler(ctx, g, m, cluster.Marathon())
	}
	g.Go(func() error { return s.Run(ctx) })
	return g.Wait()
}

// announce prints all addresses and commands to try.
func announce(env environment, s *server.Server, masterAt netip.AddrPort, marathonAt net.Listener, every time.Duration) {
	dns := s.DNSAddr()
	ask := fmt.Sprintf("dig @%s -p %d", dns.Addr(), dns.Port())
	w := env.stdout
	fmt.Fprintf(w, `A simulated Mesos cluster runs in this process.

  master    http://%s/master/state
  DNS       %s, UDP and TCP
  HTTP      http://%s/
  control   http://%[1]s/sim/status
`, masterAt, dns, s.HTTPAddr())
	if marathonAt != nil {
		fmt.Fprintf(w, "  Marathon  http://%s/v2/apps\n", marathonAt.Addr())
	}
	fmt.Fprintf(w, `
Look up three instances on a Calico network, and a service with its port:

  %[1]s nginx.marathon.mesos
  %[1]s _http._tcp.api.marathon.mesos SRV

An instance of this app moves every %[2]v. Look it up twice:

  %[1]s cart-shop.marathon.mesos
`, ask, every)
	if marathonAt != nil {
		fmt.Fprintf(w, `
Start an app of your own, and look it up two seconds later:

  curl -d '%[2]s' http://%[3]s/v2/apps
  %[1]s hello.marathon.mesos
`, ask, helloApp, marathonAt.Addr())
	}
	fmt.Fprint(w, "\nStop with Ctrl-C.\n")
}

// helloApp is a definition that is short enough to type.
const helloApp = `{"id": "/hello", "cmd": "serve", "instances": 2, "ipAddress": {"networkName": "calico"}}`
