package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"toponym/sim"
)

// maxMasters is more than any quorum has.
const maxMasters = 9

// perSecond is a flag such as 1000/s or 30/m.
type perSecond float64

func (p *perSecond) String() string { return strconv.FormatFloat(float64(*p), 'g', -1, 64) + "/s" }

func (p *perSecond) Set(s string) error {
	number, unit, _ := strings.Cut(s, "/")
	seconds, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(n >= 0 && n <= 1e6) { // not NaN either
		return errors.New("want a rate such as 1000/s, 30/m or 5/h")
	}
	*p = perSecond(n / seconds)
	return nil
}

// mastersOptions turns the flags into the masters' settings.
func (o *simulateOptions) mastersOptions() (sim.MastersOptions, error) {
	m := sim.MastersOptions{
		Seed: o.seed, Session: o.session, Reregister: o.reregister,
		Master: sim.MasterOptions{
			Startup: o.startup, Recovery: o.recovery, Heartbeat: o.heartbeat,
			MaxSubscribers: o.subscribers, NoOperatorAPI: o.noAPI,
		},
	}
	if o.startup < 0 || o.recovery < 0 || o.heartbeat <= 0 || o.session <= 0 || o.reregister < 0 {
		return m, errors.New("-startup, -recovery, -reregister: times cannot be negative; -heartbeat and -session cannot be 0 either")
	}
	if o.subscribers < 1 {
		return m, errors.New("-max-subscribers: at least 1")
	}
	var err error
	if m.Listen, err = o.listeners(); err != nil {
		return m, err
	}
	if o.zk != "" {
		if m.ZooKeeper, err = sim.ParseZooKeeper(o.zk); err != nil {
			return m, fmt.Errorf("-zk: %w", err)
		}
	}
	if (o.cert == "") != (o.key == "") {
		return m, errors.New("-cert and -key go together")
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return m, fmt.Errorf("-cert: %w", err)
		}
		m.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	if o.credentials != "" {
		if m.Master.Auth, err = readCredentials(o.credentials); err != nil {
			return m, fmt.Errorf("-credentials: %w", err)
		}
	}
	return m, nil
}

// listeners are the addresses of the masters: ports in a row, or any where the
// first is 0.
func (o *simulateOptions) listeners() ([]string, error) {
	first, err := netip.ParseAddrPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("-listen: %w", err)
	}
	if o.masters < 1 || o.masters > maxMasters {
		return nil, fmt.Errorf("-masters: 1 to %d", maxMasters)
	}
	var out []string
	for i := range o.masters {
		port := int(first.Port())
		if port != 0 {
			port += i
		}
		if port > 65535 {
			return nil, fmt.Errorf("-listen: there are no %d ports from %d on", o.masters, first.Port())
		}
		out = append(out, netip.AddrPortFrom(first.Addr(), uint16(port)).String())
	}
	return out, nil
}

// readCredentials reads the file that Mesos has for its --credentials flag, in
// its form of lines.
func readCredentials(file string) (sim.Auth, error) {
	auth := sim.Auth{ReadOnly: true, ReadWrite: true}
	data, err := os.ReadFile(file)
	if err != nil {
		return auth, err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		f := strings.Fields(line)
		switch len(f) {
		case 0:
		case 2:
			auth.Credentials = append(auth.Credentials, sim.Credential{Principal: f[0], Secret: f[1]})
		default:
			return auth, fmt.Errorf("%s: line %d is not a principal and a secret", file, n)
		}
	}
	if len(auth.Credentials) == 0 {
		return auth, fmt.Errorf("%s: nobody may read", file)
	}
	return auth, nil
}

// describeSimulation says what runs and what to try.
func describeSimulation(env environment, s *sim.Simulation, m *sim.Masters, https bool, control, marathon net.Listener) {
	scheme := "http"
	if https {
		scheme = "https"
	}
	o := s.Overview()
	w := env.stdout
	fmt.Fprintf(w, "A simulated Mesos cluster: %d agents, %d frameworks, %d tasks.\n\n", o.Agents, o.Frameworks, o.Tasks)
	for i := range m.Len() {
		role := ""
		if i == m.Leader() {
			role = "   (leads)"
		}
		fmt.Fprintf(w, "  master %d   %s://%s/master/state%s\n", i, scheme, m.Addr(i), role)
	}
	at := fmt.Sprintf("%s://%s", scheme, m.Addr(0))
	if control != nil {
		at = "http://" + control.Addr().String()
	}
	fmt.Fprintf(w, "  control    %s/sim/status\n", at)
	if marathon != nil {
		fmt.Fprintf(w, "  Marathon   http://%s/v2/apps\n", marathon.Addr())
	}
	writeTries(w, fmt.Sprintf("%s://%s", scheme, m.Addr(max(m.Leader(), 0))), at)
}

func writeTries(w io.Writer, leader, control string) {
	fmt.Fprintf(w, `
Follow what happens, and make something happen:

  curl -N -H 'Content-Type: application/json' -d '{"type":"SUBSCRIBE"}' %s/api/v1
  curl -d '{"do":"churn","tasks":1}' %s/sim/do

Stop with Ctrl-C.
`, leader, control)
}
