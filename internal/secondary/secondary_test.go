package secondary

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

func setup() Setup {
	return Setup{
		Zones:      []string{"mesos.", "dcos.thisdcos.directory.", "10.in-addr.arpa.", "thisdcos.global."},
		Catalog:    "catalog.toponym.",
		Primaries:  []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:53"), netip.MustParseAddrPort("10.0.0.2:5353")},
		Key:        &Key{Name: "secondary.example.", Algorithm: "hmac-sha256", Secret: []byte("0123456789abcdef0123456789abcdef")},
		Downstream: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.9:53")},
		Listen:     netip.MustParseAddrPort("192.0.2.1:53"),
	}
}

// Each kind has a configuration with the zones, addresses and keys. That servers
// accept it is tested with the servers themselves.
func TestConfigurations(t *testing.T) {
	for _, kind := range Kinds() {
		s := setup()
		if !Signs(kind) {
			s.Key, s.Downstream = nil, nil
		}
		t.Run(kind, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, kind, s); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", kind+".golden")
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, must := range []string{"10.0.0.1", "10.0.0.2", "5353", "192.0.2.1"} {
				if !strings.Contains(b.String(), must) {
					t.Errorf("got nothing of %s", must)
				}
			}
			if Signs(kind) != strings.Contains(b.String(), s.secret()) {
				t.Errorf("has the secret: got %v, want %v", !Signs(kind), Signs(kind))
			}
		})
	}
}

func (s Setup) secret() string {
	if s.Key == nil {
		return "no key"
	}
	return s.Key.Base64()
}

func TestWhatCannotBeWritten(t *testing.T) {
	for want, change := range map[string]func(*Setup) string{
		`"djbdns" is none of bind, coredns, knot, nsd, powerdns, unbound, yadifa`: func(*Setup) string { return "djbdns" },
		"Unbound 1.17 cannot sign requests":                                       func(*Setup) string { return "unbound" },
		"CoreDNS cannot give the zones to further":                                func(s *Setup) string { s.Key = nil; return "coredns" },
		"there are no zones, or no addresses":                                     func(s *Setup) string { s.Primaries = nil; return "knot" },
	} {
		s := setup()
		kind := change(&s)
		if err := Write(new(bytes.Buffer), kind, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}
