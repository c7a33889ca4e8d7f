//go:build bench && linux && (amd64 || arm64)

package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"toponym/sim"
	"toponym/sim/scenario"
)

// readsPath returns the number of states that were read completely.
const readsPath = "/bench/reads"

// simulate runs the simulated master in a process of its own.
func simulate(args []string, w io.Writer) error {
	var addr netip.AddrPort
	var spec scenario.Spec
	fs := flag.NewFlagSet(childSimulate, flag.ContinueOnError)
	fs.TextVar(&addr, "listen", netip.AddrPort{}, "where")
	fs.IntVar(&spec.Tasks, "tasks", 10_000, "how many")
	fs.Uint64Var(&spec.Seed, "seed", 0, "what all follows from")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	var reads atomic.Int64
	c := sim.NewCluster(sim.Options{Seed: spec.Seed})
	if _, err := scenario.Populate(c, spec); err != nil {
		return err
	}
	master := sim.NewMaster(c, sim.MasterOptions{Addr: addr, NoOperatorAPI: true})
	web := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case readsPath:
				fmt.Fprint(w, reads.Load())
			case "/master/state":
				master.ServeHTTP(w, r)
				reads.Add(1)
			default:
				master.ServeHTTP(w, r)
			}
		}),
	}
	fmt.Fprintf(w, "%d tasks on %v\n", spec.Tasks, addr)
	return web.Serve(l)
}

// cluster is the simulated master as the benchmark sees it.
type cluster struct {
	proc *process
	addr netip.AddrPort
}

// startCluster starts a master on the given cores, at the lowest priority.
func (l *lab) startCluster(name string, tasks int, cores []int) (*cluster, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := l.start(name, cores, "nice", "-n", "10", l.self, childSimulate,
		"-listen", addr.String(), "-tasks", strconv.Itoa(tasks), "-seed", strconv.FormatUint(l.o.Seed, 10))
	if err != nil {
		return nil, err
	}
	c := &cluster{p, addr}
	return c, p.await(2*time.Minute, func() error {
		_, err := c.reads()
		return err
	})
}

// reads returns how often the state has been read.
func (c *cluster) reads() (int, error) {
	text, err := get("http://" + c.addr.String() + readsPath)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// get reads a short HTTP response.
func get(url string) (string, error) { return getWithin(5*time.Second, url) }

// getWithin reads a short HTTP response that may take a given time.
func getWithin(limit time.Duration, url string) (string, error) {
	r, err := (&http.Client{Timeout: limit}).Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, r.Status)
	}
	return string(text), err
}
