package sim

import (
	"net/netip"
	"slices"
	"time"
)

// Label is a key with a value. The state shows a label without a value when
// NoValue is set, and keys may repeat: Mesos allows both.
type Label struct {
	Key, Value string
	NoValue    bool
}

// AgentState says how the master sees an agent.
type AgentState uint8

const (
	// AgentRegistered is an agent in good standing, shown in "slaves".
	AgentRegistered AgentState = iota
	// AgentUnreachable stopped answering: it is in no list, only counted, and
	// its tasks are in "unreachable_tasks".
	AgentUnreachable
	// AgentRecovered is known from the registry alone after a failover: it is
	// in "recovered_slaves", and its tasks are not shown at all.
	AgentRecovered
)

// Agent is a Mesos agent.
type Agent struct {
	ID           string         // "<uuid>-S0"; AddAgent makes one when it is empty
	Hostname     string         // the address when empty
	Addr         netip.AddrPort // libprocess address; port 5051 when zero
	Attributes   []Label
	Resources    Resources // 16 CPUs, 64 GB, ports 31000-32000 when zero
	State        AgentState
	Registered   time.Time // now when zero
	Reregistered time.Time // zero: registered once only
	Deactivated  bool      // see SetDeactivated

	ordinal uint64 // the how-manieth agent of the cluster: its share of each network
}

// pid is the agent's libprocess id.
func (a *Agent) pid() string { return "slave(1)@" + a.Addr.String() }

// Framework is a registered scheduler.
type Framework struct {
	ID              string // "<uuid>-0000"; AddFramework makes one when it is empty
	Name            string
	PID             string // libprocess id, empty for a scheduler that speaks HTTP
	Hostname, WebUI string
	User            string   // root when empty
	Principal       string   // left out when empty
	Roles           []string // "*" when empty; shown as "roles" with the MULTI_ROLE capability, else as "role"
	Capabilities    []string
	Labels          []Label
	Checkpoint      bool
	FailoverTimeout time.Duration

	// Disconnected schedulers keep their tasks. Recovered ones are known from
	// their tasks only, after a failover.
	Disconnected, Recovered  bool
	Registered, Reregistered time.Time
	Unregistered             time.Time // set for completed frameworks
}

func (f *Framework) has(capability string) bool {
	return slices.Contains(f.Capabilities, capability)
}

// role is the role of the framework's tasks where they name none.
func (f *Framework) role() string {
	if len(f.Roles) == 0 {
		return "*"
	}
	return f.Roles[0]
}
