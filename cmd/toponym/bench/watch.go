//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The states of Toponym while the cost of watchers is measured.
const (
	stateQuiet    = "idle"     // nothing changes and nobody watches
	stateChanging = "changing" // the cluster changes, and nobody watches
	stateWatched  = "watched"  // the cluster changes, and many watch
)

// watchRun is one measurement of latency at a constant rate.
type watchRun struct {
	Round, Cores int
	Server       string
	State        string
	Load         load
	Events       float64 // sent to watchers per second
	CutOff       float64 // watchers that could not follow
	CPU          float64 // fraction of one core that the server used
	Memory
	OtherUse  float64
	Disturbed bool
}

// watchEverything is the part of the watchers that see all changes: one of so many.
// The others watch a name each.
const watchEverything = 100

// watch measures latency on one core and on two, without and with watchers.
func (l *lab) watch() (all []watchRun, err error) {
	for round := 1; round <= l.o.Rounds; round++ {
		for cores := 1; cores <= 2; cores++ {
			for _, state := range []string{stateQuiet, stateChanging, stateWatched} {
				r, err := l.watchOnce(l.builds()[0], l.serverCores(cores), state)
				if err != nil {
					return all, err
				}
				r.Round, r.Server = round, toponymName
				all = append(all, r)
				l.logf("round %d of %d, %d cores, %s: p99 %.0f µs, p99.9 %.0f µs, %d lost, %.0f events/s, %.0f cut off",
					round, l.o.Rounds, cores, state, r.Load.Latency.P99, r.Load.Latency.P999, r.Load.Lost, r.Events, r.CutOff)
			}
		}
	}
	return all, nil
}

func (l *lab) watchOnce(b build, cores []int, state string) (r watchRun, err error) {
	r = watchRun{Cores: len(cores), State: state}
	addr, err := freePort()
	if err != nil {
		return r, err
	}
	rate := l.o.LiveRate
	if state == stateQuiet {
		rate = 0
	}
	masterCore := l.masterCore(cores)
	master, err := l.start("live", []int{masterCore}, "nice", "-n", "10", l.self, childLive, "-listen", addr.String(),
		"-tasks", strconv.Itoa(l.o.WatchTasks), "-seed", strconv.FormatUint(l.o.Seed, 10), "-rate", strconv.Itoa(rate))
	if err != nil {
		return r, err
	}
	defer l.stop(master)
	if err := master.await(2*time.Minute, func() error { _, err := get("http://" + addr.String() + stepsPath); return err }); err != nil {
		return r, err
	}
	s, err := l.startToponym(b, cores, addr, time.Hour, map[string]any{"watchMax": 10_000, "watchMaxClient": 10_000})
	if err != nil {
		return r, err
	}
	defer l.stop(s.proc)
	if _, err := os.Stat(l.queryFile(setMix)); err != nil {
		z, err := s.readZone()
		if err != nil {
			return r, err
		}
		if err := l.writeQueries(z, setMix); err != nil {
			return r, err
		}
	}
	clients := usage{}
	if state == stateWatched {
		p, err := l.start("watchers", []int{masterCore}, "nice", "-n", "10", l.self, childWatch, "-server", s.http.String(), "-n", strconv.Itoa(l.o.Watchers))
		if err != nil {
			return r, err
		}
		defer l.stop(p)
		if err := p.await(time.Minute, func() error {
			if n, err := s.metric("toponym_watchers"); err != nil || int(n) < l.o.Watchers {
				return fmt.Errorf("%v of %d watchers are connected: %w", n, l.o.Watchers, err)
			}
			return nil
		}); err != nil {
			return r, err
		}
	}
	o := order{mode: modePaced, server: s.addr, queries: l.queryFile(setMix), duration: time.Second, sockets: 8, rate: l.o.Rate}
	if _, _, err := l.own(o); err != nil { // warms up
		return r, err
	}
	o.duration = time.Duration(l.o.FlatSeconds * float64(time.Second))
	from, err := now()
	if err != nil {
		return r, err
	}
	before, err := s.metric("toponym_watch_events_total")
	if err != nil {
		return r, err
	}
	if r.Load, clients, err = l.own(o); err != nil {
		return r, err
	}
	after, err := s.metric("toponym_watch_events_total")
	if err != nil {
		return r, err
	}
	to, err := now()
	if err != nil {
		return r, err
	}
	seconds := to.at.Sub(from.at).Seconds()
	r.Events = (after - before) / seconds
	if r.CutOff, err = s.metric("toponym_watchers_cut_off_total"); err != nil {
		return r, err
	}
	cpu := used(from, to, s.proc)
	r.CPU = cpu.Seconds() / seconds
	all := append(slices.Clone(cores), l.o.ClientCore, masterCore)
	slices.Sort(all)
	r.OtherUse = otherUse(from, to, slices.Compact(all), cpu+used(from, to, master)+clients.cpu+to.self-from.self)
	r.Disturbed = state != stateWatched && r.OtherUse > disturbedAbove // watchers count as others
	m, err := to.procs.memory(s.proc.pid())
	r.Memory = m.megabytes()
	return r, err
}

// metric is the sum of a metric over its labels.
func (s *server) metric(name string) (sum float64, err error) {
	text, err := get("http://" + s.http.String() + "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == name || strings.HasPrefix(key, name+"{") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += v
		}
	}
	return sum, nil
}

// watchClients is the program of the watchers. It reads and forgets.
func watchClients(args []string, w io.Writer) error {
	var addr netip.AddrPort
	fs := flag.NewFlagSet(childWatch, flag.ContinueOnError)
	fs.TextVar(&addr, "server", netip.AddrPort{}, "where")
	n := fs.Int("n", 1000, "how many")
	if err := fs.Parse(args); err != nil {
		return err
	}
	names, err := (&server{http: addr}).names()
	if err != nil {
		return err
	}
	failed := make(chan error)
	for i := range *n {
		q := url.Values{}
		if i%watchEverything != 0 {
			q.Set("name", names[i*len(names) / *n])
		}
		go func() {
			for {
				if err := readEvents("http://" + addr.String() + "/v1/watch?" + q.Encode()); err != nil {
					failed <- err
				}
			}
		}()
	}
	fmt.Fprintf(w, "%d watchers\n", *n)
	return <-failed
}

// names lists the names with addresses.
func (s *server) names() (names []string, err error) {
	r, err := (&http.Client{Timeout: time.Minute}).Get("http://" + s.http.String() + "/v1/axfr")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	z, err := readAXFR(r.Body)
	if err != nil {
		return nil, err
	}
	for _, set := range z.As {
		names = append(names, set.name)
	}
	return names, nil
}

// readEvents reads a stream until it ends.
func readEvents(url string) error {
	r, err := http.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, r.Status)
	}
	_, _ = io.Copy(io.Discard, bufio.NewReaderSize(r.Body, 4<<10)) // a watcher that is cut off comes back
	return nil
}

func (r *report) printWatch(w io.Writer) {
	o := r.Options
	fmt.Fprintf(w, "Latency of the mix at a constant rate of %s queries per second, at %s tasks: while nothing changes (idle), with %s changes of tasks per second (changing), and with %s clients of /v1/watch besides (watched), of which one in %d sees all changes and the others one name each. Medians of %d rounds of %v s; the maximum is that of all rounds, lost and cut off are sums. The machine has %d cores.\n\n",
		number(float64(o.Rate), 0), number(float64(o.WatchTasks), 0), number(float64(o.LiveRate), 0), number(float64(o.Watchers), 0), watchEverything, o.Rounds, o.FlatSeconds, r.Machine.Cores)
	var rows [][]string
	for _, cores := range groups(r.Watch, func(x watchRun) int { return x.Cores }) {
		idle := map[int]float64{} // by round
		for _, state := range []string{stateQuiet, stateChanging, stateWatched} {
			var runs []watchRun
			var lost, longest, cut float64
			var times []float64
			mark := ""
			for _, x := range r.Watch {
				if x.Cores != cores || x.State != state {
					continue
				}
				runs = append(runs, x)
				lost += float64(x.Load.Lost)
				cut += x.CutOff
				longest = max(longest, x.Load.Latency.Max)
				if x.Disturbed {
					mark = "*"
				}
				if state == stateQuiet {
					idle[x.Round] = x.Load.Latency.P999
				} else if base := idle[x.Round]; base > 0 {
					times = append(times, x.Load.Latency.P999/base)
				}
			}
			if len(runs) == 0 {
				continue
			}
			of := func(figure func(watchRun) float64) float64 { return medianOf(runs, figure) }
			ratio := ""
			if state != stateQuiet {
				ratio = number(median(times), 2)
			}
			rows = append(rows, []string{fmt.Sprint(cores), state + mark,
				number(of(func(x watchRun) float64 { return x.Load.Latency.P50 }), 0),
				number(of(func(x watchRun) float64 { return x.Load.Latency.P99 }), 0),
				number(of(func(x watchRun) float64 { return x.Load.Latency.P999 }), 0),
				ratio, number(longest, 0), number(lost, 0),
				number(of(func(x watchRun) float64 { return x.Events }), 0), number(cut, 0),
				number(100*of(func(x watchRun) float64 { return x.CPU }), 0),
				number(of(func(x watchRun) float64 { return x.PSS }), 0)})
		}
	}
	table(w, 2, []string{"cores", "state", "p50 µs", "p99 µs", "p99.9 µs", "× idle", "max µs", "lost", "events/s", "cut off", "core %", "PSS MB"}, rows)
	fmt.Fprintf(w, "`× idle` is the median of the ratios of p99.9 in each round. A run in which other programs used more than %.0f %% of the cores is marked *.\n", 100*disturbedAbove)
}
