package sim

import (
	"net/netip"
	"strconv"
	"time"
)

const (
	mesosVersion = "1.12.0"
	buildSHA     = "51301a7e0000000000000000000000000051301a" // no commit of Mesos: nothing was built
)

var (
	buildTime          = time.Date(2025, time.January, 15, 0, 0, 0, 0, time.UTC)
	masterCapabilities = []string{"AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"}
	agentCapabilities  = []string{
		"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER",
		"RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING", "TASK_RESOURCE_LIMITS",
	}
)

// identity is what a master says about itself.
type identity struct {
	uuid             string
	addr             netip.AddrPort
	hostname         string
	started, elected time.Time
}

func (id identity) pid() string { return "master@" + id.addr.String() }

// flags writes the command line of the master. Readers of the state skip it,
// but have to skip something of real size and depth.
func (e *encoder) flags(id identity, cluster string) {
	e.openKey("flags", '{')
	for _, f := range [][2]string{
		{"agent_ping_timeout", "15secs"},
		{"agent_reregister_timeout", "10mins"},
		{"allocation_interval", "1secs"},
		{"allocator", "hierarchical"},
		{"authenticate_agents", "false"},
		{"authenticate_frameworks", "false"},
		{"authenticate_http_frameworks", "false"},
		{"authenticate_http_readonly", "false"},
		{"authenticate_http_readwrite", "false"},
		{"authentication_v0_timeout", "15secs"},
		{"authenticators", "crammd5"},
		{"authorizers", "local"},
		{"cluster", cluster},
		{"filter_gpu_resources", "true"},
		{"framework_sorter", "drf"},
		{"help", "false"},
		{"hostname", id.hostname},
		{"hostname_lookup", "true"},
		{"http_authenticators", "basic"},
		{"initialize_driver_logging", "true"},
		{"ip", id.addr.Addr().String()},
		{"log_auto_initialize", "true"},
		{"log_dir", "/var/log/mesos"},
		{"logbufsecs", "0"},
		{"logging_level", "INFO"},
		{"max_agent_ping_timeouts", "5"},
		{"max_completed_frameworks", "50"},
		{"max_completed_tasks_per_framework", strconv.Itoa(maxCompleted)},
		{"max_operator_event_stream_subscribers", "1000"},
		{"max_unreachable_tasks_per_framework", "1000"},
		{"memory_profiling", "false"},
		{"min_allocatable_resources", "cpus:0.01|mem:32"},
		{"port", strconv.Itoa(int(id.addr.Port()))},
		{"publish_per_framework_metrics", "true"},
		{"quiet", "false"},
		{"quorum", "1"},
		{"recovery_agent_removal_limit", "100%"},
		{"registry", "replicated_log"},
		{"registry_fetch_timeout", "1mins"},
		{"registry_gc_interval", "15mins"},
		{"registry_max_agent_age", "2weeks"},
		{"registry_max_agent_count", "102400"},
		{"registry_store_timeout", "20secs"},
		{"registry_strict", "false"},
		{"require_agent_domain", "false"},
		{"role_sorter", "drf"},
		{"root_submissions", "true"},
		{"version", "false"},
		{"webui_dir", "/usr/share/mesos/webui"},
		{"work_dir", "/var/lib/mesos/master"},
		{"zk_session_timeout", "10secs"},
	} {
		e.stringField(f[0], f[1])
	}
	e.close('}')
}
