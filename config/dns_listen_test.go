package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestListenersOfDNSAreParsed(t *testing.T) {
	for _, c := range []struct {
		value string
		want  string // items, and what is shown
		shown string
	}{
		{`"10.0.0.1"`, "10.0.0.1", `"10.0.0.1"`},
		{`"10.0.0.1:5353"`, "10.0.0.1:5353", `"10.0.0.1:5353"`},
		{`"fd00::1"`, "fd00::1", `"fd00::1"`},
		{`["::ffff:10.0.0.1", "[fd00::1]:5353", "[fd00::2]"]`, "10.0.0.1 [fd00::1]:5353 fd00::2", `["10.0.0.1","[fd00::1]:5353","fd00::2"]`},
		{`["eth0", "br-1.100:5353", "spartan"]`, "eth0 br-1.100:5353 spartan", `["eth0","br-1.100:5353","spartan"]`},
		{`"fe80::1%eth0"`, "fe80::1%eth0", `"fe80::1%eth0"`},
		{`["0.0.0.0", "::"]`, "0.0.0.0 ::", `["0.0.0.0","::"]`},
		{`["0.0.0.0", "[::1]:5353", "127.0.0.1:5353"]`, "0.0.0.0 [::1]:5353 127.0.0.1:5353", `["0.0.0.0","[::1]:5353","127.0.0.1:5353"]`},
		{`""`, "0.0.0.0", `"0.0.0.0"`},
	} {
		got, _ := mustLoad(t, "c.json", `{`+where+`, "listener": `+c.value+`}`)
		var items []string
		for _, l := range got.Listener {
			items = append(items, l.String())
		}
		if strings.Join(items, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.value, items, c.want)
		}
		if shown := toJSON(showListeners(got.Listener)); shown != c.shown {
			t.Errorf("%s is shown as %s, want %s", c.value, shown, c.shown)
		}
		again, _ := mustLoad(t, "c.json", `{`+where+`, "listener": `+c.shown+`}`)
		if !slices.Equal(again.Listener, got.Listener) {
			t.Errorf("%s: what is shown means %v, want %v", c.value, again.Listener, got.Listener)
		}
	}
	got, _ := mustLoad(t, "c.json", `{`+where+`}`, "TOPONYM_LISTENER=10.0.0.1, eth0:54")
	if want := []Listen{{Addr: netip.MustParseAddr("10.0.0.1")}, {Interface: "eth0", Port: 54}}; !slices.Equal(got.Listener, want) {
		t.Errorf("from the environment: got %v, want %v", got.Listener, want)
	}
}

func TestListenersOfDNSThatCannotWorkAreRejected(t *testing.T) {
	for _, c := range []struct{ settings, want string }{
		{`"listener": "localhost"`, `"localhost" is neither an IP address nor a network interface`},
		{`"listener": "10.0.0.300"`, `"10.0.0.300" is neither an IP address nor a network interface`},
		{`"listener": "a-name-that-is-too-long"`, `is neither an IP address nor a network interface`},
		{`"listener": "eth0:0"`, `has no port from 1 to 65535`},
		{`"listener": "10.0.0.1:0"`, `has no port from 1 to 65535`},
		{`"listener": "fe80::1"`, `"fe80::1" is link-local and does not say of which interface: want something like "fe80::1%eth0"`},
		{`"listener": ["[fe80::1]:5353"]`, `listener[0]: "[fe80::1]:5353" is link-local`},
		{`"HTTPListener": "fe80::1"`, `HTTPListener: "fe80::1" is link-local`},
		{`"httpsListen": "[fe80::1]:8443"`, `httpsListen[0]: "[fe80::1]:8443" is link-local`},
		{`"listener": []`, `is empty`},
		{`"listener": ["10.0.0.1", ""]`, `listener[1]`},
		{`"listener": ["10.0.0.1", "10.0.0.1"]`, `given twice`},
		{`"listener": ["10.0.0.1", "10.0.0.1:53"]`, `has 10.0.0.1:53 twice`},
		{`"listener": ["0.0.0.0", "10.0.0.1"]`, `has both 0.0.0.0 and 10.0.0.1`},
		{`"listener": ["0.0.0.0", "::", "fd00::1"]`, `has both :: and fd00::1`},
		{`"listener": ["eth0", "::"]`, `has both an interface and ::`},
		{`"listener": ["10.0.0.1", "10.0.0.2:8123"], "HTTPListener": "10.0.0.2"`, `httpport: is 8123, like port, on the same address`},
		{`"listener": "eth0:8123"`, `httpport: is 8123, like port, on the same address`},
		{`"listener": [` + strings.Repeat(`"10.0.0.1", `, 64) + `"10.0.0.1"]`, `given twice`},
	} {
		got := errorsOf(t, "c.json", `{`+where+`, `+c.settings+`}`)
		if len(got) == 0 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got errors %q, want one with %q", c.settings, got, c.want)
		}
	}
}

// Programs that read /v1/config expect a text.
func TestV1ShowsOneListener(t *testing.T) {
	for value, want := range map[string]string{`"::"`: "::", `["10.0.0.1", "10.0.0.2"]`: "10.0.0.1", `["0.0.0.0", "::"]`: "0.0.0.0"} {
		c, _ := mustLoad(t, "c.json", `{`+where+`, "listener": `+value+`}`)
		if got := toJSON(c.V1(1)); !strings.Contains(got, `"Listener":"`+want+`"`) {
			t.Errorf("%s: got %s, want the listener %q", value, got, want)
		}
	}
}
