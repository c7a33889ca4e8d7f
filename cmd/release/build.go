package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// buildTools builds the programs of release/tools.mod.
func (r *release) buildTools() error {
	return call(".", nil, "go", "build", "-modfile=release/tools.mod", "-o", r.tool(""),
		"github.com/goreleaser/nfpm/v2/cmd/nfpm", "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
}

func (r *release) tool(name string) string { return filepath.Join(r.work, "tools") + "/" + name }

// program returns the path of the server's program for an architecture.
func (r *release) program(arch string) string { return filepath.Join(r.work, arch, "toponym") }

// buildPrograms builds the server for each architecture. Neither the directory
// nor git's view of it is part of the result, so a source archive gives the same
// program as a checkout.
func (r *release) buildPrograms() error {
	for _, arch := range r.architectures {
		err := call(".", []string{"GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "CGO_ENABLED=0"},
			"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid= -X main.release="+r.version,
			"-o", r.program(arch), "./cmd/toponym")
		if err != nil {
			return err
		}
	}
	return nil
}

// native returns a program of this version that runs here, which generates
// manual pages and completion.
func (r *release) native() (string, error) {
	for _, arch := range r.architectures {
		if runtime.GOOS == "linux" && arch == runtime.GOARCH {
			return r.program(arch), nil
		}
	}
	path := filepath.Join(r.work, "native", "toponym")
	return path, call(".", []string{"GOFLAGS="}, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-X main.release="+r.version, "-o", path, "./cmd/toponym")
}

// listContents writes, for each architecture, the modules that the program was
// built from, as a software bill of materials in CycloneDX's format.
func (r *release) listContents() error {
	for _, arch := range r.architectures {
		if err := call(".", nil, r.tool("cyclonedx-gomod"), "bin", "-json", "-std", "-noserial", "-notimestamp",
			"-version", "v"+r.version, "-output", r.sbom(arch), r.program(arch)); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) sbom(arch string) string {
	return filepath.Join(r.out, "toponym-"+r.version+"-linux-"+arch+".cdx.json")
}

// writeSums writes the digests of all files, in the form of sha256sum.
func (r *release) writeSums() error {
	entries, err := os.ReadDir(r.out) // sorted by name
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}
