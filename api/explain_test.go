package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/zone"
)

// What cannot be a name, and paths that are not there yet, are told apart.
func TestExplainOfInvalidNames(t *testing.T) {
	s := testServer()
	for _, typed := range []string{"a..b", "a%20b", strings.Repeat("x", 64) + ".mesos", strings.Repeat("x.", 200)} {
		w := get(s, "/v1/explain/"+typed)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%.20s: got status %d: %s; want 400 with an error", typed, w.Code, w.Body)
		}
	}
	if w := get(s, "/v1/explain"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "want a name") {
		t.Errorf("without a name: got status %d: %s; want 400 with an error", w.Code, w.Body)
	}
	if w := get(s, "/v1/explain?name=.."); w.Code != http.StatusBadRequest {
		t.Errorf("..: got status %d, want 400", w.Code)
	}
	if w := get(pendingServer(), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first state: got status %d, want 503", w.Code)
	}
	o := testOptions(testSnapshot())
	o.Explain = nil
	if w := get(New(o), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusNotFound {
		t.Errorf("without an explanation: got status %d, want 404", w.Code)
	}
}

// An address stands for its name in the reverse tree, and a network for nothing.
func TestAddressesAreExplainedByTheirNames(t *testing.T) {
	for _, path := range []string{"/v1/explain/", "/v1/lookup?name="} {
		var x struct{ Name string }
		w := get(testServer(), path+"10.0.0.2")
		if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || x.Name != "2.0.0.10.in-addr.arpa." {
			t.Errorf("%s10.0.0.2: got %s (%v), want 2.0.0.10.in-addr.arpa.", path, w.Body, err)
		}
		w = get(testServer(), path+"10.0.0.0%2F8")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "it is a network") {
			t.Errorf("%s10.0.0.0/8: got status %d: %s; want 400", path, w.Code, w.Body)
		}
	}
}

// The root cannot be a part of a path: net/http takes "." out of it.
func TestExplainTheRoot(t *testing.T) {
	w := get(testServer(), "/v1/explain?name=.")
	if !strings.Contains(w.Body.String(), `"name": "."`) || !strings.Contains(w.Body.String(), AnswerRefused) {
		t.Errorf("got status %d and\n%s\nwant the explanation of the root", w.Code, w.Body)
	}
}

// For names outside the zones the explanation names the special-use zone or the
// servers that answer them.
func TestExplainSaysWhoAnswersOtherNames(t *testing.T) {
	o := testOptions(testSnapshot())
	o.Route = func(name records.Name) *Route {
		switch name.String() {
		case "localhost.":
			return &Route{Local: "localhost."}
		case "example.com.", "9.9.9.9.in-addr.arpa.":
			return &Route{Domain: ".", Servers: []string{"192.0.2.1"}}
		case "refused.example.":
			return &Route{}
		}
		return nil
	}
	for name, want := range map[string]struct {
		answer string
		zones  int
	}{
		"web.marathon.mesos":       {AnswerRecords, 0},
		"_tcp.marathon.mesos":      {AnswerEmpty, 0},
		"nope.marathon.mesos":      {AnswerNoName, 0},
		"1.0.168.192.in-addr.arpa": {AnswerRecords, 0},
		"9.9.9.9.in-addr.arpa":     {AnswerForwarded, 0},
		"localhost":                {AnswerLocal, 3},
		"example.com":              {AnswerForwarded, 3},
		"refused.example":          {AnswerRefused, 3},
	} {
		x := explained(t, New(o), name)
		if x.Answer != want.answer || len(x.Zones) != want.zones {
			t.Errorf("%s: got %q with %d zones, want %q with %d", name, x.Answer, len(x.Zones), want.answer, want.zones)
		}
	}
	if x := explained(t, testServer(), "example.com"); x.Answer != AnswerRefused {
		t.Errorf("without forwarding: got %q, want %q", x.Answer, AnswerRefused)
	}
}

// explained is the answer of /v1/explain.
func explained(t *testing.T, s *Server, name string) (x Explanation) {
	t.Helper()
	w := get(s, "/v1/explain/"+name)
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: got status %d and %v: %s", name, w.Code, err, w.Body)
	}
	return x
}

// An apex has the SOA and NS records of the settings, unless a zone file has the
// whole zone; other records of files are the file's.
func TestExplainOfApexes(t *testing.T) {
	zo := zoneOptions()
	zo.Aliases = []zone.Alias{{Name: records.MustParseName("mesos.example"), Target: records.MustParseName("mesos")}}
	var err error
	zo.Static, err = zone.ReadZoneFiles([]zone.ZoneFile{{Name: "f", Text: []byte(`
file.example. 60 SOA ns.file.example. root.ns.file.example. 1 2 3 4 5
file.example. 60 NS ns.file.example.
file.example. 60 A 10.1.0.1
mesos. 60 TXT "at the apex"
mesos. 60 NS ns2.file.example.
`)}}, zo)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(testSnapshot())
	o.Store = zone.NewStore(zone.Compile(testSet(testSnapshot()), zo, zone.SameSerial(testSerial)))
	for name, want := range map[string][]string{
		"mesos":         {"SOA zone", "NS zone", "NS file", "TXT file"},
		"mesos.example": {"SOA zone", "NS zone", "NS file", "TXT file"},
		"in-addr.arpa":  {"SOA zone", "NS zone"},
		"file.example":  {"SOA file", "A file", "NS file"},
	} {
		var got []string
		for _, r := range explained(t, New(o), name).Records {
			got = append(got, r.Type+" "+r.Owners[0].Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Explanations of names with thousands of owners are cut, and say so.
func TestExplanationsAreBounded(t *testing.T) {
	x := explained(t, New(testOptions(bigService(5000))), "big.marathon.mesos")
	if len(x.Records) != maxExplained || x.More != 2*(5000-maxExplained) {
		t.Errorf("got %d records and %d more, want %d and %d", len(x.Records), x.More, maxExplained, 2*(5000-maxExplained))
	}
	shared := testSnapshot()
	for i := range 3000 {
		task := *shared.Tasks[1]
		task.Key.ID = fmt.Sprint("web.", i+10)
		shared.Tasks = append(shared.Tasks, &task)
	}
	x = explained(t, New(testOptions(shared)), "web.marathon.mesos")
	owners := 0
	for _, r := range x.Records {
		owners += len(r.Owners)
	}
	if owners != maxExplained || len(x.Records) != 3 || x.More != 3*3001-maxExplained {
		t.Errorf("got %d owners of %d records and %d more, want %d of 3 and %d", owners, len(x.Records), x.More, maxExplained, 3*3001-maxExplained)
	}
}
