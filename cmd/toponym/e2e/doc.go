// Package e2e holds the tests that see Toponym as its users do: from outside.
//
// They build the program, start it as a process before a simulated master, and
// ask it with the clients that people run: dig, host, nslookup, kdig, drill,
// Go's resolver, Unbound and HAProxy. They play its service manager as well, and
// its Prometheus. Nothing here imports a room of the server; package sim, which
// plays the Mesos cluster, speaks HTTP only.
//
// The tests have the build tag e2e:
//
//	go test -tags e2e ./cmd/toponym/e2e/
//
// packages.txt names the Debian packages of the clients. A test whose client is
// missing is skipped by name, except where CI is set in the environment: there
// it fails.
//
// What always holds: traffic stays on loopback, every process ends with the
// test that started it and shows its log when that test fails, and waiting is
// polling with a deadline, never a fixed sleep.
package e2e
