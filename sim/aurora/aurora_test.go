package aurora

import "testing"

func TestJobKeysAreParsed(t *testing.T) {
	for key, want := range map[string]Job{
		"www-data/prod/hello":      {Role: "www-data", Environment: "prod", Name: "hello"},
		"west/www-data/prod/hello": {Cluster: "west", Role: "www-data", Environment: "prod", Name: "hello"},
	} {
		got, err := ParseJobKey(key)
		if err != nil || got.TaskName() != "www-data/prod/hello" || got.Cluster != want.Cluster {
			t.Errorf("%s: got %+v, error %v, want %+v", key, got, err, want)
		}
	}
	for _, key := range []string{"", "hello", "prod/hello", "a//b", "/prod/hello", "a/b/c/d/e", "a/b/c d"} {
		if j, err := ParseJobKey(key); err == nil {
			t.Errorf("%q: got %+v, want an error", key, j)
		}
	}
}

// The DiscoveryInfo is there only with the scheduler's option.
func TestTasksAreThoseOfAurora(t *testing.T) {
	j, err := ParseJobKey("www-data/prod/hello")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.SetPorts([]string{"http", "health"}); err != nil {
		t.Fatal(err)
	}
	id := j.TaskID(3, "u")
	if want := "www-data-prod-hello-3-u"; id != want {
		t.Errorf("id: got %s, want %s", id, want)
	}
	plain := j.Task(id, []uint16{31000, 31001})
	if plain.Discovery != nil || len(plain.Resources.Ports) != 2 || plain.Name != "www-data/prod/hello" {
		t.Errorf("without the option: got %+v, want no DiscoveryInfo and two ports", plain)
	}
	j.Discovery = true
	d := j.Task(id, []uint16{31000, 31001}).Discovery
	if d == nil || d.Name != "hello.prod.www-data" || len(d.Ports) != 2 || d.Ports[1].Name != "health" || d.Ports[1].Number != 31001 {
		t.Errorf("with the option: got %+v, want hello.prod.www-data and its ports", d)
	}
	if j.SetPorts([]string{"a", ""}) == nil || j.SetPorts(make([]string, 2000)) == nil {
		t.Error("got no error for ports without a name, or too many")
	}
}
