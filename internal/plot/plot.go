// Package plot draws lines over time as SVG that is part of a page.
//
// What is drawn has classes and no style of its own, so that it keeps to a strict
// content security policy, and takes its colours, dark ones too, from the style sheet
// of the page. The classes are those of the lines, and plot-back, plot-canvas,
// plot-axis and plot-grid.
package plot

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
	"time"

	"github.com/go-analyze/charts/chartdraw"
)

// The size of a plot, in its own units. A page scales it.
const (
	width    = 480
	height   = 190
	fontSize = 11 // points, which is 14 units
)

// Plot is lines over the same time.
type Plot struct {
	// ID begins the ids of elements: no other of the page may have the same.
	ID string
	// Title and Description tell people what they cannot see.
	Title, Description string
	From, To           time.Time // the axis has the time of day in UTC
	Lines              []Line
	// Scale is what the units of the axis are multiples of: 1, or 1<<20 for values in
	// bytes with an axis of round numbers of MiB.
	Scale float64
	// Reach is a value that the axis reaches in any case.
	Reach float64
	// Format writes a value at the axis.
	Format func(float64) string
}

// Line is one of the lines of a plot.
type Line struct {
	Class  string
	Points []Point // in the order of time
}

// Point is a value at a time. Where the value is NaN, the line has a gap.
type Point struct {
	Time  time.Time
	Value float64
}

// SVG draws the plot. Values that are negative or infinite are left out.
func (p Plot) SVG() (string, error) {
	styled := func(class string) chartdraw.Style {
		return chartdraw.Style{ClassName: class, FontStyle: chartdraw.FontStyle{FontSize: fontSize}}
	}
	back := styled("plot-back")
	back.Padding = chartdraw.Box{Top: 10, Left: 2, Right: 8, Bottom: 2, IsSet: true}
	line := func(class string, x, y []float64) chartdraw.Series {
		s := styled(class)
		s.StrokeWidth = 1
		return chartdraw.ContinuousSeries{Style: s, XValues: x, YValues: y}
	}
	times, values := p.timeTicks(), p.valueTicks()
	chart := chartdraw.Chart{
		Width: width, Height: height,
		Background: back, Canvas: styled("plot-canvas"),
		XAxis: chartdraw.XAxis{
			Style: styled("plot-axis"), Ticks: times,
			GridMajorStyle: chartdraw.Hidden(), GridMinorStyle: chartdraw.Hidden(),
		},
		YAxis: chartdraw.YAxis{
			Style: styled("plot-axis"), Ticks: values,
			GridMajorStyle: chartdraw.Hidden(), GridMinorStyle: chartdraw.Hidden(),
			Zero: chartdraw.GridLine{Style: chartdraw.Hidden()},
		},
		YAxisSecondary: chartdraw.HideYAxis(),
	}
	// The grid lines of the library have a style of their own.
	for _, at := range values[1:] {
		chart.Series = append(chart.Series, line("plot-grid", []float64{times[0].Value, times[len(times)-1].Value}, []float64{at.Value, at.Value}))
	}
	for _, l := range p.Lines {
		for _, part := range l.parts(p.From, p.To) {
			chart.Series = append(chart.Series, line(l.Class, part.x, part.y))
		}
	}
	var b bytes.Buffer
	if err := chart.Render(chartdraw.SVG, &b); err != nil {
		return "", fmt.Errorf("plot %s: %w", p.ID, err)
	}
	return p.described(b.String()), nil
}

// described adds to a drawing what it shows, for people who cannot see it.
func (p Plot) described(svg string) string {
	head, rest, _ := strings.Cut(svg, ">")
	id := html.EscapeString(p.ID)
	return fmt.Sprintf(`%s class="plot" role="img" aria-labelledby="%s-title %s-desc"><title id="%s-title">%s</title><desc id="%s-desc">%s</desc>%s`,
		head, id, id, id, html.EscapeString(p.Title), id, html.EscapeString(p.Description), rest)
}

// part is a piece of a line without gaps, in the units of the axes.
type part struct{ x, y []float64 }

// parts are the pieces of a line within a time.
func (l Line) parts(from, to time.Time) (list []part) {
	open := false
	for _, at := range l.Points {
		if at.Time.Before(from) || at.Time.After(to) {
			continue
		}
		if math.IsNaN(at.Value) || math.IsInf(at.Value, 0) || at.Value < 0 {
			open = false
			continue
		}
		if !open {
			list = append(list, part{})
			open = true
		}
		p := &list[len(list)-1]
		p.x = append(p.x, seconds(at.Time))
		p.y = append(p.y, at.Value)
	}
	for i := range list {
		if p := &list[i]; len(p.x) == 1 { // a path needs two points
			p.x, p.y = append(p.x, p.x[0]), append(p.y, p.y[0])
		}
	}
	return list
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// tickSteps are the times between two marks of the time axis, of which the shortest is
// taken that gives at most maxTimeTicks.
var tickSteps = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}

const maxTimeTicks = 6

// timeTicks are the ends of the time, and marks at round times between them.
func (p Plot) timeTicks() []chartdraw.Tick {
	from, to := p.From.UTC(), p.To.UTC()
	if !to.After(from) {
		to = from.Add(time.Second)
	}
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if to.Sub(from) <= maxTimeTicks*s {
			step = s
			break
		}
	}
	list := []chartdraw.Tick{{Value: seconds(from)}}
	for t := from.Truncate(step).Add(step); t.Before(to) && len(list) <= maxTimeTicks+1; t = t.Add(step) {
		list = append(list, chartdraw.Tick{Value: seconds(t), Label: t.Format("15:04")})
	}
	return append(list, chartdraw.Tick{Value: seconds(to)})
}

// maxValueTicks is how many steps the value axis has at most.
const maxValueTicks = 4

// valueTicks are marks from 0 to at least the largest value, at round distances.
func (p Plot) valueTicks() []chartdraw.Tick {
	most := p.Reach
	for _, l := range p.Lines {
		for _, at := range l.Points {
			if !math.IsNaN(at.Value) && !math.IsInf(at.Value, 0) {
				most = max(most, at.Value)
			}
		}
	}
	step := roundStep(most/maxValueTicks/p.Scale) * p.Scale
	var list []chartdraw.Tick
	for i := 0; i <= maxValueTicks; i++ {
		v := float64(i) * step
		list = append(list, chartdraw.Tick{Value: v, Label: p.Format(v)})
		if i > 0 && v >= most {
			break
		}
	}
	return list
}

// roundStep is the smallest of 1, 2 and 5 times a power of ten that is not below a
// number; 0.25 for nothing.
func roundStep(least float64) float64 {
	if least <= 0 {
		return 0.25
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}
