package compare

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html
var htmlText string

var htmlTemplate = template.Must(template.New("report").Parse(htmlText))

// WriteHTML writes the report as one page that loads nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	return htmlTemplate.Execute(w, struct {
		*Report
		Groups         []group
		NotExplained   []Finding
		DNSUnexplained []DNSFinding
	}{r, r.groups(), r.unexplained(), r.unexplainedDNS()})
}
