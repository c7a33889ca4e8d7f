//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// The parts of the benchmark of zone transfers.
const (
	partZones       = "all zones"   // AXFR of all zones, one after the other
	partDifferences = "differences" // secondaries that follow changes
	partAnswers     = "answers"     // latency of queries while zones are transferred
)

// transferRun is one measurement of zone transfers.
type transferRun struct {
	Round             int
	Part, Server      string
	Secondaries, Rate int     // of differences; transfers at a time of answers
	CPU               float64 // ms of all zones; ms a second of the others
	Wall              float64 // ms
	Records, Bytes    int
	Transfers         int
	Lag               delays // µs from a version of the primary to that of a secondary
	Latency           latency
	Memory
	OtherUse  float64
	Disturbed bool
}

// transferZones are the zones that are compared: the domain and the address trees.
var transferZones = []string{"mesos.", "dcos.thisdcos.directory."}

// anybody allows transfers to this machine.
var anybody = map[string]any{"transferAllow": []string{"127.0.0.0/8"}, "transferMax": 100}

func (l *lab) transfers() (all []transferRun, err error) {
	for _, part := range []struct {
		name    string
		measure func(*[]transferRun) error
	}{{"zones", l.wholeZones}, {"differences", l.differences}, {"answers", l.answersBesideTransfers}} {
		if !l.o.wants(part.name) {
			continue
		}
		if err := part.measure(&all); err != nil {
			return all, err
		}
	}
	return all, nil
}

// measured wraps a measurement with the CPU time of a server.
func (l *lab) measured(r *transferRun, p *process, f func() error) (cpu time.Duration, err error) {
	from, err := now()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	to, err := now()
	if err != nil {
		return 0, err
	}
	cpu = used(from, to, p)
	r.Wall = float64(to.at.Sub(from.at)) / float64(time.Millisecond)
	both := []int{l.o.ServerCore, l.o.ClientCore}
	slices.Sort(both)
	r.OtherUse = otherUse(from, to, both, cpu+to.self-from.self)
	r.Disturbed = r.OtherUse > disturbedAbove
	r.Memory, err = resident(to, p)
	return cpu, err
}

// wholeZones transfers all zones from Toponym and from the peers, which have them from
// zone files.
func (l *lab) wholeZones(all *[]transferRun) error {
	c, err := l.startCluster("master", l.o.FlatTasks, []int{l.o.ClientCore})
	if err != nil {
		return err
	}
	defer l.stop(c.proc)
	ours, err := l.startToponym(build{toponymName, l.toponym}, []int{l.o.ServerCore}, c.addr, time.Hour, anybody)
	if err != nil {
		return err
	}
	defer l.stop(ours.proc)
	l.logf("writing the zones of %d tasks for the peers", l.o.FlatTasks)
	files, err := l.exportZones(ours.addr, transferZones)
	if err != nil {
		return err
	}
	servers := []*server{ours}
	for i := range transferPeers {
		s, err := l.startTransferPeer(i, files)
		if err != nil {
			return err
		}
		defer l.stop(s.proc)
		servers = append(servers, s)
	}
	for round := 1; round <= l.o.Rounds; round++ {
		for _, s := range servers {
			r := transferRun{Round: round, Part: partZones, Server: s.name}
			cpu, err := l.measured(&r, s.proc, func() error {
				for _, zone := range transferZones {
					client, err := dialTransfer(s.addr)
					if err != nil {
						return err
					}
					t, err := client.axfr(zone, nil)
					client.close()
					if err != nil {
						return fmt.Errorf("%s: %s: %w", s.name, zone, err)
					}
					r.Records += t.records
					r.Bytes += t.bytes
				}
				return nil
			})
			if err != nil {
				return err
			}
			r.CPU = float64(cpu) / float64(time.Millisecond)
			*all = append(*all, r)
			l.logf("round %d of %d, all zones, %s: %d records, %.0f ms of CPU, %.0f ms", round, l.o.Rounds, s.name, r.Records, r.CPU, r.Wall)
		}
	}
	return nil
}

// differences follows a cluster that changes, with no secondary and with some: the
// difference is what they cost.
func (l *lab) differences(all *[]transferRun) error {
	for round := 1; round <= l.o.Rounds; round++ {
		for _, setup := range []struct{ secondaries, rate int }{{0, 100}, {1, 100}, {0, l.o.LiveRate}, {20, l.o.LiveRate}} {
			r := transferRun{Round: round, Part: partDifferences, Server: toponymName, Secondaries: setup.secondaries, Rate: setup.rate}
			if err := l.follow(&r); err != nil {
				return err
			}
			*all = append(*all, r)
			l.logf("round %d of %d, %d secondaries at %d changes/s: %.1f ms of CPU a second, %d transfers of %d records, lag p99 %.1f ms, %.0f MB",
				round, l.o.Rounds, r.Secondaries, r.Rate, r.CPU, r.Transfers, r.Records, r.Lag.P99/1000, r.PSS)
		}
	}
	return nil
}

// follow measures one cluster with one number of secondaries.
func (l *lab) follow(r *transferRun) error {
	addr, err := freePort()
	if err != nil {
		return err
	}
	master, err := l.start("live", []int{l.o.ClientCore}, l.self, childLive, "-listen", addr.String(),
		"-tasks", strconv.Itoa(l.o.LiveTasks), "-seed", strconv.FormatUint(l.o.Seed, 10), "-rate", strconv.Itoa(r.Rate))
	if err != nil {
		return err
	}
	defer l.stop(master)
	if err := master.await(2*time.Minute, func() error { _, err := get("http://" + addr.String() + stepsPath); return err }); err != nil {
		return err
	}
	var v versionTimes
	settings := map[string]any{"transferAllow": anybody["transferAllow"], "transferMax": anybody["transferMax"]}
	var followers []*follower
	var notify []string
	for range r.Secondaries {
		f, err := newFollower(transferZones[0], v.followed)
		if err != nil {
			return err
		}
		defer f.close()
		followers = append(followers, f)
		notify = append(notify, f.addr().String())
	}
	settings["notify"] = notify
	s, err := l.startToponym(build{toponymName, l.toponym}, []int{l.o.ServerCore}, addr, time.Hour, settings)
	if err != nil {
		return err
	}
	defer l.stop(s.proc)
	time.Sleep(5 * time.Second) // for the first resync
	if err := settle(followers, s.addr); err != nil {
		return err
	}
	d := time.Duration(l.o.Seconds * 5 * float64(time.Second))
	cpu, err := l.measured(r, s.proc, func() error {
		until := time.Now().Add(d)
		var group sync.WaitGroup
		errs := make(chan error, len(followers)+1)
		group.Go(func() { errs <- v.watch(s.addr, transferZones[0], until) })
		for _, f := range followers {
			group.Go(func() { errs <- f.run(until) })
		}
		group.Wait()
		for range len(followers) + 1 {
			if err := <-errs; err != nil {
				return err
			}
		}
		return nil
	})
	r.CPU = float64(cpu) / float64(time.Millisecond) / d.Seconds()
	for _, f := range followers {
		r.Transfers += f.transfers
		r.Records += f.records
		r.Bytes += f.bytes
	}
	r.Lag = v.delays()
	return err
}

// serialOf is the serial that a server has of a zone.
func serialOf(conn net.Conn, zone string) (uint32, error) {
	q, err := new(dns.Msg).SetQuestion(zone, dns.TypeSOA).Pack()
	if err != nil {
		return 0, err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return 0, err
	}
	if _, err := conn.Write(q); err != nil {
		return 0, err
	}
	var buf [512]byte
	n, err := conn.Read(buf[:])
	if err != nil {
		return 0, err
	}
	m := new(dns.Msg)
	if err := m.Unpack(buf[:n]); err != nil {
		return 0, err
	}
	if len(m.Answer) != 1 {
		return 0, fmt.Errorf("%s: %s for the SOA record", zone, dns.RcodeToString[m.Rcode])
	}
	return m.Answer[0].(*dns.SOA).Serial, nil
}

// settle lets secondaries transfer the zone, all at a time, and catch up with what has
// changed meanwhile.
func settle(followers []*follower, primary netip.AddrPort) error {
	errs := make(chan error, len(followers))
	until := time.Now().Add(15 * time.Second)
	for _, f := range followers {
		go func() {
			err := f.start(primary)
			if err == nil {
				err = f.run(until)
			}
			f.transfers, f.records, f.bytes = 0, 0, 0
			errs <- err
		}()
	}
	for range followers {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// versionTimes is when each serial of a zone was seen at the primary, and how long
// secondaries took to have it.
type versionTimes struct {
	mu    sync.Mutex
	first uint32
	seen  []time.Time // by serial, from first on
	lag   histogram
}

// watch asks the primary for its serial all the time.
func (v *versionTimes) watch(addr netip.AddrPort, zone string, until time.Time) error {
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	for time.Now().Before(until) {
		serial, err := serialOf(conn, zone)
		if err != nil {
			return err
		}
		at := time.Now()
		v.mu.Lock()
		if len(v.seen) == 0 {
			v.first = serial
		}
		for v.first+uint32(len(v.seen)) <= serial {
			v.seen = append(v.seen, at)
		}
		v.mu.Unlock()
		time.Sleep(500 * time.Microsecond)
	}
	return nil
}

// followed notes that a secondary has come from one serial to another.
func (v *versionTimes) followed(from, to uint32, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) == 0 {
		return // it has not begun yet
	}
	for serial := max(from+1, v.first); serial <= to; serial++ {
		if i := int(serial - v.first); i < len(v.seen) {
			v.lag.add(max(0, at.Sub(v.seen[i])))
		} else {
			v.lag.add(0) // sooner than it was seen at the primary
		}
	}
}

func (v *versionTimes) delays() delays {
	µs := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return delays{int(v.lag.count), µs(v.lag.percentile(0.5)), µs(v.lag.percentile(0.99)), µs(v.lag.max)}
}

// answersBesideTransfers measures queries at a constant rate, while nothing else
// happens and while clients transfer the zones again and again.
func (l *lab) answersBesideTransfers(all *[]transferRun) error {
	c, err := l.startCluster("answers", l.o.FlatTasks, []int{l.o.ClientCore})
	if err != nil {
		return err
	}
	defer l.stop(c.proc)
	s, err := l.startToponym(build{toponymName, l.toponym}, []int{l.o.ServerCore}, c.addr, time.Hour, anybody)
	if err != nil {
		return err
	}
	defer l.stop(s.proc)
	z, err := s.readZone()
	if err != nil {
		return err
	}
	if err := l.writeQueries(z, setMix); err != nil {
		return err
	}
	z = nil
	disableGC()
	o := order{mode: modePaced, server: s.addr, queries: l.queryFile(setMix), duration: time.Second, sockets: 8, rate: l.o.Rate}
	if _, _, err := l.own(o); err != nil { // warms up
		return err
	}
	o.duration = time.Duration(l.o.Seconds * 3 * float64(time.Second))
	for round := 1; round <= l.o.Rounds; round++ {
		for _, clients := range []int{0, 5} {
			r := transferRun{Round: round, Part: partAnswers, Server: toponymName, Secondaries: clients, Rate: l.o.Rate}
			stop := make(chan struct{})
			var group sync.WaitGroup
			counts := make(chan int, clients)
			for range clients {
				group.Go(func() { counts <- transferUntil(s.addr, stop) })
			}
			cpu, err := l.measured(&r, s.proc, func() error {
				got, _, err := l.own(o)
				r.Latency = got.Latency
				return err
			})
			close(stop)
			group.Wait()
			for range clients {
				r.Transfers += <-counts
			}
			if err != nil {
				return err
			}
			r.CPU = float64(cpu) / float64(time.Millisecond) / o.duration.Seconds()
			*all = append(*all, r)
			l.logf("round %d of %d, %d transfers at a time: p99 %.0f µs, p99.9 %.0f µs, %d transfers", round, l.o.Rounds, clients, r.Latency.P99, r.Latency.P999, r.Transfers)
		}
	}
	return nil
}

// transferUntil transfers zones until stop is closed, and returns how many.
func transferUntil(addr netip.AddrPort, stop <-chan struct{}) (n int) {
	for {
		for _, zone := range transferZones {
			client, err := dialTransfer(addr)
			if err != nil {
				return n
			}
			done := make(chan struct{})
			go func() {
				select {
				case <-stop:
					client.close()
				case <-done:
				}
			}()
			_, err = client.axfr(zone, nil)
			close(done)
			client.close()
			select {
			case <-stop:
				return n
			default:
			}
			if err != nil {
				return n
			}
			n++
		}
	}
}
