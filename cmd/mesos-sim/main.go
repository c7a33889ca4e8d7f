// Command mesos-sim runs a simulated Mesos cluster for clients of Mesos: masters
// with their HTTP APIs, elections, ZooKeeper, HTTPS and authentication, tasks
// that come and go, and a control API that makes things fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"toponym/internal/words"
	"toponym/sim/marathon"
	"toponym/sim/masters"
	"toponym/sim/scenario"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("mesos-sim", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var o options
	o.define(fs)
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) || fs.NArg() == 1 && fs.Arg(0) == "help" {
		fmt.Fprint(stdout, "mesos-sim runs a simulated Mesos cluster: masters with their HTTP APIs, agents, and tasks that come and go.\n\nFlags:\n")
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return statusOK
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "mesos-sim: %v; \"mesos-sim -h\" lists the flags\n", err)
		return statusUsage
	}
	o.given = make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { o.given[f.Name] = true })
	if err := simulate(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "mesos-sim:", err)
		return statusFailed
	}
	return statusOK
}

// simulate runs the cluster until ctx ends.
func simulate(ctx context.Context, o options, stdout io.Writer) error {
	sc, err := o.readScenario()
	if err != nil {
		return err
	}
	mo, err := o.mastersOptions()
	if err != nil {
		return err
	}
	control, err := listen("-control", o.control)
	if err != nil {
		return err
	}
	defer closeIf(control)
	api, err := listen("-marathon", o.marathon)
	if err != nil {
		return err
	}
	defer closeIf(api)
	so := scenario.Options{Name: "simulated", Settings: marathon.Settings{DefaultNetworkName: o.defaultNetwork}}
	if api != nil {
		if so.Marathon, err = netip.ParseAddrPort(api.Addr().String()); err != nil {
			return err
		}
	}
	s, err := scenario.New(sc, so)
	if err != nil {
		return err
	}
	m, err := masters.Serve(s, mo)
	if err != nil {
		return err
	}
	if err := m.Listen(); err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	describe(stdout, s, m, mo.TLS != nil, control, api)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.Run(ctx) })
	g.Go(func() error { return s.Run(ctx) })
	if control != nil {
		serve(ctx, g, control, s.Control())
	}
	if api != nil {
		serve(ctx, g, api, s.Marathon())
	}
	return g.Wait()
}

// listen opens the port that a flag names. Without an address it returns nil.
func listen(flagName, address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flagName, err)
	}
	return l, nil
}

func closeIf(l net.Listener) {
	if l != nil {
		l.Close()
	}
}

// serve runs an HTTP server until ctx ends.
func serve(ctx context.Context, g *errgroup.Group, l net.Listener, h http.Handler) {
	web := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	g.Go(func() error {
		if err := web.Serve(l); err != http.ErrServerClosed {
			return err
		}
		return nil
	})
	g.Go(func() error { <-ctx.Done(); return web.Close() })
}

// describe prints all addresses and commands to try.
func describe(w io.Writer, s *scenario.Simulation, m *masters.Masters, https bool, control, marathon net.Listener) {
	scheme := "http"
	if https {
		scheme = "https"
	}
	o := s.Overview()
	fmt.Fprintf(w, "A simulated Mesos cluster: %s, %s, %s.\n\n", words.Count(o.Agents, "agent", "agents"), words.Count(o.Frameworks, "framework", "frameworks"), words.Count(o.Tasks, "task", "tasks"))
	for i := range m.Len() {
		role := ""
		if i == m.Leader() {
			role = "   (leads)"
		}
		fmt.Fprintf(w, "  master %d   %s://%s/master/state%s\n", i, scheme, m.Addr(i), role)
	}
	at := fmt.Sprintf("%s://%s", scheme, m.Addr(0))
	if control != nil {
		at = "http://" + control.Addr().String()
	}
	fmt.Fprintf(w, "  control    %s/sim/status\n", at)
	if marathon != nil {
		fmt.Fprintf(w, "  Marathon   http://%s/v2/apps\n", marathon.Addr())
	}
	fmt.Fprintf(w, `
Follow the event stream, and change the cluster:

  curl -N -H 'Content-Type: application/json' -d '{"type":"SUBSCRIBE"}' %s://%s/api/v1
  curl -d '{"do":"churn","tasks":1}' %s/sim/do

Stop with Ctrl-C.
`, scheme, m.Addr(max(m.Leader(), 0)), at)
}
