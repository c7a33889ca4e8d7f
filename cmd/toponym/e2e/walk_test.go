//go:build e2e

package e2e_test

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite the pictures in docs")

// The picture of a terminal at the top of README.md shows the commands of its section
// Try it, with what TestCommandsOfREADME finds that they print.
func TestTerminalWalkShowsCommandsOfREADME(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := terminal(transcript(section(t, string(page), "Try it")))
	file := filepath.Join("..", "..", "..", "docs", "images", "walk.svg")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what README.md shows (%v): run this test with -update", file, err)
	}
}

// section returns a section of a page, without its heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("README.md: got no section %s", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// terminal draws commands and their output as an SVG picture in which they appear one
// after the other; at once for those who want no motion.
func terminal(commands []shown) string {
	const lineHeight, charWidth, margin = 20, 8.45, 16
	var b strings.Builder
	width, y, seconds := 0, margin+lineHeight/2, 0.5
	line := func(class, text string) {
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(text)) // a builder takes everything
		fmt.Fprintf(&b, "<text class=\"%s\" x=\"%d\" y=\"%d\" style=\"animation-delay:%.1fs\" xml:space=\"preserve\">%s</text>\n", class, margin, y, seconds, escaped.String())
		width = max(width, utf8.RuneCountInString(text))
		y += lineHeight
	}
	for _, c := range commands {
		line("command", "$ "+c.command)
		seconds += 1
		for _, text := range c.output {
			line("output", text)
		}
		seconds += 1.5
	}
	size := fmt.Sprintf("%d %d", int(float64(width)*charWidth)+2*margin, y)
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + `" role="img" aria-label="A terminal with the commands of the section Try it">
<style>
rect { fill: #1b1f24; }
text { font: 14px ui-monospace, "DejaVu Sans Mono", monospace; opacity: 0; animation: show 0s forwards; }
.command { fill: #fff; }
.output { fill: #9fd29f; }
@keyframes show { to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { text { opacity: 1; animation: none; } }
</style>
<rect width="100%" height="100%" rx="6"/>
` + b.String() + "</svg>\n"
}
