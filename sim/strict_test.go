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
