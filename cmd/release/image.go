package main

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// imageUser is the number of the user and the group that the container runs as:
// the usual one for images without root, so policies of clusters know it.
const imageUser = 65532

// buildImage writes a container image for all architectures, as an archive of an
// OCI image layout.
func (r *release) buildImage() error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range r.architectures {
		image, err := r.image(arch)
		if err != nil {
			return fmt.Errorf("image for %s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	index, ok := mutate.Annotations(index, r.labels()).(v1.ImageIndex)
	if !ok {
		return fmt.Errorf("image: an index with annotations is not an index")
	}
	dir := filepath.Join(r.work, "image")
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	tag := strings.ReplaceAll(r.version, "+", "-") // which tags cannot contain
	err = to.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag,
		"io.containerd.image.name":          "docker.io/library/toponym:" + tag, // what docker load calls it
	}))
	if err != nil {
		return err
	}
	return r.archive(dir, filepath.Join(r.out, "toponym-"+r.version+"-oci.tar"))
}

// labels describe the image, with the keys of the OCI image specification.
func (r *release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "toponym",
		"org.opencontainers.image.description": "DNS server that names the tasks of an Apache Mesos cluster",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.created":     r.date.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.url":         homepage,
	}
}

// image returns the image for an architecture: one layer with the program, and
// nothing else that could be run.
func (r *release) image(arch string) (v1.Image, error) {
	content, err := r.layer(arch)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(9), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: r.date}, CreatedBy: "make release", Comment: "toponym " + r.version},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: r.date}
	none := struct{}{}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%[1]d", imageUser),
		Entrypoint:   []string{"/usr/bin/toponym"},
		Cmd:          []string{"-config", "/etc/toponym/config.json"},
		Env:          []string{"PATH=/usr/bin", "TOPONYM_STATEDIR=/var/lib/toponym"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"53/udp": none, "53/tcp": none, "8123/tcp": none},
		Volumes:      map[string]struct{}{"/var/lib/toponym": none},
		StopSignal:   "SIGTERM",
		Labels:       r.labels(),
		// A server without a master goes on to answer, so it stays healthy.
		Healthcheck: &v1.HealthConfig{
			Test:     []string{"CMD", "/usr/bin/toponym", "status", "-live"},
			Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 10 * time.Second, Retries: 3,
		},
	}
	return mutate.ConfigFile(image, config)
}

// layer returns the files of the image as a tar archive.
func (r *release) layer(arch string) ([]byte, error) {
	user := fmt.Sprint(imageUser)
	copies := map[string]string{ // from, to
		r.program(arch):      "usr/bin/toponym",
		r.sbom(arch):         docs + "toponym.cdx.json",
		"deploy/config.json": "etc/toponym/config.json",
	}
	files := map[string][]byte{
		"etc/passwd":                       []byte("root:x:0:0:root:/:/sbin/nologin\ntoponym:x:" + user + ":" + user + ":Toponym DNS server:/var/lib/toponym:/sbin/nologin\n"),
		"etc/group":                        []byte("root:x:0:\ntoponym:x:" + user + ":\n"),
		"usr/share/licenses/toponym/terms": r.terms,
	}
	for from, to := range copies {
		b, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		files[to] = b
	}
	headers := []tar.Header{
		// 1777 as everywhere, for those who set TMPDIR or ask for profiles.
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "var/lib/toponym/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: imageUser, Gid: imageUser},
	}
	parents := map[string]bool{}
	for name, b := range files {
		h := tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(b))}
		if name == "usr/bin/toponym" {
			h.Mode = 0o755
			h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": bindLowPorts()}
		}
		headers = append(headers, h)
	}
	for _, h := range headers {
		for dir := path.Dir(path.Clean(h.Name)); dir != "."; dir = path.Dir(dir) {
			parents[dir+"/"] = true
		}
	}
	for dir := range parents {
		headers = append(headers, tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755})
	}
	slices.SortFunc(headers, func(a, b tar.Header) int { return strings.Compare(a.Name, b.Name) })

	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		h.ModTime, h.Format = r.date, tar.FormatPAX
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[h.Name]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// bindLowPorts is the file capability CAP_NET_BIND_SERVICE, permitted and
// effective, in the form of version 2 of vfs_cap_data (capabilities(7)). With it
// a user other than root can serve port 53 on the network of the host.
func bindLowPorts() string {
	const version2, effective, netBindService = 0x02000000, 1, 10
	words := [5]uint32{version2 | effective, 1 << netBindService}
	b := make([]byte, 0, 20)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return string(b)
}

// archive writes a directory as a tar archive.
func (r *release) archive(dir, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error { // in the order of names
		if err != nil || name == dir {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(relative), Typeflag: tar.TypeReg, Mode: 0o644, ModTime: r.date}
		if d.IsDir() {
			h.Name, h.Typeflag, h.Mode = h.Name+"/", tar.TypeDir, 0o755
			return w.WriteHeader(h)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		h.Size = int64(len(b))
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
