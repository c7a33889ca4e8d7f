//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a Chromium that shows the pages of a server. It notes what its console
// says, and requests to any other server.
type browser struct {
	t   *testing.T
	ctx context.Context
	s   *server

	mu       sync.Mutex
	problems []string
}

func newBrowser(t *testing.T, s *server) *browser {
	t.Helper()
	require(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, s: s}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, log.Enable, struct{}{}); return err },
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, runtime.Enable, struct{}{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// hear notes events that a page must not cause.
func (b *browser) hear(event any) {
	problem := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			problem = "log: " + e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		problem = "exception: " + e.ExceptionDetails.Text
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.s.url+"/") {
			problem = "request: " + e.Request.URL
		}
	}
	if problem != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.problems = append(b.problems, problem)
	}
}

// takeProblems returns what was noted since the last call.
func (b *browser) takeProblems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.problems
	b.problems = nil
	return list
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// open shows a page of the server.
func (b *browser) open(t *testing.T, path string) {
	t.Helper()
	b.do(t, chromedp.Navigate(b.s.url+path))
}

// text is the text of the page as people see it, in one line; it is empty while
// another page is being loaded.
func (b *browser) text(t *testing.T) string {
	t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(text), " ")
}

// see waits until the page shows a text that matches.
func (b *browser) see(t *testing.T, want string) {
	t.Helper()
	pattern := regexp.MustCompile(want)
	eventually(t, "the page shows "+want, func() (bool, string) {
		text := b.text(t)
		return pattern.MatchString(text), tail(text)
	})
}

// follow clicks on the link with a text.
func (b *browser) follow(t *testing.T, text string) {
	t.Helper()
	quoted, _ := json.Marshal(text)
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`(() => {
		const link = [...document.querySelectorAll("a")].find((a) => a.textContent.trim() === `+string(quoted)+`);
		return link ? link.href : "";
	})()`))
	if err != nil || found == "" {
		t.Fatalf("got no link %q (%v) in %s", text, err, tail(b.text(t)))
	}
	b.do(t, chromedp.Navigate(found))
}

// search types into the field of the search and sends it with the enter key.
func (b *browser) search(t *testing.T, text string) {
	t.Helper()
	b.open(t, "/")
	b.do(t, chromedp.SendKeys("#q", text), chromedp.Submit("#q"))
	b.see(t, "Searched for "+regexp.QuoteMeta(text))
}

// press presses keys, such as kb.Tab, where the focus is.
func (b *browser) press(t *testing.T, keys string) {
	t.Helper()
	b.do(t, chromedp.KeyEvent(keys))
}

// focused is the id of what has the focus, or its text without one, and whether that
// can be seen. Both are empty where nothing has it.
func (b *browser) focused(t *testing.T) (text string, visible bool) {
	t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`(() => {
		const e = document.activeElement;
		if (e === document.body) return ["", ""]; // before the first element, and after the last
		const style = getComputedStyle(e), box = e.getBoundingClientRect();
		const seen = parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none" && box.width > 1 && box.height > 1 && box.right > 0;
		return [(e.id || e.textContent).trim(), seen ? "seen" : ""];
	})()`))
	if err != nil || len(found) != 2 {
		t.Fatalf("got %v, error %v", found, err)
	}
	return found[0], found[1] != ""
}

// tabTo presses the tab key until something has the focus, which must be visible at
// each step.
func (b *browser) tabTo(t *testing.T, want string) {
	t.Helper()
	var passed []string
	for range 60 {
		b.press(t, kb.Tab)
		text, visible := b.focused(t)
		if text == want {
			if !visible {
				t.Errorf("%s: got a focus that cannot be seen", want)
			}
			return
		}
		if !visible && text != "" {
			t.Errorf("%s: got a focus that cannot be seen", text)
		}
		passed = append(passed, text)
	}
	t.Fatalf("got no focus on %q by the tab key, but on %q", want, passed)
}

// screenshot keeps a picture of the whole page as output of the test.
func (b *browser) screenshot(t *testing.T, name string) {
	t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// dark switches to dark mode or back.
func (b *browser) dark(t *testing.T, on bool) {
	t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// loadAxe returns the source of axe-core, which checks whether pages can be used by
// everybody (WCAG). It comes from the registry of npm; without that the result is
// empty.
var loadAxe = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "axe-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4")
	c.Dir = dir
	if c.Run() != nil {
		return ""
	}
	source, _ := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(source)
})

// requireAxe skips the test when axe-core cannot be had.
func requireAxe(t *testing.T) {
	t.Helper()
	switch {
	case loadAxe() != "":
	case os.Getenv("CI") != "":
		t.Fatal("axe-core cannot be installed: npm package axe-core")
	default:
		t.Skip("axe-core cannot be installed: npm package axe-core")
	}
}

// accessible fails the test for what axe-core finds at levels A and AA.
func (b *browser) accessible(t *testing.T, axe, what string) {
	t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](axe+`;
		axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then((r) =>
			r.violations.map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html).join(" ")).join("\n"))`,
		chromedp.EvalAwaitPromise))
	if err != nil || found != "" {
		t.Errorf("%s: axe-core: got %v and\n%s", what, err, found)
	}
}
