package zone

import (
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Every error has the line of its record and says what to do, and one error
// does not hide the next.
func TestZoneFileErrorsNameLineAndProblem(t *testing.T) {
	o := testOptions()
	o.Aliases = []Alias{{name("mirror.example"), name("mesos")}}
	for _, tc := range []struct{ title, text, want string }{
		{"a word that is no type", "db.mesos. IN X 1\n", `0:1: `},
		{"a short SOA record, not the line after it", "$ORIGIN a.\n@ SOA b.mesos. c.mesos.\nd.mesos. A 10.0.0.1\n", "0:2: the SOA record needs two names and five numbers"},
		{"two bad addresses", "a.mesos. A 1.2.3\n\nb.mesos. A 1.2.3.4\nc.mesos. AAAA 1.2.3.4.5\n", "0:1: bad A A: \"1.2.3\"\n0:4: bad AAAA AAAA: \"1.2.3.4.5\""},
		{"in parentheses", "$TTL 5\nz.example. SOA a. b. (\n 1 2 ; x )\n 3 4 x\n )\nb.mesos. A x\n", "0:2: bad SOA zone parameter: \"x\"\n0:6: bad A A: \"x\""},
		{"a quote that does not end", "a.mesos. TXT \"x\nb.mesos. A 1.2.3.4\n", `0:1: `},
		{"a relative name", "db A 1.2.3.4\n", `0:1: bad owner name: "db" (a name that does not end in a dot needs an $ORIGIN before it)`},
		{"$INCLUDE", "$INCLUDE /etc/passwd\n", `0:1: $INCLUDE directive not allowed: "/etc/passwd"`},
		{"no data", "db.mesos. A\nx.mesos. SRV\nx.mesos. CNAME\n", "0:1: unexpected newline: \"\\n\"\n0:2: unexpected newline: \"\\n\"\n0:3: x.mesos. CNAME: the record has no data"},
		{"out of all zones", "db.example. A 1.2.3.4\n", "0:1: db.example. A: the name is in no zone: no domain of the settings and no name with a SOA record is above it"},
		{"below an alias", "db.mirror.example. A 1.2.3.4\n", "0:1: db.mirror.example. A: the name is below the alias mirror.example."},
		{"a zone at an alias", "mirror.example. SOA a. b. 1 2 3 4 5\n", "0:1: mirror.example. SOA: the name is an alias in the settings"},
		{"our own SOA", "mesos. SOA a. b. 1 2 3 4 5\n", "0:1: mesos. SOA: the SOA record of this zone comes from the settings"},
		{"two SOAs", "x. SOA a. b. 1 2 3 4 5\nx. NS a.\nx. SOA a. b. 1 2 3 4 5\n", "0:3: x. SOA: the zone has another SOA record already"},
		{"no name server", "x. SOA a. b. 1 2 3 4 5\n", "0:1: x. SOA: the zone has no NS record"},
		{"a delegation", "x.mesos. NS a.\n", "0:1: x.mesos. NS: the record delegates a part of the zone mesos., which is not supported"},
		{"a wildcard", "*.mesos. A 1.2.3.4\n", "0:1: *.mesos. A: wildcards are not supported"},
		{"DNAME", "x.mesos. DNAME y.\n", "0:1: x.mesos. DNAME: DNAME records are not supported: use the setting aliases instead"},
		{"a signed zone", "x.mesos. DS 1 8 2 AABB\n", "0:1: x.mesos. DS: signed zones are not supported"},
		{"another class", "x.mesos. CH TXT x\n", "0:1: x.mesos. TXT: the class is CH, but must be IN"},
		{"a TTL that is too large", "x.mesos. 4294967295 A 1.2.3.4\n", "0:1: x.mesos. A: the TTL is more than 2147483647 (RFC 2181, section 8)"},
		{"CNAME at the top", "mesos. CNAME y.\n", "0:1: mesos. CNAME: a CNAME record cannot stand at the top of a zone, beside its SOA record"},
		{"CNAME and others", "x.mesos. CNAME y.\nx.mesos. A 1.2.3.4\n", "0:2: x.mesos. A: a CNAME record must stand alone, but the name has others"},
		{"others and CNAME", "x.mesos. A 1.2.3.4\nx.mesos. CNAME y.\n", "0:2: x.mesos. CNAME: a CNAME record must stand alone, but the name has others"},
		{"two CNAMEs", "x.mesos. CNAME y.\nx.mesos. CNAME Y.\nx.mesos. CNAME z.\n", "0:3: x.mesos. CNAME: the name has another CNAME record"},
		{"too large", "x.mesos. TXT" + strings.Repeat(" "+strings.Repeat("x", 250), 9) + "\n", "0:1: x.mesos. TXT: the record is larger than 2000 bytes"},
		{"too many errors", strings.Repeat("x\n", 100), "%20"},
	} {
		t.Run(tc.title, func(t *testing.T) {
			s, err := ReadZoneFiles([]ZoneFile{{Name: "0", Text: []byte(tc.text)}}, o)
			if err == nil {
				t.Fatalf("got %d names and no error", len(s.names))
			}
			want := tc.want
			if want == "%20" {
				if n := strings.Count(err.Error(), ": not a TTL"); n != 20 {
					t.Errorf("got %d errors, want 20", n)
				}
				return
			}
			if strings.HasSuffix(want, ": ") { // the rest is the parser's wording
				if !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got\n%v\nwant\n%s…", err, want)
				}
				return
			}
			if err.Error() != want {
				t.Errorf("got\n%v\nwant\n%s", err, want)
			}
		})
	}
}

// $GENERATE can make any number of records from a short file.
func TestRecordsOfAllZoneFilesAreBounded(t *testing.T) {
	var errs errorList
	file := ZoneFile{Name: "0", Text: []byte("\n$GENERATE 0-65535 a$.mesos. A 1.2.3.4\n")}
	got := parseZoneFile(file, 0, 60, 5, &errs)
	if want := "0:2: there are more than 200000 records in all files"; len(got) != 5 || errs.sorted().Error() != want {
		t.Errorf("got %d records and %q, want 5 and %q", len(got), errs.sorted(), want)
	}
	_, err := ReadZoneFiles([]ZoneFile{{Name: "big", Text: make([]byte, MaxZoneFileSize+1)}}, testOptions())
	if err == nil || !strings.Contains(err.Error(), "big: the file is larger") {
		t.Errorf("a file of %d bytes: got %v", MaxZoneFileSize+1, err)
	}
}

func FuzzReadZoneFiles(f *testing.F) {
	f.Add([]byte(externalZone))
	f.Add([]byte(ownNames))
	f.Add([]byte("$GENERATE 1-3 x$.mesos. A 10.0.0.$\na.mesos. A\nb.mesos. TYPE65280 \\# 0\n(\n"))
	set := testSet()
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(strings.ToUpper(string(text)), "$GENERATE") && len(text) > 200 {
			return // could make 100,000 records
		}
		o := testOptions()
		s, err := ReadZoneFiles([]ZoneFile{{Name: "f", Text: text}}, o)
		if err != nil {
			for _, f := range err.(ZoneFileErrors) {
				if f.Line < 1 || f.Line > 1+strings.Count(string(text), "\n") {
					t.Errorf("error %v has a line that %q does not have", f, text)
				}
			}
			return
		}
		o.Static = s
		z := Compile(set, o, SameSerial(1))
		for n := range s.Names() {
			node := z.Node(n)
			if node == nil {
				t.Fatalf("the zone lacks %v", n)
			}
			for _, rr := range z.RRs(node, "owner.", dns.TypeANY) {
				if _, err := dns.PackRR(rr, make([]byte, 3*maxRecordSize), 0, nil, false); err != nil {
					t.Errorf("packing %v: %v", rr, err)
				}
			}
		}
	})
}

// Reading a zone file costs in proportion to its size, also where each record
// has an owner of its own, and where all have the same one.
func TestReadingZoneFilesGrowsLinearly(t *testing.T) {
	for title, format := range map[string]string{
		"many names":           "host%d.mesos. A 10.0.0.1\n",
		"one name":             "host.mesos. TXT \"%d\"\n",
		"many lines per entry": "host%d.mesos. TXT (\n ; comment\n x\n)\n",
	} {
		bytesOf := func(n int) uint64 {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, format, i)
			}
			text := []byte(b.String())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := ReadZoneFiles([]ZoneFile{{Name: "f", Text: text}}, testOptions()); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		if small, large := bytesOf(1000), bytesOf(8000); large > 12*small {
			t.Errorf("%s: 1,000 records allocate %d bytes, 8,000 allocate %d: got a factor of %.1f, want about 8", title, small, large, float64(large)/float64(small))
		}
	}
}

// The line of an entry is known without counting again from the start of the
// file, which once made 100,000 records take 13 seconds.
func TestLinesOfEntriesAreFoundInOnePass(t *testing.T) {
	r := newEntryReader([]byte("a\n\n(\n\"x\n\" ; (\n)\nb ; \"\nc"))
	var got []int
	for _, e := range r.entries {
		got = append(got, e.line)
	}
	if want := []int{1, 2, 3, 7, 8}; !slices.Equal(got, want) {
		t.Errorf("got entries at lines %v, want %v", got, want)
	}
}

// BenchmarkReadZoneFiles doubles the number of records: the time per record must
// not grow.
func BenchmarkReadZoneFiles(b *testing.B) {
	for _, n := range []int{25_000, 50_000, 100_000} {
		b.Run(fmt.Sprintf("%d-records", n), func(b *testing.B) {
			var text strings.Builder
			for i := range n {
				fmt.Fprintf(&text, "host%d.mesos. A 10.0.0.1\n", i)
			}
			for b.Loop() {
				if _, err := ReadZoneFiles([]ZoneFile{{Name: "f", Text: []byte(text.String())}}, testOptions()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}

// All errors are reported in one run. Records that may lie in a zone of the missing
// file are no errors.
func TestUnreadableZoneFileHidesNoErrorsOfOthers(t *testing.T) {
	_, err := ReadZoneFiles([]ZoneFile{
		{Name: "missing", Err: fs.ErrNotExist},
		{Name: "broken", Text: []byte("web.mesos. A 1.2.3\ndb.spartan. A 10.0.0.1\n")},
	}, testOptions())
	if err == nil {
		t.Fatal("got no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || lines[0] != "missing: cannot be read: file does not exist" || !strings.HasPrefix(lines[1], "broken:1: ") {
		t.Errorf("got %q, want the missing file and line 1 of the broken one", lines)
	}
}

// A file that was pasted from a page keeps its meaning.
func TestBlanksBeforeAWholeZoneFileDoNotMatter(t *testing.T) {
	const text = "$ORIGIN spartan.\n\n; a comment\n@    60 SOA ns1.mesos. root.ns1.mesos. (\n  1 60 600\n  86400 60 )\n     60 NS ns1.mesos.\nready 60 A 127.0.0.1\n      60 A 127.0.0.2\n"
	read := func(text string) (*StaticRecords, error) {
		return ReadZoneFiles([]ZoneFile{{Name: "0", Text: []byte(text)}}, testOptions())
	}
	for title, indented := range map[string]string{
		"blanks":      "    " + strings.ReplaceAll(text, "\n", "\n    "),
		"a tab":       "\t" + strings.ReplaceAll(text, "\n", "\n\t"),
		"empty lines": "\n \n    " + strings.ReplaceAll(strings.ReplaceAll(text, "\n", "\n    "), "\n    \n", "\n\n"),
		"DOS lines":   "  " + strings.ReplaceAll(text, "\n", "\r\n  "),
	} {
		got, err := read(indented)
		if err != nil {
			t.Errorf("%s: got the error %v, want none", title, err)
			continue
		}
		if want, err := read(text); err != nil || len(got.names) != len(want.names) || len(got.names) == 0 {
			t.Errorf("%s: got %d names, want %d (%v)", title, len(got.names), len(want.names), err)
		}
	}
	// Where one line has no blanks before it, those of others stand for an owner.
	if _, err := read("a.mesos. A 10.0.0.1\n   A 10.0.0.2\n"); err != nil {
		t.Error(err)
	}
	if _, err := read("x.mesos. A 10.0.0.1\n\n   y.mesos. A\n"); err == nil || !strings.HasPrefix(err.Error(), "0:3: ") {
		t.Errorf("got %v, want an error in line 3", err)
	}
}
