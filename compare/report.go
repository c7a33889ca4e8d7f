package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"toponym/internal/words"
)

// Report is the result of a comparison.
type Report struct {
	Domain string `json:"domain"`
	// Master and MesosDNS say where the two sides were read: URLs or files.
	Master   string `json:"master"`
	MesosDNS string `json:"mesosDNS"`
	Version  string `json:"mesosDNSVersion,omitempty"`
	Rounds   int    `json:"rounds"` // how often both were read
	Counts
	Documented  int `json:"documented"`
	Unexplained int `json:"unexplained"`
	// Changed is how many differences were gone when both were read again.
	Changed  int            `json:"changed"`
	Findings []Finding      `json:"differences"`
	Rows     map[string]Row `json:"rows"` // those that findings name
	// Settings are those of Mesos-DNS that are not those of the configuration file.
	Settings []SettingDifference `json:"settings"`
	Tasks    *TaskCounts         `json:"tasks,omitempty"` // nil if they were not compared
	DNS      *DNSResult          `json:"dns,omitempty"`   // nil if Mesos-DNS was not asked over DNS
}

// SettingDifference is a setting that the two programs have with different values, as
// JSON.
type SettingDifference struct {
	Key      string `json:"key"`
	Toponym  string `json:"toponym"`
	MesosDNS string `json:"mesosDNS"`
}

// TaskCounts says which tasks Mesos-DNS lists in /v1/enumerate.
type TaskCounts struct {
	Both         int `json:"both"`
	ToponymOnly  int `json:"toponymOnly"`
	MesosDNSOnly int `json:"mesosDNSOnly"`
}

// DNSResult says whether Mesos-DNS answers over DNS what it lists in /v1/axfr.
type DNSResult struct {
	Server   string       `json:"server"`
	Asked    int          `json:"asked"` // names and types
	Findings []DNSFinding `json:"differences"`
}

// DNSFinding is a name for which Mesos-DNS answers otherwise than it lists.
type DNSFinding struct {
	Key
	Listed   []string `json:"listed"`
	Answered []string `json:"answered"`
	Rcode    string   `json:"rcode"`
	Row      string   `json:"row,omitempty"` // the anchor in docs/differences.md; empty if it is unexplained
}

// Complete fills in what follows from the findings.
func (r *Report) Complete() {
	r.Rows = map[string]Row{}
	r.Documented, r.Unexplained = 0, 0
	note := func(anchor string) {
		if row, ok := rows()[anchor]; ok {
			r.Rows[anchor] = row
		}
	}
	for _, f := range r.Findings {
		if f.Verdict == Documented {
			r.Documented++
		} else {
			r.Unexplained++
		}
		for _, d := range f.Data {
			note(d.Row)
		}
	}
	if r.DNS == nil {
		return
	}
	for _, f := range r.DNS.Findings {
		if note(f.Row); f.Row == "" {
			r.Unexplained++
		}
	}
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// group is a documented difference with the findings that it explains.
type group struct {
	Row
	Settings []Setting
	Findings []Finding // with the data that the row explains alone
}

// SettingsText says which settings make Toponym answer like Mesos-DNS; empty if there
// are none.
func (g group) SettingsText() string {
	var texts []string
	for _, s := range g.Settings {
		texts = append(texts, s.Key+": "+s.Value)
	}
	return strings.Join(texts, " and ")
}

// groups sorts the documented data by row and settings, in the order of the page.
func (r *Report) groups() (list []group) {
	index := map[string]int{}
	for _, f := range r.Findings {
		for _, d := range f.Data {
			if d.Row == "" {
				continue
			}
			key := fmt.Sprint(d.Row, d.Settings)
			i, ok := index[key]
			if !ok {
				i = len(list)
				index[key] = i
				list = append(list, group{Row: r.Rows[d.Row], Settings: d.Settings})
			}
			g := &list[i]
			if last := len(g.Findings) - 1; last >= 0 && g.Findings[last].Key == f.Key {
				g.Findings[last].Data = append(g.Findings[last].Data, d)
			} else {
				g.Findings = append(g.Findings, Finding{f.Key, Documented, []Datum{d}})
			}
		}
	}
	position := map[string]int{}
	for i, r := range rules {
		position[r.anchor] = i
	}
	slices.SortStableFunc(list, func(a, b group) int { return cmp.Compare(position[a.Anchor], position[b.Anchor]) })
	return list
}

// unexplained returns the findings that are, with the data that are.
func (r *Report) unexplained() (list []Finding) {
	for _, f := range r.Findings {
		if f.Verdict != Unexplained {
			continue
		}
		f.Data = slices.DeleteFunc(slices.Clone(f.Data), func(d Datum) bool { return d.Row != "" })
		list = append(list, f)
	}
	return list
}

// unexplainedDNS returns the names for which Mesos-DNS answers otherwise than it lists.
func (r *Report) unexplainedDNS() (list []DNSFinding) {
	if r.DNS == nil {
		return nil
	}
	for _, f := range r.DNS.Findings {
		if f.Row == "" {
			list = append(list, f)
		}
	}
	return list
}

// examples is how many names the text report shows of each documented difference, and
// unexplainedShown how many that are not explained.
const (
	examples         = 3
	unexplainedShown = 200
)

// WriteText writes the report for a terminal. With all it shows every name.
func (r *Report) WriteText(w io.Writer, all bool) error {
	t := textReport{w: w}
	t.printf("Compared %s of %s\n", words.Count(r.Compared, "name and type", "names and types"), words.Printable(r.Domain))
	t.printf("  the master:  %s\n  Mesos-DNS:   %s%s\n", words.Printable(r.Master), words.Printable(r.MesosDNS), words.Printable(versionText(r.Version)))
	t.printf("\n  %8d equal\n  %8d differ as documented\n  %8d differ without explanation\n", r.Equal, r.Documented, r.Unexplained)
	if r.Changed > 0 {
		t.printf("  %8d changed while they were read (%d rounds), and count as equal\n", r.Changed, r.Rounds)
	}
	if r.Tasks != nil && r.Tasks.ToponymOnly+r.Tasks.MesosDNSOnly > 0 {
		t.printf("\nTasks: %d on both sides, %d that only the master has, %d that only Mesos-DNS has\n", r.Tasks.Both, r.Tasks.ToponymOnly, r.Tasks.MesosDNSOnly)
	}
	if r.DNS != nil {
		t.printf("\nOver DNS (%s) Mesos-DNS answered %s; %d of the answers differ from /v1/axfr\n",
			words.Printable(r.DNS.Server), words.Count(r.DNS.Asked, "query", "queries"), len(r.DNS.Findings))
	}
	if len(r.Settings) > 0 {
		t.printf("\nSettings of Mesos-DNS that are not those of the configuration file:\n")
		for _, s := range r.Settings {
			t.printf("  %s: %s in Mesos-DNS, %s in the file\n", s.Key, words.Printable(s.MesosDNS), words.Printable(s.Toponym))
		}
	}
	if list := r.unexplained(); len(list) > 0 {
		t.printf("\nWithout explanation (- Mesos-DNS, + Toponym):\n")
		t.findings(list, all, unexplainedShown)
	}
	if list := r.unexplainedDNS(); len(list) > 0 {
		t.printf("\nAnswers of Mesos-DNS over DNS that differ from its /v1/axfr:\n")
		for i, f := range list {
			if i == unexplainedShown && !all {
				t.printf("  … and %d more (-all)\n", len(list)-i)
				break
			}
			t.printf("  %s %s: listed %s, answered %s %s\n", words.Printable(f.Name), f.Type, dataText(f.Listed), f.Rcode, dataText(f.Answered))
		}
	}
	if list := r.groups(); len(list) > 0 {
		t.printf("\nAs documented (- Mesos-DNS, + Toponym):\n")
		for _, g := range list {
			t.printf("\n%s (%s)\n", g.What, words.Count(len(g.Findings), "name", "names"))
			t.printf("  Mesos-DNS: %s\n  Toponym:   %s\n  because    %s\n", g.MesosDNS, g.Toponym, g.Why)
			if settings := g.SettingsText(); settings != "" {
				t.printf("  as Mesos-DNS with %s\n", words.Printable(settings))
			}
			t.printf("  docs/differences.md#%s\n", g.Anchor)
			t.findings(g.Findings, all, examples)
		}
	}
	return t.err
}

func versionText(version string) string {
	if version == "" {
		return ""
	}
	return ", version " + version
}

func dataText(data []string) string {
	if len(data) == 0 {
		return "nothing"
	}
	return words.Printable(strings.Join(data, ", "))
}

// textReport keeps the first error of writing.
type textReport struct {
	w   io.Writer
	err error
}

func (t *textReport) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// findings prints some or all findings with their data.
func (t *textReport) findings(list []Finding, all bool, shown int) {
	for i, f := range list {
		if i == shown && !all {
			t.printf("    … and %d more (-all)\n", len(list)-i)
			return
		}
		t.printf("    %s %s\n", words.Printable(f.Name), f.Type)
		for j, d := range f.Data {
			if j == shown && !all {
				t.printf("      … and %d more (-all)\n", len(f.Data)-j)
				break
			}
			sign := map[Side]string{MesosDNS: "-", Toponym: "+"}[d.Side]
			t.printf("      %s %s\n", sign, words.Printable(d.Value))
		}
	}
}
