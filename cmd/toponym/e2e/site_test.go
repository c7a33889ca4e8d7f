//go:build e2e

package e2e_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// The pages of the repository are also a site, in which every link leads to a page, and
// to a heading of it where it names one.
func TestSite(t *testing.T) {
	t.Parallel()
	requireTool(t, "hugo", "hugo")
	dir := t.TempDir()
	if r := run(t, "hugo", "--quiet", "--noBuildLock", "--panicOnWarning", "--source", filepath.Join("..", "..", "..", "docs", "site"), "--destination", dir); r.status != 0 {
		t.Fatal(r)
	}
	pages := map[string]sitePage{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".html" {
			pages[name] = readSitePage(t, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.html", "docs/getting-started/index.html", "docs/decisions/index.html", "deploy/index.html", "changelog/index.html"} {
		if len(pages[filepath.Join(dir, name)].links) == 0 {
			t.Errorf("%s: got no links, want those to all pages", name)
		}
	}
	for name, page := range pages {
		for _, link := range page.links {
			u, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: link %q: %v", name, link, err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			target := name
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(name), u.Path)
				if strings.HasSuffix(u.Path, "/") {
					target = filepath.Join(target, "index.html")
				}
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %q leads nowhere: %v", name, link, err)
			} else if u.Fragment != "" && !pages[target].ids[u.Fragment] {
				t.Errorf("%s: the link %q leads to a page without that heading", name, link)
			}
		}
	}
}

// sitePage is what can lead from and to a page.
type sitePage struct {
	links []string
	ids   map[string]bool
}

func readSitePage(t *testing.T, name string) sitePage {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := html.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	page := sitePage{ids: map[string]bool{}}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			switch a.Key {
			case "href", "src":
				page.links = append(page.links, a.Val)
			case "id":
				page.ids[a.Val] = true
			}
		}
	}
	return page
}
