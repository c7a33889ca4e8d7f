package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// A name is found as it is, or completed; else the nearest names are told. Other names
// of a task are those of all trees and types.
func TestLookup(t *testing.T) {
	snapshot := testSnapshot()
	sub := *snapshot.Tasks[0]
	sub.Key.ID, sub.Name, sub.Discovery = "sub_web.1", "web.sub", nil
	snapshot.Tasks = append(snapshot.Tasks, &sub)
	s := New(testOptions(snapshot))
	for typed, want := range map[string]struct {
		found       bool
		answers     string
		completions string
		near        string
		related     []string // some of them
	}{
		"WEB.marathon.mesos.":               {true, "web.marathon.mesos.", "", "", []string{"web.marathon.slave.mesos.", "_web._tcp.marathon.mesos.", "_http._tcp.web.marathon.mesos.", "_http._web._tcp.marathon.mesos."}},
		"web":                               {true, "web.marathon.mesos.", "web.marathon.mesos.", "", []string{"web.marathon.slave.mesos."}},
		"web.marathon":                      {true, "web.marathon.mesos.", "web.marathon.mesos.", "", []string{"web.marathon.slave.mesos."}},
		"web.marathon.slave":                {true, "web.marathon.slave.mesos.", "web.marathon.slave.mesos.", "", []string{"web.marathon.mesos."}},
		"_http._tcp.web":                    {true, "_http._tcp.web.marathon.mesos.", "_http._tcp.web.marathon.mesos.", "", []string{"web.marathon.mesos.", "_web._tcp.marathon.mesos."}},
		"_web._tcp":                         {true, "_web._tcp.marathon.mesos.", "_web._tcp.marathon.mesos.", "", []string{"web.marathon.mesos.", "_http._tcp.web.marathon.mesos."}},
		"master":                            {true, "master.mesos.", "master.mesos.", "", nil},
		"mesos":                             {true, "mesos.", "", "", nil},
		"ngixn":                             {false, "ngixn.", "", "nginx.marathon.mesos.", nil},
		"ngixn.":                            {false, "ngixn.", "", "nginx.marathon.mesos.", nil},
		"web.":                              {false, "web.", "", "web.marathon.mesos. _web._tcp.marathon.mesos.", nil},
		"wbe.marathon.mesos":                {false, "wbe.marathon.mesos.", "", "web.marathon.mesos.", nil},
		"/web":                              {false, "/web.", "", "web.marathon.mesos.", nil},
		"/Sub/Web/":                         {false, "/sub/web/.", "", "web-sub.marathon.mesos.", nil},
		"sub/web":                           {false, "sub/web.", "", "web-sub.marathon.mesos.", nil},
		"web:80":                            {false, "web:80.", "", "web.marathon.mesos.", nil},
		"http://web/x":                      {false, "http://web/x.", "", "web.marathon.mesos.", nil},
		"https://web.marathon.mesos.:80":    {false, "https://web.marathon.mesos.:80.", "", "web.marathon.mesos.", nil},
		"http://example.com/":               {false, "http://example.com/.", "", "", nil},
		"none:80":                           {false, "none:80.", "", "", nil},
		"/":                                 {false, "/.", "", "", nil},
		"nothing.like.this":                 {false, "nothing.like.this.", "", "", nil},
		"zz":                                {false, "zz.", "", "", nil},
		"10.0.0.2":                          {false, "2.0.0.10.in-addr.arpa.", "", "", nil},
		strings.Repeat("a.", 120) + "mesos": {false, strings.Repeat("a.", 120) + "mesos.", "", "", nil},
	} {
		w := get(s, "/v1/lookup?name="+typed)
		var l Lookup
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || w.Code != http.StatusOK {
			t.Errorf("%s: got status %d, %v: %s", typed, w.Code, err, w.Body)
			continue
		}
		var answers, related []string
		for _, x := range l.Answers {
			answers = append(answers, x.Name)
		}
		for _, r := range l.Related {
			related = append(related, r.Name)
			if len(r.Records) == 0 || r.Records[0].Type == "" || r.Records[0].Data == "" || r.Records[0].TTL != 60 {
				t.Errorf("%s: got %+v, want its records with their TTL", typed, r)
			}
		}
		if got := strings.Join(answers, " "); l.Found != want.found || got != want.answers || strings.Join(l.Completions, " ") != want.completions {
			t.Errorf("%s: got found %v, answers %q, completions %q; want %v, %q, %q", typed, l.Found, got, l.Completions, want.found, want.answers, want.completions)
		}
		if got := strings.Join(l.Near, " "); got != want.near && typed != "10.0.0.2" {
			t.Errorf("%s: got the nearest names %q, want %q", typed, got, want.near)
		}
		for _, name := range want.related {
			if !slices.Contains(related, name) {
				t.Errorf("%s: got the related names %q, want %s", typed, related, name)
			}
		}
		if want.related == nil && len(related) > 0 {
			t.Errorf("%s: got the related names %q, want none", typed, related)
		}
	}
	for target, want := range map[string]int{"/v1/lookup": 400, "/v1/lookup?name=": 400, "/v1/lookup?name=a..b": 400, "/v1/lookup?name=a&limit=1": 400} {
		if w := get(s, target); w.Code != want {
			t.Errorf("%s: got status %d, want %d", target, w.Code, want)
		}
	}
}

// An address is not completed: a task can have a name that begins like its reverse name.
func TestLookupOfAnAddressFindsNoTaskByName(t *testing.T) {
	snapshot := testSnapshot()
	task := *snapshot.Tasks[0]
	task.Key.ID, task.Name, task.Discovery = "reverse.1", "9.9.9.9.in-addr.arpa", &state.Discovery{Name: "9.9.9.9.in-addr.arpa"}
	snapshot.Tasks = append(snapshot.Tasks, &task)
	s := New(testOptions(snapshot))
	for typed, want := range map[string]int{"9.9.9.9.in-addr.arpa": 1, "9.9.9.9.in-addr.arpa.": 0, "9.9.9.9": 0} {
		var l Lookup
		w := get(s, "/v1/lookup?name="+typed)
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Completions) != want {
			t.Errorf("%s: got completions %q (%v), want %d", typed, l.Completions, err, want)
		}
	}
}

// An address without a PTR record is told by the names that have it, and is not found
// where the resolver answers that its name does not exist.
func TestLookupOfAnAddressNamesWhoHasIt(t *testing.T) {
	o := testOptions(testSnapshot())
	o.ReverseOff = true
	o.Route = func(name records.Name) *Route { return &Route{Local: "10.in-addr.arpa."} }
	o.Preview = func(records.Name) *dns.Msg { return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError}} }
	s := New(o)
	const agents = "slave.mesos. nginx-yftu6-s0.marathon.slave.mesos. nginx.marathon.slave.mesos. " +
		"six-obkix-s0.marathon.slave.mesos. six.marathon.slave.mesos. web-e844k-s0.marathon.slave.mesos. web.marathon.slave.mesos."
	for typed, want := range map[string]struct {
		found     bool
		addressOf string
		off       bool
	}{
		"10.0.0.2":        {false, agents, true},
		"::ffff:10.0.0.2": {false, agents, true},
		"10.9.9.9":        {false, "", true},
		"192.168.0.1":     {true, "", false}, // it has a PTR record
		"localhost":       {false, "", false},
		"2001:db8::1":     {false, "", true},
		"10.0.0.2.mesos":  {false, "", false},
		"10.0.0.1":        {false, "leader.mesos. master.mesos. master0.mesos.", true},
	} {
		var l Lookup
		w := get(s, "/v1/lookup?name="+typed)
		err := json.Unmarshal(w.Body.Bytes(), &l)
		if got := strings.Join(l.AddressOf, " "); err != nil || l.Found != want.found || got != want.addressOf || l.ReverseOff != want.off {
			t.Errorf("%s: got found %v, address of %q, reverse off %v (%v); want %v, %q, %v", typed, l.Found, got, l.ReverseOff, err, want.found, want.addressOf, want.off)
		}
	}
}

// A name below an alias has the same related names as what it stands for.
func TestLookupThroughAnAlias(t *testing.T) {
	snapshot := testSnapshot()
	o, zo := testOptions(snapshot), zoneOptions()
	zo.Aliases = []zone.Alias{{Name: records.MustParseName("mesos.alias.example"), Target: records.MustParseName("mesos")}}
	o.Store = zone.NewStore(zone.Compile(testSet(snapshot), zo, zone.SameSerial(testSerial)))
	s := New(o)
	var related [2]string
	for i, name := range []string{"web.marathon.mesos", "web.marathon.mesos.alias.example"} {
		var l Lookup
		w := get(s, "/v1/lookup?name="+name)
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || !l.Found {
			t.Errorf("%s: got %s, %v; want a name that is found", name, w.Body, err)
		}
		for _, r := range l.Related {
			related[i] += r.Name + " "
		}
	}
	if related[0] != related[1] || related[0] == "" {
		t.Errorf("got the related names\n%s\nand through the alias\n%s\nwant the same", related[0], related[1])
	}
}
