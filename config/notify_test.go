package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNotifyNamesSecondariesAndTheirKeys(t *testing.T) {
	c, warnings, err := loadTransfer(t, `"tsigKeys": {"one.key": {"secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="}}, "transferAllow": ["10.0.0.0/8"],
		"notify": ["10.0.0.5", "10.0.0.5:5353", " fd00::5  key:ONE.key ", "[fd00::6]:54", "::ffff:10.0.0.6"], "notifyIntervalMs": 250`)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", warnings, err)
	}
	want := []NotifyTarget{
		{Addr: netip.MustParseAddrPort("10.0.0.5:53")},
		{Addr: netip.MustParseAddrPort("10.0.0.5:5353")},
		{netip.MustParseAddrPort("[fd00::5]:53"), "one.key"},
		{Addr: netip.MustParseAddrPort("[fd00::6]:54")},
		{Addr: netip.MustParseAddrPort("10.0.0.6:53")},
	}
	if !reflect.DeepEqual(c.Notify, want) || c.NotifyInterval != 250*time.Millisecond {
		t.Errorf("got %v every %v, want %v every 250ms", c.Notify, c.NotifyInterval, want)
	}
	if text := toJSON(c.Notify[2:4]); text != `["[fd00::5]:53 key:one.key","[fd00::6]:54"]` {
		t.Errorf("the secondaries are shown as %s", text)
	}
	if d := Defaults(); len(d.Notify) != 0 || d.NotifyInterval != 100*time.Millisecond {
		t.Errorf("got the defaults %v and %v, want nobody and 100ms", d.Notify, d.NotifyInterval)
	}
}

func TestErrorsOfNotify(t *testing.T) {
	for text, want := range map[string]string{
		`"notify": ["secondary.example"]`:              `notify[0]: "secondary.example" is neither an IP address nor IP:port`,
		`"notify": ["10.0.0.5:0"]`:                     "is neither an IP address nor IP:port",
		`"notify": ["0.0.0.0"]`:                        "is not the address of one host",
		`"notify": ["ff02::1"]`:                        "is not the address of one host",
		`"notify": ["255.255.255.255"]`:                "is not the address of one host",
		`"notify": [""]`:                               "is neither an address nor an address and a key",
		`"notify": ["10.0.0.5 key:a key:b"]`:           "is neither an address nor an address and a key",
		`"notify": ["10.0.0.5 10.0.0.6"]`:              "has something other than a key behind the address",
		`"notify": ["10.0.0.5 key:"]`:                  "has a key that is not a domain name: it is empty",
		`"notify": ["10.0.0.5", "10.0.0.6 key:other"]`: `notify[1]: "10.0.0.6:53 key:other" names a key that is not in tsigKeys`,
		`"notify": ["10.0.0.5", "10.0.0.5:53"]`:        `notify[1]: "10.0.0.5:53" is given twice`,
		`"notify": ["10.0.0.5", "10.0.0.5 key:a"], "tsigKeys": {"a": {"secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="}}`: `notify[1]: "10.0.0.5:53 key:a" has the address of another item`,
		`"notify": 5`:               "notify: 5 is not a list",
		`"notifyIntervalMs": 0`:     "notifyIntervalMs: 0 is out of range",
		`"notifyIntervalMs": 60001`: "notifyIntervalMs: 60001 is out of range",
	} {
		_, _, err := loadTransfer(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	var many []string
	for i := range maxNotify + 1 {
		many = append(many, fmt.Sprintf("10.0.%d.%d", i/256, i%256))
	}
	if _, _, err := loadTransfer(t, `"notify": `+toJSON(many)); err == nil || !strings.Contains(err.Error(), "has 501 items") {
		t.Errorf("got %v for 501 secondaries, want an error", err)
	}
	_, warnings, err := loadTransfer(t, `"notify": ["10.0.0.5"], "dnson": false`)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "not used: dnson is false") {
		t.Errorf("without DNS: got %v, %v, want a warning", warnings, err)
	}
	_, warnings, err = loadTransfer(t, `"notify": ["10.0.0.5"]`)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "transferAllow allows nobody") {
		t.Errorf("without transferAllow: got %v, %v, want a warning", warnings, err)
	}
}
