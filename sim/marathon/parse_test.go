package marathon

import (
	stdjson "encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"toponym/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

const fixtures = "../../testdata/marathon"

// withDefault are the settings that the definitions in apps are read with.
var withDefault = Settings{DefaultNetworkName: "dcos"}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(fixtures, pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return list
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseFile(t testing.TB, file string) *App {
	t.Helper()
	a, err := Parse(read(t, file), withDefault)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return a
}

// instanceOfApp is the task of an app with ports from 31000 on.
func instanceOfApp(t testing.TB, a *App) sim.Task {
	t.Helper()
	ports := a.HostPorts()
	for i, p := range ports {
		if p == 0 {
			ports[i] = 31000 + uint16(i)
		}
	}
	tasks, err := a.Tasks(a.TaskID("b2f6ecd1-0000-4000-8000-000000000001"), ports)
	if err != nil {
		t.Fatal(err)
	}
	return tasks[0]
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// taskText is text for what Mesos is told, without empty fields.
func taskText(t testing.TB, v any) string {
	t.Helper()
	b, err := stdjson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var fields any
	if err := stdjson.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	return text(t, withoutEmpty(fields))
}

func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, field := range v {
			if field = withoutEmpty(field); field == nil || field == "" || field == false || field == 0.0 {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return v
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(fixtures, "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(read(t, file)); got != want {
		t.Errorf("%s differs; run with -update and read the diff\ngot:\n%s", name, got)
	}
}

func TestAcceptedAppsHaveTheirTasks(t *testing.T) {
	for _, file := range files(t, "apps/*.json") {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			a := parseFile(t, file)
			golden(t, name+".txt", text(t, a)+taskText(t, instanceOfApp(t, a)))
		})
	}
}

func TestRefusedAppsHaveMarathonsMessages(t *testing.T) {
	for _, file := range files(t, "refused/*.json") {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			_, err := Parse(read(t, file), Settings{})
			var invalid *Invalid
			if !errors.As(err, &invalid) {
				t.Fatalf("error %v", err)
			}
			golden(t, "refused-"+name+".txt", text(t, invalid))
		})
	}
}

// TestBothFormsGiveTheSameApp: the two forms of an app are one app.
func TestBothFormsGiveTheSameApp(t *testing.T) {
	for _, file := range files(t, "apps/*.1.4.json") {
		other := strings.TrimSuffix(file, ".1.4.json") + ".1.5.json"
		a, b := parseFile(t, file), parseFile(t, other)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s and %s differ:\n%s\n%s", file, other, text(t, a), text(t, b))
		}
		if x, y := instanceOfApp(t, a), instanceOfApp(t, b); !reflect.DeepEqual(x, y) {
			t.Errorf("the tasks of %s and %s differ:\n%s\n%s", file, other, taskText(t, x), taskText(t, y))
		}
	}
}

// TestNormalisingTwice: what GET answers can be sent again as it is.
func TestNormalisingTwice(t *testing.T) {
	for _, file := range files(t, "apps/*.json") {
		normalisedTwice(t, parseFile(t, file), withDefault)
	}
}

func normalisedTwice(t *testing.T, a *App, s Settings) {
	t.Helper()
	once := text(t, a)
	b, err := Parse([]byte(once), s)
	if err != nil {
		t.Fatalf("%v\n%s", err, once)
	}
	if twice := text(t, b); once != twice {
		t.Errorf("normalised once:\n%s\ntwice:\n%s", once, twice)
	}
	c, err := Parse([]byte(once), Settings{}) // nothing is left to the settings
	if err != nil || text(t, c) != once {
		t.Errorf("without settings: %v\n%s", err, once)
	}
}

// TestUnnamedNetworkNeedsADefault: definitions that need --default_network_name.
func TestUnnamedNetworkNeedsADefault(t *testing.T) {
	for _, name := range []string{"ip-address-empty.1.4", "ip-address-empty.1.5", "ip-address-groups.1.4"} {
		_, err := Parse(read(t, filepath.Join(fixtures, "apps", name+".json")), Settings{})
		if err == nil || !strings.Contains(err.Error(), UnnamedNetwork) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSyntaxErrorsHaveLineAndColumn(t *testing.T) {
	_, err := Parse([]byte("{\n  \"id\": \"a\",\n}"), Settings{})
	var malformed *Malformed
	if !errors.As(err, &malformed) || !strings.HasPrefix(malformed.Details, "line 2, column 12: ") {
		t.Errorf("got %v, want line 2, column 12, at which the comma is", err)
	}
}

func TestMalformedJSONIsRefused(t *testing.T) {
	for _, body := range []string{
		"", "{", "[1,", `{"id":}`, `{"id":"a","cmd":"b"} {}`, "\xff", `{"id":"` + "\xff" + `"}`,
		strings.Repeat("[", 1000), `{"env":` + strings.Repeat(`{"a":`, 1000),
	} {
		_, err := Parse([]byte(body), Settings{})
		var malformed *Malformed
		if !errors.As(err, &malformed) {
			t.Errorf("%.30q: error %v", body, err)
		}
	}
}

func TestNullIsNotWritten(t *testing.T) {
	with, err := Parse([]byte(`{"id":"a","cmd":"b","cpus":null,"container":null,"portDefinitions":[{"name":null}],"env":{"A":null}}`), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	without, err := Parse([]byte(`{"id":"a","cmd":"b","portDefinitions":[{}],"env":{}}`), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if text(t, with) != text(t, without) {
		t.Errorf("%s\n%s", text(t, with), text(t, without))
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{"apps", "refused"} {
		for _, file := range files(f, dir+"/*.json") {
			f.Add(read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data, withDefault)
		if err != nil {
			if a != nil {
				t.Error("an app beside an error")
			}
			return
		}
		normalisedTwice(t, a, withDefault)
		instanceOfApp(t, a)
	})
}
