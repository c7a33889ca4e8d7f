package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"toponym/config"
)

// systemd gives a service up that fails five times within ten seconds, unless
// its unit says otherwise. A name server is started again for as long as it takes.
func TestUnitIsRestartedWithoutLimit(t *testing.T) {
	text, err := os.ReadFile("../../deploy/toponym.service")
	if err != nil {
		t.Fatal(err)
	}
	unit, service, _ := strings.Cut(string(text), "[Service]")
	if !strings.Contains(unit, "\nStartLimitIntervalSec=0\n") || !strings.Contains(service, "\nRestart=always\n") {
		t.Errorf("deploy/toponym.service: got\n%s\nwant StartLimitIntervalSec=0 in [Unit] and Restart=always in [Service]", text)
	}
}

// Marathon takes the app of deploy/, which runs once on each agent: as it uses ports of
// the agent, a second one could not, and a new one must wait for the end of the old one.
func TestMarathonAppOfDeploy(t *testing.T) {
	const file = "../../deploy/marathon.json"
	if got := runWith(t, "preview", file); got.status != statusOK || got.stderr != "" || !strings.Contains(got.stdout, "toponym.marathon.mesos.") {
		t.Errorf("preview: got status %d, %q and\n%s\nwant its names", got.status, got.stderr, got.stdout)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var app struct {
		Constraints     [][]string
		Env             map[string]string
		UpgradeStrategy struct{ MaximumOverCapacity *float64 }
	}
	if err := json.Unmarshal(text, &app); err != nil {
		t.Fatal(err)
	}
	if len(app.Constraints) != 1 || strings.Join(app.Constraints[0], " ") != "hostname UNIQUE" {
		t.Errorf("constraints: got %q, want hostname UNIQUE", app.Constraints)
	}
	if over := app.UpgradeStrategy.MaximumOverCapacity; over == nil || *over != 0 {
		t.Errorf("maximumOverCapacity: got %v, want 0", over)
	}
	loadDeployed(t, app.Env)
}

func TestComposeFileOfDeploy(t *testing.T) {
	text, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// The comment is for those without an agent on the machine.
	text = []byte(strings.Replace(string(text), "# TOPONYM_MASTERS", "TOPONYM_MASTERS", 1))
	var file struct {
		Services map[string]struct {
			Environment map[string]string
			CapAdd      []string `yaml:"cap_add"`
			SecurityOpt []string `yaml:"security_opt"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	service := file.Services["toponym"]
	// With no-new-privileges the program would not get its file's capability.
	if strings.Join(service.CapAdd, " ") != "NET_BIND_SERVICE" || len(service.SecurityOpt) != 0 {
		t.Errorf("got the capabilities %q and %q, want NET_BIND_SERVICE and none", service.CapAdd, service.SecurityOpt)
	}
	c := loadDeployed(t, service.Environment)
	if len(c.Masters) != 3 {
		t.Errorf("masters: got %v, want the three of TOPONYM_MASTERS", c.Masters)
	}
}

// loadDeployed reads the settings of a package or an image with the variables of a
// container.
func loadDeployed(t *testing.T, variables map[string]string) *config.Config {
	t.Helper()
	var environ []string
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	c, warnings, err := config.Load("../../deploy/config.json", environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if strings.Contains(w.String(), "TOPONYM_") {
			t.Errorf("got the warning %q, want none about a variable", w)
		}
	}
	if !c.HTTPListener.IsLoopback() {
		t.Errorf("HTTPListener: got %v, want a loopback address", c.HTTPListener)
	}
	return c
}
