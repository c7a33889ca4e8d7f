package state

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParseUPID(t *testing.T) {
	tests := []struct {
		in   string
		want UPID // zero: refused
	}{
		{"master@10.0.0.1:5050", UPID{"master", "10.0.0.1", 5050}},
		{"slave(1)@10.0.0.3:5051", UPID{"slave(1)", "10.0.0.3", 5051}},
		{"scheduler-15ee15ee-7a3f@10.150.0.2:15101", UPID{"scheduler-15ee15ee-7a3f", "10.150.0.2", 15101}},
		{"slave(1)@[fd11:a::11]:5051", UPID{"slave(1)", "fd11:a::11", 5051}},
		{"slave(1)@[::ffff:10.0.0.1]:5051", UPID{"slave(1)", "::ffff:10.0.0.1", 5051}},
		{"slave(1)@agent1.example:5051", UPID{"slave(1)", "agent1.example", 5051}},
		{"@10.0.0.1:1", UPID{"", "10.0.0.1", 1}},
		{"user@example@10.0.0.1:65535", UPID{"user@example", "10.0.0.1", 65535}}, // the last @ counts

		{"", UPID{}},
		{"@", UPID{}},
		{"None", UPID{}},
		{"10.0.0.1:5050", UPID{}},
		{"master@", UPID{}},
		{"master@10.0.0.1", UPID{}},
		{"master@10.0.0.1:", UPID{}},
		{"master@:5050", UPID{}},
		{"master@10.0.0.1:http", UPID{}},
		{"master@10.0.0.1:-1", UPID{}},
		{"master@10.0.0.1:+80", UPID{}},
		{"master@10.0.0.1:65536", UPID{}},
		{"master@10.0.0.1:0", UPID{}},
		{"@0.0.0.0:0", UPID{}}, // libprocess's way to write that there is none
		{"master@fd11:a::11:5050", UPID{}},
		{"master@[fd11:a::11]", UPID{}},
		{"scheduler-garbage@@:port", UPID{}},

		// Hosts end up in the log, in the status and in what systemd reads.
		{"master@evil\nWATCHDOG=trigger:5050", UPID{}},
		{"master@<html>:5050", UPID{}},
		{"master@[fe80::1%eth0]:5050", UPID{"master", "fe80::1%eth0", 5050}},
		{"master@" + strings.Repeat("a", 256) + ":5050", UPID{}},
	}
	for _, tt := range tests {
		got, err := ParseUPID(tt.in)
		if got != tt.want || (err != nil) != tt.want.IsZero() {
			t.Errorf("ParseUPID(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestParsePorts(t *testing.T) {
	tests := []struct {
		in   string
		want []PortRange
		err  string // what the error quotes; empty for none
	}{
		{"[]", nil, ""},
		{"[ ]", nil, ""},
		{"[31000-31000]", []PortRange{{31000, 31000}}, ""},
		{"[31000-31001, 31005-31005]", []PortRange{{31000, 31001}, {31005, 31005}}, ""},
		{"[31005-31005,31000-31001]", []PortRange{{31005, 31005}, {31000, 31001}}, ""}, // the order is kept
		{" [31000-31001]\n", []PortRange{{31000, 31001}}, ""},
		{"[31000]", []PortRange{{31000, 31000}}, ""},
		{"[0-65535]", []PortRange{{0, 65535}}, ""},
		{"[0000031000-31001]", []PortRange{{31000, 31001}}, ""},

		// One bad range does not cost the others.
		{"[31104-31104, , 31106-31107]", []PortRange{{31104, 31104}, {31106, 31107}}, `""`},
		{"[70000-70001, 80-81, x]", []PortRange{{80, 81}}, `"70000-70001"`},
		{"[5-3]", nil, `"5-3"`},
		{"[1-2-3]", nil, `"1-2-3"`},
		{"[-1]", nil, `"-1"`},
		{"[1-]", nil, `"1-"`},
		{"[+1-2]", nil, `"+1-2"`},
		{"[0x10-0x20]", nil, `"0x10-0x20"`},
		{"[1.0-2.0]", nil, `"1.0-2.0"`},
		{"[65535-65536]", nil, `"65535-65536"`},
		{"[99999999999999999999-1]", nil, `"99999999999999999999-1"`},
		{"[,]", nil, `""`},

		{"", nil, "brackets"},
		{"garbage", nil, "brackets"},
		{"31000-31001", nil, "brackets"},
		{"[31000-31001", nil, "brackets"},
		{"31000-31001]", nil, "brackets"},
		{"[", nil, "brackets"},
		{"]", nil, "brackets"},
	}
	for _, tt := range tests {
		got, err := ParsePorts(tt.in)
		if !slices.Equal(got, tt.want) {
			t.Errorf("ParsePorts(%q) = %v, want %v", tt.in, got, tt.want)
		}
		checkError(t, tt.in, err, tt.err)
	}
}

func TestParseAddr(t *testing.T) {
	const none = "is not an IP address"
	const useless = "is not an address that clients can connect to"
	tests := []struct {
		in   string
		want string
		err  string
	}{
		{"10.0.0.1", "10.0.0.1", ""},
		{"fd99:5::2", "fd99:5::2", ""},
		{"FD99:0005:0:0:0:0:0:2", "fd99:5::2", ""},
		{"127.0.0.1", "127.0.0.1", ""}, // everything on one host, as in a demo

		// Mesos gives the length of the network with IPv6 addresses.
		{"fd99:5::2/64", "fd99:5::2", ""},
		{"fd99:5::2/128", "fd99:5::2", ""},
		{"10.0.0.1/24", "10.0.0.1", ""},
		{"10.0.0.1/x", "10.0.0.1", ""}, // the length is of no use, so it is not judged

		{"::ffff:192.168.13.5", "192.168.13.5", ""},
		{"::ffff:c0a8:d05/96", "192.168.13.5", ""},

		{"0.0.0.0", "", useless},
		{"::", "", useless},
		{"::/64", "", useless},
		{"::ffff:0.0.0.0", "", useless},
		{"224.0.0.1", "", useless},
		{"ff02::1", "", useless},
		{"255.255.255.255", "", useless},
		{"::ffff:255.255.255.255", "", useless},
		{"fe80::1%eth0", "", useless},
		{"fe80::1%eth0/64", "", useless},

		{"", "", none},
		{"/24", "", none},
		{" 10.0.0.1", "", none},
		{"10.0.0.1 ", "", none},
		{"10.0.0.1:80", "", none},
		{"[fd99:5::2]", "", none},
		{"10.0.0", "", none},
		{"10.0.0.256", "", none},
		{"010.0.0.1", "", none}, // octal for some, so nobody can tell
		{"not.an.add.ress", "", none},
		{"localhost", "", none},
		{"<!DOCTYPE html>", "", none},
	}
	for _, tt := range tests {
		got, err := ParseAddr(tt.in)
		var want netip.Addr
		if tt.want != "" {
			want = netip.MustParseAddr(tt.want)
		}
		if got != want {
			t.Errorf("ParseAddr(%q) = %v, want %v", tt.in, got, want)
		}
		checkError(t, tt.in, err, tt.err)
	}
}

// What a master sends goes to the log, but not all of it.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("<p>404</p>\n", 10_000)
	_, upid := ParseUPID(long)
	_, ports := ParsePorts(long)
	_, part := ParsePorts("[" + long + "]")
	_, addr := ParseAddr(long)
	for _, err := range []error{upid, ports, part, addr} {
		if err == nil || len(err.Error()) > 150 || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %v, want one short line", err)
		}
	}
}

// checkError wants an error that contains a text, or none for "".
func checkError(t *testing.T, in string, err error, want string) {
	t.Helper()
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%q: error %v, want %q", in, err, want)
	}
}
