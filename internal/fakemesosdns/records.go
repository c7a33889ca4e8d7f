package fakemesosdns

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Settings are the settings of Mesos-DNS that records depend on. Fields that are
// empty have its defaults.
type Settings struct {
	Domain        string
	SOAMname      string
	Listener      string // an address; no address of this machine is looked up for 0.0.0.0
	Masters       []string
	IPSources     []string
	EnforceRFC952 bool
	// Before010 makes what versions before 0.10 make: one IPv4 and one IPv6 address
	// of a task, and no SRV records under F.slave.D for ports of its DiscoveryInfo.
	Before010 bool
}

func (s Settings) withDefaults() Settings {
	if s.Domain == "" {
		s.Domain = "mesos"
	}
	if s.SOAMname == "" {
		s.SOAMname = "ns1.mesos"
	}
	if s.Listener == "" {
		s.Listener = "127.0.0.1"
	}
	if s.IPSources == nil {
		s.IPSources = []string{"netinfo", "mesos", "host"}
	}
	return s
}

// Zone has the records of a state by name: addresses, and SRV data as "target:port".
// Names end with a dot.
type Zone struct {
	As, AAAAs, SRVs map[string][]string
	Frameworks      []Framework
}

// Framework is a framework as /v1/enumerate lists it.
type Framework struct {
	Tasks []*Task `json:"tasks"`
	Name  string  `json:"name"`
}

// Task is a task as /v1/enumerate lists it.
type Task struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Records []Record `json:"records"`
}

// Record is a record as /v1/enumerate lists it.
type Record struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Type string `json:"rtype"`
}

// Generate makes the records of a master's state (GET /master/state). It returns an
// error for a state that Mesos-DNS rejects.
func Generate(state []byte, s Settings) (*Zone, error) {
	parsed, err := parseState(state)
	if err != nil {
		return nil, err
	}
	g := &generator{Settings: s.withDefaults(), rule: rfc1123, agents: map[string][]string{}}
	g.zone = &Zone{As: map[string][]string{}, AAAAs: map[string][]string{}, SRVs: map[string][]string{}}
	if s.EnforceRFC952 {
		g.rule = rfc952
	}
	for _, f := range parsed.Frameworks {
		g.scheduler(f)
	}
	for _, a := range parsed.Slaves {
		g.agent(a)
	}
	g.address(dotted(g.SOAMname), g.Listener)
	g.masters(parsed.Leader)
	for _, f := range parsed.Frameworks {
		listed := Framework{Name: f.Name, Tasks: []*Task{}}
		for i := range f.Tasks {
			t := &f.Tasks[i]
			addrs, known := g.agents[t.SlaveID]
			if !known || t.State != "TASK_RUNNING" {
				continue
			}
			g.current = &Task{Name: t.Name, ID: t.ID}
			listed.Tasks = append(listed.Tasks, g.current)
			if err := g.task(f, t, addrs); err != nil {
				return nil, err
			}
		}
		g.current = nil
		g.zone.Frameworks = append(g.zone.Frameworks, listed)
	}
	return g.zone, nil
}

func dotted(name string) string { return strings.TrimRight(name, ".") + "." }

type generator struct {
	Settings
	rule    labelRule
	zone    *Zone
	agents  map[string][]string // addresses by the agent's id
	current *Task               // whose records are added; nil for none
}

// add adds a record once, and lists it for the first task that has it.
func (g *generator) add(records map[string][]string, rtype, name, data string) bool {
	if data == "" || slices.Contains(records[name], data) {
		return false
	}
	records[name] = append(records[name], data)
	if g.current != nil {
		g.current.Records = append(g.current.Records, Record{name, data, rtype})
	}
	return true
}

// address adds an A or AAAA record. What is no address becomes an A record.
func (g *generator) address(name, text string) bool {
	if a, ok := parseAddr(text); ok {
		text = a.String()
		if a.Is6() {
			return g.add(g.zone.AAAAs, "AAAA", name, text)
		}
	}
	return g.add(g.zone.As, "A", name, text)
}

func (g *generator) service(name, target, port string) {
	g.add(g.zone.SRVs, "SRV", name, net.JoinHostPort(target, port))
}

func (g *generator) scheduler(f framework) {
	host := f.PID.host
	if f.PID == (pid{}) {
		host = f.Hostname
	}
	if _, ok := parseAddr(host); !ok {
		return // a host name would be looked up
	}
	name := g.rule.fragment(f.Name) + "." + g.Domain + "."
	g.address(name, host)
	if f.PID.port != "" {
		g.service("_framework._tcp."+name, name, f.PID.port)
	}
}

func (g *generator) agent(a agent) {
	if _, ok := parseAddr(a.PID.host); !ok {
		// A host name would be looked up; one that does not resolve becomes data.
		g.agents[a.ID] = []string{g.rule.fragment(a.PID.host)}
		return
	}
	g.agents[a.ID] = []string{a.PID.host}
	all := "slave." + g.Domain + "."
	g.address(all, a.PID.host)
	g.service("_slave._tcp."+g.Domain+".", all, a.PID.port)
}

// masters makes the records of the leader and of the masters of the settings, which
// are numbered in their order; a leader that is not among them comes last.
func (g *generator) masters(leader string) {
	_, address, _ := strings.Cut(leader, "@")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	domain := g.Domain + "."
	g.address("leader."+domain, host)
	g.address("master."+domain, host)
	for _, transport := range []string{"_tcp.", "_udp."} {
		g.service("_leader."+transport+domain, "leader."+domain, port)
	}
	number, leaderDone := 0, false
	numbered := func(host string) {
		g.address("master"+strconv.Itoa(number)+"."+domain, host)
		number++
	}
	for _, m := range g.Masters {
		host, _, err := net.SplitHostPort(m)
		switch {
		case err != nil:
			continue
		case m == address && leaderDone:
			continue
		case m != address && !g.address("master."+domain, host):
			continue
		}
		numbered(host)
		leaderDone = leaderDone || m == address
	}
	if !leaderDone {
		numbered(host)
	}
}

// task makes the records of a task under its name, or under the name of its
// DiscoveryInfo: as that is written, and as a label.
func (g *generator) task(f framework, t *task, agentAddrs []string) error {
	ports, err := resourcePorts(t.Resources.Ports)
	if err != nil {
		return err
	}
	names := []string{g.rule.label(t.Name)}
	if t.Discovery.Name != "" {
		names = []string{t.Discovery.Name, g.rule.label(t.Discovery.Name)}
	}
	for _, name := range names {
		g.named(name, f, t, ports, agentAddrs)
	}
	return nil
}

func (g *generator) named(name string, f framework, t *task, ports []int, agentAddrs []string) {
	framework := g.rule.fragment(f.Name)
	domain := "." + g.Domain + "."
	own := name + "." + framework
	canonical := name + "-" + hash(t.ID) + "-" + agentSuffix(t.SlaveID) + "." + framework
	addrs := t.addresses(g.IPSources, agentAddrs)
	if g.Before010 {
		addrs = firstOfEachFamily(addrs)
	}
	for _, a := range addrs {
		g.address(own+domain, a.String())
		g.address(canonical+domain, a.String())
	}
	for _, a := range agentAddrs {
		g.address(own+".slave"+domain, a)
		g.address(canonical+".slave"+domain, a)
	}
	announced := t.Discovery.Name != ""
	for _, p := range ports {
		for _, transport := range []string{"._tcp.", "._udp."} {
			service := "_" + name + transport + framework
			g.service(service+".slave"+domain, canonical+".slave"+domain, strconv.Itoa(p))
			if !announced {
				g.service(service+domain, canonical+".slave"+domain, strconv.Itoa(p))
			}
		}
	}
	if !announced {
		return
	}
	for _, p := range t.Discovery.Ports.Ports {
		protocols := []string{"tcp", "udp"}
		if one := g.rule.label(p.Protocol); one != "" {
			protocols = []string{one}
		}
		for _, protocol := range protocols {
			service := "_" + name + "._" + protocol + "." + framework
			g.port(service+domain, canonical+domain, p.Name, p.Number)
			if !g.Before010 {
				g.port(service+".slave"+domain, canonical+".slave"+domain, p.Name, p.Number)
			}
		}
	}
}

// port makes the records of a port of the DiscoveryInfo, which may have a name.
func (g *generator) port(service, target, name string, number int) {
	g.service(service, target, strconv.Itoa(number))
	if label := g.rule.label(name); label != "" {
		g.service("_"+label+"."+service, target, strconv.Itoa(number))
	}
}

func firstOfEachFamily(addrs []netip.Addr) (first []netip.Addr) {
	for _, is4 := range []bool{true, false} {
		if i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is4() == is4 }); i >= 0 {
			first = append(first, addrs[i])
		}
	}
	return first
}
