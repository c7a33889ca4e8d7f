package compare

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
)

// Setting is a setting with a value, as JSON.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Alternative is what Toponym would answer in another way.
type Alternative struct {
	// Settings are those that have another value. For an alternative without any,
	// Anchor is the row of docs/differences.md.
	Settings []Setting
	Anchor   string
	Records  Source
}

// Input is what was compared.
type Input struct {
	Domain      string // with a dot at the end
	Toponym     Source
	MesosDNS    Source
	NameServers []string // the SOA MNAMEs of both sides, with a dot at the end
	Before010   bool     // Mesos-DNS is older than 0.10
}

// Verdict says whether a difference is documented.
type Verdict string

// The verdicts.
const (
	Documented  Verdict = "documented"
	Unexplained Verdict = "unexplained"
)

// Finding is a difference with what explains it.
type Finding struct {
	Key
	Verdict Verdict `json:"verdict"` // Unexplained if one of its data is
	Data    []Datum `json:"data"`
}

// Datum is a value that only one side has.
type Datum struct {
	Side     Side      `json:"side"`
	Value    string    `json:"value"`
	Row      string    `json:"row,omitempty"`      // the anchor in docs/differences.md; empty if it is unexplained
	Settings []Setting `json:"settings,omitempty"` // that make Toponym agree with Mesos-DNS
}

// Explain finds out for each datum of some differences which documented difference it
// belongs to. Alternatives are tried in order, those with fewer settings first; each
// is used before the next one is made.
func Explain(differences []Difference, in Input, alternatives iter.Seq[Alternative]) []Finding {
	c := &comparison{
		domain: in.Domain, ours: in.Toponym, theirs: in.MesosDNS,
		nameServers: in.NameServers, before010: in.Before010,
	}
	c.index = sync.OnceValue(c.makeIndex)
	findings := make([]Finding, 0, len(differences))
	left := 0
	for _, d := range differences {
		f := Finding{Key: d.Key}
		for _, v := range d.MesosDNS {
			f.Data = append(f.Data, Datum{Side: MesosDNS, Value: v})
		}
		for _, v := range d.Toponym {
			f.Data = append(f.Data, Datum{Side: Toponym, Value: v})
		}
		for i := range f.Data {
			v := &f.Data[i]
			if v.Row = c.row(byName, datum{d.Key, v.Side, v.Value}, nil); v.Row == "" {
				left++
			}
		}
		findings = append(findings, f)
	}
	if left > 0 {
		for a := range alternatives {
			if left -= c.explainBy(a, findings); left == 0 {
				break
			}
		}
	}
	for i := range findings {
		f := &findings[i]
		f.Verdict = Documented
		for j := range f.Data {
			d := &f.Data[j]
			if d.Row == "" {
				d.Row = c.row(byData, datum{f.Key, d.Side, d.Value}, nil)
			}
			if d.Row == "" {
				f.Verdict = Unexplained
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return -cmp.Compare(a.Verdict, b.Verdict) })
	return findings
}

// comparison is what rules look at.
type comparison struct {
	domain       string
	ours, theirs Source
	nameServers  []string
	before010    bool
	index        func() index // made when it is first needed
}

// explainBy explains the data about which the records of an alternative agree with
// Mesos-DNS, and returns how many it has explained.
func (c *comparison) explainBy(a Alternative, findings []Finding) (explained int) {
	for i := range findings {
		f := &findings[i]
		var data []string
		looked := false
		for j := range f.Data {
			d := &f.Data[j]
			if d.Row != "" {
				continue
			}
			if !looked {
				data, looked = a.Records.Data(f.Key), true
			}
			if _, has := slices.BinarySearch(data, d.Value); has != (d.Side == MesosDNS) {
				continue
			}
			if d.Row = cmp.Or(a.Anchor, c.row(bySetting, datum{f.Key, d.Side, d.Value}, a.Settings)); d.Row != "" {
				d.Settings = a.Settings
				explained++
			}
		}
	}
	return explained
}

// row returns the anchor of the first rule of a phase for a datum; empty if there is
// none. The settings are those with which Toponym agrees with Mesos-DNS.
func (c *comparison) row(when phase, d datum, settings []Setting) string {
	for _, r := range rules {
		concerned := when != bySetting || slices.ContainsFunc(settings, func(s Setting) bool { return slices.Contains(r.settings, s.Key) })
		if r.when == when && concerned && r.applies(c, d) {
			return r.anchor
		}
	}
	return ""
}

// index has what some rules need to know of all names.
type index struct {
	// long has the ends, "-H-S.rest", of the canonical names of Mesos-DNS that are too
	// long.
	long map[string]bool
	// raw has the names of Mesos-DNS that are not in lower case, in lower case.
	raw     map[string]bool
	masters map[Side]map[string]bool // the addresses of all masterN
}

func (c *comparison) makeIndex() index {
	x := index{long: map[string]bool{}, raw: map[string]bool{}, masters: map[Side]map[string]bool{Toponym: {}, MesosDNS: {}}}
	masters := func(side Side, k Key, data []string) {
		if label, ok := strings.CutSuffix(k.Name, "."+c.domain); ok && k.Type != "SRV" && masterNumber.MatchString(label) {
			for _, v := range data {
				x.masters[side][v] = true
			}
		}
	}
	for k, data := range c.theirs.All() {
		masters(MesosDNS, k, data)
		if lower := strings.ToLower(k.Name); lower != k.Name {
			x.raw[lower] = true
		}
		if label, rest, _ := strings.Cut(k.Name, "."); len(label) > 63 {
			if m := canonicalLabel.FindStringSubmatch(label); m != nil {
				x.long[m[2]+"."+rest] = true
			}
		}
	}
	for k, data := range c.ours.All() {
		masters(Toponym, k, data)
	}
	return x
}
