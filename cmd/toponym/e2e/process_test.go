//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"toponym/internal/testutil"
)

// process is a program that runs until the test ends.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// output collects the output of a process.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start starts a program. Its output is shown when the test fails.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command(name, args...))
}

// startCommand is start for a command with its own environment or files.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	p.cmd.Env = append(environ(), cmd.Env...)
	name := cmd.Path
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // so that none is left if the tests are killed
	started := make(chan error)
	go func() {
		defer close(p.ended)
		runtime.LockOSThread() // the signal comes when the thread that started it ends
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // ProcessState has the result
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have exited
		<-p.ended
		if t.Failed() {
			t.Logf("%s wrote:\n%s%s", filepath.Base(name), tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	return p
}

// tail shortens a long log to its end.
func tail(s string) string {
	const most = 4 << 10
	if len(s) <= most {
		return s
	}
	return "[…]" + s[len(s)-most:]
}

// environ returns the environment without the variables that change the settings or
// the language of programs.
func environ() []string {
	env := []string{"LC_ALL=C"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TOPONYM_") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			env = append(env, v)
		}
	}
	return env
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// terminate sends SIGTERM.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// kill sends SIGKILL and waits for the end of the process.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
}

// wait waits for the process to end, and returns its exit status.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	eventually(t, filepath.Base(p.cmd.Path)+" ends", func() (bool, string) { return !p.running(), "it still runs" })
	return p.cmd.ProcessState.ExitCode()
}

// result is the exit status and the output of a program.
type result struct {
	status         int
	stdout, stderr string
}

func (r result) String() string { return r.stdout + r.stderr }

// run runs a program and returns its result.
func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return runWith(t, nil, name, args...)
}

// runWith is run with a standard input.
func runWith(t *testing.T, stdin io.Reader, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// requireTool skips the test when a client is missing. In CI it fails the test.
func requireTool(t *testing.T, name, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed: Debian package %s", name, debianPackage)
	}
	t.Skipf("%s is not installed: Debian package %s", name, debianPackage)
}

// eventually polls until check reports true, and fails the test at its deadline.
// The text of check says what there is instead of what is wanted.
func eventually(t *testing.T, wanted string, check func() (ok bool, got string)) {
	t.Helper()
	testutil.Poll(t, check, "%s", wanted)
}
