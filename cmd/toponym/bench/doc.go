//go:build bench && linux && (amd64 || arm64)

// Command bench measures what an answer costs, beside NSD and Knot on the same
// machine in the same run. It stands outside the way of the data: it sees
// Toponym as its users do, as a process, and imports nothing of it but package
// sim, which plays the Mesos cluster.
//
//	go run -tags bench ./cmd/toponym/bench            # CPU per query, against NSD and Knot
//	go run -tags bench ./cmd/toponym/bench -flat      # latency while a big state is read
//	go run -tags bench ./cmd/toponym/bench -forward   # names of others, against Unbound, dnsmasq, dnsdist and CoreDNS
//
// It needs Linux, two cores to itself, and for the other servers root on
// Debian, which installs the packages nsd, knot and dnsperf when they are
// missing. Of CoreDNS there is no package: -coredns says where it is. A server
// or generator that is not there is skipped by name. The build tag keeps all of
// this out of ordinary builds.
//
// The files, in the order in which a benchmark runs: cluster.go and toponym.go
// start what is measured; axfr.go, zonefile.go, nsd.go and knot.go give the same
// records to the others; same.go checks that they give the same answers;
// queries.go writes what is asked; closedloop.go, stream.go, dnsperf.go and
// paced.go ask it; run.go and rounds.go measure; report.go prints.
//
// What always holds: traffic stays on loopback, every process ends with the
// program that started it, every loop is bounded in count or time, and the same
// flags give the same cluster and the same queries.
package main
