package marathon

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Settings are the flags of a Marathon that say how definitions are read.
type Settings struct {
	// DefaultNetworkName is --default_network_name: the network of apps that
	// ask for a container network without naming one. There is none when empty.
	DefaultNetworkName string
}

// Parse reads an app definition in either form. A relative id is one of the
// root group. The error is an *Invalid for a definition that Marathon refuses,
// or a *Malformed for what is no JSON.
func Parse(data []byte, s Settings) (*App, error) {
	return parseIn(data, s, pathID{absolute: true})
}

// parseIn reads a definition whose relative ids are seen from base.
func parseIn(data []byte, s Settings, base pathID) (*App, error) {
	d := definition{App: defaults()}
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	return d.app(s, base)
}

// decode reads JSON. Members that are null count as not written.
func decode(data []byte, v any) error {
	clean, err := withoutNulls(data)
	if err != nil {
		return &Malformed{Message: invalidJSON, Details: err.Error()}
	}
	if err := json.Unmarshal(clean, v); err != nil {
		return decodingFault(err)
	}
	return nil
}

// withoutNulls copies a JSON value without the members that are null.
func withoutNulls(data []byte) ([]byte, error) {
	in := jsontext.NewDecoder(bytes.NewReader(data))
	var b bytes.Buffer
	out := jsontext.NewEncoder(&b)
	if err := copyValue(in, out); err != nil {
		return nil, err
	}
	if _, err := in.ReadToken(); err != io.EOF {
		if err == nil {
			err = errors.New("there is more than one value")
		}
		return nil, err
	}
	return b.Bytes(), nil
}

// maxDepth is the deepest nesting that is read; groups in groups are the only
// thing that nests without end.
const maxDepth = 256

func copyValue(in *jsontext.Decoder, out *jsontext.Encoder) error {
	t, err := in.ReadToken()
	if err != nil {
		return err
	}
	if err := out.WriteToken(t); err != nil {
		return err
	}
	if in.StackDepth() > maxDepth {
		return errors.New("nested too deep")
	}
	switch kind := t.Kind(); kind {
	case '{':
		for in.PeekKind() != '}' {
			name, err := in.ReadValue()
			if err != nil {
				return err
			}
			name = name.Clone()
			if in.PeekKind() == 'n' {
				if err := in.SkipValue(); err != nil {
					return err
				}
				continue
			}
			if err := out.WriteValue(name); err != nil {
				return err
			}
			if err := copyValue(in, out); err != nil {
				return err
			}
		}
		return copyEnd(in, out)
	case '[':
		for in.PeekKind() != ']' {
			if err := copyValue(in, out); err != nil {
				return err
			}
		}
		return copyEnd(in, out)
	}
	return nil
}

func copyEnd(in *jsontext.Decoder, out *jsontext.Encoder) error {
	t, err := in.ReadToken()
	if err != nil {
		return err
	}
	return out.WriteToken(t)
}

// decodingFault says in Marathon's way that a value is not of its type.
func decodingFault(err error) error {
	var s *json.SemanticError
	if !errors.As(err, &s) {
		return &Malformed{Message: invalidJSON, Details: err.Error()}
	}
	var f faults
	f.add(marathonPath(string(s.JSONPointer)), expected(s))
	return f.err(invalidJSON)
}

func expected(s *json.SemanticError) string {
	if s.GoType == nil {
		return "error.invalid"
	}
	switch s.GoType.Kind() {
	case reflect.String:
		return "error.expected.jsstring"
	case reflect.Bool:
		return "error.expected.jsboolean"
	case reflect.Slice, reflect.Array:
		return "error.expected.jsarray"
	case reflect.Struct, reflect.Map:
		return "error.expected.jsobject"
	case reflect.Float64, reflect.Int, reflect.Uint16:
		switch {
		case s.JSONKind != '0':
			return "error.expected.jsnumber"
		case bytes.ContainsAny(s.JSONValue, ".eE"):
			return "error.expected.int"
		case bytes.HasPrefix(s.JSONValue, []byte("-")):
			return "error.min"
		default:
			return "error.max"
		}
	}
	return "error.invalid"
}

// marathonPath turns "/networks/0/mode" into "/networks(0)/mode".
func marathonPath(pointer string) string {
	if pointer == "" {
		return "/"
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(pointer[1:], "/") {
		if _, err := strconv.ParseUint(segment, 10, 32); err == nil {
			b.WriteString("(" + segment + ")")
			continue
		}
		b.WriteString("/" + segment)
	}
	return b.String()
}
