package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"toponym/internal/licences"
)

const (
	maintainer = "Toponym developers <developers@toponym.example>"
	homepage   = "https://toponym.example/toponym"
	docs       = "usr/share/doc/toponym/"
)

// buildPackages builds a deb and an rpm package for each architecture.
func (r *release) buildPackages() error {
	for _, arch := range r.architectures {
		for _, format := range []string{"deb", "rpm"} {
			root := filepath.Join(r.work, arch, format)
			if err := r.stage(root, arch, format); err != nil {
				return err
			}
			rules, err := packageRules(root)
			if err != nil {
				return err
			}
			vars := []string{"GOARCH=" + arch, "VERSION=" + r.version, "SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10)}
			if err := call(root, vars, r.tool("nfpm"), "package", "-f", rules, "-p", format, "-t", r.out+"/"); err != nil {
				return err
			}
		}
	}
	return nil
}

// stage writes the files of a package below root.
func (r *release) stage(root, arch, format string) error {
	copies := map[string]string{ // from, to
		r.program(arch):                  "usr/bin/toponym",
		r.sbom(arch):                     docs + "toponym.cdx.json",
		"deploy/toponym.service":         "usr/lib/systemd/system/toponym.service",
		"deploy/toponym.socket":          "usr/lib/systemd/system/toponym.socket",
		"deploy/toponym-haproxy.service": "usr/lib/systemd/system/toponym-haproxy.service",
		"deploy/toponym.sysusers":        "usr/lib/sysusers.d/toponym.conf",
		"deploy/config.json":             "etc/toponym/config.json",
		"deploy/alerts.yaml":             docs + "examples/alerts.yaml",
		"deploy/grafana.json":            docs + "examples/grafana.json",
	}
	scripts, err := filepath.Glob("release/scripts/*")
	if err != nil {
		return err
	}
	for _, s := range scripts {
		copies[s] = s
	}
	for from, to := range copies {
		mode := fs.FileMode(0o644)
		if to == "usr/bin/toponym" || strings.HasPrefix(to, "release/scripts/") {
			mode = 0o755
		}
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := write(root, staged(to, format), b, mode); err != nil {
			return err
		}
	}

	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	if format == "deb" {
		overrides, err := os.ReadFile("release/lintian-overrides")
		if err != nil {
			return err
		}
		files[docs+"changelog.gz"] = compress(changes)
		files[docs+"changelog.Debian.gz"] = compress(r.debianChangelog())
		files[docs+"copyright"] = []byte(debianCopyright)
		files[docs+"licences.gz"] = compress(r.terms)
		files["usr/share/lintian/overrides/toponym"] = overrides
	} else {
		files[docs+"CHANGELOG.md"] = changes
		files["usr/share/licenses/toponym/LICENSE"] = r.terms
	}
	for to, b := range files {
		if err := write(root, staged(to, format), b, 0o644); err != nil {
			return err
		}
	}
	return r.generate(root, format)
}

// packageRules writes release/nfpm.yaml with the staged files that are documentation,
// which it would have to list one by one, and returns the path of the result.
func packageRules(root string) (string, error) {
	rules, err := os.ReadFile("release/nfpm.yaml")
	if err != nil {
		return "", err
	}
	list := "contents:\n"
	from := filepath.Join(root, documentation)
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) && path == from {
			return nil // a deb package does not tell them apart
		}
		if err != nil {
			return err
		}
		to := strings.TrimPrefix(path, from+"/")
		if d.IsDir() {
			// Directories that no other package has are removed with this one.
			if strings.HasPrefix(to+"/", docs) {
				list += fmt.Sprintf("  - {dst: %q, type: dir, file_info: {mode: 0o755}}\n", "/"+to)
			}
			return nil
		}
		list += fmt.Sprintf("  - {src: %q, dst: %q, type: doc}\n", path, "/"+to)
		return nil
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "nfpm.yaml"), write(root, "nfpm.yaml", bytes.Replace(rules, []byte("contents:\n"), []byte(list), 1), 0o644)
}

// documentation is the directory of the documentation of an rpm package, which says of
// each file whether it is.
const documentation = "documentation/"

// staged is where a file of a package stands until it is packed.
func staged(name, format string) string {
	if format == "rpm" && (strings.HasPrefix(name, docs) || strings.HasPrefix(name, "usr/share/man/")) {
		return documentation + name
	}
	return name
}

// generate writes manual pages and completion, as the program prints them.
func (r *release) generate(root, format string) error {
	program, err := r.native()
	if err != nil {
		return err
	}
	for shell, to := range map[string]string{
		"bash": "usr/share/bash-completion/completions/toponym",
		"zsh":  "usr/share/zsh/site-functions/_toponym",
		"fish": "usr/share/fish/vendor_completions.d/toponym.fish",
	} {
		script, err := output(program, "completion", shell)
		if err != nil {
			return err
		}
		if err := write(root, to, []byte(script+"\n"), 0o644); err != nil {
			return err
		}
	}
	pages := filepath.Join(r.work, "man")
	if err := os.MkdirAll(pages, 0o755); err != nil {
		return err
	}
	if err := call(".", []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10)}, program, "man", pages); err != nil {
		return err
	}
	entries, err := os.ReadDir(pages)
	if err != nil {
		return err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(pages, e.Name()))
		if err != nil {
			return err
		}
		section := strings.TrimPrefix(filepath.Ext(e.Name()), ".")
		if err := write(root, staged("usr/share/man/man"+section+"/"+e.Name()+".gz", format), compress(b), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file below root, with the mode that it gets in a package.
func write(root, name string, content []byte, mode fs.FileMode) error {
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask is
}

// compress compresses as gzip -9n does, without a name and a time.
func compress(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

const debianCopyright = `Toponym, https://toponym.example/toponym
Copyright: 2026 the authors of Toponym
Licence: Apache-2.0, in /usr/share/common-licenses/Apache-2.0

licences.gz has the licences of the modules that the program contains.
`

func (r *release) debianChangelog() []byte {
	version := strings.Replace(r.version, "-", "~", 1) // as nfpm writes it
	return fmt.Appendf(nil, "toponym (%s-1) unstable; urgency=medium\n\n  * changelog.gz lists what has changed.\n\n -- %s  %s\n",
		version, maintainer, r.date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
}

// collectTerms sets the licence of Toponym and those of all modules that the
// program contains, which ask that their texts are passed on.
func (r *release) collectTerms() error {
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	modules, err := licences.Of("./cmd/toponym")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Toponym, %s\nCopyright: the authors of Toponym\nLicence: Apache-2.0\n\n%s\n", homepage, own)
	for _, m := range modules {
		fmt.Fprintf(&b, "%s\nThe program contains %s %s\nLicence: %s\n\n%s", strings.Repeat("-", 79), m.Path, m.Version, strings.Join(m.Licences, ", "), m.Text)
	}
	r.terms = b.Bytes()
	return nil
}
