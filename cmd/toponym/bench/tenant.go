//go:build bench && linux && (amd64 || arm64)

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"toponym/sim"
)

// tenantPath makes a tenant start large tasks for ?time=….
const tenantPath = "/bench/tenant"

// tenant is a user of the cluster whose tasks are as large as they can be.
type tenant struct {
	c                *sim.Cluster
	framework, agent string
}

func newTenant(c *sim.Cluster) (*tenant, error) {
	t := &tenant{c: c}
	var err error
	if t.framework, err = c.AddFramework(sim.Framework{Name: "tenant"}); err != nil {
		return nil, err
	}
	t.agent, err = c.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.250.0.2:5051")})
	return t, err
}

func (t *tenant) serve(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.FormValue("time"))
	if err == nil {
		err = t.run(r.Context(), d)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// run starts two large tasks a second, and ends them a second later.
func (t *tenant) run(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		var ids []string
		for _, task := range []sim.Task{manyPorts(n), manyLabels(n)} {
			task.FrameworkID, task.AgentID = t.framework, t.agent
			task.Resources = sim.Resources{CPUs: 0.1, Mem: 1}
			id, err := t.c.StartTask(task)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		pause(ctx, time.Second)
		for _, id := range ids {
			if err := t.c.EndTask(t.framework, id, sim.TaskFinished); err != nil {
				return err
			}
		}
	}
	return nil
}

func manyPorts(n int) sim.Task {
	t := sim.Task{Name: fmt.Sprint("ports-", n), Discovery: &sim.Discovery{Name: fmt.Sprint("ports-", n)}}
	for i := range 10_000 {
		t.Discovery.Ports = append(t.Discovery.Ports, sim.DiscoveryPort{Number: uint16(1 + i), Name: fmt.Sprint("port-", i), Protocol: "tcp"})
	}
	for i := range 8 {
		t.Labels = append(t.Labels, sim.Label{Key: "DNS_ALIAS", Value: fmt.Sprintf("alias-%d-%d", n, i)})
	}
	return t
}

func manyLabels(n int) sim.Task {
	t := sim.Task{Name: fmt.Sprint("labels-", n), Discovery: &sim.Discovery{Name: fmt.Sprint("labels-", n)}}
	for i := range 20_000 {
		t.Labels = append(t.Labels, sim.Label{Key: fmt.Sprint("label-", i), Value: "x"})
	}
	return t
}
