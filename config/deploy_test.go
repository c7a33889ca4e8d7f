package config

import (
	"os"
	"strings"
	"testing"
)

// The page for operators shows settings that can be used as they are.
func TestTheSettingsOfTheDeploymentPageAreValid(t *testing.T) {
	page, err := os.ReadFile("../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, ca := certificate(t)
	files := strings.NewReplacer("/etc/toponym/cert.pem", cert, "/etc/toponym/key.pem", key, "/etc/toponym/client-ca.pem", ca,
		"/etc/toponym/axfr.token", write(t, "axfr.token", strings.Repeat("0123456789abcdef", 4)))
	found := 0
	rest := string(page)
	for {
		_, after, ok := strings.Cut(rest, "\n    {\n")
		if !ok {
			break
		}
		var text string
		text, rest, _ = strings.Cut(after, "\n    }\n")
		c, warnings := mustLoad(t, "c.json", files.Replace("{"+text+"}"))
		equalLines(t, warnings, nil)
		if len(c.HTTPAuth) == 6 {
			found++
		}
	}
	if found != 1 {
		t.Errorf("got %d examples with six rules of httpAuth, want 1", found)
	}
}
