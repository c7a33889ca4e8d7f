//go:build bench && linux && (amd64 || arm64)

package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dnsperfArgs returns the arguments of dnsperf for an order. Its EDNS size is
// always 4096. The versions that Debian ships print no percentiles.
func dnsperfArgs(o order) []string {
	mode := "udp"
	if o.mode == modeTCP {
		mode = "tcp"
	}
	args := []string{"-m", mode, "-s", o.server.Addr().String(), "-p", strconv.Itoa(int(o.server.Port())),
		"-d", o.queries, "-l", fmt.Sprintf("%.0f", max(1, o.duration.Seconds())), "-t", "1",
		"-c", strconv.Itoa(o.sockets), "-q", strconv.Itoa(o.sockets * o.window), "-T", "1"}
	if o.edns > 0 {
		args = append(args, "-e")
	}
	return args
}

var (
	dnsperfCount = regexp.MustCompile(`(?m)^\s*(Queries (?:sent|completed|lost|per second)|Run time \(s\)|Reconnections):\s+([0-9.]+)`)
	dnsperfCodes = regexp.MustCompile(`([A-Z0-9]+) ([0-9]+) \(`)
	dnsperfTimes = regexp.MustCompile(`(?m)^\s*Average Latency \(s\):\s+([0-9.]+) \(min [0-9.]+, max ([0-9.]+)\)`)
	dnsperfSizes = regexp.MustCompile(`(?m)^\s*Average packet size:.*response ([0-9]+)`)
)

// parseDnsperf reads the summary of dnsperf.
func parseDnsperf(text string) (l load, err error) {
	number := func(s string) float64 {
		n, e := strconv.ParseFloat(s, 64)
		if err == nil && e != nil {
			err = fmt.Errorf("dnsperf: %w", e)
		}
		return n
	}
	counts := map[string]float64{}
	for _, m := range dnsperfCount.FindAllStringSubmatch(text, -1) {
		counts[m[1]] = number(m[2])
	}
	if counts["Queries completed"] == 0 {
		return l, fmt.Errorf("dnsperf had no answers:\n%s", text)
	}
	l.Sent = uint64(counts["Queries sent"])
	l.Answered = uint64(counts["Queries completed"])
	l.Lost = uint64(counts["Queries lost"])
	l.Reopened = uint64(counts["Reconnections"])
	l.Rate = counts["Queries per second"]
	l.Seconds = counts["Run time (s)"]
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "Response codes:") {
			continue
		}
		for _, m := range dnsperfCodes.FindAllStringSubmatch(line, -1) {
			switch n := uint64(number(m[2])); m[1] {
			case "NOERROR":
				l.NoError = n
			case "NXDOMAIN":
				l.NXDomain = n
			default:
				l.OtherCodes += n
			}
		}
	}
	if m := dnsperfTimes.FindStringSubmatch(text); m != nil {
		l.Latency.Mean, l.Latency.Max = number(m[1])*1e6, number(m[2])*1e6
	}
	if m := dnsperfSizes.FindStringSubmatch(text); m != nil {
		l.Bytes = number(m[1])
	}
	return l, err
}

// dnsperf runs dnsperf for an order.
func (l *lab) dnsperf(o order) (load, usage, error) {
	ctx, cancel := context.WithTimeout(l.ctx, o.duration+30*time.Second)
	defer cancel()
	out, u, err := l.runPinned(ctx, nil, "dnsperf", dnsperfArgs(o)...)
	if err != nil {
		return load{}, u, err
	}
	got, err := parseDnsperf(string(out))
	return got, u, err
}
