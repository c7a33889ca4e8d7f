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

// page is the page for people at "/". It has no scripts and loads nothing, so its
// policy allows only its own style sheet and its own form.
type page struct {
	template *template.Template
	policy   string
}

// newPage panics only where the embedded template is invalid, which every test
// would show.
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
	// Which of the optional paths there are.
	ConfigOn, EnumerateOn, AxfrOn, InstancesOn, MetricsOn, ExplainOn bool

	Status *Status // nil if there is none
	State  string  // the status in one line

	Secondaries     []pageSecondary
	MoreSecondaries int // that are not listed

	Asked *pageAnswer // nil where no name was entered
}

// maxPageRecords bounds the records of a name that the page lists.
const maxPageRecords = 100

// pageAnswer is the result for the name that was entered.
type pageAnswer struct {
	Typed  string // as it was entered: it may be anything
	Shown  string // as it was looked up; empty where it cannot be a name
	Path   string // Shown as a part of a path
	Addrs  []netip.Addr
	SRV    []pageSRV
	PTR    []string
	Exists bool // it owns records
	More   int  // records that are not listed
}

// pageSRV is an SRV record.
type pageSRV struct {
	Priority, Weight, Port uint16
	Target                 string
}

// showPage answers "/", with the records of the name in the query if there is one.
func (s *Server) showPage(w *response, r *http.Request) {
	z := s.o.Store.Current()
	d := pageData{
		CSS:         template.CSS(pageCSS),
		Version:     s.o.Version,
		Domain:      s.o.Domain,
		Ready:       z.Ready(),
		Serial:      z.DomainSerial(),
		Counts:      z.Counts(),
		ConfigOn:    s.o.Config != nil,
		EnumerateOn: s.o.EnumerationOn && s.o.Enumerate != nil,
		AxfrOn:      s.o.EnumerationOn,
		InstancesOn: s.o.EnumerationOn && s.o.Instances != nil,
		MetricsOn:   s.o.Metrics != nil,
		ExplainOn:   s.o.Explain != nil,
	}
	if s.o.Status != nil {
		st := s.describe(s.o.Status(), z)
		d.Status, d.State = &st, st.Short()
		d.Secondaries, d.MoreSecondaries = pageSecondaries(st.Secondaries)
	}
	if typed := r.URL.Query().Get("name"); typed != "" {
		d.Asked = ask(z, typed)
	}

	var b bytes.Buffer
	if err := s.page.template.Execute(&b, d); err != nil {
		s.log.WithError(err).Error("rendering the page failed")
		http.Error(w, "the page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", s.page.policy)
	h.Set("Referrer-Policy", "no-referrer")
	write(w, http.StatusOK, "text/html; charset=utf-8", b.Bytes())
}

// ask looks a name up for the page.
func ask(z *zone.Zone, typed string) *pageAnswer {
	if len(typed) > maxTyped {
		return &pageAnswer{Typed: typed[:maxTyped] + "…"}
	}
	shown, n, ok := clean(typed)
	if !ok {
		return &pageAnswer{Typed: typed}
	}
	d := dataOf(z, n)
	a := &pageAnswer{Typed: typed, Shown: shown, Path: url.PathEscape(shown), Exists: !d.Empty()}
	left := maxPageRecords
	for _, addr := range firstOf(d.A, &left) {
		a.Addrs = append(a.Addrs, netip.AddrFrom4(addr))
	}
	for _, addr := range firstOf(d.AAAA, &left) {
		a.Addrs = append(a.Addrs, netip.AddrFrom16(addr))
	}
	for _, srv := range firstOf(d.SRV, &left) {
		a.SRV = append(a.SRV, newPageSRV(srv))
	}
	total := len(d.A) + len(d.AAAA) + len(d.SRV)
	if target, ok := d.Pointer(); ok {
		a.PTR = append(a.PTR, firstOf([]string{target.String()}, &left)...)
		total++
	}
	a.More = total - maxPageRecords + left
	return a
}

// firstOf takes as many elements from a list as are left.
func firstOf[T any](list []T, left *int) []T {
	n := min(len(list), *left)
	*left -= n
	return list[:n]
}

func newPageSRV(s records.SRV) pageSRV {
	return pageSRV{Priority: s.Priority, Weight: s.Weight, Port: s.Port, Target: s.Target.String()}
}
