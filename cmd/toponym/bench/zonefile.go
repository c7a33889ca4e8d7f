//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// writeZone writes a zone as a zone file (RFC 1035 section 5) for NSD and Knot.
func writeZone(to io.Writer, z *zoneData) error {
	w := bufio.NewWriterSize(to, 1<<16)
	fmt.Fprintf(w, "$ORIGIN %s\n$TTL %d\n", z.Domain, z.TTL)
	for _, line := range z.Apex {
		fmt.Fprintln(w, line)
	}
	for _, kind := range []struct {
		name string
		sets []rrset
	}{{"A", z.As}, {"AAAA", z.AAAAs}, {"SRV", z.SRVs}} {
		for _, s := range kind.sets {
			if !sameDomain(s.name, z.Domain) {
				continue
			}
			for _, v := range s.values {
				if kind.name == "SRV" {
					target, port, ok := strings.Cut(v, ":")
					if !ok {
						return fmt.Errorf("SRV data %q of %s", v, s.name)
					}
					// All records have the same priority and weight.
					v = fmt.Sprintf("0 1 %s %s", port, target)
				}
				fmt.Fprintf(w, "%s %s %s\n", s.name, kind.name, v)
			}
		}
	}
	return w.Flush() // it returns the first error of all writes
}

// exportZone writes the zone to a file and returns its path.
func (l *lab) exportZone(z *zoneData) (string, error) {
	path := l.path("zone.master")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := writeZone(f, z); err != nil {
		f.Close()
		return "", err
	}
	return path, f.Close()
}
