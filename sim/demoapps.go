package sim

import (
	_ "embed"
	"encoding/json"
	"net/netip"

	"toponym/sim/marathon"
)

// demoInstance says on which agent, by number, with which ports and at which
// addresses on the app's network; without addresses it gets a free one.
type demoInstance struct {
	agent     int
	ports     []uint16
	addresses []netip.Prefix
}

func at(agent int, addresses ...string) demoInstance {
	i := demoInstance{agent: agent}
	for _, a := range addresses {
		i.addresses = append(i.addresses, Address(a))
	}
	return i
}

// demoInstances are where the apps run.
var demoInstances = map[string][]demoInstance{
	"/nginx":     {at(0, "192.168.84.192"), at(1, "192.168.50.65"), at(1, "192.168.50.66")},
	"/api":       {at(2, "192.168.22.130"), at(0, "192.168.84.193")},
	"/ledger":    {at(2, "9.0.2.130")},
	"/registry":  {{agent: 3, ports: []uint16{31201, 31202}}},
	"/blog":      {{0, []uint16{31380}, []netip.Prefix{Address("172.17.0.2")}}, {2, []uint16{31380}, []netip.Prefix{Address("172.17.0.2")}}},
	"/dual":      {at(1, "9.1.1.2", "fd01:b::2:8000:2/64")},
	"/shop/cart": {at(0), at(1), at(2)},
}

//go:embed demoapps.json
var demoDefinitions []byte

// demoApps are the definitions of the apps under marathon.
func demoApps() ([]*marathon.App, error) {
	var definitions []json.RawMessage
	if err := json.Unmarshal(demoDefinitions, &definitions); err != nil {
		return nil, err
	}
	var out []*marathon.App
	for _, d := range definitions {
		a, err := marathon.Parse(d, marathon.Settings{})
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// startApp starts the instances of an app and gives their ids.
func (d *Demo) startApp(a *marathon.App) ([]string, error) {
	var ids []string
	for _, i := range demoInstances[a.ID] {
		mt, err := a.Task("", i.ports) // StartTask makes the id
		if err != nil {
			return nil, err
		}
		t := FromMarathon(mt)
		t.FrameworkID, t.AgentID = d.marathon, d.agents[i.agent]
		for n := range t.Networks {
			t.Networks[n].Addresses = i.addresses
		}
		id, err := d.StartTask(t)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
