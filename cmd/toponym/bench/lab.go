//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// lab is the environment of a benchmark: a directory, two cores, and the processes.
type lab struct {
	ctx       context.Context
	o         options
	log       io.Writer
	dir       string     // removed at the end
	self      string     // this program
	toponym   string     // the build that is measured
	at        netip.Addr // of the servers for DNS
	clients   []string   // command that runs a generator in its network namespace; nil without -veth
	cores     []int      // that this process may use
	running   []*process
	upstream  *process // of -forward, on the core of the generator; else nil
	missFiles int      // number of query files of misses
}

var errInterrupted = errors.New("interrupted")

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func newLab(ctx context.Context, o options, log io.Writer) (*lab, error) {
	l := &lab{ctx: ctx, o: o, log: log, toponym: o.Toponym, at: loopback}
	allowed, err := affinity(0)
	if err != nil {
		return nil, err
	}
	l.cores = allowed.cores()
	for _, c := range []int{o.ServerCore, o.ClientCore} {
		if !slices.Contains(l.cores, c) {
			return nil, fmt.Errorf("core %d is not among those that may be used: %v", c, l.cores)
		}
	}
	if n := len(l.serverCores(o.Threads)); n < o.Threads {
		return nil, fmt.Errorf("-threads: %d, but servers can have only %d cores", o.Threads, n)
	}
	if l.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if l.dir, err = os.MkdirTemp("", "toponym-bench-"); err != nil {
		return nil, err
	}
	if l.toponym == "" {
		l.toponym = filepath.Join(l.dir, "toponym")
		err = l.build(l.toponym)
	}
	if err == nil && o.Veth {
		err = l.connectNamespaces()
	}
	if err == nil {
		err = pinSelf(o.ClientCore) // not on the servers' core
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// build builds Toponym as `make build` does.
func (l *lab) build(to string) error {
	l.logf("building toponym")
	cmd := exec.CommandContext(l.ctx, "go", "build", "-trimpath", "-o", to, "toponym/cmd/toponym")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building toponym: %w\n%s", err, out)
	}
	return nil
}

func (l *lab) logf(format string, args ...any) { fmt.Fprintf(l.log, format+"\n", args...) }

// start starts a program that runs until stop or the end of the benchmark.
func (l *lab) start(name string, cores []int, path string, args ...string) (*process, error) {
	p, err := startProcess(name, l.dir, cores, path, args...)
	if err == nil {
		l.running = append(l.running, p)
	}
	return p, err
}

func (l *lab) stop(p *process) {
	p.stop()
	l.running = slices.DeleteFunc(l.running, func(q *process) bool { return p == q })
}

// close ends all processes, in reverse order.
func (l *lab) close() {
	for _, p := range slices.Backward(l.running) {
		p.stop()
	}
	_ = os.RemoveAll(l.dir) // it is a temporary directory
}

// usage is what a finished program has used.
type usage struct{ cpu time.Duration }

// generate runs the own generator in a process of its own.
func (l *lab) generate(o order) ([]byte, usage, error) {
	ctx, cancel := context.WithTimeout(l.ctx, o.duration+30*time.Second)
	defer cancel()
	// The generator is one thread that neither GC nor preemption interrupts.
	env := []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1"}
	return l.runPinned(ctx, env, l.self, o.args()...)
}

// runPinned runs a generator on its core and returns its output.
func (l *lab) runPinned(ctx context.Context, env []string, path string, args ...string) ([]byte, usage, error) {
	line := slices.Concat(l.clients, []string{path}, args)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := pinned([]int{l.o.ClientCore}, cmd.Start); err != nil {
		return nil, usage{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	err := cmd.Wait()
	switch {
	case l.ctx.Err() != nil:
		err = errInterrupted
	case err != nil:
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(path), err, faults.Bytes())
	}
	return out.Bytes(), usage{cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, err
}

// path returns the path of a file in the directory of the benchmark.
func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// freePort returns a port of loopback that is free for UDP and TCP.
func freePort() (netip.AddrPort, error) { return freePortAt(loopback) }

// freePortAt does so for another address of this machine.
func freePortAt(at netip.Addr) (netip.AddrPort, error) {
	var last error
	for range 20 {
		t, err := net.Listen("tcp", netip.AddrPortFrom(at, 0).String())
		if err != nil {
			return netip.AddrPort{}, err
		}
		addr := t.Addr().(*net.TCPAddr).AddrPort()
		u, err := net.ListenPacket("udp", addr.String())
		t.Close()
		if err == nil {
			u.Close()
			return addr, nil
		}
		last = err
	}
	return netip.AddrPort{}, last
}

// find returns the path of a program, which may also be in the sbin directories.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if p, e := exec.LookPath(filepath.Join(dir, program)); e == nil {
			return p, nil
		}
	}
	return "", err
}

// firstLine returns the first line that a program prints, or "" if it fails.
func firstLine(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
