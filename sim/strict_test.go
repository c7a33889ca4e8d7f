package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// strictly decodes a message of the operator API as its documentation has it:
// no field but those of v, all that are required (the tag "is" says so), and
// no other names than those that a field can have (the tag "of").
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("there is more than one message")
	}
	return documented(reflect.ValueOf(v).Elem(), "")
}

func documented(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return documented(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := documented(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f, value := v.Type().Field(i), v.Field(i)
			at := path + "." + strings.Split(f.Tag.Get("json"), ",")[0]
			if f.Tag.Get("is") == "required" && value.IsNil() {
				return fmt.Errorf("%s is missing", at)
			}
			if of := f.Tag.Get("of"); of != "" && value.Kind() == reflect.Pointer && !value.IsNil() {
				if name := value.Elem().String(); !slices.Contains(strings.Fields(of), name) {
					return fmt.Errorf("%s cannot be %q", at, name)
				}
			}
			if err := documented(value, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestStrictDecoderIsStrict: it sees what is not as documented.
func TestStrictDecoderIsStrict(t *testing.T) {
	for _, bad := range []string{
		`{"type":"HEARTBEAT","more":1}`,
		`{"type":"HEARTBEAT"}{}`,
		`{"type":"TASK_CHANGED"}`,
		`{"agent_removed":{"agent_id":{"value":"a"}}}`,
		`{"type":"AGENT_REMOVED","agent_removed":{}}`,
		`{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{}}}`,
		`{"type":"AGENT_REMOVED","agent_removed":{"agent_id":"a"}}`,
		`{"type":"TASK_UPDATED","task_updated":{"framework_id":{"value":"f"},"state":"RUNNING","status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}}`,
	} {
		var e strictEvent
		if err := strictly([]byte(bad), &e); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	for _, bad := range []string{`{"type":"AGENT_REMOVED"}`, `{"type":"HEARTBEAT","agent_removed":{"agent_id":{"value":"a"}}}`} {
		var e strictEvent
		if err := strictly([]byte(bad), &e); err != nil || e.one() == nil {
			t.Errorf("%s: %v, %v", bad, err, e.one())
		}
	}
}

// The messages of the operator API, from the descriptions of Mesos's v1
// protobufs: master.proto for what is asked and told, mesos.proto for what it
// is about. Of fields that nobody fills in here some are left out.

const eventTypes = "SUBSCRIBED HEARTBEAT TASK_ADDED TASK_UPDATED FRAMEWORK_ADDED FRAMEWORK_UPDATED FRAMEWORK_REMOVED AGENT_ADDED AGENT_REMOVED"

// strictEvent is master.Event: a type, and the field that belongs to it.
type strictEvent struct {
	Type *string `json:"type" is:"required" of:"SUBSCRIBED HEARTBEAT TASK_ADDED TASK_UPDATED FRAMEWORK_ADDED FRAMEWORK_UPDATED FRAMEWORK_REMOVED AGENT_ADDED AGENT_REMOVED"`

	Subscribed *struct {
		GetState  *strictState `json:"get_state"`
		Heartbeat *float64     `json:"heartbeat_interval_seconds"`
	} `json:"subscribed"`
	TaskAdded *struct {
		Task *strictTask `json:"task" is:"required"`
	} `json:"task_added"`
	TaskUpdated *struct {
		FrameworkID *strictID     `json:"framework_id" is:"required"`
		Status      *strictStatus `json:"status" is:"required"`
		State       *strictEnum   `json:"state" is:"required" of:"TASK_STAGING TASK_STARTING TASK_RUNNING TASK_KILLING TASK_FINISHED TASK_FAILED TASK_KILLED TASK_ERROR TASK_LOST TASK_DROPPED TASK_UNREACHABLE TASK_GONE TASK_GONE_BY_OPERATOR TASK_UNKNOWN"`
	} `json:"task_updated"`
	FrameworkAdded *struct {
		Framework *strictFramework `json:"framework" is:"required"`
	} `json:"framework_added"`
	FrameworkUpdated *struct {
		Framework *strictFramework `json:"framework" is:"required"`
	} `json:"framework_updated"`
	FrameworkRemoved *struct {
		FrameworkInfo *strictFrameworkInfo `json:"framework_info" is:"required"`
	} `json:"framework_removed"`
	AgentAdded *struct {
		Agent *strictAgent `json:"agent" is:"required"`
	} `json:"agent_added"`
	AgentRemoved *struct {
		AgentID *strictID `json:"agent_id" is:"required"`
	} `json:"agent_removed"`
}

// one checks that the field of the event's type is there, and no other.
func (e *strictEvent) one() error {
	want := strings.ToLower(*e.Type)
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if there := !v.Field(i).IsNil(); name != "type" && name != want && there || name == want && !there {
			return fmt.Errorf("%s: %s", *e.Type, name)
		}
	}
	return nil
}

// strictResponse is master.Response, as far as it is about the state.
type strictResponse struct {
	Type     *string      `json:"type" is:"required" of:"GET_STATE"`
	GetState *strictState `json:"get_state"`
}

type strictState struct {
	Tasks *struct {
		Pending     []strictTask `json:"pending_tasks"`
		Tasks       []strictTask `json:"tasks"`
		Unreachable []strictTask `json:"unreachable_tasks"`
		Completed   []strictTask `json:"completed_tasks"`
	} `json:"get_tasks"`
	Executors *struct {
		Executors []struct {
			Info    *strictExecutor `json:"executor_info" is:"required"`
			AgentID *strictID       `json:"agent_id" is:"required"`
		} `json:"executors"`
	} `json:"get_executors"`
	Frameworks *struct {
		Frameworks []strictFramework `json:"frameworks"`
		Completed  []strictFramework `json:"completed_frameworks"`
	} `json:"get_frameworks"`
	Agents *struct {
		Agents    []strictAgent     `json:"agents"`
		Recovered []strictAgentInfo `json:"recovered_agents"`
	} `json:"get_agents"`
}

// strictEnum is the name of one of several values.
type strictEnum string

type strictID struct {
	Value *string `json:"value" is:"required"`
}

type strictTime struct {
	Nanoseconds *int64 `json:"nanoseconds" is:"required"`
}

type strictLabels struct {
	Labels []strictLabel `json:"labels"`
}

type strictLabel struct {
	Key   *string `json:"key" is:"required"`
	Value *string `json:"value"`
}

type strictCapability struct {
	Type *string `json:"type"`
}

type strictFramework struct {
	Info         *strictFrameworkInfo `json:"framework_info" is:"required"`
	Active       *bool                `json:"active" is:"required"`
	Connected    *bool                `json:"connected" is:"required"`
	Recovered    *bool                `json:"recovered" is:"required"`
	Registered   *strictTime          `json:"registered_time"`
	Reregistered *strictTime          `json:"reregistered_time"`
	Unregistered *strictTime          `json:"unregistered_time"`
	Allocated    []strictResource     `json:"allocated_resources"`
	Offered      []strictResource     `json:"offered_resources"`
	Constraints  *struct{}            `json:"offer_constraints"`
}

type strictFrameworkInfo struct {
	User            *string            `json:"user" is:"required"`
	Name            *string            `json:"name" is:"required"`
	ID              *strictID          `json:"id"`
	FailoverTimeout *float64           `json:"failover_timeout"`
	Checkpoint      *bool              `json:"checkpoint"`
	Role            *string            `json:"role"`
	Roles           []string           `json:"roles"`
	Hostname        *string            `json:"hostname"`
	Principal       *string            `json:"principal"`
	WebUI           *string            `json:"webui_url"`
	Capabilities    []strictCapability `json:"capabilities"`
	Labels          *strictLabels      `json:"labels"`
}

type strictAgent struct {
	Info         *strictAgentInfo   `json:"agent_info" is:"required"`
	Active       *bool              `json:"active" is:"required"`
	Deactivated  *bool              `json:"deactivated" is:"required"`
	Version      *string            `json:"version" is:"required"`
	PID          *string            `json:"pid"`
	Registered   *strictTime        `json:"registered_time"`
	Reregistered *strictTime        `json:"reregistered_time"`
	Total        []strictResource   `json:"total_resources"`
	Allocated    []strictResource   `json:"allocated_resources"`
	Offered      []strictResource   `json:"offered_resources"`
	Capabilities []strictCapability `json:"capabilities"`
}

type strictAgentInfo struct {
	Hostname   *string          `json:"hostname" is:"required"`
	Port       *int32           `json:"port"`
	Resources  []strictResource `json:"resources"`
	Attributes []struct {
		Name   *string       `json:"name" is:"required"`
		Type   *strictEnum   `json:"type" is:"required" of:"SCALAR RANGES SET TEXT"`
		Scalar *strictScalar `json:"scalar"`
		Ranges *strictRanges `json:"ranges"`
		Text   *strictID     `json:"text"`
	} `json:"attributes"`
	ID         *strictID `json:"id"`
	Checkpoint *bool     `json:"checkpoint"`
}

type strictScalar struct {
	Value *float64 `json:"value" is:"required"`
}

type strictRanges struct {
	Range []struct {
		Begin *uint64 `json:"begin" is:"required"`
		End   *uint64 `json:"end" is:"required"`
	} `json:"range"`
}

type strictResource struct {
	Name       *string       `json:"name" is:"required"`
	Type       *strictEnum   `json:"type" is:"required" of:"SCALAR RANGES SET"`
	Scalar     *strictScalar `json:"scalar"`
	Ranges     *strictRanges `json:"ranges"`
	Role       *string       `json:"role"`
	Allocation *struct {
		Role *string `json:"role"`
	} `json:"allocation_info"`
}

type strictExecutor struct {
	Type        *strictEnum      `json:"type" of:"UNKNOWN DEFAULT CUSTOM"`
	ID          *strictID        `json:"executor_id" is:"required"`
	FrameworkID *strictID        `json:"framework_id"`
	Container   *strictContainer `json:"container"`
	Resources   []strictResource `json:"resources"`
	Labels      *strictLabels    `json:"labels"`
}

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
