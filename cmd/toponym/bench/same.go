//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// response is a DNS response in a form that can be compared.
type response struct {
	code          string
	authoritative bool
	truncated     bool
	answer        []string // sorted, as lines of a zone file
	negative      string   // owner of the SOA record in the authority section
}

// ask sends a query over TCP.
func ask(server netip.AddrPort, name, qtype string) (response, error) {
	return askOver("tcp", server, name, qtype, 0, 10*time.Second)
}

func askOver(network string, server netip.AddrPort, name, qtype string, edns uint16, limit time.Duration) (r response, err error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), dns.StringToType[qtype])
	q.RecursionDesired = false
	if edns > 0 {
		q.SetEdns0(edns, false)
	}
	c := dns.Client{Net: network, Timeout: limit, UDPSize: edns}
	m, _, err := c.Exchange(q, server.String())
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", name, qtype, err)
	}
	r = response{code: dns.RcodeToString[m.Rcode], authoritative: m.Authoritative, truncated: m.Truncated}
	for _, rr := range m.Answer {
		r.answer = append(r.answer, rr.String())
	}
	slices.Sort(r.answer)
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			r.negative = rr.Header().Name
		}
	}
	return r, nil
}

// difference describes how two responses differ, or is "".
func (r response) difference(from response) string {
	switch {
	case r.code != from.code:
		return fmt.Sprintf("%s, not %s", r.code, from.code)
	case r.authoritative != from.authoritative:
		return fmt.Sprintf("AA is %v, not %v", r.authoritative, from.authoritative)
	case r.truncated != from.truncated:
		return fmt.Sprintf("TC is %v, not %v", r.truncated, from.truncated)
	case !slices.Equal(r.answer, from.answer):
		return fmt.Sprintf("%d records, not %d:\n%s\nnot\n%s", len(r.answer), len(from.answer), excerpt(r.answer), excerpt(from.answer))
	case r.negative != from.negative:
		return fmt.Sprintf("SOA of %q, not of %q", r.negative, from.negative)
	}
	return ""
}

func excerpt(lines []string) string {
	if len(lines) > 5 {
		lines = append(slices.Clone(lines[:5]), "…")
	}
	return strings.Join(lines, "\n")
}

// sampleSize is the number of queries of a set that are compared.
const sampleSize = 300

// checkSame checks that all servers give the responses of the first one: otherwise
// their costs could not be compared.
func (l *lab) checkSame(z *zoneData, servers []*server) error {
	var lines []string
	for _, set := range []string{setMix, setSingle, setBig} {
		all, err := z.querySet(set, l.o.Seed)
		if err != nil {
			return err
		}
		lines = append(lines, all[:min(len(all), sampleSize)]...)
	}
	for _, line := range lines {
		name, qtype, _ := strings.Cut(line, " ")
		if err := same(servers, func(s *server) (response, error) { return ask(s.addr, name, qtype) }); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if l.ctx.Err() != nil {
			return l.ctx.Err()
		}
	}
	// The response of setBig must fit into one UDP packet.
	big := z.biggest()
	err := same(servers, func(s *server) (response, error) { return askOver("udp", s.addr, big.name, "A", 4096, 10*time.Second) })
	if err != nil {
		return fmt.Errorf("%s over UDP: %w", big.name, err)
	}
	l.logf("%d sample answers of %d servers are the same", len(lines)+1, len(servers))
	return nil
}

func same(servers []*server, ask func(*server) (response, error)) error {
	want, err := ask(servers[0])
	if err != nil {
		return fmt.Errorf("%s: %w", servers[0].name, err)
	}
	for _, s := range servers[1:] {
		got, err := ask(s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if d := got.difference(want); d != "" {
			return fmt.Errorf("%s and %s differ: %s", s.name, servers[0].name, d)
		}
	}
	return nil
}
