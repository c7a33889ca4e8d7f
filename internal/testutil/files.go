package testutil

import (
	"os"
	"path/filepath"
	"testing"
)

// Files reads the files below a directory that match any of the patterns of
// [filepath.Glob], and returns their contents by their paths from there.
func Files(t testing.TB, root string, patterns ...string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			contents[name] = string(b)
		}
	}
	return contents
}
