//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// machine describes the machine and the programs of a benchmark.
type machine struct {
	CPU      string
	Cores    int
	Memory   string
	Kernel   string
	Go       string
	Commit   string
	Date     string
	Siblings string            `json:",omitempty"` // hyperthreads of the server's core, if any
	Versions map[string]string // of Debian packages, and of programs whose path is given
}

func (l *lab) machine() machine {
	m := machine{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  len(l.cores),
		Memory: field("/proc/meminfo", "MemTotal"),
		Go:     runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Commit: firstLine("git", "rev-parse", "--short=12", "HEAD"),
		Date:   time.Now().UTC().Format(time.DateOnly),
	}
	if firstLine("git", "status", "--porcelain", "--untracked-files=no") != "" {
		m.Commit += " with changes"
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	siblings := filepath.Join("/sys/devices/system/cpu", fmt.Sprintf("cpu%d", l.o.ServerCore), "topology/thread_siblings_list")
	if text, err := os.ReadFile(siblings); err == nil && strings.ContainsAny(string(text), ",-") {
		m.Siblings = strings.TrimSpace(string(text))
	}
	return m
}

// versions returns those of the packages. It is called after missing ones have been
// installed.
func (o *options) versions() map[string]string {
	out := map[string]string{}
	if v := firstLine(o.CoreDNS, "-version"); v != "" {
		out[corednsName] = strings.TrimPrefix(v, "CoreDNS-")
	}
	for _, p := range o.builtPeers() {
		// NSD and Knot print "NSD version 4.12.0" and "knotd (Knot DNS), version 3.5.8".
		if text, err := exec.Command(p.program, p.version).CombinedOutput(); err == nil {
			if m := versionWord.FindSubmatch(text); m != nil {
				out[p.name] = string(m[1])
			}
		}
	}
	for _, pkg := range []string{"nsd", "knot", "unbound", "dnsmasq-base", "dnsdist", "dnsperf"} {
		if v := firstLine("dpkg-query", "-W", "-f", "${Version}", pkg); v != "" {
			out[pkg] = v
		}
	}
	return out
}

var versionWord = regexp.MustCompile(`version (\S+)`)

// field returns the value of a word in a file of "word: value" lines.
func field(file, word string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == word {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
