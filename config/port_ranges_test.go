package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestPortsForHAProxyAreParsed(t *testing.T) {
	got, _ := mustLoad(t, "c.json", `{`+where+`, "haproxyPorts": ["10000-10100", "8443", 9000], "haproxyBindAddresses": ["10.0.0.42", "[fd00::1]"]}`)
	if text, want := fmt.Sprint(got.HAProxyPorts, got.HAProxyBindAddresses), "[10000-10100 8443 9000] [10.0.0.42 fd00::1]"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	for value, want := range map[string]string{
		`["x"]`: `haproxyPorts[0]: "x" is not a range of ports`, `[0]`: `is not a range`, `["1-70000"]`: `is not a range`,
		`["1-2-3"]`: `is not a range`, `["20-10"]`: `ends before it begins`, `[-5]`: `is not a range`,
	} {
		if got := errorsOf(t, "c.json", `{`+where+`, "haproxyPorts": `+value+`}`); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: got %v, want %q", value, got, want)
		}
	}
	if got := errorsOf(t, "c.json", `{`+where+`, "haproxyBindAddresses": ["*"]}`); len(got) != 1 || !strings.Contains(got[0], "is not an IP address") {
		t.Errorf("haproxyBindAddresses *: got %v, want that it is no address", got)
	}
}
