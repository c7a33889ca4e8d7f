//go:build bench && linux && (amd64 || arm64)

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"toponym/sim"
	"toponym/sim/scenario"
)

// Additional paths of the simulated master.
const (
	stepsPath = "/bench/steps" // number of changes so far
	askedPath = "/bench/asked" // seconds since the first other request
	probePath = "/bench/probe" // ?dns=…&seconds=…: delays of changes
)

// live runs a simulated master whose cluster changes all the time.
func live(args []string, w io.Writer) error {
	var addr netip.AddrPort
	var spec scenario.Spec
	var o scenario.LifeOptions
	fs := flag.NewFlagSet(childLive, flag.ContinueOnError)
	fs.TextVar(&addr, "listen", netip.AddrPort{}, "where")
	fs.IntVar(&spec.Tasks, "tasks", 10_000, "how many")
	fs.Uint64Var(&spec.Seed, "seed", 0, "what all follows from")
	fs.Float64Var(&o.Rate, "rate", 1000, "changes of tasks per second")
	if err := fs.Parse(args); err != nil {
		return err
	}
	c := sim.NewCluster(sim.Options{Seed: spec.Seed})
	apps, err := scenario.Populate(c, spec)
	if err != nil {
		return err
	}
	p, err := newProbe(c)
	if err != nil {
		return err
	}
	o.Seed = spec.Seed
	big, err := newTenant(c)
	if err != nil {
		return err
	}
	life := scenario.NewLife(c, apps, o)
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	master := sim.NewMaster(c, sim.MasterOptions{Addr: addr})
	mux := http.NewServeMux()
	mux.HandleFunc(stepsPath, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, life.Steps()) })
	mux.HandleFunc(probePath, p.serve)
	mux.HandleFunc(tenantPath, big.serve)
	var asked atomic.Pointer[time.Time]
	mux.HandleFunc(askedPath, func(w http.ResponseWriter, _ *http.Request) {
		if at := asked.Load(); at != nil {
			fmt.Fprint(w, time.Since(*at).Seconds())
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		asked.CompareAndSwap(nil, &now)
		master.ServeHTTP(w, r)
	})
	failed := make(chan error, 2)
	go func() { failed <- life.Run(context.Background()) }()
	web := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: mux}
	go func() { failed <- web.Serve(l) }()
	fmt.Fprintf(w, "%d tasks on %v\n", spec.Tasks, addr)
	return <-failed
}

// probe starts and ends tasks, and queries the server until its answers show that.
type probe struct {
	c                *sim.Cluster
	framework, agent string
	n                int
}

func newProbe(c *sim.Cluster) (*probe, error) {
	p := &probe{c: c}
	var err error
	if p.framework, err = c.AddFramework(sim.Framework{Name: "probe"}); err != nil {
		return nil, err
	}
	p.agent, err = c.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.250.0.1:5051")})
	return p, err
}

// probeInterval is the time between two queries of the probe, and so the resolution
// of the delays.
const probeInterval = 200 * time.Microsecond

// ticker ticks every probeInterval. The scheduler of Go rounds short times up to whole
// milliseconds, so time.Sleep would not do.
type ticker struct{ file *os.File }

func newTicker() (*ticker, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	t := &ticker{os.NewFile(uintptr(fd), "timer")}
	every := unix.NsecToTimespec(int64(probeInterval))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		t.file.Close()
		return nil, fmt.Errorf("timerfd_settime: %w", err)
	}
	return t, nil
}

// wait waits for the next tick.
func (t *ticker) wait() error {
	var expirations [8]byte
	_, err := t.file.Read(expirations[:])
	return err
}

// probePause is the time between two changes of the probe: they come at any time of the
// pace of the server and of that of the other changes.
const probePause = 7 * time.Millisecond

// probeTimeout is how long a change may take to become visible.
const probeTimeout = 5 * time.Second

func (p *probe) serve(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	load, err := p.run(r.FormValue("dns"), time.Duration(seconds*float64(time.Second)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(load) // the client has gone
}

// delays is how long changes took to become visible.
type delays struct {
	Changes       int
	P50, P99, Max float64 // µs from the event to the first response that shows it
}

func (p *probe) run(at string, d time.Duration) (l delays, err error) {
	conn, err := net.Dial("udp", at)
	if err != nil {
		return l, err
	}
	defer conn.Close()
	tick, err := newTicker()
	if err != nil {
		return l, err
	}
	defer tick.file.Close()
	var h histogram
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(probePause)
		p.n++
		t := sim.Task{Name: fmt.Sprint("probe-", p.n), FrameworkID: p.framework, AgentID: p.agent, Resources: sim.Resources{CPUs: 0.1, Mem: 1}}
		begin := time.Now()
		id, err := p.c.StartTask(t)
		if err != nil {
			return l, err
		}
		if err := p.until(conn, tick, t.Name, dns.RcodeSuccess); err != nil {
			return l, err
		}
		h.add(time.Since(begin))
		time.Sleep(probePause)
		begin = time.Now()
		if err := p.c.EndTask(p.framework, id, sim.TaskFinished); err != nil {
			return l, err
		}
		if err := p.until(conn, tick, t.Name, dns.RcodeNameError); err != nil {
			return l, err
		}
		h.add(time.Since(begin))
	}
	µs := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return delays{int(h.count), µs(h.percentile(0.5)), µs(h.percentile(0.99)), µs(h.max)}, nil
}

// until queries a name until the response has a given rcode.
func (p *probe) until(conn net.Conn, tick *ticker, name string, rcode int) error {
	q, err := new(dns.Msg).SetQuestion(name+".probe.mesos.", dns.TypeA).Pack()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(probeTimeout)
	var buf [512]byte
	for time.Now().Before(deadline) {
		if _, err := conn.Write(q); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, err := conn.Read(buf[:])
		if err != nil {
			return err
		}
		if n >= 12 && int(buf[3]&0xf) == rcode {
			return nil
		}
		if err := tick.wait(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: no answer with code %s within %v", name, dns.RcodeToString[rcode], probeTimeout)
}
