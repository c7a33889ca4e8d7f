package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/words"
	"toponym/zone"
)

// Setting is a setting with its current value, for the page.
type Setting struct {
	Key, Value, Default string // values are JSON; Default is empty if there is none
	Origin              string // "file" or "environment"; "" for a default
	Doc                 string
	Reloadable          bool // a change takes effect without a restart
}

// forwarding answers "/forwarding".
func (v *pageView) forwarding() (string, int, any) {
	v.frame.Title = "Forwarding"
	if v.status == nil {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	if v.status.Forwarding == nil {
		return v.problem(http.StatusNotFound, "Nothing is forwarded (setting externalon).")
	}
	return "forwarding", http.StatusOK, v.status.Forwarding
}

// HitRate is the share of questions that the cache answered, in percent.
func (c CacheStatus) HitRate() uint64 {
	if all := c.Hits + c.Misses + c.Stale; all > 0 {
		return (c.Hits + c.Stale) * 100 / all
	}
	return 0
}

// secondariesData is what the page of secondaries shows.
type secondariesData struct {
	List []pageSecondary
	More int
}

// secondaries answers "/secondaries".
func (v *pageView) secondaries() (string, int, any) {
	v.frame.Title = "Secondaries"
	if v.status == nil {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	d := secondariesData{List: pageSecondaries(v.status.Secondaries, maxPageSecondaries)}
	d.More = len(v.status.Secondaries) - len(d.List)
	return "secondaries", http.StatusOK, d
}

// warnings answers "/warnings".
func (v *pageView) warnings() (string, int, any) {
	v.frame.Title = "Warnings"
	if v.status == nil {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	return "warnings", http.StatusOK, v.status
}

// settingsData is what the page of the settings shows.
type settingsData struct {
	All  bool // the defaults as well
	List []Setting
	Set  int // settings that are not defaults
}

// settings answers "/settings".
func (v *pageView) settings() (string, int, any) {
	v.frame.Title = "Settings"
	if !v.settingsOn() {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	d := settingsData{All: v.parameter("all") != ""}
	for _, s := range v.s.o.Settings() {
		if s.Origin != "" {
			d.Set++
		}
		if d.All || s.Origin != "" {
			d.List = append(d.List, s)
		}
	}
	return "settings", http.StatusOK, d
}

// Bounds of the page of changes.
const (
	maxPageVersions = 1000 // that are looked at
	maxPageChanges  = 200  // lines
)

// changesData is what the page of changes shows, the newest change first.
type changesData struct {
	Name  string // the only name whose changes are listed; "" for all
	Lines []changeLine
	More  bool // older ones are not listed
	Now   time.Time
}

// changeLine is a change of one name and type, or of a zone as a whole.
type changeLine struct {
	Time           time.Time
	Zone           string
	Serial         uint32
	Name, Type     string // empty for a zone that has changed as a whole
	Removed, Added []string
}

// changes answers "/changes".
func (v *pageView) changesPage() (string, int, any) {
	v.frame.Title = "Changes"
	if !v.changesOn() {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	d := &changesData{Name: v.parameter("name"), Now: time.Now()}
	f := &watchFilter{}
	if d.Name != "" {
		n, err := watchedName(v.z, "name", d.Name)
		if err != nil {
			return v.problem(http.StatusBadRequest, words.Printable(err.Error()))
		}
		f.names = append(f.names, n)
	}
	if !v.entered(func() {
		for _, version := range v.s.o.History.Last(maxPageVersions) {
			if !d.add(version, f) {
				d.More = true
				return
			}
		}
	}) {
		return v.problem(http.StatusServiceUnavailable, tooBusy)
	}
	v.watch(d.Name)
	return "changes", http.StatusOK, d
}

// add lists the changes of a version. It is false if there are too many.
func (d *changesData) add(v *zone.Version, f *watchFilter) bool {
	for _, c := range v.Changes {
		line := changeLine{Time: v.Time, Zone: c.Origin.String(), Serial: c.Serial()}
		if c.Whole {
			if !f.matchesReset(c.Origin) {
				continue
			}
			if len(d.Lines) == maxPageChanges {
				return false
			}
			d.Lines = append(d.Lines, line)
			continue
		}
		for g := range byNameAndType(f.only(c)) {
			if !f.matches(&watchEvent{origin: c.Origin, name: g.name, rtype: g.rtype}) {
				continue
			}
			if len(d.Lines) == maxPageChanges {
				return false
			}
			one := line
			one.Name, one.Type = g.name.String(), dns.Type(g.rtype).String()
			one.Removed, one.Added = recordTexts(g.removed), recordTexts(g.added)
			d.Lines = append(d.Lines, one)
		}
	}
	return true
}

// only returns a change with the records of the names that are asked for, so that
// not all records of a large version have to be sorted.
func (f *watchFilter) only(c *zone.Change) *zone.Change {
	if len(f.names) == 0 {
		return c
	}
	of := func(list []zone.Record) (kept []zone.Record) {
		for _, r := range list {
			if slices.Contains(f.names, r.Owner) {
				kept = append(kept, r)
			}
		}
		return kept
	}
	return &zone.Change{Origin: c.Origin, From: c.From, To: c.To, Removed: of(c.Removed), Added: of(c.Added)}
}

// recordTexts are the data of records, at most ten of them.
func recordTexts(list []zone.Record) (texts []string) {
	const most = 10
	for _, r := range list[:min(len(list), most)] {
		texts = append(texts, string(r.AppendData(nil)))
	}
	if len(list) > most {
		texts = append(texts, "…")
	}
	return texts
}
