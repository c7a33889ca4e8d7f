package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"toponym/sim"
	"toponym/sim/masters"
	"toponym/sim/scenario"
)

// options are the values of the flags.
type options struct {
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

	given map[string]bool // the flags that are on the command line
}

func (o *options) define(fs *flag.FlagSet) {
	fs.StringVar(&o.scenario, "scenario", "", "YAML `FILE` that describes the cluster and the steps that change it; flags override it")
	fs.IntVar(&o.tasks, "tasks", 100, "number of tasks")
	fs.IntVar(&o.agents, "agents", 0, "number of agents; 0 means one for 20 tasks")
	fs.Var(&o.churn, "churn", "`RATE` at which tasks change, such as 1000/s or 30/m")
	fs.Var(&o.agentChurn, "agent-churn", "`RATE` at which agents leave and return, such as 6/m")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of all ids and of all changes")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:5050", "`ADDRESS` of the first master; the others use the ports after it")
	fs.IntVar(&o.masters, "masters", 1, "number of masters")
	fs.StringVar(&o.control, "control", "", "`ADDRESS` of a control API that works while all masters are down, unlike the one below /sim/ on each master")
	fs.StringVar(&o.marathon, "marathon", "", "`ADDRESS` of a simulated Marathon, such as 127.0.0.1:8080; its apps run on the cluster")
	fs.StringVar(&o.defaultNetwork, "default-network", "", "`NAME` that Marathon has as --default_network_name")
	fs.StringVar(&o.zk, "zk", "", "`URL` of a ZooKeeper in which the masters elect their leader, such as zk://127.0.0.1:2181/mesos")
	fs.StringVar(&o.cert, "cert", "", "`FILE` with a certificate (PEM); the masters then use HTTPS")
	fs.StringVar(&o.key, "key", "", "`FILE` with the key of the certificate (PEM)")
	fs.StringVar(&o.credentials, "credentials", "", "`FILE` with a line \"principal secret\" for each client; without it the masters require no credentials")
	fs.DurationVar(&o.startup, "startup", 35*time.Millisecond, "how long a new master returns 404")
	fs.DurationVar(&o.recovery, "recovery", 0, "how long a new leader shows an empty cluster")
	fs.DurationVar(&o.heartbeat, "heartbeat", 15*time.Second, "time between two HEARTBEAT events")
	fs.DurationVar(&o.session, "session", 10*time.Second, "how long a dead leader keeps its ZooKeeper session")
	fs.DurationVar(&o.reregister, "reregister", 10*time.Second, "how long the agents take to register with a new leader")
	fs.IntVar(&o.subscribers, "max-subscribers", 1000, "maximum number of event streams; opening one more closes the oldest")
	fs.BoolVar(&o.noAPI, "no-operator-api", false, "have no /api/v1, like Mesos before 1.0")
}

// readScenario returns the scenario of the file, overridden by flags.
func (o *options) readScenario() (*scenario.Scenario, error) {
	s := &scenario.Scenario{}
	if o.scenario != "" {
		f, err := os.Open(o.scenario)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if s, err = scenario.Read(f); err != nil {
			return nil, fmt.Errorf("%s:\n%w", o.scenario, err)
		}
	}
	if o.scenario == "" || o.given["tasks"] {
		s.Tasks = o.tasks
	}
	if o.agents != 0 {
		s.Agents.Count = o.agents
	}
	if s.Seed == 0 || o.given["seed"] {
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

// perSecond is the value of a flag such as 1000/s or 30/m.
type perSecond float64

func (p *perSecond) String() string { return strconv.FormatFloat(float64(*p), 'g', -1, 64) + "/s" }

func (p *perSecond) Set(s string) error {
	number, unit, _ := strings.Cut(s, "/")
	seconds, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(n >= 0 && n <= 1e6) { // not NaN either
		return errors.New("want a rate such as 1000/s, 30/m or 5/h")
	}
	*p = perSecond(n / seconds)
	return nil
}

// maxMasters bounds -masters.
const maxMasters = 9

// mastersOptions turns the flags into the masters' options.
func (o *options) mastersOptions() (masters.Options, error) {
	m := masters.Options{
		Seed: o.seed, Session: o.session, Reregister: o.reregister,
		Master: sim.MasterOptions{
			Startup: o.startup, Recovery: o.recovery, Heartbeat: o.heartbeat,
			MaxSubscribers: o.subscribers, NoOperatorAPI: o.noAPI,
		},
	}
	if o.startup < 0 || o.recovery < 0 || o.heartbeat <= 0 || o.session <= 0 || o.reregister < 0 {
		return m, errors.New("-startup, -recovery and -reregister cannot be negative; -heartbeat and -session must be positive")
	}
	if o.subscribers < 1 {
		return m, errors.New("-max-subscribers: want at least 1")
	}
	var err error
	if m.Listen, err = o.addresses(); err != nil {
		return m, err
	}
	if o.zk != "" {
		if m.ZooKeeper, err = masters.ParseZooKeeper(o.zk); err != nil {
			return m, fmt.Errorf("-zk: %w", err)
		}
	}
	if (o.cert == "") != (o.key == "") {
		return m, errors.New("-cert and -key: want both or neither")
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return m, fmt.Errorf("-cert: %w", err)
		}
		m.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if o.credentials != "" {
		auth, err := readCredentials(o.credentials)
		if err != nil {
			return m, fmt.Errorf("-credentials: %w", err)
		}
		m.Master.Admit = auth.Admit
	}
	return m, nil
}

// addresses returns where the masters listen: on consecutive ports, or on any
// ports if the first is 0.
func (o *options) addresses() ([]string, error) {
	first, err := netip.ParseAddrPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("-listen: %q is not an address: want something like 127.0.0.1:5050", o.listen)
	}
	if o.masters < 1 || o.masters > maxMasters {
		return nil, fmt.Errorf("-masters: %d is not between 1 and %d", o.masters, maxMasters)
	}
	var out []string
	for i := range o.masters {
		port := int(first.Port())
		if port != 0 {
			port += i
		}
		if port > 65535 {
			return nil, fmt.Errorf("-listen: %d masters need ports up to %d, above 65535", o.masters, int(first.Port())+o.masters-1)
		}
		out = append(out, netip.AddrPortFrom(first.Addr(), uint16(port)).String())
	}
	return out, nil
}

// readCredentials reads a file in the text form of Mesos's --credentials: a
// principal and a secret in each line.
func readCredentials(file string) (masters.Auth, error) {
	auth := masters.Auth{ReadOnly: true, ReadWrite: true}
	data, err := os.ReadFile(file)
	if err != nil {
		return auth, err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		f := strings.Fields(line)
		switch len(f) {
		case 0:
		case 2:
			auth.Credentials = append(auth.Credentials, masters.Credential{Principal: f[0], Secret: f[1]})
		default:
			return auth, fmt.Errorf("%s:%d: want a principal and a secret, separated by a space", file, n)
		}
	}
	if len(auth.Credentials) == 0 {
		return auth, fmt.Errorf("%s: the file has no credentials", file)
	}
	return auth, nil
}
