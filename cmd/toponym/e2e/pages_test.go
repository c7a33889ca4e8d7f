//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"toponym/internal/fakedns"
)

// pagesServer serves a cluster with an unhealthy instance, hostile names, an upstream
// server and a secondary.
func pagesServer(t *testing.T) (*server, *cluster, *master) {
	t.Helper()
	c := example(t)
	c.start(t, 7, networkTask(`<script>alert(1)</script>"'`, 80, "10.1.3.1"))
	c.start(t, 8, networkTask("-", 80, "10.1.3.2")) // cannot have a name
	if err := c.SetHealth(c.marathon, "web.1", false); err != nil {
		t.Fatal(err)
	}
	m := newMaster(t, c.Cluster)
	upstream := fakedns.Start(t, fakedns.Rcode(0))
	s := serve(t, m, settings{
		"externalon": true, "resolvers": []string{upstream.Addr.String()}, "EnumerationOn": true, "transferAllow": []string{"127.0.0.1/32"},
		"stateSource": "stream", "ttl": 7, "httpon": true,
	})
	return s, c, m
}

// All pages work under their policy, in light and dark mode and on a phone, and can
// be used by everybody.
func TestPagesInABrowser(t *testing.T) {
	s, c, _ := pagesServer(t)
	b := newBrowser(t, s)
	ask(t, s.port, "dig example.com")
	askAll(t, s.port, "dig mesos AXFR")
	axe := loadAxe()
	t.Run("accessibility", func(t *testing.T) { requireAxe(t) }) // shows that it is not checked
	b.open(t, "/")
	b.see(t, "Resident memory of the process") // the last plot, after the first sample
	framework := url.QueryEscape(c.marathon)
	for _, page := range []struct{ name, path, want string }{
		{"overview", "/", "connected for"},
		{"search", "/?q=web", "web of marathon"},
		{"name", "/?name=web.marathon.mesos", "10.1.0.1"},
		{"missing", "/?name=nothing.marathon.mesos", "no such name"},
		{"app", "/app?app=web&framework=" + framework, "1 unhealthy"},
		{"task", "/task?task=web.1&framework=" + framework, "10.1.0.2"},
		{"hostile", "/app?framework=" + framework + "&app=" + url.QueryEscape(`<script>alert(1)</script>"'`), "script"},
		{"framework", "/framework?id=" + framework, "app.group"},
		{"agent", "/agent?id=" + url.QueryEscape(c.agents[1]), "web.1"},
		{"changes", "/changes", "Serial"},
		{"forwarding", "/forwarding", "✓ up"},
		{"secondaries", "/secondaries", "127.0.0.1"},
		{"warnings", "/warnings", "Omitted names"},
		{"settings", "/settings?all=1", "environment"},
		{"problem", "/task?task=none", "no task"},
	} {
		b.open(t, page.path)
		wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`Math.max(0, ...[...document.querySelectorAll(".scroll")].map((e) => e.scrollWidth - e.clientWidth))`))
		if err != nil || wide > 0 && page.name != "overview" { // which is opened in a small window
			t.Errorf("%s: got tables that are %d pixels wider than a window of 1200, error %v", page.path, wide, err)
		}
		if text := b.text(t); !strings.Contains(text, page.want) {
			t.Errorf("%s: got no %q in %s", page.path, page.want, text)
		}
		b.screenshot(t, page.name)
		if axe != "" {
			b.accessible(t, axe, page.path)
		}
		b.dark(t, true)
		if axe != "" {
			b.accessible(t, axe, page.path+" in dark mode")
		}
		b.do(t, chromedp.EmulateViewport(360, 740))
		b.screenshot(t, page.name+"-phone-dark")
		width, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth`))
		if err != nil || width > 360 {
			t.Errorf("%s: got a width of %d on a phone, error %v; want 360", page.path, width, err)
		}
		b.dark(t, false)
		b.do(t, chromedp.EmulateViewport(1200, 900))
		for _, problem := range b.takeProblems() {
			if page.name == "problem" && strings.Contains(problem, "404") {
				continue // the status of the page itself
			}
			t.Errorf("%s: %s", page.path, problem)
		}
	}
}

// All that the pages offer can be reached by the keyboard alone, and one sees where one
// is.
func TestPagesByKeyboard(t *testing.T) {
	s, _, _ := pagesServer(t)
	b := newBrowser(t, s)
	b.open(t, "/")
	b.tabTo(t, "Skip to the content")
	b.press(t, kb.Enter)
	if text, _ := b.focused(t); text != "main" {
		t.Errorf("after the skip link: got the focus on %q, want main", text)
	}
	b.open(t, "/changes")
	b.press(t, "/")
	if text, _ := b.focused(t); text != "q" {
		t.Errorf("after a slash: got the focus on %q, want the search", text)
	}
	b.open(t, "/changes")
	b.tabTo(t, "q")
	b.press(t, "web")
	b.press(t, kb.Enter)
	b.see(t, "Searched for web")
	b.open(t, "/")
	b.tabTo(t, "q")
	b.press(t, "web")
	b.see(t, "web of marathon") // while one types
	b.tabTo(t, "web")
	b.press(t, kb.Enter)
	b.see(t, "App web")
	b.tabTo(t, "Unhealthy only")
	b.press(t, kb.Enter)
	b.see(t, `web\.1 ✗ unhealthy`)
	b.tabTo(t, "web.1")
	b.press(t, kb.Enter)
	b.see(t, "Task web.1")
	b.tabTo(t, "Copy") // a name
	b.press(t, kb.Enter)
	b.see(t, "Copied|Selected")
	for _, page := range []string{"Changes", "Forwarding", "Secondaries", "Warnings", "Settings"} {
		b.tabTo(t, page)
		b.press(t, kb.Enter)
		eventually(t, "the page "+page, func() (bool, string) {
			title, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.title`))
			return err == nil && strings.HasPrefix(title, page), fmt.Sprint(title, err)
		})
	}
	for _, problem := range b.takeProblems() {
		t.Error(problem)
	}
}

// A page that is open follows the cluster, searches while one types, and says when
// the server or the master is away.
func TestPagesAreLive(t *testing.T) {
	s, c, m := pagesServer(t)
	b := newBrowser(t, s)
	b.open(t, "/?name=web.marathon.mesos")
	b.see(t, `10\.1\.0\.3`)
	c.start(t, 9, networkTask("web", 8080, "10.1.0.99"))
	b.see(t, `10\.1\.0\.99`)
	c.end(t, "web", 9)
	eventually(t, "the address is gone from the page", func() (bool, string) {
		text := b.text(t)
		return !strings.Contains(text, "10.1.0.99"), tail(text)
	})

	b.open(t, "/")
	b.do(t, chromedp.SendKeys("#q", "dua"))
	b.see(t, "dual of marathon")

	b.open(t, "/")
	b.see(t, "✓ connected for")
	m.stop()
	b.see(t, "No connection to the leading master")
	m.start(t)
	b.see(t, "✓ connected for")
	for _, problem := range b.takeProblems() {
		t.Error(problem)
	}
	s.terminate(t)
	b.see(t, "Toponym has not answered since")
}

// What a new operator asks, answered with the browser alone: from the overview by
// what can be clicked on and typed.
func TestTasksOfAnOperatorInABrowser(t *testing.T) {
	s, c, m := pagesServer(t)
	b := newBrowser(t, s)
	ask(t, s.port, "dig example.com")
	askAll(t, s.port, "dig mesos AXFR")
	c.start(t, 5, networkTask("late", 80, "10.1.4.1"))
	eventually(t, "the server knows the last task", func() (bool, string) {
		status, body, err := s.get("/v1/hosts/late.marathon.mesos")
		return err == nil && status == http.StatusOK && strings.Contains(body, "10.1.4.1"), fmt.Sprint(body, err)
	})
	tasks := []struct {
		name string
		do   func(t *testing.T)
	}{
		{"which instances of web are unhealthy", func(t *testing.T) {
			b.search(t, "web")
			b.follow(t, "web")
			b.follow(t, "Unhealthy only")
			b.see(t, `web\.1 ✗ unhealthy`)
		}},
		{"why has dual this address", func(t *testing.T) {
			b.search(t, "dual.marathon.mesos")
			b.follow(t, "dual.marathon.mesos.")
			b.see(t, `A 10\.1\.1\.1 7 s task dual\.0 of marathon \(netinfo\)`)
		}},
		{"what changed in the last five minutes", func(t *testing.T) {
			b.open(t, "/")
			b.follow(t, "Changes")
			// With the address of its agent before, where the two came apart.
			b.see(t, `(s|min) ago late\.marathon\.mesos\. A (− 10\.0\.1\.3 )?\+ 10\.1\.4\.1`)
		}},
		{"is the master followed", func(t *testing.T) {
			b.open(t, "/")
			b.see(t, `✓ connected for .* Leading master `+m.addr.String()+` Followed by stream`)
		}},
		{"which upstream is slow", func(t *testing.T) {
			b.open(t, "/")
			b.follow(t, "Forwarding")
			b.see(t, `127\.0\.0\.1:\d+ ✓ up [0-9.]+ ms`)
		}},
		{"who owns 10.1.0.2", func(t *testing.T) {
			b.search(t, "10.1.0.2")
			b.see(t, `web\.1 of marathon on`)
		}},
		{"why is this name NXDOMAIN", func(t *testing.T) {
			b.search(t, "webb.marathon.mesos")
			b.follow(t, "Why does this name not exist?")
			b.see(t, `There is no such name \(NXDOMAIN\)`)
		}},
		{"what is port http of web", func(t *testing.T) {
			b.search(t, "web")
			b.follow(t, "web.0")
			b.see(t, `http 8080 tcp closed 10\.1\.0\.1:8080 container _http\._web\._tcp\.marathon\.mesos\.`)
		}},
		{"is a secondary behind", func(t *testing.T) {
			b.open(t, "/")
			b.follow(t, "Secondaries")
			b.see(t, `127\.0\.0\.1 .*axfr`)
		}},
		{"which settings differ from the default", func(t *testing.T) {
			b.open(t, "/")
			b.follow(t, "Settings")
			b.see(t, `ttl TTL of records, [^"]* 7 file 10`)
		}},
	}
	for _, task := range tasks {
		t.Run(task.name, func(t *testing.T) {
			task.do(t)
			b.screenshot(t, strings.NewReplacer(" ", "-", ".", "-").Replace(task.name))
		})
	}
	for _, problem := range b.takeProblems() {
		t.Error(problem)
	}
}
