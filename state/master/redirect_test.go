package master

import (
	"net/url"
	"testing"

	"toponym/state/leader"
)

func TestARedirectNamesTheLeaderAndMayLeaveOutThePort(t *testing.T) {
	const base = "http://10.0.0.1:5050/master/state"
	for _, tt := range []struct {
		base, location string
		want           leader.Address // zero: an error
	}{
		// What masters send: no scheme, the leader's --hostname.
		{base, "//10.0.0.2:5050/master/state", leader.Address{Host: "10.0.0.2", Port: 5050}},
		{base, "//master2.example:5050/master/state?a=1", leader.Address{Host: "master2.example", Port: 5050}},
		{base, "//[fd00::2]:5050/master/state", leader.Address{Host: "fd00::2", Port: 5050}},

		// The port is the default of the scheme, not that of the standby.
		{base, "//10.0.0.2/master/state", leader.Address{Host: "10.0.0.2", Port: 80}},
		{base, "//10.0.0.2:/master/state", leader.Address{Host: "10.0.0.2", Port: 80}},
		{"https://10.0.0.1:5050/master/state", "//10.0.0.2/master/state", leader.Address{Host: "10.0.0.2", Port: 443}},
		{base, "//[fd00::2]/master/state", leader.Address{Host: "fd00::2", Port: 80}},

		// What proxies send.
		{base, "HTTP://10.0.0.2:5050/master/state", leader.Address{Host: "10.0.0.2", Port: 5050}},
		{base, "/elsewhere", leader.Address{Host: "10.0.0.1", Port: 5050}},
		{base, "//user:secret@10.0.0.2:5050/", leader.Address{Host: "10.0.0.2", Port: 5050}},

		{base, "//:5050/master/state", leader.Address{}},
		{base, "http:/master/state", leader.Address{}},
		{base, "//10.0.0.2:0/master/state", leader.Address{}},
		{base, "//10.0.0.2:70000/master/state", leader.Address{}},
	} {
		at, err := url.Parse(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		to, err := at.Parse(tt.location)
		if err != nil {
			t.Fatal(err)
		}
		got, err := urlAddress(to)
		if got != tt.want || (err == nil) != (tt.want != leader.Address{}) {
			t.Errorf("from %s to %q: got %v, error %v, want %v", tt.base, tt.location, got, err, tt.want)
		}
	}
}
