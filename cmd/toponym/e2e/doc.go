// Package e2e has the tests that use Toponym from outside, as its users do.
//
// They build the program, start it as a process in front of a simulated master,
// and query it with real clients: dig, host, nslookup, kdig, drill, Go's resolver,
// Unbound, HAProxy, Prometheus and Chromium. They also stand in for systemd. They import
// no package of the server; package sim, the simulated Mesos cluster, only speaks
// HTTP.
//
// The tests have the build tag e2e:
//
//	go test -tags e2e ./cmd/toponym/e2e/
//
// packages.txt names the Debian packages of the clients. A test whose client is
// missing is skipped by name, except where CI is set in the environment: there
// it fails.
//
// The tests of the pages keep pictures of them: with the flag -artifacts, below the
// directory of -outputdir. They check with axe-core, which npm installs for the test,
// that everybody can use the pages; without npm that part is left out.
//
// What always holds: traffic stays on loopback or in a network namespace of the
// test; every process ends with the test that started it, and its log is shown when
// that test fails; waiting is polling, never a fixed sleep.
package e2e
