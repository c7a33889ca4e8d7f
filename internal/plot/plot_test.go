package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func example(values ...float64) Plot {
	p := Plot{
		ID: "example", Title: "Queries <per> second", Description: `a & "b"`, From: noon, To: noon.Add(time.Hour), Scale: 1,
		Format: func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) },
	}
	l := Line{Class: "line-1"}
	for i, v := range values {
		l.Points = append(l.Points, Point{noon.Add(time.Duration(i) * 10 * time.Second), v})
	}
	p.Lines = []Line{l}
	return p
}

// element is an element of a drawing.
type element struct {
	name       string
	attributes map[string]string
	text       string
}

// elements reads a drawing as a browser would, and fails where it is not well-formed.
func elements(t *testing.T, svg string) (list []element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("got a drawing that is not well-formed: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			list = append(list, e)
		case xml.CharData:
			if len(list) > 0 {
				list[len(list)-1].text += string(token)
			}
		}
	}
}

func draw(t *testing.T, p Plot) []element {
	t.Helper()
	svg, err := p.SVG()
	if err != nil {
		t.Fatal(err)
	}
	return elements(t, svg)
}

// The policy of the pages forbids style attributes, so a browser would draw lines
// without them in black.
func TestDrawingsHaveNoStyleOfTheirOwn(t *testing.T) {
	for name, p := range map[string]Plot{
		"values": example(1, 2, 3), "none": example(), "one": example(5), "gaps": example(1, math.NaN(), 2, 3, math.Inf(1), -1, 7), "zero": example(0, 0),
	} {
		for _, e := range draw(t, p) {
			if e.name == "style" || e.attributes["style"] != "" {
				t.Errorf("%s: got the style %q of %s, want none", name, e.attributes["style"], e.name)
			}
			if (e.name == "path" || e.name == "text") && e.attributes["class"] == "" {
				t.Errorf("%s: got %s without a class", name, e.name)
			}
		}
	}
}

func TestDrawingsSayWhatTheyShow(t *testing.T) {
	list := draw(t, example(1, 2))
	root := list[0]
	if root.attributes["role"] != "img" || root.attributes["aria-labelledby"] != "example-title example-desc" {
		t.Errorf("got the attributes %v, want the role img and the ids of title and desc", root.attributes)
	}
	if list[1].name != "title" || list[1].text != "Queries <per> second" || list[2].name != "desc" || list[2].text != `a & "b"` {
		t.Errorf("got %+v and %+v, want title and desc with their texts", list[1], list[2])
	}
}

func TestLinesHaveGapsWhereThereIsNoValue(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   int // lines
	}{
		{nil, 0},
		{[]float64{1, 2, 3}, 1},
		{[]float64{1, 2, math.NaN(), 3}, 2},
		{[]float64{math.NaN(), math.NaN()}, 0},
		{[]float64{1, math.NaN(), 2, math.NaN(), 3}, 3},
	} {
		got := 0
		for _, e := range draw(t, example(c.values...)) {
			if !strings.HasPrefix(e.attributes["class"], "line-1 ") {
				continue
			}
			got++
			if !strings.Contains(e.attributes["d"], "L") {
				t.Errorf("%v: got the path %q, which shows nothing", c.values, e.attributes["d"])
			}
		}
		if got != c.want {
			t.Errorf("%v: got %d lines, want %d", c.values, got, c.want)
		}
	}
}

// labels are the texts at the axes.
func labels(t *testing.T, p Plot) (list []string) {
	for _, e := range draw(t, p) {
		if e.name == "text" {
			list = append(list, e.text)
		}
	}
	return list
}

func TestAxesHaveRoundMarks(t *testing.T) {
	hour := "12:10 12:20 12:30 12:40 12:50"
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0}, hour + " 0 0.25"},
		{[]float64{7}, hour + " 0 2 4 6 8"},
		{[]float64{8}, hour + " 0 2 4 6 8"},
		{[]float64{0.0003}, hour + " 0 0.0001 0.0002 0.0003"},
		{[]float64{81234}, hour + " 0 50000 100000"},
		{[]float64{1e12}, hour + " 0 5e+11 1e+12"},
	} {
		if got := strings.Join(labels(t, example(c.values...)), " "); got != c.want {
			t.Errorf("%v: got the marks %s, want %s", c.values, got, c.want)
		}
	}
	reaching := example(3)
	reaching.Reach = 100
	if got, want := strings.Join(labels(t, reaching), " "), hour+" 0 50 100"; got != want {
		t.Errorf("got the marks %s, want %s", got, want)
	}
	p := example(700 << 20)
	p.Scale, p.Format = 1<<20, func(v float64) string { return strconv.Itoa(int(v) >> 20) }
	p.To = noon.Add(3 * time.Minute)
	if got, want := strings.Join(labels(t, p), " "), "12:01 12:02 0 200 400 600 800"; got != want {
		t.Errorf("got the marks %s, want %s", got, want)
	}
}

// Whatever is measured, a plot is drawn, and lies within its frame.
func TestAnyValuesAreDrawn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var values []float64
		for range r.IntN(400) {
			v := math.Exp(r.NormFloat64() * 20)
			if r.IntN(5) == 0 {
				v = []float64{0, math.NaN(), math.Inf(1), -v, math.MaxFloat64 / 8, math.SmallestNonzeroFloat64}[r.IntN(6)]
			}
			values = append(values, v)
		}
		p := example(values...)
		if r.IntN(10) == 0 {
			p.To = p.From
		}
		for _, e := range draw(t, p) {
			for _, field := range strings.Fields(e.attributes["d"]) {
				if n, err := strconv.Atoi(field); err == nil && (n < 0 || n > width) {
					t.Fatalf("got the coordinate %d in %s, want one within 0 and %d", n, e.attributes["class"], width)
				}
			}
		}
	}
}
