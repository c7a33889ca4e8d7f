package zone

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/names"
	"toponym/records"
)

// aliasOptions have the domain, an origin of address trees, the aliases of DC/OS
// and some that are harder.
func aliasOptions() Options {
	o := testOptions()
	o.Origins = append(origins(60, name("mesos")), origins(5, name("dcos.thisdcos.directory"), name("in.the.mesos"))...)
	for from, to := range map[string]string{
		"mesos.thisdcos.directory":        "mesos",
		"thisdcos.global":                 "thisdcos.directory",
		"shop.example":                    "web.marathon.mesos",       // one name
		"gone.example":                    "nope.marathon.mesos",      // a name that is not there
		"twice.example":                   "mesos.thisdcos.directory", // an alias of an alias
		"a.b.twice.example":               "marathon.mesos",           // in an alias
		"x.y.mesos":                       "marathon.mesos",           // in an origin
		"self.mesos":                      "mesos",                    // in its own target
		"loop.example":                    "b.loop.example",           // means nothing
		"nowhere.example":                 "somewhere.example",
		strings.Repeat("l.", 5) + "short": strings.Repeat("abcdefghij.", 15) + "mesos",
	} {
		o.Aliases = append(o.Aliases, Alias{name(from), name(to)})
	}
	return o
}

// A name below an alias gets the answer of its target, and the apex that a
// client sees is the alias.
func TestNamesBelowAliasesAnswerAsTheirTargets(t *testing.T) {
	z := Compile(testSet(), aliasOptions(), SameSerial(7))
	for _, tc := range []struct {
		name  string
		qtype uint16
		want  Result
		apex  string // of the zone, where the name was asked
		node  string
	}{
		{"web.marathon.mesos.thisdcos.directory", dns.TypeA, Success, "mesos.thisdcos.directory", "web.marathon.mesos"},
		{"web.marathon.mesos.thisdcos.directory", dns.TypeTXT, NoData, "mesos.thisdcos.directory", "web.marathon.mesos"},
		{"nope.marathon.mesos.thisdcos.directory", dns.TypeA, NXDomain, "mesos.thisdcos.directory", ""},
		{"_tcp.marathon.mesos.thisdcos.directory", dns.TypeA, NoData, "mesos.thisdcos.directory", "_tcp.marathon.mesos"},
		{"mesos.thisdcos.directory", dns.TypeSOA, Success, "mesos.thisdcos.directory", "mesos.thisdcos.directory"},
		{"mesos.thisdcos.directory", dns.TypeNS, Success, "mesos.thisdcos.directory", "mesos.thisdcos.directory"},
		{"mesos.thisdcos.directory", dns.TypeA, NoData, "mesos.thisdcos.directory", "mesos"},
		{"web.marathon.mesos.thisdcos.global", dns.TypeA, Success, "mesos.thisdcos.global", "web.marathon.mesos"},
		{"mesos.thisdcos.global", dns.TypeSOA, Success, "mesos.thisdcos.global", "mesos"},
		{"dcos.thisdcos.directory", dns.TypeSOA, Success, "dcos.thisdcos.directory", "dcos.thisdcos.directory"},
		{"dcos.thisdcos.global", dns.TypeSOA, Success, "dcos.thisdcos.global", "dcos.thisdcos.directory"},
		{"x.dcos.thisdcos.global", dns.TypeA, NXDomain, "dcos.thisdcos.global", ""},

		// Names that lead out of all zones are out of zone themselves.
		{"thisdcos.directory", dns.TypeSOA, OutOfZone, "", ""},
		{"other.thisdcos.global", dns.TypeA, OutOfZone, "", ""},
		{"x.nowhere.example", dns.TypeA, OutOfZone, "", ""},
		{"x.loop.example", dns.TypeA, OutOfZone, "", ""},

		// An alias exists even so: for servers with copies it is a zone.
		{"thisdcos.global", dns.TypeSOA, Success, "thisdcos.global", "thisdcos.global"},
		{"thisdcos.global", dns.TypeDNAME, Success, "thisdcos.global", "thisdcos.global"},
		{"thisdcos.global", dns.TypeA, NoData, "thisdcos.global", "thisdcos.global"},

		// The alias of a name inside a zone is an apex of its own.
		{"shop.example", dns.TypeA, Success, "shop.example", "web.marathon.mesos"},
		{"shop.example", dns.TypeSOA, Success, "shop.example", "shop.example"},
		{"shop.example", dns.TypeNS, Success, "shop.example", "shop.example"},
		{"shop.example", dns.TypeTXT, NoData, "shop.example", "web.marathon.mesos"},
		{"_http._tcp.shop.example", dns.TypeSRV, Success, "shop.example", "_http._tcp.web.marathon.mesos"},
		{"nope.shop.example", dns.TypeA, NXDomain, "shop.example", ""},
		{"web.marathon.mesos", dns.TypeSOA, NoData, "mesos", "web.marathon.mesos"},
		{"gone.example", dns.TypeSOA, Success, "gone.example", "gone.example"},
		{"gone.example", dns.TypeA, NoData, "gone.example", "mesos"},
		{"x.gone.example", dns.TypeA, NXDomain, "gone.example", ""},

		// Aliases of aliases, and in aliases, with what is above them.
		{"web.marathon.twice.example", dns.TypeA, Success, "twice.example", "web.marathon.mesos"},
		{"web.a.b.twice.example", dns.TypeA, Success, "a.b.twice.example", "web.marathon.mesos"},
		{"a.b.twice.example", dns.TypeSOA, Success, "a.b.twice.example", "a.b.twice.example"},
		{"b.twice.example", dns.TypeA, NoData, "twice.example", "b.twice.example"},
		{"c.twice.example", dns.TypeA, NXDomain, "twice.example", ""},

		// The name above an alias or an origin in a zone exists because of it.
		{"web.x.y.mesos", dns.TypeA, Success, "x.y.mesos", "web.marathon.mesos"},
		{"x.y.mesos", dns.TypeSOA, Success, "x.y.mesos", "x.y.mesos"},
		{"y.mesos", dns.TypeA, NoData, "mesos", "y.mesos"},
		{"the.mesos", dns.TypeA, NoData, "mesos", "the.mesos"},
		{"in.the.mesos", dns.TypeSOA, Success, "in.the.mesos", "in.the.mesos"},
		{"q.in.the.mesos", dns.TypeA, NXDomain, "in.the.mesos", ""},
		{"q.the.mesos", dns.TypeA, NXDomain, "mesos", ""},
		{"web.marathon.self.mesos", dns.TypeA, Success, "self.mesos", "web.marathon.mesos"},
		{"web.marathon.self.self.mesos", dns.TypeA, Success, "self.self.mesos", "web.marathon.mesos"},
		{"in.the.mesos.thisdcos.global", dns.TypeSOA, Success, "in.the.mesos.thisdcos.global", "in.the.mesos"},
		{"web.x.y.mesos.thisdcos.global", dns.TypeA, Success, "x.y.mesos.thisdcos.global", "web.marathon.mesos"},

		// Too long for a name at the target.
		{strings.Repeat("0123456789.", 9) + "l.l.l.l.l.short", dns.TypeA, NXDomain, "l.l.l.l.l.short", ""},
		{strings.Repeat("0123456789.", 21) + "l.l.l.l.l.short", dns.TypeA, NXDomain, "l.l.l.l.l.short", ""},
	} {
		t.Run(tc.name+"/"+dns.Type(tc.qtype).String(), func(t *testing.T) {
			asked := name(tc.name)
			a, got := z.Lookup([]byte(asked), tc.qtype)
			if got != tc.want {
				t.Fatalf("got %v, want %v", got, tc.want)
			}
			if inZone := z.Origin(a) != ""; inZone != (got != OutOfZone) {
				t.Errorf("got the origin %v for the result %v", z.Origin(a), got)
			}
			if got == OutOfZone {
				return
			}
			if apex := asked[len(asked)-z.ApexLen(a):]; apex != name(tc.apex) {
				t.Errorf("got the apex %v, want %v", apex, tc.apex)
			}
			switch {
			case tc.node == "" && a.Node != nil:
				t.Errorf("got the node %v, want none", a.Node.Name)
			case tc.node != "" && (a.Node == nil || a.Node.Name != name(tc.node)):
				t.Errorf("got the node %v, want %v", a.Node, tc.node)
			}
			// Before the first state the same names are in the zone.
			empty := NewEmpty(aliasOptions(), SameSerial(1))
			if e, got := empty.Lookup([]byte(asked), tc.qtype); got != NotReady || empty.ApexLen(e) != z.ApexLen(a) {
				t.Errorf("before the first state: got %v with an apex of %d bytes, want %v with %d", got, empty.ApexLen(e), NotReady, z.ApexLen(a))
			}
		})
	}
}

// An alias is an apex, but its target does not become one.
func TestTargetOfAliasDoesNotBecomeAnApex(t *testing.T) {
	z := Compile(testSet(), aliasOptions(), SameSerial(7))
	for _, n := range []string{"shop.example", "web.marathon.mesos"} {
		a, _ := z.Lookup([]byte(name(n)), dns.TypeSOA)
		if a.Node.Apex != (n == "shop.example") {
			t.Errorf("%s: got apex %v, want %v", n, a.Node.Apex, n == "shop.example")
		}
	}
}

// An alias hides names that the cluster has at or below it.
func TestAliasHidesNamesOfTheCluster(t *testing.T) {
	o := aliasOptions()
	o.Aliases = append(o.Aliases, Alias{name("marathon.mesos"), name("dcos.thisdcos.directory")})
	z := Compile(testSet(), o, SameSerial(7))
	for _, n := range []string{"web.marathon.mesos", "_tcp.marathon.mesos"} {
		if a, r := z.Lookup([]byte(name(n)), dns.TypeA); r != NXDomain || z.Origin(a) != name("dcos.thisdcos.directory") {
			t.Errorf("%s: got %v in %v, want %v in dcos.thisdcos.directory", n, r, z.Origin(a), NXDomain)
		}
	}
	if _, r := z.Lookup([]byte(name("leader.mesos")), dns.TypeA); r != Success {
		t.Errorf("leader.mesos: got %v, want %v", r, Success)
	}
}

// SRV targets and other names in answers are rewritten into the alias, in the
// spelling of the client.
func TestNamesAreRewrittenIntoTheAlias(t *testing.T) {
	z := Compile(testSet(), aliasOptions(), SameSerial(7))
	long := strings.Repeat("0123456789.", 22) + "mesos"
	for _, tc := range []struct{ asked, end, target, want string }{
		{"x.mesos.thisdcos.directory", "MESOS.thisdcos.directory.", "web.marathon.mesos", "web.marathon.MESOS.thisdcos.directory."},
		{"x.mesos.thisdcos.global", "mesos.THISdcos.global.", "web.marathon.mesos", "web.marathon.mesos.THISdcos.global."},
		{"x.mesos.thisdcos.global", "Mesos.thisdcos.global.", "mesos", "Mesos.thisdcos.global."},
		{"x.mesos.thisdcos.global", "mesos.thisdcos.global.", "web.amesos", "web.amesos."},
		{"x.shop.example", "Shop.example.", "i.web.marathon.mesos", "i.Shop.example."},
		{"x.shop.example", "Shop.example.", "i.marathon.mesos", "i.marathon.mesos."},
		{"x.mesos", "", "web.marathon.mesos", "web.marathon.mesos."},
		{"x.mesos.thisdcos.global", "mesos.thisdcos.global.", long, long + "."},
	} {
		a, _ := z.Lookup([]byte(name(tc.asked)), dns.TypeA)
		m := z.AliasMatch(a)
		if tc.end != "" && m.AliasLen != len(name(tc.end)) {
			t.Errorf("%s: got an alias of %d bytes, want %d, as %s has", tc.asked, m.AliasLen, len(name(tc.end)), tc.end)
		}
		if got := m.Rewrite(name(tc.target), tc.end); got != tc.want {
			t.Errorf("%s for a client that queried %s: got %s, want %s", tc.target, tc.asked, got, tc.want)
		}
	}
	// A label may end in the bytes of the target by chance.
	m := AliasMatch{Target: name("mesos"), AliasLen: 9}
	if _, ok := m.Prefix(records.Name("\x07a\x05mesos\x00")); ok {
		t.Error("a label that contains the target counts as being below it")
	}
}

func TestLookupByAliasAllocatesNothing(t *testing.T) {
	z := Compile(testSet(), aliasOptions(), SameSerial(1))
	for _, n := range []string{
		"web.marathon.mesos.thisdcos.directory", "_web._tcp.marathon.mesos.thisdcos.global", "shop.example",
		"nope.mesos.thisdcos.directory", "x.thisdcos.global", strings.Repeat("0123456789.", 21) + "l.l.l.l.l.short",
	} {
		key := []byte(name(n))
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeTXT} {
			if allocs := testing.AllocsPerRun(100, func() { z.Lookup(key, qtype) }); allocs != 0 {
				t.Errorf("%s: got %v allocations, want none", n, allocs)
			}
		}
	}
}

// Whatever a client queries, the apex is a part of the name, and there is a node
// exactly where there is one to answer from.
func FuzzLookup(f *testing.F) {
	z := Compile(testSet(), aliasOptions(), SameSerial(1))
	for _, n := range []string{"web.marathon.mesos", "web.marathon.mesos.thisdcos.global", "a.b.twice.example", "shop.example"} {
		f.Add([]byte(name(n)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, ok := parseWire(b)
		if !ok {
			return
		}
		a, r := z.Lookup([]byte(n), dns.TypeA)
		if r == OutOfZone {
			return
		}
		if apex := z.ApexLen(a); apex < 1 || apex > len(n) || !n.Under(n[len(n)-apex:]) {
			t.Errorf("%v: got an apex of %d bytes", n, apex)
		}
		if (r == Success || r == NoData) != (a.Node != nil) {
			t.Errorf("%v: got %v with the node %v", n, r, a.Node)
		}
	})
}

// parseWire reads a name in wire form.
func parseWire(b []byte) (records.Name, bool) {
	for i := 0; i < len(b) && i < maxName; i += 1 + int(b[i]) {
		if b[i] == 0 {
			return records.Name(b[:i+1]), true
		}
		if b[i] > 63 {
			break
		}
	}
	return "", false
}

// Each alias of a long chain leads to the end of it, and those that lead back to
// themselves answer nothing.
func TestChainsAndLoopsOfAliases(t *testing.T) {
	o := testOptions()
	for i := range maxAliases - 3 {
		target := name("mesos")
		if i > 0 {
			target = name(fmt.Sprintf("c%d.example", i-1))
		}
		o.Aliases = append([]Alias{{name(fmt.Sprintf("c%d.example", i)), target}}, o.Aliases...)
	}
	o.Aliases = append(o.Aliases, Alias{name("l1.example"), name("x.l2.example")}, Alias{name("l2.example"), name("l1.example")},
		Alias{name("to.loop.example"), name("l1.example")}, Alias{name("too.many.example"), name("mesos")})
	z := Compile(testSet(), o, SameSerial(1))
	for asked, want := range map[string]Result{
		fmt.Sprintf("web.marathon.c%d.example", maxAliases-4): Success,
		"web.marathon.c0.example":                             Success, "nope.c7.example": NXDomain,
		"web.marathon.l1.example": OutOfZone, "web.marathon.to.loop.example": OutOfZone, "web.marathon.too.many.example": OutOfZone,
	} {
		if _, got := z.Lookup([]byte(name(asked)), dns.TypeA); got != want {
			t.Errorf("%s: got %v, want %v", asked, got, want)
		}
	}
}

// Whatever aliases there are, targets are below no alias, look-ups end, and a name
// below an alias gives what the name that it stands for gives.
func FuzzAliases(f *testing.F) {
	f.Add("a.example mesos\nb.example x.a.example\nc.mesos mesos", "web.marathon.a.example")
	f.Add("a.example a.b.example\nb.example a.example\nmarathon.mesos mesos", "web.marathon.mesos")
	f.Add("x.y.mesos marathon.mesos\nz.example y.mesos", "web.x.z.example")
	set := testSet()
	f.Fuzz(func(t *testing.T, lines, asked string) {
		o := testOptions()
		for _, line := range strings.Split(lines, "\n") {
			from, to, _ := strings.Cut(line, " ")
			n, err1 := records.ParseName(from)
			target, err2 := records.ParseName(to)
			if err1 == nil && err2 == nil && len(o.Aliases) < 30 {
				o.Aliases = append(o.Aliases, Alias{n, target})
			}
		}
		qname, err := records.ParseName(asked)
		if err != nil {
			return
		}
		z := Compile(set, o, SameSerial(1))
		for _, s := range z.suffixes {
			if s.target == "" {
				continue
			}
			if i := closestSuffix(z.suffixes, names.Bytes(s.target)); i >= 0 && z.suffixes[i].target != "" {
				t.Errorf("the target %v of %v is below the alias %v", s.target, s.name, z.suffixes[i].name)
			}
		}
		a, result := z.Lookup([]byte(qname), dns.TypeA)
		if !a.ViaAlias() {
			return
		}
		m := z.AliasMatch(a)
		original := qname[:len(qname)-m.AliasLen] + m.Target
		if len(original) > maxName {
			return
		}
		b, direct := z.Lookup([]byte(original), dns.TypeA)
		exists := func(r Result) bool { return r == Success || r == NoData }
		if exists(direct) && (direct != result || a.Node.Name != b.Node.Name) {
			t.Errorf("%v: got %v, want %v as for %v", qname, result, direct, original)
		}
	})
}
