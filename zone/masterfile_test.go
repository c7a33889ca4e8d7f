package zone

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestMasterFileFaults(t *testing.T) {
	o := testOptions()
	o.Aliases = []Alias{{name("mirror.example"), name("mesos")}}
	for _, tc := range []struct{ title, text, want string }{
		{"a word that is no type", "db.mesos. IN X 1\n", `0:1: `},
		{"what is no address, and what comes after it", "a.mesos. A 1.2.3\n\nb.mesos. A 1.2.3.4\nc.mesos. AAAA 1.2.3.4.5\n", "0:1: bad A A: \"1.2.3\"\n0:4: bad AAAA AAAA: \"1.2.3.4.5\""},
		{"in parentheses", "$TTL 5\nz.example. SOA a. b. (\n 1 2 ; x )\n 3 4 x\n )\nb.mesos. A x\n", "0:2: bad SOA zone parameter: \"x\"\n0:6: bad A A: \"x\""},
		{"a quote that does not end", "a.mesos. TXT \"x\nb.mesos. A 1.2.3.4\n", `0:1: `},
		{"a relative name", "db A 1.2.3.4\n", `0:1: bad owner name: "db" (a name that does not end in a dot wants an $ORIGIN before it)`},
		{"$INCLUDE", "$INCLUDE /etc/passwd\n", `0:1: $INCLUDE directive not allowed: "/etc/passwd"`},
		{"no data", "db.mesos. A\nx.mesos. SRV\nx.mesos. CNAME\n", "0:1: unexpected newline: \"\\n\"\n0:2: unexpected newline: \"\\n\"\n0:3: x.mesos. CNAME: has no data"},
		{"out of all zones", "db.example. A 1.2.3.4\n", "0:1: db.example. A: is in no zone: it is outside of our domains, and no SOA record is above it"},
		{"below an alias", "db.mirror.example. A 1.2.3.4\n", "0:1: db.mirror.example. A: is below the alias mirror.example."},
		{"a zone at an alias", "mirror.example. SOA a. b. 1 2 3 4 5\n", "0:1: mirror.example. SOA: the name is an alias, by the settings"},
		{"our own SOA", "mesos. SOA a. b. 1 2 3 4 5\n", "0:1: mesos. SOA: this zone's SOA record comes from the settings"},
		{"two SOAs", "x. SOA a. b. 1 2 3 4 5\nx. NS a.\nx. SOA a. b. 1 2 3 4 5\n", "0:3: x. SOA: is given twice"},
		{"no name server", "x. SOA a. b. 1 2 3 4 5\n", "0:1: x. SOA: the zone has no NS record"},
		{"a delegation", "x.mesos. NS a.\n", "0:1: x.mesos. NS: delegates a part of the zone mesos., which is not supported"},
		{"a wildcard", "*.mesos. A 1.2.3.4\n", "0:1: *.mesos. A: wildcards are not supported"},
		{"DNAME", "x.mesos. DNAME y.\n", "0:1: x.mesos. DNAME: DNAME records are not supported: the setting aliases does the same"},
		{"a signed zone", "x.mesos. DS 1 8 2 AABB\n", "0:1: x.mesos. DS: signed zones are not supported"},
		{"another class", "x.mesos. CH TXT x\n", "0:1: x.mesos. TXT: is of the class CH, want IN"},
		{"a TTL that is none", "x.mesos. 4294967295 A 1.2.3.4\n", "0:1: x.mesos. A: the TTL is more than 2147483647 (RFC 2181, section 8)"},
		{"CNAME at the top", "mesos. CNAME y.\n", "0:1: mesos. CNAME: cannot stand at the top of a zone, beside its SOA record"},
		{"CNAME and others", "x.mesos. CNAME y.\nx.mesos. A 1.2.3.4\n", "0:2: x.mesos. A: a CNAME record stands alone, and the name has others"},
		{"others and CNAME", "x.mesos. A 1.2.3.4\nx.mesos. CNAME y.\n", "0:2: x.mesos. CNAME: a CNAME record stands alone, and the name has others"},
		{"two CNAMEs", "x.mesos. CNAME y.\nx.mesos. CNAME Y.\nx.mesos. CNAME z.\n", "0:3: x.mesos. CNAME: the name has another CNAME record"},
		{"too large", "x.mesos. TXT" + strings.Repeat(" "+strings.Repeat("x", 250), 9) + "\n", "0:1: x.mesos. TXT: is larger than 2000 octets"},
		{"given up at last", strings.Repeat("x\n", 100), "%20"},
	} {
		t.Run(tc.title, func(t *testing.T) {
			s, err := ReadZoneFiles([]ZoneFile{{Name: "0", Text: []byte(tc.text)}}, o)
			if err == nil {
				t.Fatalf("no fault; %d names", len(s.names))
			}
			want := tc.want
			if want == "%20" {
				if n := strings.Count(err.Error(), ": not a TTL"); n != 20 {
					t.Errorf("%d faults", n)
				}
				return
			}
			if strings.HasSuffix(want, ": ") { // the rest is a matter of taste
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
	entries, faults := readFile(ZoneFile{"0", []byte("\n$GENERATE 0-65535 a$.mesos. A 1.2.3.4\n")}, 60, 5)
	if len(entries) != 5 || faults.Error() != "0:2: there are more than 200000 records in all files" {
		t.Errorf("%d records, %v", len(entries), faults)
	}
	if _, err := ReadZoneFiles([]ZoneFile{{"big", make([]byte, MaxZoneFileSize+1)}}, o); err == nil || !strings.Contains(err.Error(), "big: is larger") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadStatic(f *testing.F) {
	f.Add([]byte(externalZone))
	f.Add([]byte(ownNames))
	f.Add([]byte("$GENERATE 1-3 x$.mesos. A 10.0.0.$\na.mesos. A\nb.mesos. TYPE65280 \\# 0\n(\n"))
	set := testSet()
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(strings.ToUpper(string(text)), "$GENERATE") && len(text) > 200 {
			return // may be 100,000 records
		}
		o := testOptions()
		s, err := ReadZoneFiles([]ZoneFile{{"f", text}}, o)
		if err != nil {
			for _, f := range err.(ZoneFileErrors) {
				if f.Line < 1 || f.Line > 1+strings.Count(string(text), "\n") {
					t.Errorf("%v of %q", f, text)
				}
			}
			return
		}
		o.Static = s
		z := Compile(set, o, 1)
		for n := range s.Names() {
			node := z.Node(n)
			if node == nil {
				t.Fatalf("%v is missing", n)
			}
			for _, rr := range z.RRs(node, "owner.", dns.TypeANY) {
				if _, err := dns.PackRR(rr, make([]byte, 3*maxRecord), 0, nil, false); err != nil {
					t.Errorf("%v: %v", rr, err)
				}
			}
		}
	})
}
