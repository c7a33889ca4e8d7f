package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"toponym/compare"
)

// Bounds of asking over DNS.
const (
	dnsAtOnce   = 8
	dnsTimeout  = 3 * time.Second
	dnsAttempts = 3
)

// askDNS asks Mesos-DNS over DNS for some of the names that it lists, evenly over all.
// The result is nil if it is not to be asked.
func (r *comparer) askDNS(ctx context.Context, s *mesosDNSSettings) (*compare.DNSResult, error) {
	server := cmp.Or(r.flags.dns, r.mesosDNS.dnsAddress(s))
	if r.flags.dnsNames == 0 || server == "" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		return nil, fmt.Errorf("-dns: %q is not host:port", server)
	}
	keys := sample(r.axfr.Records, r.flags.dnsNames)
	result := &compare.DNSResult{Server: server, Asked: len(keys), Findings: []compare.DNSFinding{}}
	r.progress("asking %s for %d names over DNS", server, len(keys))
	found, err := askAll(ctx, server, keys, r.axfr.Records)
	if err == nil && len(found) > 0 && r.mesosDNS.file == "" {
		// The zone may have changed since it was listed.
		if err = r.read(ctx); err != nil {
			return nil, err
		}
		keys = keys[:0]
		for _, f := range found {
			keys = append(keys, f.Key)
		}
		found, err = askAll(ctx, server, keys, r.axfr.Records)
	}
	result.Findings = append(result.Findings, found...)
	for i := range result.Findings {
		result.Findings[i].Row = compare.ListedOnly(result.Findings[i])
	}
	return result, err
}

// sample returns some of the names and types that can be asked for, in order.
func sample(listed compare.Records, most int) []compare.Key {
	var keys []compare.Key
	for k := range listed {
		if _, ok := dns.IsDomainName(k.Name); ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compare.Key.Compare)
	if len(keys) <= most {
		return keys
	}
	some := make([]compare.Key, 0, most)
	for i := range most {
		some = append(some, keys[i*len(keys)/most])
	}
	return some
}

// askAll returns the names for which a server answers otherwise than is listed.
func askAll(ctx context.Context, server string, keys []compare.Key, listed compare.Records) ([]compare.DNSFinding, error) {
	found := make([]compare.DNSFinding, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(dnsAtOnce)
	for i, k := range keys {
		g.Go(func() error {
			data, rcode, err := askOne(ctx, server, k)
			found[i] = compare.DNSFinding{Key: k, Listed: listed[k], Answered: data, Rcode: rcode}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(f compare.DNSFinding) bool { return slices.Equal(f.Listed, f.Answered) }), nil
}

// askOne asks for one name and type.
func askOne(ctx context.Context, server string, k compare.Key) (data []string, rcode string, err error) {
	q := new(dns.Msg).SetQuestion(k.Name, dns.StringToType[k.Type])
	q.SetEdns0(dns.DefaultMsgSize, false)
	var m *dns.Msg
	for range dnsAttempts {
		m, _, err = (&dns.Client{Timeout: dnsTimeout, UDPSize: dns.DefaultMsgSize}).ExchangeContext(ctx, q, server)
		if m != nil && (m.Truncated || err != nil) {
			m, _, err = (&dns.Client{Net: "tcp", Timeout: dnsTimeout}).ExchangeContext(ctx, q, server)
		}
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
	}
	if err != nil {
		if e := (*net.OpError)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return nil, "", fmt.Errorf("Mesos-DNS does not answer %s %s over DNS at %s: %w; -dns chooses another address, and -dns-names 0 leaves this out", plainText(k.Name), k.Type, server, err)
	}
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			data = append(data, rr.A.String())
		case *dns.AAAA:
			data = append(data, rr.AAAA.String())
		case *dns.SRV:
			data = append(data, rr.Target+":"+strconv.Itoa(int(rr.Port)))
		}
	}
	slices.Sort(data)
	return slices.Compact(data), dns.RcodeToString[m.Rcode], nil
}
