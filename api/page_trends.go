package api

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"toponym/internal/plot"
)

// The overview shows the figures of /v1/status/trends as plots. Each has a table of
// its lines, which is the legend, and says the same to people who cannot see it.

// Bounds of the time that plots show.
const (
	maxPlotTime = time.Hour
	minPlotTime = 5 * time.Minute // of a server that has just been started
)

// pagePlot is a plot of the page.
type pagePlot struct {
	ID, Title string
	Note      string // what the figures are
	SVG       template.HTML
	Lines     []plotLine
}

// plotLine is a row of the table below a plot.
type plotLine struct {
	Class, Name     string
	Now, Mean, Most string
}

// line is a line before it is drawn.
type line struct {
	class, name string
	value       func(*Trend) float64 // NaN: none
}

// plotKind says what a plot shows.
type plotKind struct {
	id, title, note string
	scale, reach    float64 // of the axis, as [plot.Plot] has them
	format          func(float64) string
	lines           func([]Trend) []line
}

var plotKinds = []plotKind{
	{"queries", "Queries per second", "Responses by code.", 1, 0, numberText, queryLines},
	{"latency", "Latency", "Time from reading a query to sending its response, over a minute, right but for a factor of two. Queries that wait for upstream servers do not count.",
		1, 0, secondsText, func([]Trend) []line {
			percentile := func(class, name string, of func(*TrendLatency) float64) line {
				return line{class, name, func(t *Trend) float64 {
					if t.Latency == nil {
						return math.NaN()
					}
					return of(t.Latency)
				}}
			}
			return []line{
				percentile("line-1", "50 % within", func(l *TrendLatency) float64 { return l.P50 }),
				percentile("line-2", "90 % within", func(l *TrendLatency) float64 { return l.P90 }),
				percentile("line-3", "99 % within", func(l *TrendLatency) float64 { return l.P99 }),
			}
		}},
	{"changed", "Changed names per second", "Names whose records have changed.", 1, 0, numberText, oneLine("changed names", func(t *Trend) float64 { return t.Changes })},
	{"hits", "Cache hits", "Share of the questions about forwarded names that the cache answered.", 1, 100, percentText, oneLine("cache hits", func(t *Trend) float64 {
		if t.CacheHits == nil {
			return math.NaN()
		}
		return *t.CacheHits * 100
	})},
	{"memory", "Memory", "Resident memory of the process.", 1 << 20, 0, memoryText, oneLine("memory", func(t *Trend) float64 {
		if t.Memory == nil {
			return math.NaN()
		}
		return float64(*t.Memory)
	})},
}

func oneLine(name string, value func(*Trend) float64) func([]Trend) []line {
	return func([]Trend) []line { return []line{{"line-1", name, value}} }
}

// plottedCodes have lines of their own, always in the same colours.
var plottedCodes = []string{"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"}

// queryLines are those of the codes that there were. Rare codes share one.
func queryLines(samples []Trend) (list []line) {
	seen := map[string]bool{"NOERROR": true}
	for i := range samples {
		for code := range samples[i].Queries {
			if !slices.Contains(plottedCodes, code) {
				code = "other"
			}
			seen[code] = true
		}
	}
	for i, code := range plottedCodes {
		if seen[code] {
			list = append(list, line{fmt.Sprintf("line-%d", i+1), code, func(t *Trend) float64 { return t.Queries[code] }})
		}
	}
	if seen["other"] {
		list = append(list, line{fmt.Sprintf("line-%d", len(plottedCodes)+1), "others", func(t *Trend) (sum float64) {
			for _, code := range slices.Sorted(maps.Keys(t.Queries)) {
				if !slices.Contains(plottedCodes, code) {
					sum += t.Queries[code]
				}
			}
			return sum
		}})
	}
	return list
}

// plots keeps what was drawn last: however often pages are read, plots are drawn once
// for each sample.
type plots struct {
	mu     sync.Mutex
	newest time.Time // the sample that was drawn
	drawn  []pagePlot
}

// draw returns the plots of samples. There are none before the first sample.
func (p *plots) draw(t Trends) ([]pagePlot, error) {
	if len(t.Samples) == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	newest := t.Samples[len(t.Samples)-1].Time.Round(time.Second)
	if p.drawn != nil && newest.Equal(p.newest) {
		return p.drawn, nil
	}
	var drawn []pagePlot
	for _, k := range plotKinds {
		one, err := k.draw(t.Samples)
		if err != nil {
			return nil, err
		}
		drawn = append(drawn, one)
	}
	p.newest, p.drawn = newest, drawn
	return drawn, nil
}

func (k plotKind) draw(samples []Trend) (pagePlot, error) {
	first, last := samples[0].Time, samples[len(samples)-1].Time
	drawing := plot.Plot{
		ID: "plot-" + k.id, Title: k.title, From: first, To: last, Scale: k.scale, Reach: k.reach, Format: k.format,
	}
	if least := last.Add(-minPlotTime); drawing.From.After(least) {
		drawing.From = least
	}
	if most := last.Add(-maxPlotTime); drawing.From.Before(most) {
		drawing.From = most
	}
	page := pagePlot{ID: k.id, Title: k.title, Note: k.note}
	var said []string
	for _, l := range k.lines(samples) {
		points, row := plot.Line{Class: l.class}, plotLine{Class: l.class, Name: l.name, Now: "–", Mean: "–", Most: "–"}
		sum, most, n := 0.0, 0.0, 0
		for i := range samples {
			v := l.value(&samples[i])
			points.Points = append(points.Points, plot.Point{Time: samples[i].Time, Value: v})
			if math.IsNaN(v) {
				continue
			}
			sum, most, n = sum+v, max(most, v), n+1
		}
		if now := points.Points[len(points.Points)-1].Value; !math.IsNaN(now) {
			row.Now = k.format(now)
		}
		if n > 0 {
			row.Mean, row.Most = k.format(sum/float64(n)), k.format(most)
		}
		drawing.Lines = append(drawing.Lines, points)
		page.Lines = append(page.Lines, row)
		said = append(said, fmt.Sprintf("%s: now %s, on average %s, at most %s", row.Name, row.Now, row.Mean, row.Most))
	}
	drawing.Description = fmt.Sprintf("From %s to %s UTC. %s.", drawing.From.UTC().Format("15:04"), drawing.To.UTC().Format("15:04"), strings.Join(said, "; "))
	svg, err := drawing.SVG()
	page.SVG = template.HTML(svg) // of package plot, which escapes all texts
	return page, err
}

// numberText is a number with as many digits as people read.
func numberText(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return trimmed(fmt.Sprintf("%.2f", v))
	case v < 1000:
		return trimmed(fmt.Sprintf("%.1f", v))
	case v < 1e6:
		return trimmed(fmt.Sprintf("%.1f", v/1e3)) + " k"
	}
	return trimmed(fmt.Sprintf("%.1f", v/1e6)) + " M"
}

// trimmed is a number without zeros at its end.
func trimmed(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// secondsText is a time in the unit that people read.
func secondsText(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 1e-3:
		return trimmed(fmt.Sprintf("%.1f", v*1e6)) + " µs"
	case v < 1:
		return trimmed(fmt.Sprintf("%.1f", v*1e3)) + " ms"
	}
	return trimmed(fmt.Sprintf("%.1f", v)) + " s"
}

func percentText(v float64) string { return trimmed(fmt.Sprintf("%.1f", v)) + " %" }

func memoryText(v float64) string { return trimmed(fmt.Sprintf("%.1f", v/(1<<20))) + " MiB" }
