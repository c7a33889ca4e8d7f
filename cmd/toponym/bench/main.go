//go:build bench && linux && (amd64 || arm64)

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// The program starts itself again for parts that need a process of their own, so
// that their cost can be told apart.
const (
	childGenerate = "generate"
	childSimulate = "simulate"
	childLive     = "live"
	childWatch    = "watch"
	childAttack   = "attack"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == childGenerate:
		err = generate(os.Args[2:], os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == childSimulate:
		err = simulate(os.Args[2:], os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == childWatch:
		err = watchClients(os.Args[2:], os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == childLive:
		err = live(os.Args[2:], os.Stdout)
	case len(os.Args) > 1 && os.Args[1] == childAttack:
		err = attack(os.Args[2:], os.Stdout)
	default:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = bench(ctx, os.Args[1:], os.Stdout, os.Stderr)
		stop()
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// report has all results of a benchmark; -o writes it as JSON.
type report struct {
	Machine   machine
	Options   options
	Zone      *zoneFacts    `json:",omitempty"`
	Runs      []run         `json:",omitempty"`
	Flat      []flatRun     `json:",omitempty"`
	Watch     []watchRun    `json:",omitempty"`
	Live      []liveRun     `json:",omitempty"`
	Attacks   []attackRun   `json:",omitempty"`
	Transfers []transferRun `json:",omitempty"`
	Nodes     []nodeRun     `json:",omitempty"`
}

func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	if o.Veth && os.Getenv(inNamespace) == "" {
		return runInNamespace(args, stdout, stderr)
	}
	l, err := newLab(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer l.close()
	r := report{Machine: l.machine(), Options: o}
	switch {
	case o.Flat:
		r.Flat, err = l.flat()
	case o.Watch:
		r.Watch, err = l.watch()
	case o.Live:
		r.Live, err = l.live()
	case o.Attack:
		r.Attacks, err = l.attack()
	case o.Transfer:
		r.Transfers, err = l.transfers()
	case o.Node:
		r.Nodes, err = l.nodes()
	case o.Forward:
		r.Zone, r.Runs, err = l.forward()
	default:
		r.Zone, r.Runs, err = l.compare()
	}
	r.Machine.Versions = o.versions()
	// The results before a failure are kept.
	if len(r.Runs)+len(r.Flat)+len(r.Watch)+len(r.Live)+len(r.Attacks)+len(r.Transfers)+len(r.Nodes) > 0 {
		r.print(stdout)
		err = errors.Join(err, r.save(o.Output))
	}
	return err
}

// disableGC keeps the garbage collector of this process off the measured cores.
// Little is allocated after that.
func disableGC() {
	debug.FreeOSMemory()
	debug.SetGCPercent(-1)
}

// save writes all runs, including those that were repeated.
func (r *report) save(file string) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
