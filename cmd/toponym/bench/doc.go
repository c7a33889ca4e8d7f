//go:build bench && linux && (amd64 || arm64)

// Command bench measures what a response costs, beside NSD and Knot on the same
// machine in the same run. It starts Toponym as a process and imports none of its
// packages but sim, the simulated Mesos cluster.
//
//	go run -tags bench ./cmd/toponym/bench            # CPU per query, against NSD and Knot
//	go run -tags bench ./cmd/toponym/bench -watch     # latency while many clients watch changes
//	go run -tags bench ./cmd/toponym/bench -flat      # latency while a big state is read
//	go run -tags bench ./cmd/toponym/bench -forward   # forwarding, against Unbound, dnsmasq, dnsdist and CoreDNS
//
// With -before PATH it measures an older build of Toponym beside the current one.
//
// -nsd PATH and -knot PATH measure programs that were built from source beside those of
// Debian, in columns nsd-new and knot-new. -threads N gives each server N threads, and
// -veth replaces loopback by a pair of virtual network interfaces.
//
// It needs Linux and two cores of its own. As root on Debian it installs the
// packages nsd, knot and dnsperf when they are missing. Debian has no package of
// CoreDNS: -coredns names the program. A server or generator that is missing is
// skipped by name. The build tag keeps this command out of ordinary builds.
//
// The files, in the order of a benchmark: cluster.go and toponym.go start the
// master and Toponym; veth.go makes network namespaces; axfr.go, zonefile.go, nsd.go
// and knot.go serve the same records with the peers; same.go checks that all give the
// same responses; queries.go writes the queries; closedloop.go, stream.go, dnsperf.go
// and paced.go send them; run.go and rounds.go measure; report.go prints.
//
// What always holds: traffic stays on loopback, or in network namespaces of its own;
// every process ends with the program that started it; every loop is bounded in count
// or time; the same flags give the same cluster and the same queries.
package main
