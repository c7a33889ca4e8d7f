package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toponym/internal/words"
	"toponym/zone"
)

// The pages for people. They are HTML that the server makes, and work without
// scripts: the only script follows changes, searches while one types, and copies
// names. Pages load nothing, so that the policy allows only their own style sheet,
// their own script, their own forms, and requests to this server.
//
// What a page shows is what paths of the API answer. It shows it only to clients that
// may read those paths.

//go:embed pages
var pageFiles embed.FS

// pageNames are the pages; each has a file with a template "main".
var pageNames = []string{"overview", "search", "name", "app", "task", "framework", "agent", "changes", "forwarding", "secondaries", "warnings", "settings", "problem"}

// pages renders the pages.
type pages struct {
	templates map[string]*template.Template
	css, js   string
	policy    string
}

// newPages panics only where an embedded template is invalid, which every test would
// show.
func newPages() *pages {
	read := func(name string) string {
		b, err := pageFiles.ReadFile("pages/" + name)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	p := &pages{templates: map[string]*template.Template{}, css: read("page.css"), js: read("page.js")}
	frame := template.Must(template.New("frame").Funcs(pageFunctions).Parse(read("frame.html")))
	for _, name := range pageNames {
		p.templates[name] = template.Must(template.Must(frame.Clone()).Parse(read(name + ".html")))
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	p.policy = "default-src 'none'; style-src " + hash(p.css) + "; script-src " + hash(p.js) +
		"; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return p
}

// pageFunctions are the functions of the templates.
var pageFunctions = template.FuncMap{
	"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"ago":     func(t time.Time) string { return roughly(time.Since(t)) + " ago" },
	"lasting": func(t time.Time) string { return roughly(time.Since(t)) },
	"age":     func(s Seconds) string { return roughly(time.Duration(s)) },
	"milliseconds": func(s Seconds) string {
		return fmt.Sprintf("%.1f ms", float64(s)/float64(time.Millisecond))
	},
	"size":  sizeText,
	"label": words.Printable,
	"count": words.Count,
}

// roughly is a duration in its largest unit.
func roughly(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// sizeText is a number of bytes in a unit that people read.
func sizeText(n any) string {
	var bytes float64
	switch n := n.(type) {
	case int:
		bytes = float64(n)
	case int64:
		bytes = float64(n)
	case uint64:
		bytes = float64(n)
	}
	for _, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if bytes < 1024 || unit == "GiB" {
			if unit == "bytes" {
				return fmt.Sprintf("%.0f bytes", bytes)
			}
			return fmt.Sprintf("%.1f %s", bytes, unit)
		}
		bytes /= 1024
	}
	return ""
}

// pageFrame is what all pages have in common, around the data of one.
type pageFrame struct {
	CSS             template.CSS
	JS              template.JS
	Version, Domain string
	Title           string
	Path            string // of the page, to mark it in the navigation; "" for a name and a search
	Query           string // what is searched for
	Watch           string // where the script learns of changes; "" if nowhere
	Ready           bool
	Health          []pageProblem // what is wrong; nil if the client may not know
	HealthKnown     bool
	SearchOn        bool // apps, tasks, frameworks and agents can be searched
	Nav             []pageLink
	Page            any
}

// pageLink is a link of the navigation.
type pageLink struct{ Path, Title string }

// pageView is a request for a page.
type pageView struct {
	s      *Server
	w      *response
	r      *http.Request
	z      *zone.Zone
	status *Status // nil if the client may not read it
	frame  pageFrame
}

// viewer makes one page. It returns the name of the page, the status of the answer,
// and the data.
type viewer func(v *pageView) (name string, status int, data any)

// showPage answers with a page.
func (s *Server) showPage(view viewer) func(*response, *http.Request) {
	return func(w *response, r *http.Request) {
		v := &pageView{s: s, w: w, r: r, z: s.o.Store.Current()}
		v.frame = pageFrame{
			CSS: template.CSS(s.pages.css), JS: template.JS(s.pages.js),
			Version: s.o.Version, Domain: s.o.Domain, Path: r.URL.Path,
			Ready: v.z.Ready(), SearchOn: v.lists(),
		}
		if s.o.Status != nil && s.mayRead(r, "/v1/status") {
			st := s.describe(s.o.Status(), v.z)
			v.status = &st
			v.frame.Health, v.frame.HealthKnown = problemsOf(&st, time.Now(), s.o.RefreshSeconds()), true
		}
		v.frame.Nav = v.navigation()
		name, status, data := view(v)
		v.frame.Page = data
		v.render(name, status)
	}
}

// render writes a page.
func (v *pageView) render(name string, status int) {
	var b bytes.Buffer
	if err := v.s.pages.templates[name].Execute(&b, v.frame); err != nil {
		v.s.log.WithError(err).Error("rendering a page failed")
		http.Error(v.w, "the page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", v.s.pages.policy)
	h.Set("Referrer-Policy", "no-referrer")
	write(v.w, status, "text/html; charset=utf-8", b.Bytes())
}

// navigation are the pages that the client may read.
func (v *pageView) navigation() []pageLink {
	list := []pageLink{{"/", "Overview"}}
	if v.changesOn() {
		list = append(list, pageLink{"/changes", "Changes"})
	}
	if v.status != nil {
		if v.status.Forwarding != nil {
			list = append(list, pageLink{"/forwarding", "Forwarding"})
		}
		if v.status.Secondaries != nil {
			list = append(list, pageLink{"/secondaries", "Secondaries"})
		}
		list = append(list, pageLink{"/warnings", "Warnings"})
	}
	if v.settingsOn() {
		list = append(list, pageLink{"/settings", "Settings"})
	}
	return list
}

// lists reports whether the client may read what is known of all tasks.
func (v *pageView) lists() bool {
	return v.s.o.EnumerationOn && v.s.o.Search != nil && v.s.mayRead(v.r, "/v1/instances")
}

func (v *pageView) changesOn() bool {
	return v.s.changes != nil && v.s.o.EnumerationOn && v.s.mayRead(v.r, "/v1/watch")
}

func (v *pageView) settingsOn() bool {
	return v.s.o.Settings != nil && v.s.mayRead(v.r, "/v1/config")
}

// watch makes the script read the page again when there are changes of a name, or of
// any name.
func (v *pageView) watch(name string) {
	if v.s.changes == nil || !v.z.Ready() || !v.s.mayRead(v.r, "/v1/watch") {
		return
	}
	switch {
	case name != "":
		v.frame.Watch = "/v1/watch?name=" + url.QueryEscape(name)
	case v.s.o.EnumerationOn:
		v.frame.Watch = "/v1/watch"
	}
}

// mayRead reports whether a client may read a path of the API.
func (s *Server) mayRead(r *http.Request, path string) bool {
	a := accessOf(*s.access.Load(), path)
	return a == nil || a.check(r) == permitted
}

// pageProblem is something that is wrong, with where to read on.
type pageProblem struct {
	Severe bool // names are wrong, missing or old, or soon will be
	Text   string
	Link   string
}

// problem is the page of an error.
func (v *pageView) problem(status int, text string) (string, int, any) {
	v.frame.Title = "Problem"
	return "problem", status, text
}

const notPermitted = "This may not be read from here: the settings EnumerationOn and httpAuth decide."

// entered calls f while the view holds one of the slots for pages about many tasks,
// in the background.
func (v *pageView) entered(f func()) (ok bool) {
	v.w.pause()
	leave, ok := v.s.views.acquire(v.r.Context(), clientOf(v.r.RemoteAddr))
	if !ok {
		v.w.Header().Set("Retry-After", "1")
		return false
	}
	defer leave()
	if v.w.resume() != nil {
		return false
	}
	v.s.inBackground(f)
	return true
}

const tooBusy = "Too many pages of this kind are being made: try again."

// parameter is a parameter of the page, bounded.
func (v *pageView) parameter(name string) string {
	text := v.r.URL.Query().Get(name)
	return strings.ToValidUTF8(text[:min(len(text), maxParameter)], "\uFFFD")
}
