package importrules

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the directory of the module.
const root = "../.."

// Readers find their way by the files that docs/architecture.md and the packages'
// comments name, so files that were renamed or merged must not stay there.
func TestFilesNamedInDocumentationExist(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`([a-z_0-9/-]+/[a-z_0-9]+\\.go)`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat(filepath.Join(root, name[1])); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", name[1], err)
		}
	}

	inComment := regexp.MustCompile(`[a-z_0-9/]+\.go\b`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		comment, _, found := strings.Cut(string(text), "\npackage ")
		if !found || !strings.HasPrefix(comment, "//") {
			return nil
		}
		for _, name := range inComment.FindAllString(comment, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), name)); err != nil {
				t.Errorf("the comment of the package in %s names %s, which does not exist", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
