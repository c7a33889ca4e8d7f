//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Modes of the own generator.
const (
	modeUDP   = "udp"
	modeTCP   = "tcp"
	modePaced = "paced"
)

// order tells a generator what to do.
type order struct {
	mode            string
	server          netip.AddrPort
	queries         string // query file as of dnsperf: a name and a type on each line
	edns            int    // EDNS size; 0: no EDNS
	duration        time.Duration
	sockets, window int
	rate            int
	recurse         bool          // RD
	timeout         time.Duration // after which a query counts as lost; 0: defaultTimeout
}

// defaultTimeout is long beside any latency on loopback, and short beside a run.
const defaultTimeout = 2 * time.Second

func (o order) args() []string {
	return []string{childGenerate, "-mode", o.mode, "-server", o.server.String(), "-queries", o.queries,
		"-edns", strconv.Itoa(o.edns), "-duration", o.duration.String(), "-sockets", strconv.Itoa(o.sockets),
		"-window", strconv.Itoa(o.window), "-rate", strconv.Itoa(o.rate),
		"-recurse=" + strconv.FormatBool(o.recurse)}
}

// generate runs the own generator in a process of its own. It prints the load as
// JSON at the end.
func generate(args []string, w io.Writer) error {
	var o order
	fs := flag.NewFlagSet(childGenerate, flag.ContinueOnError)
	fs.StringVar(&o.mode, "mode", modeUDP, "udp, tcp or paced")
	fs.TextVar(&o.server, "server", netip.AddrPort{}, "address of the server")
	fs.StringVar(&o.queries, "queries", "", "file with a name and a type on each line")
	fs.IntVar(&o.edns, "edns", 0, "EDNS size; 0: no EDNS")
	fs.DurationVar(&o.duration, "duration", time.Second, "duration")
	fs.IntVar(&o.sockets, "sockets", 1, "number of sockets")
	fs.IntVar(&o.window, "window", 1, "outstanding queries on each socket")
	fs.IntVar(&o.rate, "rate", 1000, "queries per second when paced")
	fs.BoolVar(&o.recurse, "recurse", false, "set RD")
	if err := fs.Parse(args); err != nil {
		return err
	}
	file, err := os.Open(o.queries)
	if err != nil {
		return err
	}
	queries, err := readQueries(file, o.edns)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if o.recurse {
		for _, q := range queries {
			q[2] |= 1 // RD
		}
	}
	runtime.LockOSThread()
	l, err := o.run(queries)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(l)
}

func (o order) run(queries [][]byte) (load, error) {
	if o.timeout == 0 {
		o.timeout = defaultTimeout
	}
	switch o.mode {
	case modeUDP:
		g, err := newClosedLoop(o.server, queries, o.sockets, o.window, o.timeout)
		if err != nil {
			return load{}, err
		}
		return g.run(o.duration), nil
	case modeTCP:
		g, err := newStream(o.server, queries, o.sockets, o.window, o.timeout)
		if err != nil {
			return load{}, err
		}
		return g.run(o.duration)
	case modePaced:
		g, err := newPaced(o.server, queries, o.sockets, o.timeout)
		if err != nil {
			return load{}, err
		}
		raisePriority()
		return g.run(o.duration, o.rate), nil
	}
	return load{}, fmt.Errorf("-mode: %q", o.mode)
}

// maxQuery is a header, the longest name, type, class and an OPT record.
const maxQuery = headerSize + 255 + 4 + 11

var typeNumbers = map[string]uint16{"A": 1, "NS": 2, "SOA": 6, "AAAA": 28, "SRV": 33}

// readQueries returns the messages of a query file.
func readQueries(r io.Reader, edns int) (out [][]byte, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, qtype, _ := strings.Cut(lines.Text(), " ")
		number, ok := typeNumbers[qtype]
		if !ok {
			return nil, fmt.Errorf("type of %q", lines.Text())
		}
		q, err := query(name, number, edns)
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	if len(out) == 0 && lines.Err() == nil {
		return nil, errors.New("no queries")
	}
	return out, lines.Err()
}

// query returns a message with one question, id 0 and RD clear (RFC 1035 section
// 4.1).
func query(name string, qtype uint16, edns int) ([]byte, error) {
	b := []byte{5: 1, 11: 0}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return nil, fmt.Errorf("label %q of %q", label, name)
		}
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0, byte(qtype>>8), byte(qtype), 0, 1)
	if edns > 0 {
		b[11] = 1
		b = append(b, 0, 0, 41, byte(edns>>8), byte(edns), 0, 0, 0, 0, 0, 0)
	}
	if len(b) > maxQuery {
		return nil, fmt.Errorf("%q is too long", name)
	}
	return b, nil
}
