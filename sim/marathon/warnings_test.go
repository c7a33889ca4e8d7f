package marathon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// meantAt is a mistyped member, and the one that was meant.
type meantAt struct{ path, meant string }

// TestMistypedMembersAreNamed, and nothing else is.
func TestMistypedMembersAreNamed(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []meantAt
	}{
		{`{"id": "/a", "instancess": 2, "cpu": 1, "Mem": 5}`, []meantAt{{"/Mem", "mem"}, {"/cpu", "cpus"}, {"/instancess", "instances"}}},
		{`{"portDefinitions": [{"port": 0}, {"prot": 0, "nmae": "http"}], "ipAddresses": {}}`,
			[]meantAt{{"/ipAddresses", "ipAddress"}, {"/portDefinitions(1)/nmae", "name"}, {"/portDefinitions(1)/prot", "port"}}},
		{`{"container": {"docker": {"netwrok": "USER"}, "portMappings": [{"containerport": 1, "hostPrt": 0}]}}`,
			[]meantAt{{"/container/docker/netwrok", "network"}, {"/container/portMappings(0)/containerport", "containerPort"}, {"/container/portMappings(0)/hostPrt", "hostPort"}}},
		{`{"groups": [{"apps": [{"idd": "x"}], "gruops": []}]}`, []meantAt{{"/groups(0)/apps(0)/idd", "id"}, {"/groups(0)/gruops", "groups"}}},
		{`{"containers": [{"endpoints": [{"containerPrt": 1}], "resorces": {}}], "newtorks": []}`,
			[]meantAt{{"/containers(0)/endpoints(0)/containerPrt", "containerPort"}, {"/containers(0)/resorces", "resources"}, {"/newtorks", "networks"}}},
		// What only looks like one is left alone: labels, what a Marathon
		// adds, what is written beside the right one, and wrong types.
		{`{"labels": {"idd": "x"}, "env": {"cpu": "1"}, "tasksRunning": 1, "id": "a", "ids": 1, "networks": {"mode": 1}, "container": []}`, nil},
		{`[]`, nil}, {`7`, nil}, {`{`, nil}, {``, nil},
	} {
		var got []meantAt
		for _, w := range Warnings([]byte(tt.text)) {
			got = append(got, meantAt{w.Path, w.Meant})
		}
		if !slices.Equal(got, tt.want) {
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
			if got := Warnings(data); slices.ContainsFunc(got, func(w Warning) bool { return w.Meant != "" }) {
				t.Errorf("%s: %v", file, got)
			}
		}
	}
}

// TestProtocolsThatMarathonRefusesAreWarnedOf: published examples have them.
func TestProtocolsThatMarathonRefusesAreWarnedOf(t *testing.T) {
	const pod = `{"id": "/p", "containers": [{"name": "c", "resources": {"cpus": 0.1, "mem": 32},
		"endpoints": [{"name": "a", "hostPort": 0, "protocol": ["tcp", "UDP"]}, {"name": "b", "hostPort": 0, "protocol": ["HTTP"]}]}]}`
	if _, ok, err := ParsePod([]byte(pod), Settings{}); !ok || err != nil {
		t.Errorf("the pod is refused: %v", err)
	}
	got := Warnings([]byte(pod))
	if len(got) != 1 || got[0].String() != `/containers(0)/endpoints(1)/protocol(0): the protocol "HTTP" is refused by Marathon, which takes tcp and udp` {
		t.Errorf("warnings %v, want one about HTTP", got)
	}
}
