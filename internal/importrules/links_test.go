package importrules

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

var (
	markdownLink = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	codeBlock    = regexp.MustCompile("(?ms)^```.*?^```")
	codeSpan     = regexp.MustCompile("`[^`\n]*`")
	heading      = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	anchorTag    = regexp.MustCompile(`<a id="([^"]+)">`)
	linkText     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// anchors are what a link to a page can name behind "#": headings as GitHub makes
// anchors of them, and explicit ones.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range anchorTag.FindAllStringSubmatch(page, -1) {
		found[m[1]] = true
	}
	used := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
		text := strings.ToLower(linkText.ReplaceAllString(m[1], "$1"))
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return r
			}
			return -1
		}, text)
		n := used[anchor]
		if used[anchor]++; n > 0 {
			anchor += "-" + strconv.Itoa(n)
		}
		found[anchor] = true
	}
	return found
}

// pages returns the pages of the project by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found[path] = string(b)
		}
		return nil
	})
	if err != nil || len(found) < 20 {
		t.Fatalf("got %d pages (%v), want those of docs and more", len(found), err)
	}
	return found
}

// A link leads to a file that there is, and to an anchor that is in it. Other sites are
// not asked.
func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for path, page := range all {
		text := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(page, ""), "")
		for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: got %v, want a file", path, m[1], err)
				continue
			}
			if anchor != "" && !anchors(all[target])[anchor] {
				t.Errorf("%s links to %s: got no such heading or anchor, want one", path, m[1])
			}
		}
	}
}

// Every page of docs can be reached from another page.
func TestEveryPageIsLinked(t *testing.T) {
	all := pages(t)
	linked := map[string]bool{}
	for path, page := range all {
		for _, m := range markdownLink.FindAllStringSubmatch(page, -1) {
			file, _, _ := strings.Cut(m[1], "#")
			if target := filepath.Join(filepath.Dir(path), file); file != "" && target != path {
				linked[target] = true
			}
		}
	}
	for path := range all {
		if filepath.Dir(path) == filepath.Join(root, "docs") && !linked[path] {
			t.Errorf("%s: got no link to it, want one from another page", path)
		}
	}
}

func TestAnchorsOfHeadings(t *testing.T) {
	got := anchors("# `a.B` and, C?\n## Twice\n## Twice\n<a id=\"row\"></a>\n```\n# none\n```\n")
	for _, want := range []string{"ab-and-c", "twice", "twice-1", "row"} {
		if !got[want] {
			t.Errorf("got %v, want %s among them", got, want)
		}
	}
	if got["none"] {
		t.Error("got the anchor of a comment in a code block, want none")
	}
}
