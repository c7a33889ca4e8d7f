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

// master is a simulated Mesos master on loopback that can go away, come back,
// and give other answers than a master does.
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

// show has the master lead c from now on.
func (m *master) show(c *sim.Cluster) {
	m.answer(sim.NewMaster(c, sim.MasterOptions{Addr: m.addr}))
}

// answer has h answer from now on.
func (m *master) answer(h http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handler, m.asked = h, 0
}

// readings is how often the present handler was asked for the state.
func (m *master) readings() int {
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
	// Whoever looked whether the port is free has closed it, but a process that
	// another test starts just then may hold a copy until it runs.
	eventually(t, patience, "the master listens", func() (bool, string) {
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

// stop takes the master away, with the connections that it has.
func (m *master) stop() { _ = m.web.Close() }
