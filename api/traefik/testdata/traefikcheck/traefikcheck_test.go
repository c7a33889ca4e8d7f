//go:build traefik

package traefikcheck

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/traefik/paerser/file"
	"github.com/traefik/paerser/types"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

const made = "../.."

// read reads a configuration as Traefik's provider for HTTP does.
func read(t *testing.T, name string) (*dynamic.Configuration, map[string]any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(made, "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	c := &dynamic.Configuration{
		HTTP: &dynamic.HTTPConfiguration{}, TCP: &dynamic.TCPConfiguration{}, UDP: &dynamic.UDPConfiguration{}, TLS: &dynamic.TLSConfiguration{},
	}
	if err := file.DecodeContent(string(b), ".yaml", c); err != nil {
		t.Fatalf("Traefik refuses %s: %v", name, err)
	}
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	return c, raw
}

// Traefik takes the configuration, and understands what was meant: written again,
// it has every value that was in it.
func TestTraefikUnderstandsTheConfiguration(t *testing.T) {
	c, raw := read(t, "configuration.json")
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if n := contains(t, "", again, raw); n < 50 {
		t.Errorf("got %d values, want at least 50", n)
	}
	if tls := c.HTTP.Routers["admin"].TLS; tls == nil {
		t.Error("got no TLS for a router that has nothing but tls=true, want it")
	}
	if m := c.HTTP.Middlewares["small"]; m == nil || m.Compress == nil {
		t.Error("got no middleware compress, want it")
	}
}

func TestTraefikTakesAnEmptyConfiguration(t *testing.T) { read(t, "empty.json") }

// contains reports values that are missing or different, and counts the others.
func contains(t *testing.T, path string, got, want any) (n int) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for key, value := range w {
			n += contains(t, path+"."+key, g[key], value)
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s: got %v, want %v", path, got, want)
			return 0
		}
		for i := range w {
			n += contains(t, path, g[i], w[i])
		}
	default:
		if text, ok := want.(string); ok && got != want {
			d, err := time.ParseDuration(text)
			g, isText := got.(string)
			if e, err2 := time.ParseDuration(g); err == nil && isText && err2 == nil && d == e {
				return 1
			}
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
			return 0
		}
		n++
	}
	return n
}

// Every field that labels may set exists in Traefik, with that type.
func TestFieldsExistInTraefik(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(made, "fields.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		path, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.Contains(path, ".loadBalancer.server.") {
			continue // the place of the servers in labels
		}
		at := reflect.TypeFor[dynamic.Configuration]()
		for part := range strings.SplitSeq(path, ".") {
			name, isList := strings.CutSuffix(part, "[]")
			at = inner(at, name)
			if at != nil && isList {
				at = at.Elem()
			}
			if at == nil {
				t.Errorf("%s: Traefik has no %s", path, part)
				break
			}
		}
		if kind == "service" {
			kind = "text" // in Traefik
		}
		if at != nil && kindOf(at) != kind {
			t.Errorf("%s: got the type %s, Traefik has %s (%v)", path, kind, kindOf(at), at)
		}
	}
}

// inner is the type of a member as JSON has it, or nil.
func inner(t reflect.Type, name string) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Map && name == "*" {
		return t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && f.Tag.Get("label") != "-" {
			return f.Type
		}
	}
	return nil
}

func kindOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[types.Duration]():
		return "duration"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "bool"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		return "int"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return "list"
	case t.Kind() == reflect.Struct:
		return "object"
	}
	return t.String()
}
