package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"toponym/sim"
	"toponym/sim/marathon"
)

// simulateOptions are the flags of simulate, as they were typed.
type simulateOptions struct {
	scenario, listen, control, zk string
	marathon, defaultNetwork      string
	cert, key, credentials        string
	tasks, agents, masters        int
	seed                          uint64
	churn, agentChurn             perSecond
	startup, recovery, heartbeat  time.Duration
	session, reregister           time.Duration
	subscribers                   int
	noAPI                         bool

	set map[string]bool // the flags that were given
}

// simulate is the command that runs a cluster, and no name server.
func simulate(ctx context.Context, args []string, env environment) int {
	fs := flags("simulate", "toponym simulate runs a simulated Mesos cluster: masters with their HTTP APIs, and tasks that come and go.", env.stderr)
	var o simulateOptions
	o.define(fs)
	verbose := verbosity(fs)
	if status, done := parse(fs, args, env.stderr); done {
		return status
	}
	o.set = make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { o.set[f.Name] = true })
	log := newLog(env.stderr, *verbose)
	if err := runSimulate(ctx, o, env, log); err != nil {
		log.Error(err)
		return statusFailed
	}
	return statusOK
}

func (o *simulateOptions) define(fs *flag.FlagSet) {
	fs.StringVar(&o.scenario, "scenario", "", "a `FILE` in YAML with the cluster and what happens to it; flags override it")
	fs.IntVar(&o.tasks, "tasks", 100, "how many tasks run")
	fs.IntVar(&o.agents, "agents", 0, "how many agents there are; a twentieth of the tasks when 0")
	fs.Var(&o.churn, "churn", "changes of tasks, such as `1000/s` or 30/m")
	fs.Var(&o.agentChurn, "agent-churn", "agents that leave and return, such as `6/m`")
	fs.Uint64Var(&o.seed, "seed", 1, "what happens, and all ids, follow from it")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:5050", "where the first master listens; the others have the ports after it")
	fs.IntVar(&o.masters, "masters", 1, "how many masters there are")
	fs.StringVar(&o.control, "control", "", "where the control API listens beside the masters' /sim/, so that it outlives them")
	fs.StringVar(&o.marathon, "marathon", "", "where a simulated Marathon has its API, such as `127.0.0.1:8080`; its apps run on the cluster")
	fs.StringVar(&o.defaultNetwork, "default-network", "", "Marathon's --default_network_name")
	fs.StringVar(&o.zk, "zk", "", "a ZooKeeper to announce the masters in, such as `zk://127.0.0.1:2181/mesos`")
	fs.StringVar(&o.cert, "cert", "", "a certificate: the masters speak HTTPS")
	fs.StringVar(&o.key, "key", "", "its key")
	fs.StringVar(&o.credentials, "credentials", "", "a `FILE` with a line \"principal secret\" for each that may read; without it all may")
	fs.DurationVar(&o.startup, "startup", 35*time.Millisecond, "how long a new master answers 404")
	fs.DurationVar(&o.recovery, "recovery", 0, "how long a new leader knows nothing")
	fs.DurationVar(&o.heartbeat, "heartbeat", 15*time.Second, "time between two HEARTBEAT events")
	fs.DurationVar(&o.session, "session", 10*time.Second, "how long a dead leader is taken for the leader")
	fs.DurationVar(&o.reregister, "reregister", 10*time.Second, "how long agents take to find a new leader")
	fs.IntVar(&o.subscribers, "max-subscribers", 1000, "streams of events at a time; one more ends the oldest")
	fs.BoolVar(&o.noAPI, "no-operator-api", false, "leave out /api/v1, as Mesos before 1.0")
}

func runSimulate(ctx context.Context, o simulateOptions, env environment, log logrus.FieldLogger) error {
	scenario, err := o.readScenario()
	if err != nil {
		return err
	}
	m, err := o.mastersOptions()
	if err != nil {
		return err
	}
	began := time.Now()
	s, err := sim.NewSimulation(scenario, sim.Options{Seed: scenario.Seed, Name: "simulated"})
	if err != nil {
		return err
	}
	log.Debugf("the cluster was made in %v", time.Since(began).Round(time.Millisecond))
	masters, err := s.Serve(m)
	if err != nil {
		return err
	}
	control, err := listenIf("-control", o.control)
	if err != nil {
		return err
	}
	defer control.close()
	api, err := listenIf("-marathon", o.marathon)
	if err != nil {
		return err
	}
	defer api.close()
	var scheduler *sim.Scheduler
	if api.Listener != nil {
		at, err := netip.ParseAddrPort(api.Addr().String())
		if err != nil {
			return err
		}
		if scheduler, err = s.NewScheduler(at, marathon.Settings{DefaultNetworkName: o.defaultNetwork}); err != nil {
			return err
		}
	}
	if err := masters.Listen(); err != nil {
		return err
	}
	describeSimulation(env, s, masters, m.TLS != nil, control.Listener, api.Listener)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return masters.Run(ctx) })
	g.Go(func() error { return s.Run(ctx) })
	if control.Listener != nil {
		serveHandler(ctx, g, control, s.Control())
	}
	if scheduler != nil {
		g.Go(func() error { return scheduler.Run(ctx) })
		serveHandler(ctx, g, api, scheduler)
	}
	return g.Wait()
}

// optional is a listener, or none.
type optional struct{ net.Listener }

func listenIf(flag, address string) (optional, error) {
	if address == "" {
		return optional{}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return optional{}, fmt.Errorf("%s: %w", flag, err)
	}
	return optional{l}, nil
}

func (o optional) close() {
	if o.Listener != nil {
		o.Close()
	}
}

// readScenario gives the file's scenario with what the flags say; without a
// file the flags say it all.
func (o *simulateOptions) readScenario() (*sim.Scenario, error) {
	s := &sim.Scenario{}
	if o.scenario != "" {
		f, err := os.Open(o.scenario)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if s, err = sim.ReadScenario(f); err != nil {
			return nil, fmt.Errorf("%s: %w", o.scenario, err)
		}
		if o.set["tasks"] {
			s.Tasks = o.tasks
		}
	} else {
		s.Tasks = o.tasks
	}
	if o.agents != 0 {
		s.Agents = o.agents
	}
	if s.Seed == 0 || o.set["seed"] {
		s.Seed = o.seed
	}
	if o.churn != 0 {
		s.Churn.Tasks = float64(o.churn)
	}
	if o.agentChurn != 0 {
		s.Churn.Agents = float64(o.agentChurn)
	}
	return s, s.Check()
}
