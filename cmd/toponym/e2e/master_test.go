//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"toponym/sim"
)

// master is a simulated Mesos master on loopback. It can be stopped and started
// again, and can answer with another handler.
type master struct {
	addr netip.AddrPort

	mu      sync.Mutex
	handler http.Handler
	asked   int // requests for the state since the handler was set
	web     *http.Server
}

// newMaster serves the state of c.
func newMaster(t *testing.T, c *sim.Cluster) *master {
	t.Helper()
	m := &master{addr: netip.MustParseAddrPort(local(freePort(t)))}
	m.show(c)
	m.start(t)
	t.Cleanup(m.stop)
	return m
}

// show makes the master serve c from now on.
func (m *master) show(c *sim.Cluster) {
	m.answer(sim.NewMaster(c, sim.MasterOptions{Addr: m.addr}))
}

// answer makes h handle the requests from now on.
func (m *master) answer(h http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handler, m.asked = h, 0
}

// polls returns how often the current handler was asked for the state.
func (m *master) polls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// ServeHTTP implements http.Handler.
func (m *master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	h := m.handler
	if strings.HasSuffix(r.URL.Path, "/state") {
		m.asked++
	}
	m.mu.Unlock()
	h.ServeHTTP(w, r)
}

// start opens the master's port.
func (m *master) start(t *testing.T) {
	t.Helper()
	var l net.Listener
	// freePort has closed its sockets on the port, but a process that another test
	// forked meanwhile holds copies of them until it calls exec.
	eventually(t, "the master listens", func() (bool, string) {
		var err error
		l, err = net.Listen("tcp", m.addr.String())
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		return err == nil, fmt.Sprint(err)
	})
	m.web = &http.Server{Handler: m}
	go m.web.Serve(l)
}

// stop closes the master's port and its connections.
func (m *master) stop() { _ = m.web.Close() }
