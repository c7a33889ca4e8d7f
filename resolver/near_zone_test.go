package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// twoZones returns a zone with the task "near" in 40 instances, of which two run in
// eu-1a, on agents and on a network of their own.
func twoZones(t *testing.T) *zone.Zone {
	s := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	for i := range 40 {
		where := "eu-1b"
		if i == 7 || i == 30 {
			where = "eu-1a"
		}
		agent := &state.Agent{ID: fmt.Sprint("a-S", i), Addrs: addrs(fmt.Sprint("10.8.0.", i)), Zone: where}
		s.Agents = append(s.Agents, agent)
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f", ID: fmt.Sprint("near.", i)}, Name: "near", AgentID: agent.ID, State: state.Running,
			Addresses: state.Addresses{NetInfo: addrs(fmt.Sprint("10.9.0.", i), fmt.Sprintf("fd00:9::%x", i+1))},
			Discovery: &state.Discovery{Name: "near", Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}},
		})
	}
	c := state.NewCluster()
	c.Reconcile(s, nil)
	set, _ := records.Build(c, records.Options{
		Domain: testOrigins[0].Name, MName: testZoneOptions.MName, Rule: records.RFC1123,
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost},
	})
	return zone.Compile(set, testZoneOptions, zone.SameSerial(7))
}

func TestInstancesInTheClientsZoneComeFirst(t *testing.T) {
	z := twoZones(t)
	o := shuffledOptions()
	o.PreferZone = &ZonePreference{
		Domain: string(testOrigins[0].Name),
		ZoneOf: func(client netip.Addr) string {
			return map[string]string{"10.8.0.7": "eu-1a", "10.8.0.1": "eu-1b", "10.8.0.99": "eu-1c"}[client.String()]
		},
		Contains: func(label string, a netip.Addr) bool {
			return label == "eu-1a" && (a.String() == "10.8.0.7" || a.String() == "10.8.0.30")
		},
	}
	r := newResponder(o)
	first := func(question, client string, n int) (list []string) {
		m, _ := askMsg(t, r, z, question+" +tcp +from="+client)
		if len(m.Answer) < n {
			t.Fatalf("%s: got %d answers, want %d", question, len(m.Answer), n)
		}
		for _, rr := range m.Answer[:n] {
			switch rr := rr.(type) {
			case *dns.A:
				list = append(list, rr.A.String())
			case *dns.AAAA:
				list = append(list, rr.AAAA.String())
			case *dns.SRV:
				for _, extra := range m.Extra {
					if a, ok := extra.(*dns.A); ok && a.Hdr.Name == rr.Target {
						list = append(list, a.A.String())
					}
				}
			}
		}
		return list
	}
	for question, want := range map[string]string{
		"near.marathon.mesos. A":              "10.9.0.7 10.9.0.30",
		"near.marathon.mesos. AAAA":           "fd00:9::8 fd00:9::1f",
		"near.marathon.slave.mesos. A":        "10.8.0.7 10.8.0.30",
		"_http._tcp.near.marathon.mesos. SRV": "10.9.0.7 10.9.0.30",
	} {
		orders := map[string]bool{}
		for range 60 {
			got := strings.Join(first(question, "10.8.0.7", 2), " ")
			if a, b, _ := strings.Cut(want, " "); got != want && got != b+" "+a {
				t.Fatalf("%s: got %s first, want %s in any order", question, got, want)
			}
			orders[got] = true
		}
		if len(orders) != 2 {
			t.Errorf("%s: got the orders %v, want both", question, orders)
		}
	}
	// Neither a client in another zone nor one whose zone is not known has these
	// first, but for chance.
	for _, client := range []string{"10.8.0.1", "10.8.0.99", "192.0.2.9"} {
		count := 0
		for range 60 {
			if got := first("near.marathon.mesos. A", client, 1)[0]; got == "10.9.0.7" || got == "10.9.0.30" {
				count++
			}
		}
		if count > 30 {
			t.Errorf("client %s: got an instance of eu-1a first %d times of 60, want about 3", client, count)
		}
	}
	// With a limit, those of the zone are in the answer.
	o.AnswerLimit = 2
	r = newResponder(o)
	if got := strings.Join(first("near.marathon.mesos. A", "10.8.0.7", 2), " "); got != "10.9.0.7 10.9.0.30" && got != "10.9.0.30 10.9.0.7" {
		t.Errorf("with a limit: got %s, want those of the zone", got)
	}
}
