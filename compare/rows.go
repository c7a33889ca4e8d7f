package compare

import (
	"regexp"
	"strings"
	"sync"

	"toponym/docs"
)

// Row is a documented difference: a row of docs/differences.md, as plain text.
type Row struct {
	Anchor   string `json:"anchor"` // docs/differences.md#ANCHOR
	What     string `json:"what"`
	MesosDNS string `json:"mesosDNS"`
	Toponym  string `json:"toponym"`
	Why      string `json:"why"`
}

var (
	rowLine = regexp.MustCompile(`(?m)^\| <a id="([a-z0-9-]+)"></a>(.*) \|$`)
	link    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// rows are the documented differences by anchor.
var rows = sync.OnceValue(func() map[string]Row {
	found := map[string]Row{}
	for _, line := range rowLine.FindAllStringSubmatch(docs.Differences, -1) {
		cells := strings.Split(link.ReplaceAllString(strings.ReplaceAll(line[2], "`", ""), "$1"), " | ")
		if len(cells) == 4 {
			found[line[1]] = Row{line[1], cells[0], cells[1], cells[2], cells[3]}
		}
	}
	return found
})
