//go:build bench && linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// zoneData has all records of the domain, as text.
type zoneData struct {
	Domain          string // with a trailing dot
	TTL             int
	Apex            []string // SOA and NS, as lines of a zone file
	As, AAAAs, SRVs []rrset
	dualStack       map[string]bool // names with AAAA records
}

// rrset has the records of one name and type. SRV records are "target.:port".
type rrset struct {
	name   string
	values []string
}

// records returns the number of records, without those of the apex.
func (z *zoneData) records() (n int) {
	for _, sets := range [][]rrset{z.As, z.AAAAs, z.SRVs} {
		for _, s := range sets {
			n += len(s.values)
		}
	}
	return n
}

// readAXFR reads the JSON of /v1/axfr as a stream, and keeps only the records.
func readAXFR(r io.Reader) (*zoneData, error) {
	z := &zoneData{}
	d := json.NewDecoder(r)
	err := eachKey(d, func(key string) error {
		switch key {
		case "TTL":
			return d.Decode(&z.TTL)
		case "Domain":
			return d.Decode(&z.Domain)
		case "Records":
			return eachKey(d, func(kind string) error {
				to := map[string]*[]rrset{"As": &z.As, "AAAAs": &z.AAAAs, "SRVs": &z.SRVs}[kind]
				if to == nil {
					return skip(d)
				}
				return eachKey(d, func(name string) error {
					s := rrset{name: name}
					if err := d.Decode(&s.values); err != nil {
						return err
					}
					*to = append(*to, s)
					return nil
				})
			})
		}
		return skip(d)
	})
	if err != nil {
		return nil, err
	}
	if z.Domain == "" || len(z.As) == 0 {
		return nil, fmt.Errorf("no domain or no addresses")
	}
	z.Domain = strings.TrimSuffix(z.Domain, ".") + "."
	// The address trees are zones of their own. The peers serve one zone.
	for _, sets := range []*[]rrset{&z.As, &z.AAAAs, &z.SRVs} {
		*sets = slices.DeleteFunc(*sets, func(s rrset) bool { return !strings.HasSuffix(s.name, "."+z.Domain) })
	}
	z.dualStack = make(map[string]bool, len(z.AAAAs))
	for _, s := range z.AAAAs {
		z.dualStack[s.name] = true
	}
	return z, nil
}

// eachKey reads a JSON object. The function value must read the value of each key.
func eachKey(d *json.Decoder, value func(key string) error) error {
	if err := delimiter(d, '{'); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if err := value(t.(string)); err != nil { // keys are strings, or Token fails
			return err
		}
	}
	return delimiter(d, '}')
}

func delimiter(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v instead of %v at octet %d", t, want, d.InputOffset())
	}
	return err
}

func skip(d *json.Decoder) error {
	var ignored json.RawMessage
	return d.Decode(&ignored)
}

// names returns the number of names with records.
func (z *zoneData) names() int {
	all := map[string]struct{}{}
	for _, sets := range [][]rrset{z.As, z.AAAAs, z.SRVs} {
		for _, s := range sets {
			all[s.name] = struct{}{}
		}
	}
	return len(all)
}
