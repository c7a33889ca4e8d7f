// Command release builds everything that a release consists of: deb and rpm
// packages, a container image, and lists of what the program contains.
//
// It writes the same bytes whenever it is given the same source and the same
// version with the same release of Go: all times are that of the commit, or
// SOURCE_DATE_EPOCH. nfpm and cyclonedx-gomod are of release/tools.mod, a list
// of modules of their own, because the many that they need are none of the
// server's.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	out := flag.String("o", "dist", "the `directory` to write to; its content is replaced")
	version := flag.String("version", "", "the version; by default the tag of the commit, or else 0.0.0 with its date and hash")
	architectures := flag.String("arch", "amd64,arm64", "the values of GOARCH to build for, separated by `commas`")
	flag.Parse()
	if err := run(*out, *version, strings.Split(*architectures, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what is being built.
type release struct {
	version       string
	architectures []string // values of GOARCH
	date          time.Time
	out           string // directory of the results
	work          string // directory of intermediate files
	terms         []byte // licences of the program and of all that it contains
}

func run(out, version string, architectures []string) error {
	work, err := os.MkdirTemp("", "toponym-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &release{version: version, architectures: architectures, work: work}
	if r.out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := r.setDate(); err != nil {
		return err
	}
	if err := r.setVersion(); err != nil {
		return err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []func() error{r.buildTools, r.buildPrograms, r.listContents, r.collectTerms, r.buildPackages, r.buildImage, r.writeSums} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Println(r.version)
	return nil
}

// setDate sets the date of all files: SOURCE_DATE_EPOCH, or else that of the commit.
func (r *release) setDate() error {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		var err error
		if seconds, err = output("git", "log", "-1", "--format=%ct"); err != nil {
			return fmt.Errorf("date of the commit, which SOURCE_DATE_EPOCH replaces: %w", err)
		}
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: got %q, want seconds since 1970", seconds)
	}
	r.date = time.Unix(n, 0).UTC()
	return nil
}

// setVersion sets a version in the form of semver.org, which nfpm turns into
// one that sorts as it should in each kind of package.
func (r *release) setVersion() error {
	if r.version != "" {
		r.version = strings.TrimPrefix(r.version, "v")
		return nil
	}
	changed, err := output("git", "status", "--porcelain")
	if err != nil {
		return fmt.Errorf("version, which -version replaces: %w", err)
	}
	tag, err := output("git", "describe", "--exact-match", "--match", "v[0-9]*")
	if err == nil && changed == "" {
		r.version = strings.TrimPrefix(tag, "v")
		return nil
	}
	hash, err := output("git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return err
	}
	// A hash of digits alone would be a number to semver, without zeros before it.
	r.version = "0.0.0-dev." + r.date.Format("20060102150405") + ".g" + hash
	if changed != "" {
		r.version += ".changed"
	}
	return nil
}

// output returns what a program prints, without the newline at the end.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// call runs a program in a directory with additional variables.
func call(dir string, vars []string, name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), vars...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
