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
		what                string
		openFiles           uint64
		c                   *config.Config
		tcp, http, watchers int
	}{
		{"the usual limit of a service", 524288, config.Defaults(), 1000, 512, 2000},
		{"1,024 files", 1024, config.Defaults(), 360, 287, 215},
		{"1,024 files, nothing forwarded", 1024, alone, 400, 319, 239},
		{"1,024 files, many upstream servers", 1024, many, 201, 159, 119},
		{"256 files", 256, config.Defaults(), 41, 31, 23},
		{"fewer than are reserved", 50, config.Defaults(), 1, 1, 0},
		{"none", 0, config.Defaults(), 1, 1, 0},
	} {
		tcp, http, watchers := connectionLimits(tc.openFiles, tc.c, 2)
		if tcp != tc.tcp || http != tc.http || watchers != tc.watchers {
			t.Errorf("%s: got %d TCP and %d HTTP connections and %d watchers, want %d, %d and %d", tc.what, tcp, http, watchers, tc.tcp, tc.http, tc.watchers)
		}
	}
}
