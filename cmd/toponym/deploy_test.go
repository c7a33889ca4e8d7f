package main

import (
	"os"
	"strings"
	"testing"
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
