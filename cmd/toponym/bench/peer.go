//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// peer is a name server to compare with.
type peer struct {
	name    string // in flags and tables
	pkg     string // Debian package
	program string // or its path
	// settings returns the text of the configuration file.
	settings func(s *server, dir, zone, domain string) string
	// args returns the arguments to run in the foreground with a configuration file.
	args    func(settings string) []string
	version string // the flag that prints it
}

const (
	nsdName  = "nsd"
	knotName = "knot"
)

var peers = []peer{
	{nsdName, "nsd", "nsd", nsdSettings("no"), nsdArgs, "-v"},
	{"nsd-minimal", "nsd", "nsd", nsdSettings("yes"), nsdArgs, "-v"},
	{knotName, "knot", "knotd", knotSettings, knotArgs, "-V"},
}

// allPeers returns the peers of Debian, and after each those that are built from source.
func (o *options) allPeers() (out []peer) {
	for _, p := range peers {
		out = append(out, p)
		for _, n := range o.builtPeers() {
			if n.name == p.name+builtSuffix {
				out = append(out, n)
			}
		}
	}
	return out
}

// measures reports whether a peer is measured: those of Debian that -peers names, and all
// whose path is given.
func (o *options) measures(p peer) bool { return p.pkg == "" || slices.Contains(o.Peers, p.name) }

// builtSuffix tells a peer that was built from source from the same one of Debian.
const builtSuffix = "-new"

// builtPeers returns the peers of -nsd and -knot.
func (o *options) builtPeers() (out []peer) {
	if o.NSD != "" {
		out = append(out, peer{nsdName + builtSuffix, "", o.NSD, nsdSettings("no"), nsdArgs, "-v"})
	}
	if o.Knot != "" {
		out = append(out, peer{knotName + builtSuffix, "", o.Knot, knotSettings, knotArgs, "-V"})
	}
	return out
}

func peerNames() (out []string) {
	for _, p := range peers {
		out = append(out, p.name)
	}
	return out
}

// startPeer starts a peer with its defaults, except for what the comparison needs, and
// a thread for each core, and waits until it answers for the zone.
func (l *lab) startPeer(p peer, cores []int, zone, domain string) (*server, error) {
	program, err := l.ensure(p.program, p.pkg)
	if err != nil {
		return nil, err
	}
	s := &server{name: p.name, threads: len(cores)}
	settings := func(dir string) string { return p.settings(s, dir, zone, domain) }
	if err := l.launch(s, cores, program, settings, p.args); err != nil {
		return nil, err
	}
	return s, s.proc.await(2*time.Minute, func() error {
		// Over UDP, because connections to a server that is not ready would queue up.
		r, err := askOver("udp", s.addr, domain, "SOA", 0, time.Second)
		if err == nil && len(r.answer) != 1 {
			err = fmt.Errorf("%s for the SOA record", r.code)
		}
		return err
	})
}

// errMissing is the error of a program that is missing and cannot be installed.
var errMissing = errors.New("missing")

// ensure returns the path of a program, and installs its package if it is missing
// and that is allowed.
func (l *lab) ensure(program, pkg string) (string, error) {
	path, err := find(program)
	if err == nil {
		return path, nil
	}
	if pkg == "" {
		return "", fmt.Errorf("%w: %w", errMissing, err)
	}
	apt, e := exec.LookPath("apt-get")
	if l.o.WithoutInstaller || e != nil || os.Getuid() != 0 {
		return "", fmt.Errorf("%w: %w (package %s)", errMissing, err, pkg)
	}
	l.logf("installing %s", pkg)
	for _, args := range [][]string{{"update", "-q"}, {"install", "-q", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.CommandContext(l.ctx, apt, args...)
		// In runlevel 1 a package does not start its service.
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: apt-get %s: %w\n%s", errMissing, strings.Join(args, " "), err, out)
		}
	}
	return find(program)
}

// launch starts a server with a port, a directory and a configuration file of its
// own.
func (l *lab) launch(s *server, cores []int, program string, settings func(dir string) string, args func(file string) []string) (err error) {
	if s.addr, err = freePortAt(l.at); err != nil {
		return err
	}
	dir := l.path(s.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := l.path(s.name + ".conf")
	if err := os.WriteFile(file, []byte(settings(dir)), 0o644); err != nil {
		return err
	}
	s.proc, err = l.start(s.name, cores, program, args(file)...)
	return err
}
