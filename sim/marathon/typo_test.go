package marathon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTypos(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []Typo
	}{
		{`{"id": "/a", "instancess": 2, "cpu": 1, "Mem": 5}`, []Typo{{"/Mem", "mem"}, {"/cpu", "cpus"}, {"/instancess", "instances"}}},
		{`{"portDefinitions": [{"port": 0}, {"prot": 0, "nmae": "http"}], "ipAddresses": {}}`,
			[]Typo{{"/ipAddresses", "ipAddress"}, {"/portDefinitions(1)/nmae", "name"}, {"/portDefinitions(1)/prot", "port"}}},
		{`{"container": {"docker": {"netwrok": "USER"}, "portMappings": [{"containerport": 1, "hostPrt": 0}]}}`,
			[]Typo{{"/container/docker/netwrok", "network"}, {"/container/portMappings(0)/containerport", "containerPort"}, {"/container/portMappings(0)/hostPrt", "hostPort"}}},
		{`{"groups": [{"apps": [{"idd": "x"}], "gruops": []}]}`, []Typo{{"/groups(0)/apps(0)/idd", "id"}, {"/groups(0)/gruops", "groups"}}},
		{`{"containers": [{"endpoints": [{"containerPrt": 1}], "resorces": {}}], "newtorks": []}`,
			[]Typo{{"/containers(0)/endpoints(0)/containerPrt", "containerPort"}, {"/containers(0)/resorces", "resources"}, {"/newtorks", "networks"}}},
		// What only looks like one is left alone: labels, what a Marathon
		// adds, what is written beside the right one, and wrong types.
		{`{"labels": {"idd": "x"}, "env": {"cpu": "1"}, "tasksRunning": 1, "id": "a", "ids": 1, "networks": {"mode": 1}, "container": []}`, nil},
		{`[]`, nil}, {`7`, nil}, {`{`, nil}, {``, nil},
	} {
		if got := Typos([]byte(tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.text, got, tt.want)
		}
	}
	// None of the definitions that the tests have is mistyped.
	for _, dir := range []string{"apps", "pods"} {
		files, err := filepath.Glob("../../testdata/marathon/" + dir + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no definitions: %v", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := Typos(data); got != nil {
				t.Errorf("%s: %v", file, got)
			}
		}
	}
}
