//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// options has the flags, which are part of the JSON.
type options struct {
	Rounds, Retries  int
	Seconds          float64 // of one run
	Tasks            int
	Seed             uint64
	Only             []string // cases
	Peers            []string
	Generators       []string
	Sockets, Window  int
	ServerCore       int
	ClientCore       int
	Forward          bool
	Flat             bool
	FlatTasks        int
	FlatSeconds      float64
	Rate             int
	Watch            bool
	Watchers         int
	WatchTasks       int
	Live             bool
	Transfer         bool
	Node             bool
	NodeTasks        []int
	LiveTasks        int
	LiveSeconds      float64
	LiveRate         int
	LiveCores        int
	Attack           bool
	AttackTasks      int
	AttackSeconds    float64
	AttackRate       int
	Toponym          string `json:"-"`
	Before           string `json:"-"`
	CoreDNS          string `json:"-"`
	NSD, Knot        string `json:"-"`
	Threads          int
	Veth             bool
	Output           string `json:"-"`
	WithoutInstaller bool   `json:"-"`
}

// defaultSeed gives a cluster of 10,000 tasks with an app of exactly 200 instances,
// each with its own address.
const defaultSeed = 13

func parseOptions(args []string, stderr io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.Rounds, "rounds", 5, "number of rounds in which each server is measured")
	fs.IntVar(&o.Retries, "retries", 2, "number of times that a disturbed round is repeated")
	fs.Float64Var(&o.Seconds, "seconds", 3, "duration of one run")
	fs.IntVar(&o.Tasks, "tasks", 10_000, "number of tasks")
	fs.Uint64Var(&o.Seed, "seed", defaultSeed, "seed of the cluster and the queries")
	only := fs.String("only", "", "cases to run, separated by commas: "+strings.Join(caseNames(), ","))
	peers := fs.String("peers", "nsd,knot", "servers to compare with, separated by commas: "+strings.Join(peerNames(), ","))
	gens := fs.String("generators", "own,dnsperf", "load generators, separated by commas")
	fs.IntVar(&o.Sockets, "sockets", 16, "sockets of a generator")
	fs.IntVar(&o.Window, "window", 8, "outstanding queries on each socket, at most 64")
	fs.IntVar(&o.ServerCore, "server-core", 0, "core of the servers")
	fs.IntVar(&o.ClientCore, "client-core", 1, "core of the generator")
	fs.BoolVar(&o.Flat, "flat", false, "measure latency while a large state is read, instead of CPU time")
	fs.BoolVar(&o.Forward, "forward", false, "measure forwarding beside "+strings.Join(forwarderNames(), ", ")+", instead of serving")
	fs.IntVar(&o.FlatTasks, "flat-tasks", 100_000, "tasks of the cluster of -flat")
	fs.Float64Var(&o.FlatSeconds, "flat-seconds", 15, "duration of one run of -flat")
	fs.IntVar(&o.Rate, "rate", 2000, "queries per second of -flat")
	fs.BoolVar(&o.Watch, "watch", false, "measure latency while many clients watch changes; -flat-seconds, -rate and -live-rate hold here, too")
	fs.IntVar(&o.Watchers, "watchers", 1000, "clients of -watch")
	fs.IntVar(&o.WatchTasks, "watch-tasks", 10_000, "tasks of the cluster of -watch")
	fs.BoolVar(&o.Live, "live", false, "measure the CPU time and the delay of changes that arrive as events")
	fs.BoolVar(&o.Transfer, "transfer", false, "measure zone transfers beside Knot and BIND")
	fs.BoolVar(&o.Node, "node", false, "measure memory and CPU time of secondaries that nodes run, by default of all that are known")
	nodeTasks := fs.String("node-tasks", "10000,100000", "tasks of the clusters of -node, separated by commas")
	fs.IntVar(&o.LiveTasks, "live-tasks", 100_000, "tasks of the large cluster of -live; the small one has a hundredth of them")
	fs.Float64Var(&o.LiveSeconds, "live-seconds", 60, "duration of one run of -live")
	fs.IntVar(&o.LiveRate, "live-rate", 1000, "changes per second of -live")
	fs.IntVar(&o.LiveCores, "live-cores", 1, "cores of the server of -live; the last may be the master's")
	fs.BoolVar(&o.Attack, "attack", false, "measure latency and memory while clients or tasks take what they can get")
	fs.IntVar(&o.AttackTasks, "attack-tasks", 20_000, "tasks of the cluster of -attack")
	fs.Float64Var(&o.AttackSeconds, "attack-seconds", 30, "duration of each attack of -attack")
	fs.IntVar(&o.AttackRate, "attack-rate", 1000, "queries per second of -attack")
	fs.StringVar(&o.Toponym, "toponym", "", "a Toponym to measure instead of building one")
	fs.StringVar(&o.Before, "before", "", "an older Toponym to measure beside it, such as that of the commit before")
	fs.StringVar(&o.CoreDNS, "coredns", "coredns", "path of CoreDNS for -forward; Debian has no package of it")
	fs.StringVar(&o.NSD, "nsd", "", "path of an NSD that is measured as well, whatever -peers names")
	fs.StringVar(&o.Knot, "knot", "", "path of a knotd that is measured as well, whatever -peers names")
	fs.IntVar(&o.Threads, "threads", 1, "threads and cores of each server; the last core may be the generator's")
	fs.BoolVar(&o.Veth, "veth", false, "send queries through a pair of virtual network interfaces, between network namespaces, instead of loopback; needs root")
	fs.StringVar(&o.Output, "o", "", "file for the results of all runs, as JSON")
	fs.BoolVar(&o.WithoutInstaller, "no-install", false, "do not install missing packages")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	o.Only, o.Peers, o.Generators = list(*only), list(*peers), list(*gens)
	for _, text := range list(*nodeTasks) {
		tasks, err := strconv.Atoi(text)
		if err != nil {
			return o, fmt.Errorf("-node-tasks: %q is not a number", text)
		}
		o.NodeTasks = append(o.NodeTasks, tasks)
	}
	given := false
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == "peers" })
	if o.Forward {
		o.Generators = []string{genOwn}
		if !given {
			o.Peers = forwarderNames()
		}
	} else if o.Node && !given {
		o.Peers = nodeNames()
	}
	return o, o.check()
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// check reports flags that are out of range or contradict each other.
func (o *options) check() error {
	var errs []error
	within := func(name string, v, least, most float64) {
		if !(v >= least && v <= most) {
			errs = append(errs, fmt.Errorf("-%s: %v is not between %v and %v", name, v, least, most))
		}
	}
	within("rounds", float64(o.Rounds), 1, 100)
	within("retries", float64(o.Retries), 0, 20)
	within("seconds", o.Seconds, 0.1, 600)
	within("threads", float64(o.Threads), 1, 64)
	within("tasks", float64(o.Tasks), 100, 1_000_000)
	within("sockets", float64(o.Sockets), 1, maxSockets)
	within("window", float64(o.Window), 1, maxWindow)
	within("watchers", float64(o.Watchers), 1, 10_000)
	within("watch-tasks", float64(o.WatchTasks), 1_000, 1_000_000)
	within("flat-tasks", float64(o.FlatTasks), 100, 1_000_000)
	for _, tasks := range o.NodeTasks {
		within("node-tasks", float64(tasks), 100, 1_000_000)
	}
	within("flat-seconds", o.FlatSeconds, 0.1, 600)
	within("live-tasks", float64(o.LiveTasks), 10_000, 1_000_000)
	within("live-seconds", o.LiveSeconds, 1, 3600)
	within("live-rate", float64(o.LiveRate), 1, 100_000)
	within("live-cores", float64(o.LiveCores), 1, 64)
	within("attack-tasks", float64(o.AttackTasks), 100, 1_000_000)
	within("attack-seconds", o.AttackSeconds, 1, 600)
	within("attack-rate", float64(o.AttackRate), 1, 20_000)
	within("rate", float64(o.Rate), 1, 20_000)
	if other := o.Flat || o.Watch || o.Live || o.Transfer || o.Node || o.Attack || o.Forward; other && (o.Threads > 1 || o.Veth) {
		errs = append(errs, errors.New("-threads and -veth are for serving only"))
	}
	known := func(name string, got, all []string) {
		for _, s := range got {
			if !slices.Contains(all, s) {
				errs = append(errs, fmt.Errorf("-%s: %q is not one of %s", name, s, strings.Join(all, ", ")))
			}
		}
	}
	if o.Forward && o.Flat {
		errs = append(errs, errors.New("-forward and -flat cannot be combined"))
	}
	known("only", o.Only, slices.Concat([]string{"zones", "differences", "answers"}, caseNames(), forwardCaseNames(), attackNames()))
	known("peers", o.Peers, slices.Concat(peerNames(), forwarderNames(), nodeNames()))
	known("generators", o.Generators, []string{genOwn, genDnsperf})
	if o.ServerCore == o.ClientCore {
		errs = append(errs, errors.New("-server-core and -client-core must differ"))
	}
	return errors.Join(errs...)
}

// calmSeconds is the time for which -attack measures before and after an attack.
func (o *options) calmSeconds() float64 { return o.AttackSeconds * 2 / 3 }

// cases returns the cases of the selected benchmark.
func (o *options) cases() []benchCase {
	if o.Forward {
		return forwardCases
	}
	return cases
}

// wants reports whether a case is selected.
func (o *options) wants(name string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, name) }
