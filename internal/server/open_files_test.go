package server

import (
	"net/netip"
	"testing"

	"toponym/config"
)

// Clients must leave files for the masters, upstream servers and the snapshot.
func TestConnectionsOfClientsLeaveFilesForTheServer(t *testing.T) {
	many := config.Defaults()
	for range 16 {
		many.Resolvers = append(many.Resolvers, config.Upstream{AddrPort: netip.MustParseAddrPort("10.0.0.1:53")})
	}
	alone := config.Defaults()
	alone.ExternalOn = false
	for _, tc := range []struct {
		what      string
		openFiles uint64
		c         *config.Config
		tcp, http int
	}{
		{"the usual limit of a service", 524288, config.Defaults(), 1000, 512},
		{"1,024 files", 1024, config.Defaults(), 575, 287},
		{"1,024 files, nothing forwarded", 1024, alone, 639, 319},
		{"1,024 files, many upstream servers", 1024, many, 320, 159},
		{"256 files", 256, config.Defaults(), 64, 31},
		{"fewer than are reserved", 50, config.Defaults(), 1, 1},
		{"none", 0, config.Defaults(), 1, 1},
	} {
		tcp, http := connectionLimits(tc.openFiles, tc.c, 2)
		if tcp != tc.tcp || http != tc.http {
			t.Errorf("%s: got %d TCP and %d HTTP connections, want %d and %d", tc.what, tcp, http, tc.tcp, tc.http)
		}
	}
}
