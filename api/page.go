package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"

	"toponym/records"
	"toponym/zone"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// page is the page for people at "/". It has no scripts and loads nothing, so
// its policy allows nothing but its own style sheet and its own form.
type page struct {
	template *template.Template
	policy   string
}

// newPage panics only when the embedded template is broken, which any test
// shows.
func newPage() *page {
	sum := sha256.Sum256([]byte(pageCSS))
	return &page{
		template: template.Must(template.New("page").Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// pageData is what the template shows.
type pageData struct {
	CSS             template.CSS
	Version, Domain string
	Ready           bool
	Serial          uint32
	Counts          zone.Counts
	// Which of the optional endpoints there are.
	ConfigOn, EnumerateOn, AxfrOn, MetricsOn bool

	Status *statusJSON // nil where there is none
	State  string      // the status in short

	Asked *pageAnswer // nil when nothing was asked for
}

// pageAnswer is what the form's name owns.
type pageAnswer struct {
	Typed  string // as it was typed: it may be anything
	Shown  string // as it was looked up; empty when it can be no name
	Path   string // Shown as a part of a path
	Addrs  []netip.Addr
	SRV    []pageSRV
	PTR    []string
	Exists bool // it owns something
}

// pageSRV is an SRV record.
type pageSRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// showPage answers "/", with the records of the name in the query where there
// is one.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	z := s.o.Store.Current()
	d := pageData{
		CSS:         template.CSS(pageCSS),
		Version:     s.o.Version,
		Domain:      s.o.Domain,
		Ready:       z.Ready(),
		Serial:      z.Serial(),
		Counts:      z.Counts(),
		ConfigOn:    s.o.Config != nil,
		EnumerateOn: s.o.EnumerationOn && s.o.Enumerate != nil,
		AxfrOn:      s.o.EnumerationOn,
	}
	d.MetricsOn = s.o.Metrics != nil
	if s.o.Status != nil {
		st := s.o.Status()
		j := s.describe(st, z)
		d.Status, d.State = &j, st.Short()
	}
	if typed := r.URL.Query().Get("name"); typed != "" {
		d.Asked = ask(z, typed)
	}

	var b bytes.Buffer
	if err := s.page.template.Execute(&b, d); err != nil {
		s.log.WithError(err).Error("the page could not be made")
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", s.page.policy)
	h.Set("Referrer-Policy", "no-referrer")
	write(w, http.StatusOK, "text/html; charset=utf-8", b.Bytes())
}

// ask looks a name up for the page.
func ask(z *zone.Zone, typed string) *pageAnswer {
	shown, n, ok := clean(typed)
	if !ok {
		return &pageAnswer{Typed: typed}
	}
	d := data(z, n)
	a := &pageAnswer{Typed: typed, Shown: shown, Path: url.PathEscape(shown), Exists: !d.Empty()}
	for _, addr := range d.A {
		a.Addrs = append(a.Addrs, netip.AddrFrom4(addr))
	}
	for _, addr := range d.AAAA {
		a.Addrs = append(a.Addrs, netip.AddrFrom16(addr))
	}
	for _, srv := range d.SRV {
		a.SRV = append(a.SRV, newPageSRV(srv))
	}
	for _, target := range d.PTR {
		a.PTR = append(a.PTR, target.String())
	}
	return a
}

func newPageSRV(s records.SRV) pageSRV {
	return pageSRV{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: s.Target.String()}
}
