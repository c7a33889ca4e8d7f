//go:build e2e

package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// Programs of others read the image: this one copies it into registries.
func TestImageIsReadBySkopeo(t *testing.T) {
	t.Parallel()
	requireTool(t, "skopeo", "skopeo")
	archive := "oci-archive:" + filepath.Join(releaseDir(t), "toponym-1.2.3-oci.tar") + ":1.2.3"
	for _, arch := range []string{"amd64", "arm64"} {
		r := run(t, "skopeo", "--insecure-policy", "--override-arch", arch, "inspect", "--config", archive)
		if r.status != 0 || !strings.Contains(r.stdout, `"architecture":"`+arch+`"`) && !strings.Contains(r.stdout, `"architecture": "`+arch+`"`) {
			t.Errorf("inspect for %s: exit status %d\n%s", arch, r.status, r)
		}
	}
	if r := run(t, "skopeo", "--insecure-policy", "copy", "--all", archive, "dir:"+t.TempDir()); r.status != 0 {
		t.Errorf("copy: exit status %d\n%s", r.status, r)
	}
}

// docker-compose checks files against the schema of compose files.
func TestComposeFileIsValid(t *testing.T) {
	t.Parallel()
	requireTool(t, "docker-compose", "docker-compose")
	if r := run(t, "docker-compose", "-f", filepath.Join("..", "..", "..", "deploy", "compose.yaml"), "config", "--quiet"); r.status != 0 || r.String() != "" {
		t.Errorf("exit status %d\n%s", r.status, r)
	}
}
