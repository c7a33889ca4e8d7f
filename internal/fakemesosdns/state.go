package fakemesosdns

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// masterState is the part of a master's state that Mesos-DNS reads. Wrong types
// are errors, and reject the whole state.
type masterState struct {
	Leader     string      `json:"leader"`
	Slaves     []agent     `json:"slaves"`
	Frameworks []framework `json:"frameworks"`
}

type agent struct {
	ID  string `json:"id"`
	PID pid    `json:"pid"`
}

type framework struct {
	Name     string `json:"name"`
	Hostname string `json:"hostname"`
	PID      pid    `json:"pid"`
	Tasks    []task `json:"tasks"`
}

type task struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	SlaveID   string `json:"slave_id"`
	State     string `json:"state"`
	Resources struct {
		Ports string `json:"ports"`
	} `json:"resources"`
	Statuses  []status `json:"statuses"`
	Discovery struct {
		Name  string `json:"name"`
		Ports struct {
			Ports []struct {
				Protocol string `json:"protocol"`
				Number   int    `json:"number"`
				Name     string `json:"name"`
			} `json:"ports"`
		} `json:"ports"`
	} `json:"discovery"`
}

type status struct {
	State     string  `json:"state"`
	Timestamp float64 `json:"timestamp"`
	Labels    []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"labels"`
	ContainerStatus struct {
		NetworkInfos []struct {
			IPAddress   string `json:"ip_address"`
			IPAddresses []struct {
				IPAddress string `json:"ip_address"`
			} `json:"ip_addresses"`
		} `json:"network_infos"`
	} `json:"container_status"`
}

// pid is where a process listens: "id@host:port". It is zero where the state has none.
type pid struct{ host, port string }

// UnmarshalJSON implements [json.Unmarshaler]. Whatever is no pid is an error, null
// and the empty text, too.
func (p *pid) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `" `)
	_, address, ok := strings.Cut(text, "@")
	if !ok {
		return fmt.Errorf("%q is no pid", text)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no pid: %w", text, err)
	}
	*p = pid{host, port}
	return nil
}

// errCrash is the error for a state at which Mesos-DNS ends.
var errCrash = errors.New("this state ends the process of Mesos-DNS")

func parseState(data []byte) (*masterState, error) {
	s := &masterState{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, err
	}
	if s.Leader == "" {
		return nil, errors.New("the state names no leader")
	}
	for _, a := range s.Slaves {
		if a.PID == (pid{}) {
			return nil, errCrash
		}
	}
	return s, nil
}

// resourcePorts lists the ports in a text such as "[31000-31001, 31005-31005]".
func resourcePorts(text string) ([]int, error) {
	if text == "" || text == "[]" {
		return nil, nil
	}
	_, behind, ok := strings.Cut(text, "[")
	if !ok {
		return nil, errCrash
	}
	list, _, _ := strings.Cut(behind, "]")
	var ports []int
	for item := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(item), "-")
		low, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		if !isRange {
			return nil, errCrash
		}
		high, err := strconv.Atoi(to)
		if err != nil {
			continue
		}
		for p := low; p <= high; p++ {
			ports = append(ports, p)
		}
	}
	return ports, nil
}

// addresses returns a task's addresses from the first source that has any.
func (t *task) addresses(sources []string, agentAddrs []string) []netip.Addr {
	for _, source := range sources {
		var texts []string
		switch source {
		case "host":
			texts = agentAddrs
		case "netinfo":
			texts = t.networkAddresses()
		case "docker":
			texts = t.labelAddresses("Docker.NetworkSettings.IPAddress")
		case "mesos":
			texts = t.labelAddresses("MesosContainerizer.NetworkSettings.IPAddress")
		}
		var found []netip.Addr
		for _, text := range texts {
			if a, ok := parseAddr(text); ok {
				found = append(found, a)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// parseAddr is net.ParseIP: neither prefix lengths nor zones.
func parseAddr(text string) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(net.ParseIP(text))
	return a.Unmap(), ok
}

// newest returns the newest status of the running task; nil if there is none.
func (t *task) newest() *status {
	var found *status
	for i := range t.Statuses {
		s := &t.Statuses[i]
		if s.State == "TASK_RUNNING" && s.Timestamp >= 0 && (found == nil || s.Timestamp > found.Timestamp) {
			found = s
		}
	}
	return found
}

func (t *task) networkAddresses() (list []string) {
	s := t.newest()
	if s == nil {
		return nil
	}
	for _, n := range s.ContainerStatus.NetworkInfos {
		if len(n.IPAddresses) == 0 {
			list = append(list, n.IPAddress)
		}
		for _, a := range n.IPAddresses {
			list = append(list, a.IPAddress)
		}
	}
	return list
}

func (t *task) labelAddresses(key string) (list []string) {
	s := t.newest()
	if s == nil {
		return nil
	}
	for _, l := range s.Labels {
		if l.Key == key {
			list = append(list, l.Value)
		}
	}
	return list
}
