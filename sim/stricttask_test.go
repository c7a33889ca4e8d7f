package sim

// strictTask is Task, and what belongs to it.
type strictTask struct {
	Name        *string          `json:"name" is:"required"`
	TaskID      *strictID        `json:"task_id" is:"required"`
	FrameworkID *strictID        `json:"framework_id" is:"required"`
	ExecutorID  *strictID        `json:"executor_id"`
	AgentID     *strictID        `json:"agent_id" is:"required"`
	State       *strictEnum      `json:"state" is:"required" of:"TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_FAILED TASK_KILLED TASK_ERROR TASK_LOST TASK_DROPPED TASK_UNREACHABLE TASK_GONE TASK_GONE_BY_OPERATOR TASK_UNKNOWN"`
	Resources   []strictResource `json:"resources"`
	Statuses    []strictStatus   `json:"statuses"`
	UpdateState *strictEnum      `json:"status_update_state" of:"TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_FAILED TASK_KILLED TASK_ERROR TASK_LOST TASK_DROPPED TASK_UNREACHABLE TASK_GONE TASK_GONE_BY_OPERATOR TASK_UNKNOWN"`
	UpdateUUID  []byte           `json:"status_update_uuid"`
	Labels      *strictLabels    `json:"labels"`
	Discovery   *strictDiscovery `json:"discovery"`
	Container   *strictContainer `json:"container"`
	HealthCheck *strictCheck     `json:"health_check"`
	User        *string          `json:"user"`
}

type strictStatus struct {
	TaskID     *strictID     `json:"task_id" is:"required"`
	State      *strictEnum   `json:"state" is:"required" of:"TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_FAILED TASK_KILLED TASK_ERROR TASK_LOST TASK_DROPPED TASK_UNREACHABLE TASK_GONE TASK_GONE_BY_OPERATOR TASK_UNKNOWN"`
	Message    *string       `json:"message"`
	Source     *strictEnum   `json:"source" of:"SOURCE_MASTER SOURCE_AGENT SOURCE_EXECUTOR"`
	Reason     *strictEnum   `json:"reason" of:"REASON_AGENT_DISCONNECTED REASON_AGENT_DRAINING REASON_AGENT_REMOVED REASON_AGENT_REMOVED_BY_OPERATOR REASON_AGENT_REREGISTERED REASON_AGENT_RESTARTED REASON_AGENT_UNKNOWN REASON_COMMAND_EXECUTOR_FAILED REASON_CONTAINER_LAUNCH_FAILED REASON_EXECUTOR_TERMINATED REASON_EXECUTOR_UNREGISTERED REASON_FRAMEWORK_REMOVED REASON_MASTER_DISCONNECTED REASON_RECONCILIATION REASON_TASK_CHECK_STATUS_UPDATED REASON_TASK_HEALTH_CHECK_STATUS_UPDATED REASON_TASK_INVALID REASON_TASK_KILLED_DURING_LAUNCH REASON_TASK_UNKNOWN"`
	AgentID    *strictID     `json:"agent_id"`
	ExecutorID *strictID     `json:"executor_id"`
	Timestamp  *float64      `json:"timestamp"`
	Data       []byte        `json:"data"`
	UUID       []byte        `json:"uuid"`
	Healthy    *bool         `json:"healthy"`
	Labels     *strictLabels `json:"labels"`
	Container  *struct {
		ID *struct {
			Value  *string   `json:"value" is:"required"`
			Parent *strictID `json:"parent"`
		} `json:"container_id"`
		Networks    []strictNetwork `json:"network_infos"`
		ExecutorPID *uint32         `json:"executor_pid"`
	} `json:"container_status"`
	Unreachable *strictTime `json:"unreachable_time"`
}

type strictNetwork struct {
	Addresses []struct {
		Protocol *strictEnum `json:"protocol" of:"IPv4 IPv6"`
		Address  *string     `json:"ip_address"`
	} `json:"ip_addresses"`
	Name         *string         `json:"name"`
	Groups       []string        `json:"groups"`
	Labels       *strictLabels   `json:"labels"`
	PortMappings []strictMapping `json:"port_mappings"`
}

type strictMapping struct {
	HostPort      *uint32 `json:"host_port" is:"required"`
	ContainerPort *uint32 `json:"container_port" is:"required"`
	Protocol      *string `json:"protocol"`
}

type strictDiscovery struct {
	Visibility  *strictEnum `json:"visibility" is:"required" of:"FRAMEWORK CLUSTER EXTERNAL"`
	Name        *string     `json:"name"`
	Environment *string     `json:"environment"`
	Location    *string     `json:"location"`
	Version     *string     `json:"version"`
	Ports       *struct {
		Ports []struct {
			Number     *uint32       `json:"number" is:"required"`
			Name       *string       `json:"name"`
			Protocol   *string       `json:"protocol"`
			Visibility *strictEnum   `json:"visibility" of:"FRAMEWORK CLUSTER EXTERNAL"`
			Labels     *strictLabels `json:"labels"`
		} `json:"ports"`
	} `json:"ports"`
	Labels *strictLabels `json:"labels"`
}

type strictContainer struct {
	Type    *strictEnum `json:"type" is:"required" of:"DOCKER MESOS"`
	Volumes []struct {
		Mode          *strictEnum `json:"mode" is:"required" of:"RW RO"`
		ContainerPath *string     `json:"container_path" is:"required"`
		HostPath      *string     `json:"host_path"`
	} `json:"volumes"`
	Hostname *string `json:"hostname"`
	Docker   *struct {
		Image        *string         `json:"image" is:"required"`
		Network      *strictEnum     `json:"network" of:"HOST BRIDGE NONE USER"`
		PortMappings []strictMapping `json:"port_mappings"`
		Privileged   *bool           `json:"privileged"`
		Parameters   []struct {
			Key   *string `json:"key" is:"required"`
			Value *string `json:"value" is:"required"`
		} `json:"parameters"`
		ForcePull *bool `json:"force_pull_image"`
	} `json:"docker"`
	Mesos *struct {
		Image *struct {
			Type   *strictEnum `json:"type" is:"required" of:"APPC DOCKER"`
			Docker *struct {
				Name *string `json:"name" is:"required"`
			} `json:"docker"`
			Cached *bool `json:"cached"`
		} `json:"image"`
	} `json:"mesos"`
	Networks []strictNetwork `json:"network_infos"`
}

type strictCheck struct {
	Delay    *float64    `json:"delay_seconds"`
	Interval *float64    `json:"interval_seconds"`
	Timeout  *float64    `json:"timeout_seconds"`
	Failures *uint32     `json:"consecutive_failures"`
	Grace    *float64    `json:"grace_period_seconds"`
	Type     *strictEnum `json:"type" of:"UNKNOWN COMMAND HTTP TCP"`
	Command  *struct {
		Shell     *bool    `json:"shell"`
		Value     *string  `json:"value"`
		Arguments []string `json:"arguments"`
	} `json:"command"`
	HTTP *struct {
		Protocol *strictEnum `json:"protocol" of:"IPv4 IPv6"`
		Scheme   *string     `json:"scheme"`
		Port     *uint32     `json:"port" is:"required"`
		Path     *string     `json:"path"`
		Statuses []uint32    `json:"statuses"`
	} `json:"http"`
	TCP *struct {
		Protocol *strictEnum `json:"protocol" of:"IPv4 IPv6"`
		Port     *uint32     `json:"port" is:"required"`
	} `json:"tcp"`
}
