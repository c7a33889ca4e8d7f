package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"toponym/internal/words"
	"toponym/state/leader"
	"toponym/zone"
)

// Ages from which something is called wrong.
const (
	oldState = time.Minute     // a state that a master has not confirmed
	behind   = 5 * time.Minute // a secondary that lacks versions
	recent   = 5 * time.Minute // an error
)

// problemsOf lists what is wrong, the severe first.
func problemsOf(s *Status, now time.Time, refreshSeconds int) (list []pageProblem) {
	severe := func(link, format string, args ...any) {
		list = append(list, pageProblem{true, words.Printable(fmt.Sprintf(format, args...)), link})
	}
	if !s.Ready {
		reading := ""
		if s.Reading != nil {
			reading = " Now reading " + s.Reading.String() + "."
		}
		severe("", "Not ready: no state of the cluster has arrived yet, and its names get SERVFAIL.%s", reading)
	}
	switch {
	case s.ConnectedSince == nil && s.LastHeard != nil:
		severe("", "No connection to the leading master: it was last heard %s ago%s.", roughly(now.Sub(*s.LastHeard)), because(s.LastError))
	case s.ConnectedSince == nil && s.Source != "":
		severe("", "No connection to the leading master%s.", because(s.LastError))
	}
	if s.Ready && s.Source == "snapshot" && s.StateAge != nil {
		severe("", "Answers come from the snapshot on disk, which is %s old.", roughly(time.Duration(*s.StateAge)))
	} else if most := max(oldState, 3*time.Duration(refreshSeconds)*time.Second); s.StateAge != nil && time.Duration(*s.StateAge) > most && s.ConnectedSince != nil {
		severe("", "The state is %s old, although a master is connected.", roughly(time.Duration(*s.StateAge)))
	}
	if z := s.ZooKeeper; z != nil && z.State != leader.StatusLeader {
		severe("", "ZooKeeper names no leader: %s for %s%s.", z.State, roughly(now.Sub(z.Since)), because(z.LastError))
	}
	if f := s.Forwarding; f != nil {
		for _, u := range f.Upstreams {
			if u.State != "up" {
				severe("/forwarding", "The upstream server %s is %s.", u.Address, u.State)
			}
		}
	}
	if c := s.Settings; c != nil && c.LastError != nil {
		severe("/settings", "The settings were changed %s ago and cannot be used; those from before are still used%s.", roughly(now.Sub(c.LastError.Time)), because(c.LastError))
	}
	if f := s.SnapshotError; f != nil {
		severe("", "The snapshot cannot be written: a restart would not know the latest state%s.", because(f))
	}
	warn := func(link, format string, args ...any) {
		list = append(list, pageProblem{false, words.Printable(fmt.Sprintf(format, args...)), link})
	}
	if c := s.Settings; c != nil && len(c.RestartNeeded) > 0 {
		warn("/settings", "A restart is needed: %s changed (%s).", words.Count(len(c.RestartNeeded), "setting has", "settings have"), strings.Join(c.RestartNeeded, ", "))
	}
	for _, one := range pageSecondaries(s.Secondaries, len(s.Secondaries)) {
		if one.Lag != nil && time.Duration(*one.Lag) > behind {
			warn("/secondaries", "The secondary %s is %s behind.", one.Address, roughly(time.Duration(*one.Lag)))
		} else if e := one.LastError; e != nil && now.Sub(e.Time) < recent {
			warn("/secondaries", "The secondary %s: %s.", one.Address, shorten(e.Text))
		}
		if len(list) > 20 {
			break
		}
	}
	if s.RetainedAgents > 0 {
		warn("/warnings", "%d agents have not registered with the new leading master yet: their tasks are retained.", s.RetainedAgents)
	}
	if n := len(s.Merged); n > 0 {
		warn("/warnings", "%s shared by several frameworks.", words.Count(n, "name is", "names are"))
	}
	unusual := 0
	for _, o := range s.Omitted {
		if !o.Usual {
			unusual++
		}
	}
	if unusual > 0 {
		warn("/warnings", "%s omitted or ignored.", words.Count(unusual, "name, label or record is", "names, labels or records are"))
	}
	return list
}

// SevereProblems describes what is badly wrong at a moment, a sentence each without
// control characters. refresh is the interval of polls.
func SevereProblems(s *Status, now time.Time, refresh time.Duration) (list []string) {
	for _, p := range problemsOf(s, now, int(refresh.Seconds())) {
		if p.Severe {
			list = append(list, strings.TrimSuffix(p.Text, "."))
		}
	}
	return list
}

func because(f *leader.Failure) string {
	if f == nil {
		return ""
	}
	return " (" + f.Text + ")"
}

// overviewData is what the overview shows.
type overviewData struct {
	Ready  bool
	Serial uint32
	Counts zone.Counts
	// Which of the optional paths there are.
	ConfigOn, EnumerateOn, AxfrOn, InstancesOn, MetricsOn, ExplainOn, WatchOn bool

	Status      *Status // nil if there is none
	State       string  // the status in one line
	Secondary   *pageSecondary
	Secondaries int

	TrendsOn bool
	Plots    []pagePlot // empty before the first sample
}

// home answers "/": the overview, a search, or a name.
func (v *pageView) home() (string, int, any) {
	q := v.r.URL.Query()
	switch {
	case q.Get("name") != "":
		return v.name(q.Get("name"))
	case q.Has("q"):
		return v.search()
	}
	o := &v.s.o
	d := overviewData{
		Ready: v.z.Ready(), Serial: v.z.DomainSerial(), Counts: v.z.Counts(), Status: v.status,
		ConfigOn:    o.Config != nil,
		EnumerateOn: o.EnumerationOn && o.Enumerate != nil,
		AxfrOn:      o.EnumerationOn,
		InstancesOn: o.EnumerationOn && o.Instances != nil,
		MetricsOn:   o.Metrics != nil,
		ExplainOn:   o.Explain != nil,
		WatchOn:     v.s.changes != nil,
	}
	if v.status != nil {
		d.State = v.status.Short()
		if list := pageSecondaries(v.status.Secondaries, 1); len(list) > 0 {
			d.Secondary, d.Secondaries = &list[0], len(v.status.Secondaries)
		}
	}
	if d.TrendsOn = o.Trends != nil && v.s.mayRead(v.r, "/v1/status/trends"); d.TrendsOn {
		var err error
		if d.Plots, err = v.s.plots.draw(o.Trends()); err != nil {
			v.s.log.WithError(err).Error("drawing the plots failed")
		}
	}
	v.frame.Title = "Overview"
	v.watch("")
	return "overview", http.StatusOK, d
}
