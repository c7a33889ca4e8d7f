package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// TestStrictDecoder: whoever decodes what is served by the letter of the
// documentation gets along, with every event and in every state.
func TestStrictDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCluster(Options{Seed: 1})
		apps, err := Populate(c, Spec{Tasks: 300, Agents: 15})
		noError(t, err)
		s, err := NewScheduler(c, SchedulerOptions{})
		noError(t, err)
		m := &scheduled{Scheduler: s, t: t}
		p := serve(t, NewMaster(c, MasterOptions{Addr: testAddr}))
		state := func() {
			t.Helper()
			status, _, body := p.Do(t, "POST", "/api/v1", `{"type":"GET_STATE"}`)
			var r strictResponse
			if err := strictly([]byte(body), &r); err != nil || status != 200 || *r.Type != "GET_STATE" || r.GetState == nil {
				t.Fatalf("status %d: %v", status, err)
			}
		}
		state()
		in := p.Subscribe(t)
		kinds := map[string]int{}
		read := make(chan struct{})
		go func() {
			defer close(read)
			for {
				b, err := in.Chunk()
				if err != nil || len(b) == 0 {
					return
				}
				_, message, _ := bytes.Cut(b, []byte("\n"))
				var e strictEvent
				if err := strictly(message, &e); err != nil {
					t.Errorf("%v in %s", err, message)
					return
				}
				if err := e.one(); err != nil {
					t.Errorf("%v in %s", err, message)
				}
				kinds[*e.Type]++
			}
		}()

		l := NewLife(c, apps, LifeOptions{Seed: 3, Rate: 100, AgentRate: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		noError(t, l.Run(ctx))
		// All that Marathon can start, and a pod.
		m.do("POST", "/v2/apps", `{"id": "tcp", "cmd": "x", "healthChecks": [{"protocol": "MESOS_TCP"}]}`, 201)
		m.do("POST", "/v2/apps", `{"id": "https", "cmd": "x", "healthChecks": [{"protocol": "MESOS_HTTPS", "path": "/"}]}`, 201)
		m.do("POST", "/v2/apps", `{"id": "command", "cmd": "x", "healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}]}`, 201)
		m.do("POST", "/v2/apps", `{"id": "bridge", "container": {"type": "MESOS", "docker": {"image": "x"},
			"volumes": [{"hostPath": "/a", "containerPath": "/b", "mode": "RO"}]}, "networks": [{"mode": "container/bridge"}]}`, 201)
		m.do("POST", "/v2/pods", `{"id": "pod", "networks": [{"mode": "container", "name": "dcos6"}], "containers": [
			{"name": "a", "resources": {"cpus": 0.1, "mem": 1}, "endpoints": [{"name": "x", "containerPort": 80, "hostPort": 0}]},
			{"name": "b", "resources": {"cpus": 0.1, "mem": 1}}]}`, 201)
		state()
		for _, a := range c.Agents()[:3] {
			if a.State == AgentRegistered {
				noError(t, c.RemoveAgent(a.ID))
			}
		}
		f := c.Frameworks()[0].ID
		noError(t, c.SetConnected(f, false))
		noError(t, c.SetConnected(f, true))
		state()
		noError(t, c.RemoveFramework(f))
		_, err = c.AddFramework(Framework{Name: "new", Labels: []Label{{Key: "a", NoValue: true}}})
		noError(t, err)
		state()
		synctest.Wait()
		c.Failover()
		<-read
		state()
		for _, want := range strings.Fields(eventTypes) {
			if kinds[want] == 0 {
				t.Errorf("there was no %s: %v", want, kinds)
			}
		}
	})
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
