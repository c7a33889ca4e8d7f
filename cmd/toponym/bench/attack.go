//go:build bench && linux && (amd64 || arm64)

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// attackRun is one attack against a server that follows a cluster.
type attackRun struct {
	Round, Cores         int
	Server, Attack       string
	Idle, Attacked, Past attackPhase // Past begins attackRest after the end
	Counts               attackCounts
	OtherUse             float64 // fraction of the cores that other programs used
	Disturbed            bool
}

// attackPhase is what was measured before, during or after an attack.
type attackPhase struct {
	Load       load
	CPU        float64 // fraction of one core that the server used
	PSS        float64 // MB at the end
	Peak       float64 // MB, the largest resident memory during the phase
	Bystanders bystanders

	generator usage
}

// attackRest is the time after an attack in which the server may come to rest.
const attackRest = 10 * time.Second

// attack measures each attack on one core and on two.
func (l *lab) attack() (all []attackRun, err error) {
	if len(l.cores) < 4 {
		l.logf("with fewer than 4 cores the attackers share a core with the generator, and on two cores with the server")
	}
	for round := 1; round <= l.o.Rounds; round++ {
		for cores := 1; cores <= 2; cores++ {
			for _, kind := range attackNames() {
				if !l.o.wants(kind) {
					continue
				}
				for _, b := range l.builds() {
					r, err := l.attackOnce(b, l.serverCores(cores), kind)
					if err != nil {
						return all, err
					}
					r.Round, r.Server = round, b.name
					all = append(all, r)
					l.logf("round %d of %d, %d cores, %s, %s: p99 %.0f, %.0f, %.0f µs, peak %.0f, %.0f, %.0f MB, %+v",
						round, l.o.Rounds, cores, kind, b.name, r.Idle.Load.Latency.P99, r.Attacked.Load.Latency.P99, r.Past.Load.Latency.P99,
						r.Idle.Peak, r.Attacked.Peak, r.Past.Peak, r.Counts)
				}
			}
		}
	}
	return all, nil
}

func (l *lab) attackOnce(b build, cores []int, kind string) (r attackRun, err error) {
	r = attackRun{Cores: len(cores), Attack: kind}
	addr, err := freePort()
	if err != nil {
		return r, err
	}
	master, err := l.start("live", []int{l.masterCore(cores)}, "nice", "-n", "10", l.self, childLive, "-listen", addr.String(),
		"-tasks", strconv.Itoa(l.o.AttackTasks), "-seed", strconv.FormatUint(l.o.Seed, 10), "-rate", "10")
	if err != nil {
		return r, err
	}
	defer l.stop(master)
	if err := master.await(time.Minute, func() error {
		_, err := get("http://" + addr.String() + stepsPath)
		return err
	}); err != nil {
		return r, err
	}
	outside, err := newOutside()
	if err != nil {
		return r, err
	}
	defer outside.close()
	if err := l.attackQueries(b, cores, addr); err != nil {
		return r, err
	}
	s, err := l.startToponym(b, cores, addr, time.Minute, outside.settings())
	if err != nil {
		return r, err
	}
	defer l.stop(s.proc)
	time.Sleep(5 * time.Second) // for the first resync

	from, err := now()
	if err != nil {
		return r, err
	}
	phase := func(p *attackPhase, seconds float64) error {
		return l.phase(p, s, time.Duration(seconds*float64(time.Second)))
	}
	if err := phase(&r.Idle, l.o.calmSeconds()); err != nil {
		return r, err
	}
	var attackers usage
	ended := make(chan error, 1)
	// Longer than what is measured, so that its start and its end are not counted
	// as peace.
	d := time.Duration(l.o.AttackSeconds*float64(time.Second)) + 2*time.Second
	go func() {
		var err error
		attackers, err = l.runAttack(kind, s, addr, d, &r.Counts)
		ended <- err
	}()
	time.Sleep(time.Second)
	if err := phase(&r.Attacked, l.o.AttackSeconds); err != nil {
		return r, err
	}
	if err := <-ended; err != nil {
		return r, err
	}
	time.Sleep(attackRest)
	if err := phase(&r.Past, l.o.calmSeconds()); err != nil {
		return r, err
	}
	to, err := now()
	if err != nil {
		return r, err
	}
	both := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(cores), l.o.ClientCore))))
	ours := used(from, to, s.proc) + used(from, to, master) + attackers.cpu + to.self - from.self
	for _, p := range []attackPhase{r.Idle, r.Attacked, r.Past} {
		ours += p.generator.cpu
	}
	r.OtherUse = otherUse(from, to, both, ours)
	r.Disturbed = r.OtherUse > disturbedAbove
	return r, nil
}

// attackQueries writes the query file, once. The server that it reads the zone from is
// not measured: the transfer would be part of its idle memory.
func (l *lab) attackQueries(b build, cores []int, master netip.AddrPort) error {
	if _, err := os.Stat(l.queryFile(setMix)); err == nil {
		return nil
	}
	s, err := l.startToponym(b, cores, master, time.Minute, nil)
	if err != nil {
		return err
	}
	defer l.stop(s.proc)
	z, err := s.readZone()
	if err != nil {
		return err
	}
	l.logf("%d tasks, %d records", l.o.AttackTasks, z.records())
	defer disableGC()
	return l.writeQueries(z, setMix)
}

// runAttack runs the clients of an attack on the generator's core, at the lowest
// priority: what is measured is the server, not how busy the machine is.
func (l *lab) runAttack(kind string, s *server, master netip.AddrPort, d time.Duration, counts *attackCounts) (usage, error) {
	if kind == attackTenant {
		_, err := getWithin(d+time.Minute, "http://"+master.String()+tenantPath+"?time="+d.String())
		return usage{}, err
	}
	ctx, cancel := context.WithTimeout(l.ctx, d+time.Minute)
	defer cancel()
	o := attackOrder{kind: kind, dns: s.addr, web: s.http, queries: l.queryFile(setMix), duration: d}
	out, u, err := l.runPinned(ctx, nil, "nice", append([]string{"-n", "19", l.self}, o.args()...)...)
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(out, counts)
}

// phase measures a server for a time.
func (l *lab) phase(p *attackPhase, s *server, d time.Duration) error {
	// The peak begins anew (proc(5), clear_refs).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.proc.pid()), []byte("5"), 0); err != nil {
		return err
	}
	from, err := now()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { p.Bystanders.run(ctx, s.addr) })
	o := order{mode: modePaced, server: s.addr, queries: l.queryFile(setMix), duration: d, sockets: 8, rate: l.o.AttackRate}
	if p.Load, p.generator, err = l.own(o); err != nil {
		return err
	}
	cancel()
	beside.Wait()
	to, err := now()
	if err != nil {
		return err
	}
	p.CPU = used(from, to, s.proc).Seconds() / to.at.Sub(from.at).Seconds()
	m, err := resident(to, s.proc)
	if err != nil {
		return err
	}
	p.PSS = m.PSS
	p.Peak, err = peak(s.proc.pid())
	return err
}

// bystanders are honest clients: one opens a connection over TCP for each query, and
// one asks for names that are forwarded to an upstream server that answers.
type bystanders struct {
	TCP, TCPFailed           int
	Forwarded, ForwardFailed int
}

func (b *bystanders) run(ctx context.Context, server netip.AddrPort) {
	from := netip.AddrFrom4([4]byte{127, 0, 2, 1}).AsSlice()
	overTCP := &dns.Client{Net: "tcp", Timeout: 2 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: 2 * time.Second}}
	overUDP := &dns.Client{Timeout: 2 * time.Second, Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: from}}}
	ask := func(c *dns.Client, name string, number, failed *int) {
		q := new(dns.Msg).SetQuestion(name, dns.TypeA)
		*number++
		if r, _, err := c.Exchange(q, server.String()); err != nil || r.Rcode != dns.RcodeSuccess {
			*failed++
		}
	}
	for ctx.Err() == nil {
		ask(overTCP, "leader.mesos.", &b.TCP, &b.TCPFailed)
		ask(overUDP, fmt.Sprintf("n%d.%s", time.Now().UnixNano(), answeredDomain), &b.Forwarded, &b.ForwardFailed)
		pause(ctx, 100*time.Millisecond)
	}
}

// answeredDomain is the domain whose upstream server answers.
const answeredDomain = "answered.example."

// outside are the upstream servers: four that are silent, and one that answers for
// answeredDomain.
type outside struct {
	silent []net.PacketConn
	good   *dns.Server
	addr   string
}

func newOutside() (*outside, error) {
	o := &outside{}
	for i := range 4 {
		// Nobody reads from the socket.
		c, err := net.ListenPacket("udp", fmt.Sprintf("127.0.3.%d:0", 1+i))
		if err != nil {
			return nil, err
		}
		o.silent = append(o.silent, c)
	}
	c, err := net.ListenPacket("udp", "127.0.3.100:0")
	if err != nil {
		return nil, err
	}
	o.addr = c.LocalAddr().String()
	o.good = &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(192, 0, 2, 1)}}
		_ = w.WriteMsg(r) // the bystander counts what is missing
	})}
	go o.good.ActivateAndServe()
	return o, nil
}

func (o *outside) settings() map[string]any {
	var silent []string
	for _, c := range o.silent {
		silent = append(silent, c.LocalAddr().String())
	}
	return map[string]any{"externalon": true, "resolvers": silent,
		"zoneResolvers": map[string]any{answeredDomain: []string{o.addr}}}
}

func (o *outside) close() {
	for _, c := range o.silent {
		c.Close()
	}
	_ = o.good.Shutdown()
}
