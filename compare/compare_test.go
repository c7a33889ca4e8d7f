package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestDiffListsWhatOneSideHas(t *testing.T) {
	ours := Records{{"a.", "A"}: {"1", "2"}, {"b.", "A"}: {"1"}, {"c.", "A"}: {"1"}}
	theirs := Records{{"a.", "A"}: {"2", "3"}, {"b.", "A"}: {"1"}, {"d.", "SRV"}: {"1"}, {"e.", "A"}: nil}
	got, n := Diff(ours, theirs)
	want := []Difference{
		{Key{"a.", "A"}, []string{"1"}, []string{"3"}},
		{Key{"c.", "A"}, []string{"1"}, nil},
		{Key{"d.", "SRV"}, nil, []string{"1"}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || n != (Counts{4, 1}) {
		t.Errorf("got %v, %+v; want %v, 4 compared and 1 equal", got, n, want)
	}
}

func TestOnlyDifferencesThatPersistCount(t *testing.T) {
	before := []Difference{{Key{"a.", "A"}, []string{"1", "2"}, []string{"3"}}, {Key{"b.", "A"}, []string{"1"}, nil}}
	now := []Difference{{Key{"a.", "A"}, []string{"2", "4"}, nil}, {Key{"b.", "A"}, nil, []string{"1"}}, {Key{"c.", "A"}, []string{"1"}, nil}}
	got := Persisting(now, before)
	want := []Difference{{Key{"a.", "A"}, []string{"2"}, nil}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whatever the records are: equal sides have no difference, a difference persists in
// itself, and both sides of a comparison can be exchanged.
func TestDifferencesOfRandomRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	records := func() Records {
		r := Records{}
		for range random.IntN(20) {
			k := Key{string(rune('a'+random.IntN(5))) + ".", types[random.IntN(3)]}
			r[k] = append(r[k], fmt.Sprint(random.IntN(4)))
			slices.Sort(r[k])
			r[k] = slices.Compact(r[k])
		}
		return r
	}
	for range 500 {
		a, b := records(), records()
		if d, n := Diff(a, a); len(d) > 0 || n.Compared != n.Equal || n.Compared != len(a) {
			t.Fatalf("%v: got %v, %+v; want all equal to itself", a, d, n)
		}
		d, n := Diff(a, b)
		if n.Compared != n.Equal+len(d) {
			t.Fatalf("%v, %v: got %+v with %d differences, want their sum", a, b, n, len(d))
		}
		if p := Persisting(d, d); fmt.Sprint(p) != fmt.Sprint(d) {
			t.Fatalf("got %v, want %v", p, d)
		}
		back, _ := Diff(b, a)
		for i := range d {
			d[i].Toponym, d[i].MesosDNS = d[i].MesosDNS, d[i].Toponym
		}
		if fmt.Sprint(back) != fmt.Sprint(d) {
			t.Fatalf("got %v, want %v", back, d)
		}
	}
}

// An alternative with more settings is not named where one with fewer is enough.
func TestTheFirstAlternativeThatAgreesIsNamed(t *testing.T) {
	in := Input{Domain: "mesos.", Toponym: Records{}, MesosDNS: Records{{"w.marathon.mesos.", "A"}: {"1"}}}
	d, _ := Diff(in.Toponym, in.MesosDNS)
	made := 0
	findings := Explain(d, in, func(yield func(Alternative) bool) {
		for _, settings := range [][]Setting{{{"IPSources", "1"}}, {{"IPSources", "2"}, {"srvScope", "2"}}, {{"unhealthy", "3"}}} {
			records := Records{{"w.marathon.mesos.", "A"}: {"1"}}
			if made++; made == 1 {
				records = Records{}
			}
			if !yield(Alternative{Settings: settings, Records: records}) {
				return
			}
		}
	})
	if got := fmt.Sprint(findings[0].Data[0].Settings); got != "[{IPSources 2} {srvScope 2}]" || made != 2 {
		t.Errorf("got settings %s after %d alternatives, want those of the second one, and no third one", got, made)
	}
}

const smallAXFR = `{"TTL": 60, "Serial": 1, "RefreshSeconds": 30, "Mname": "ns1.mesos.", "Domain": "mesos",
 "Records": {"As": {"a.mesos.": ["10.0.0.2", "10.0.0.1", "10.0.0.1"]}, "AAAAs": {"a.mesos.": ["fd00::1"]}, "SRVs": {"_a._tcp.mesos.": ["a.mesos.:80"]}}}`

func TestReadAXFR(t *testing.T) {
	a, err := ReadAXFR(strings.NewReader(smallAXFR), LimitsFor(0))
	if err != nil {
		t.Fatal(err)
	}
	want := Records{{"a.mesos.", "A"}: {"10.0.0.1", "10.0.0.2"}, {"a.mesos.", "AAAA"}: {"fd00::1"}, {"_a._tcp.mesos.", "SRV"}: {"a.mesos.:80"}}
	if fmt.Sprint(a.Records) != fmt.Sprint(want) || a.Domain != "mesos" || a.Mname != "ns1.mesos." || a.RefreshSeconds != 30 || a.Listed != 8 {
		t.Errorf("got %+v, want the records %v of mesos with 8 names and data", a, want)
	}
}

func TestReadAXFRRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", `"x"`, "<html>", "{}", `{"Records": 1}`, smallAXFR[:len(smallAXFR)-1], smallAXFR + "x",
		`{"Records": {"As": {"a": ["` + strings.Repeat("x", maxText+1) + `"]}}}`,
		`{"Records": {"As": {"` + strings.Repeat("x", maxText+1) + `": []}}}`,
	} {
		if a, err := ReadAXFR(strings.NewReader(text), LimitsFor(0)); err == nil {
			t.Errorf("%.60q: got %+v, want an error", text, a)
		}
	}
	// Values of other types are skipped, as long as there are records.
	if _, err := ReadAXFR(strings.NewReader(`{"Domain": 1, "RefreshSeconds": "x", "Records": {"As": [], "AAAAs": {"a": 1}, "MXs": {"a": ["x"]}, "SRVs": {"b": [1, null]}}}`), LimitsFor(0)); err != nil {
		t.Errorf("got %v, want no error for values of other types", err)
	}
}

// endless is an answer that does not end.
type endless struct {
	head, body string
	read       int64
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	if e.head != "" {
		n = copy(b, e.head)
		e.head = e.head[n:]
	}
	for n < len(b) {
		n += copy(b[n:], e.body)
	}
	e.read += int64(n)
	return n, nil
}

func TestALyingMesosDNSIsCutOff(t *testing.T) {
	limits := Limits{Bytes: 1 << 20, Records: 1000}
	for name, e := range map[string]*endless{
		"spaces":       {body: "  "},
		"names":        {head: `{"Records": {"As": {"x":[]`, body: `,"a":[]`},
		"data":         {head: `{"Records": {"As": {"x":["1"`, body: `,"1"`},
		"a long text":  {head: `{"Records": {"As": {"`, body: "x"},
		"another type": {head: `{"Other": [1`, body: ",1"},
		"nesting":      {body: "["},
	} {
		if _, err := ReadAXFR(e, limits); err == nil || e.read > 2*limits.Bytes {
			t.Errorf("%s: got error %v after %d bytes, want an error before %d", name, err, e.read, 2*limits.Bytes)
		}
		if _, err := ReadEnumerate(&endless{head: e.head, body: e.body}, limits); err == nil {
			t.Errorf("%s: got no error for /v1/enumerate, want one", name)
		}
	}
}

func TestReadEnumerate(t *testing.T) {
	const text = `{"frameworks": [{"tasks": [{"name": "web", "id": "web.1", "records": [{"name": "x"}]}, {"id": "web.2", "records": null}], "name": "marathon"}, {"tasks": null, "name": "empty"}, 1]}`
	got, err := ReadEnumerate(strings.NewReader(text), LimitsFor(0))
	want := map[Task]bool{{"marathon", "web.1"}: true, {"marathon", "web.2"}: true}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := ReadEnumerate(strings.NewReader("[]"), LimitsFor(0)); err == nil {
		t.Error("got no error for a list, want one")
	}
}

func FuzzReadAXFR(f *testing.F) {
	f.Add(smallAXFR)
	f.Add(`{"Records": {"As": {"": [""]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		limits := Limits{Bytes: 1 << 16, Records: 100}
		a, err := ReadAXFR(strings.NewReader(text), limits)
		if err != nil {
			return
		}
		if n := recordCount(a.Records); n > limits.Records {
			t.Errorf("got %d records, want at most %d", n, limits.Records)
		}
		d, _ := Diff(Records{}, a.Records)
		r := Report{Findings: Explain(d, Input{Domain: "mesos.", Toponym: Records{}, MesosDNS: a.Records}, func(func(Alternative) bool) {})}
		r.Complete()
		var b strings.Builder
		if err := r.WriteText(&b, true); err != nil {
			t.Fatal(err)
		}
		for _, c := range b.String() {
			if c < ' ' && c != '\n' || c == 0x7f {
				t.Errorf("the report has the control character %q", c)
			}
		}
	})
}

func recordCount(r Records) (n int) {
	for _, data := range r {
		n += len(data)
	}
	return n
}
