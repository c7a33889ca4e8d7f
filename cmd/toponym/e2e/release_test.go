//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildRelease builds a release in a copy of the source without git, and returns
// the directory of its files.
func buildRelease(t *testing.T, version string) string {
	t.Helper()
	source, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "source")
	// Untracked files are part of a change that is being tested.
	copySource := exec.Command("sh", "-c", `git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cT - | tar -xC "$0"`, dir)
	copySource.Dir = source
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := copySource.CombinedOutput(); err != nil {
		t.Fatalf("copy of the source: %v\n%s", err, out)
	}
	build := exec.Command("go", "run", "./cmd/release", "-version", version)
	build.Dir = dir
	build.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1790000000")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("release: %v\n%s", err, out)
	}
	return filepath.Join(dir, "dist")
}

// Whoever builds a release again gets the same files, wherever the source is.
func TestReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	requireTool(t, "git", "git")
	var sums []string
	for range 2 {
		b, err := os.ReadFile(filepath.Join(buildRelease(t, "1.2.3"), "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(b))
	}
	if sums[0] != sums[1] {
		t.Errorf("got\n%s\nfrom one directory and\n%s\nfrom another, want the same", sums[0], sums[1])
	}
	for _, file := range []string{
		"toponym-1.2.3-linux-amd64.cdx.json", "toponym-1.2.3-linux-arm64.cdx.json",
		"toponym-1.2.3-1.x86_64.rpm", "toponym-1.2.3-1.aarch64.rpm", "toponym_1.2.3-1_amd64.deb", "toponym_1.2.3-1_arm64.deb",
	} {
		if !strings.Contains(sums[0], "  "+file+"\n") {
			t.Errorf("SHA256SUMS: got\n%s\nwant %s", sums[0], file)
		}
	}
}

func TestDebianPackageIsClean(t *testing.T) {
	t.Parallel()
	requireTool(t, "lintian", "lintian")
	requireTool(t, "git", "git")
	dir := buildRelease(t, "1.2.3")
	for _, arch := range []string{"amd64", "arm64"} {
		if r := run(t, "lintian", "--allow-root", "--fail-on", "error,warning", filepath.Join(dir, "toponym_1.2.3-1_"+arch+".deb")); r.status != 0 {
			t.Errorf("%s: exit status %d\n%s", arch, r.status, r)
		}
	}
}
