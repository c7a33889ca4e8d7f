package sim

import (
	"fmt"
	"reflect"
	"strings"
)

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
