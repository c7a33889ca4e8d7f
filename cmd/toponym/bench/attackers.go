//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Attacks, each a client or a user of the cluster that takes what it can get.
const (
	attackHTTP    = "http"
	attackTCP     = "tcp"
	attackForward = "forward"
	attackTenant  = "tenant"
)

var attacks = []struct{ name, what string }{
	{attackHTTP, "200 clients from 20 addresses that ask for all paths without pause, 100 that do not read, and 2,000 idle connections"},
	{attackTCP, "1,000 idle connections of one address over TCP; those that the server closes are opened again"},
	{attackForward, "20,000 pending questions of four addresses to upstream servers that are silent"},
	{attackTenant, "each second a new task with 10,000 ports and 8 `DNS_ALIAS` labels, and one with 20,000 labels"},
}

func attackNames() (out []string) {
	for _, a := range attacks {
		out = append(out, a.name)
	}
	return out
}

const (
	readers       = 200 // that ask for all paths
	readerHosts   = 20  // their addresses
	deafReaders   = 100
	idleHTTP      = 2000
	idleTCP       = 1000
	forwardHosts  = 4
	forwardWindow = 5000 // questions of each, in the time after which the server gives up
	reopenAfter   = time.Second
)

// attackOrder tells the process of an attack what to do.
type attackOrder struct {
	kind     string
	dns, web netip.AddrPort
	queries  string
	duration time.Duration
}

func (o attackOrder) args() []string {
	return []string{childAttack, "-kind", o.kind, "-dns", o.dns.String(), "-http", o.web.String(),
		"-queries", o.queries, "-duration", o.duration.String()}
}

// attackCounts is what an attacker has done.
type attackCounts struct {
	Requests int64 // of HTTP, or questions
	Answers  int64 // HTTP 200, or DNS responses
	Refused  int64 // HTTP 503, or SERVFAIL and REFUSED
	Opened   int64 // connections
}

type attacker struct {
	attackOrder
	names []string // of the query file

	requests, answers, refused, opened atomic.Int64
}

// attack runs the clients of an attack in a process of their own, and prints
// attackCounts as JSON at the end.
func attack(args []string, w io.Writer) error {
	var a attacker
	fs := flag.NewFlagSet(childAttack, flag.ContinueOnError)
	fs.StringVar(&a.kind, "kind", "", "http, tcp or forward")
	fs.TextVar(&a.dns, "dns", netip.AddrPort{}, "address of DNS")
	fs.TextVar(&a.web, "http", netip.AddrPort{}, "address of HTTP")
	fs.StringVar(&a.queries, "queries", "", "file with a name and a type on each line")
	fs.DurationVar(&a.duration, "duration", time.Second, "duration")
	if err := fs.Parse(args); err != nil {
		return err
	}
	var err error
	if a.names, err = readNames(a.queries); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.duration)
	defer cancel()
	switch a.kind {
	case attackHTTP:
		a.overHTTP(ctx)
	case attackTCP:
		a.overTCP(ctx)
	case attackForward:
		err = a.forwarded(ctx)
	default:
		err = fmt.Errorf("-kind: %q", a.kind)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(attackCounts{a.requests.Load(), a.answers.Load(), a.refused.Load(), a.opened.Load()})
}

// readNames returns the names of a query file.
func readNames(file string) (names []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, _, _ := strings.Cut(lines.Text(), " ")
		names = append(names, strings.TrimSuffix(name, "."))
	}
	if len(names) == 0 && lines.Err() == nil {
		return nil, errors.New("no names")
	}
	return names, lines.Err()
}

// host returns an address of loopback, one of each attacker.
func host(n int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + n)}) }

func dialerOf(from netip.Addr) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: 10 * time.Second}
}

// overHTTP runs all clients of the attack over HTTP.
func (a *attacker) overHTTP(ctx context.Context) {
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() { a.reader(ctx, i) })
	}
	for i := range deafReaders {
		all.Go(func() { a.keep(ctx, a.web, host(i%readerHosts), a.path(i)) })
	}
	for i := range idleHTTP {
		all.Go(func() { a.keep(ctx, a.web, host(i%readerHosts), "") })
	}
	all.Wait()
}

// path returns one of all paths, in turn, with any name.
func (a *attacker) path(n int) string {
	name := a.names[rand.IntN(len(a.names))]
	paths := []string{"/", "/v1/services/" + name, "/v1/hosts/" + name, "/v1/enumerate", "/v1/axfr",
		"/v1/explain/" + name, "/metrics", "/v1/status", "/?name=" + name, "/v1/config"}
	return paths[n%len(paths)]
}

// reader asks for one path after the other and reads the answers.
func (a *attacker) reader(ctx context.Context, n int) {
	client := &http.Client{Transport: &http.Transport{DialContext: dialerOf(host(n % readerHosts)).DialContext}}
	buf := make([]byte, 64<<10)
	for ; ctx.Err() == nil; n++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.web.String()+a.path(n), nil)
		if err != nil {
			continue
		}
		a.requests.Add(1)
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		switch resp.StatusCode {
		case http.StatusOK:
			a.answers.Add(1)
		case http.StatusServiceUnavailable:
			a.refused.Add(1)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		resp.Body.Close()
	}
}

// keep holds a connection open, and opens it again when the server closes it. With
// a path it sends a request and does not read the answer.
func (a *attacker) keep(ctx context.Context, to netip.AddrPort, from netip.Addr, path string) {
	dialer := dialerOf(from)
	for ; ctx.Err() == nil; pause(ctx, reopenAfter) {
		conn, err := dialer.DialContext(ctx, "tcp", to.String())
		if err != nil {
			continue
		}
		a.opened.Add(1)
		if path == "" {
			untilClosed(ctx, conn)
		} else {
			a.requests.Add(1)
			_ = conn.(*net.TCPConn).SetReadBuffer(4096) // so that the server has to wait
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path); err == nil {
				pause(ctx, time.Minute)
			}
		}
		conn.Close()
	}
}

// untilClosed waits until the server closes a connection.
func untilClosed(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var b [1]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// overTCP runs all idle connections of one address.
func (a *attacker) overTCP(ctx context.Context) {
	var all sync.WaitGroup
	for range idleTCP {
		all.Go(func() { a.keep(ctx, a.dns, host(0), "") })
	}
	all.Wait()
}

// forwarded sends questions for names that only silent servers know: each address
// as many at once as it may have pending, and from then on as many in five seconds,
// after which the server gives up.
func (a *attacker) forwarded(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, forwardHosts)
	for i := range forwardHosts {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: host(i).AsSlice()}, net.UDPAddrFromAddrPort(a.dns))
		if err != nil {
			return err
		}
		defer conn.Close()
		context.AfterFunc(ctx, func() { conn.Close() })
		all.Go(func() { a.countResponses(conn) })
		all.Go(func() { errs[i] = a.ask(ctx, conn, i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (a *attacker) countResponses(conn net.Conn) {
	var b [512]byte
	for {
		n, err := conn.Read(b[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil || n < headerSize:
		case b[3]&0xf == 0 || b[3]&0xf == 3:
			a.answers.Add(1)
		default:
			a.refused.Add(1)
		}
	}
}

func (a *attacker) ask(ctx context.Context, conn net.Conn, client int) error {
	const rate = forwardWindow / 5 // per second
	start := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		if ahead := i - forwardWindow; ahead > 0 {
			pause(ctx, time.Until(start.Add(time.Duration(ahead)*time.Second/rate)))
		}
		// A domain for each ten names, so that no limit of one domain applies.
		q, err := query(fmt.Sprintf("n%d.c%d-%d.test-net", i, client, i/10), 1, 0)
		if err != nil {
			return err
		}
		q[0], q[1], q[2] = byte(i>>8), byte(i), 1 // RD
		if _, err := conn.Write(q); err == nil {
			a.requests.Add(1)
		}
	}
	return nil
}
