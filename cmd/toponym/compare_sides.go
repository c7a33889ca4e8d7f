package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"toponym/compare"
	"toponym/config"
	"toponym/internal/server"
	"toponym/records"
	"toponym/state"
	"toponym/state/master"
)

// maxStateFile bounds a file with the state of a master, in bytes.
const maxStateFile = 1 << 30

// read reads the state of the master and the records of Mesos-DNS.
func (r *comparer) read(ctx context.Context) error {
	if err := r.readState(ctx); err != nil {
		return err
	}
	set, _ := records.Build(state.ClusterOf(r.state), r.options)
	r.source = compare.NewSource(set, r.options.Domain)
	r.progress("the state of %s has %d tasks, which have %d names", r.master, len(r.state.Tasks), set.Len())
	axfr, err := r.mesosDNS.axfr(ctx, compare.LimitsFor(recordsIn(r.source)))
	if err != nil {
		return err
	}
	if domain := strings.ToLower(strings.Trim(axfr.Domain, ".")); domain != "" && domain != r.config.Domain {
		return fmt.Errorf("Mesos-DNS serves the domain %.100q, and %s has %q", domain, r.config.File, r.config.Domain)
	}
	r.axfr = axfr
	return nil
}

// readState reads the state of the leading master, or the copy.
func (r *comparer) readState(ctx context.Context) (err error) {
	if r.flags.state == "" {
		r.progress("reading the state of the leading master")
		r.state, r.master, err = server.ReadState(ctx, r.config, newLog(r.env.stderr, 0, config.LogText))
		return err
	}
	r.master = r.flags.state
	f, err := os.Open(r.flags.state)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxStateFile {
		return fmt.Errorf("%s is larger than %d MiB", r.flags.state, maxStateFile>>20)
	}
	if r.state, err = master.Decode(f); err != nil {
		return fmt.Errorf("%s: %w", r.flags.state, err)
	}
	if r.state.Leader.Host == "" {
		return fmt.Errorf("%s names no leader: want the answer of the leading master to /master/state", r.flags.state)
	}
	if masters := configuredMasters(r.config, r.state.Leader); masters != nil {
		r.state.Masters = masters
	}
	return nil
}

// configuredMasters are the masters of the settings with the leader, which a copy of
// the state does not name; nil if the settings have none with an address.
func configuredMasters(c *config.Config, lead state.Master) (list []state.Master) {
	known := false
	for _, m := range c.Masters {
		a, err := state.ParseAddr(m.Host)
		if err != nil {
			continue
		}
		one := state.Master{Host: m.Host, Port: m.Port}
		one.Addrs = append(one.Addrs, a)
		list = append(list, one)
		known = known || one.Host == lead.Host && one.Port == lead.Port
	}
	if list != nil && !known {
		list = append(list, lead)
	}
	return list
}

func recordsIn(s compare.Source) (n int) {
	for _, data := range s.All() {
		n += 1 + len(data)
	}
	return n
}

// tasks compares the tasks of the state with those that Mesos-DNS lists. The result is
// nil for a copy, or if Mesos-DNS lists none.
func (r *comparer) tasks(ctx context.Context) (*compare.TaskCounts, error) {
	listed, err := r.mesosDNS.tasks(ctx, compare.LimitsFor(recordsIn(r.source)))
	if listed == nil || err != nil {
		return nil, err
	}
	c := state.ClusterOf(r.state)
	n := &compare.TaskCounts{}
	for t := range c.Tasks() {
		f := c.Framework(t.Key.Framework)
		if !t.Running() || c.Agent(t.AgentID) == nil || f == nil {
			continue
		}
		if listed[compare.Task{Framework: f.Name, ID: t.Key.ID}] {
			n.Both++
		} else {
			n.ToponymOnly++
		}
	}
	n.MesosDNSOnly = max(len(listed)-n.Both, 0)
	return n, nil
}
