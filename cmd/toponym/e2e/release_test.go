//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// released is the version that most tests of packages and images use.
const released = "1.2.3"

// builtRelease builds that version once for all tests.
var builtRelease struct {
	sync.Mutex
	dir string
}

// releaseDir returns the directory of the files of the release.
func releaseDir(t *testing.T) string {
	t.Helper()
	requireTool(t, "git", "git")
	builtRelease.Lock()
	defer builtRelease.Unlock()
	if builtRelease.dir == "" {
		dir := filepath.Join(filepath.Dir(toponym), "release")
		buildRelease(t, dir, released, "amd64,arm64")
		builtRelease.dir = dir
	}
	return builtRelease.dir
}

// buildRelease builds a release in a copy of the source without git.
func buildRelease(t *testing.T, out, version, architectures string) {
	t.Helper()
	dir := copySource(t)
	build := exec.Command("go", "run", "./cmd/release", "-o", out, "-version", version, "-arch", architectures)
	build.Dir = dir
	build.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1790000000")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("release: %v\n%s", err, out)
	}
}

// copySource returns a directory with the files of the repository, without git.
func copySource(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "source")
	// Untracked files are part of a change that is being tested.
	cmd := exec.Command("sh", "-c", `git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cT - | tar -xC "$0"`, dir)
	cmd.Dir = source
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy of the source: %v\n%s", err, out)
	}
	return dir
}

// Whoever builds a release again gets the same files, wherever the source is.
func TestReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	again := t.TempDir()
	var sums []string
	for _, dir := range []string{releaseDir(t), again} {
		if dir == again {
			buildRelease(t, again, released, "amd64,arm64")
		}
		b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(b))
	}
	if sums[0] != sums[1] {
		t.Errorf("got\n%s\nfrom one directory and\n%s\nfrom another, want the same", sums[0], sums[1])
	}
	for _, file := range []string{
		"toponym-1.2.3-linux-amd64.cdx.json", "toponym-1.2.3-linux-arm64.cdx.json", "toponym-1.2.3-oci.tar",
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
	dir := releaseDir(t)
	for _, arch := range []string{"amd64", "arm64"} {
		if r := run(t, "lintian", "--allow-root", "--fail-on", "error,warning", filepath.Join(dir, "toponym_1.2.3-1_"+arch+".deb")); r.status != 0 {
			t.Errorf("%s: exit status %d\n%s", arch, r.status, r)
		}
	}
}

func TestRPMPackageIsClean(t *testing.T) {
	t.Parallel()
	requireTool(t, "rpmlint", "rpmlint")
	dir := releaseDir(t)
	for _, arch := range []string{"x86_64", "aarch64"} {
		r := run(t, "rpmlint", "--strict", "--config", filepath.Join("..", "..", "..", "release", "rpmlint.toml"), filepath.Join(dir, "toponym-1.2.3-1."+arch+".rpm"))
		if r.status != 0 {
			t.Errorf("%s: exit status %d\n%s", arch, r.status, r)
		}
	}
}
