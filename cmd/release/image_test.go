package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// builtImage builds an image of files that stand in for the programs, and returns
// its archive.
func builtImage(t *testing.T) []byte {
	t.Helper()
	r := &release{
		version: "1.2.3+x", architectures: []string{"amd64", "arm64"}, date: time.Unix(1790000000, 0).UTC(),
		out: t.TempDir(), work: t.TempDir(), terms: []byte("terms"),
	}
	for _, arch := range r.architectures {
		if err := write(filepath.Dir(r.program(arch)), "toponym", []byte("program for "+arch), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.sbom(arch), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.buildImage(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(r.out, "toponym-1.2.3+x-oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpack writes an archive below a directory.
func unpack(t *testing.T, archive []byte) string {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(dir, h.Name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImage(t *testing.T) {
	t.Chdir("../..") // where make release runs
	archive := builtImage(t)
	if !bytes.Equal(archive, builtImage(t)) {
		t.Error("an image that is built twice: got different bytes, want the same")
	}

	index, err := layout.ImageIndexFromPath(unpack(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatalf("the layout is not valid: %v", err)
	}
	top, err := index.IndexManifest()
	if err != nil || len(top.Manifests) != 1 || top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3-x" {
		t.Fatalf("index.json: got %+v, %v; want one index with the tag 1.2.3-x", top, err)
	}
	platforms, err := index.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := platforms.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != 2 || list.Annotations["org.opencontainers.image.version"] != "1.2.3+x" {
		t.Fatalf("index: got %+v, want two images and the version 1.2.3+x", list)
	}
	for i, arch := range []string{"amd64", "arm64"} {
		if got := list.Manifests[i].Platform; got == nil || got.String() != "linux/"+arch {
			t.Errorf("platform %d: got %v, want linux/%s", i, got, arch)
		}
		image, err := platforms.Image(list.Manifests[i].Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkConfig(t, image, arch)
		checkFiles(t, image, arch)
	}
}

func checkConfig(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if file.OS != "linux" || file.Architecture != arch {
		t.Errorf("%s: got the platform %s/%s", arch, file.OS, file.Architecture)
	}
	if c.User != "65532:65532" {
		t.Errorf("%s: user: got %q, want 65532:65532", arch, c.User)
	}
	if got, want := strings.Join(append(slices.Clone(c.Entrypoint), c.Cmd...), " "), "/usr/bin/toponym -config /etc/toponym/config.json"; got != want {
		t.Errorf("%s: command: got %q, want %q", arch, got, want)
	}
	if c.Healthcheck == nil || strings.Join(c.Healthcheck.Test, " ") != "CMD /usr/bin/toponym status -live" {
		t.Errorf("%s: health check: got %+v, want toponym status -live", arch, c.Healthcheck)
	}
	if got := c.Labels["org.opencontainers.image.version"]; got != "1.2.3+x" {
		t.Errorf("%s: version: got %q, want 1.2.3+x", arch, got)
	}
}

func checkFiles(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: layers: got %d, %v; want one", arch, len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	seen := map[string]bool{}
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if parent := filepath.Dir(strings.TrimSuffix(h.Name, "/")); parent != "." && !seen[parent+"/"] {
			t.Errorf("%s: got %s before its directory", arch, h.Name)
		}
		seen[h.Name] = true
		if h.ModTime.Unix() != 1790000000 {
			t.Errorf("%s: %s: got the time %v, want that of the release", arch, h.Name, h.ModTime)
		}
		switch h.Name {
		case "usr/bin/toponym":
			b, err := io.ReadAll(r)
			if err != nil || string(b) != "program for "+arch || h.Mode != 0o755 {
				t.Errorf("%s: program: got %q, mode %o, %v", arch, b, h.Mode, err)
			}
			if h.PAXRecords["SCHILY.xattr.security.capability"] == "" {
				t.Errorf("%s: program: got no capability, want CAP_NET_BIND_SERVICE", arch)
			}
		case "var/lib/toponym/":
			if h.Uid != imageUser || h.Gid != imageUser || h.Mode != 0o700 {
				t.Errorf("%s: state directory: got the owner %d:%d and mode %o, want %d and 700", arch, h.Uid, h.Gid, h.Mode, imageUser)
			}
		default:
			if h.Uid != 0 || h.Mode&0o022 != 0 && h.Name != "tmp/" {
				t.Errorf("%s: %s: got the owner %d and mode %o, want root, and that nobody else can write it", arch, h.Name, h.Uid, h.Mode)
			}
		}
	}
	for _, name := range []string{"usr/bin/toponym", "etc/toponym/config.json", "etc/passwd", "usr/share/licenses/toponym/terms", "usr/share/doc/toponym/toponym.cdx.json", "tmp/"} {
		if !seen[name] {
			t.Errorf("%s: got no %s", arch, name)
		}
	}
}
