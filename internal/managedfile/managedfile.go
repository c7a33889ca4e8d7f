// Package managedfile replaces the configuration file of another program: the new
// content is checked before, the file is replaced as a whole, and the program is told
// to read it.
package managedfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// File is a configuration file of another program. Commands are run by a shell.
type File struct {
	Path string

	// Check is a command that succeeds if a file is right. The path of the file to
	// check is added to it. Empty: files are not checked.
	Check string
	// Reload makes the program read the file. Empty: nothing is run.
	Reload string
	// Timeout is how long each command may run.
	Timeout time.Duration
}

// CommandError is a command that failed.
type CommandError struct {
	Command string
	Output  string // at most maxOutput bytes: its end
	Err     error
}

// Error implements error.
func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Command, e.Err, e.Output)
}

// Unwrap returns why the command failed.
func (e *CommandError) Unwrap() error { return e.Err }

// errTimeout is why a command failed that ran for too long.
var errTimeout = errors.New("it has not ended in time")

// Limits of commands.
const (
	maxOutput = 2 << 10 // bytes of an error
	waitDelay = time.Second
)

// Replace replaces the file if its content differs. The file keeps its mode, owner
// and group; if it is a symbolic link, what it points to is replaced. If the check
// fails, the error is a *CommandError, and the file stays as it is, as it does
// after every other error.
func (f *File) Replace(ctx context.Context, content []byte) (changed bool, err error) {
	path, err := filepath.EvalSymlinks(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = f.Path, nil
	}
	if err != nil {
		return false, err
	}
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, content) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	// In the same directory, because a file can be renamed only within a file
	// system, and because the check may read files beside it.
	next, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return false, err
	}
	defer os.Remove(next.Name()) // it may have been renamed
	err = errors.Join(write(next, path, content), next.Close())
	if err == nil && f.Check != "" {
		err = f.run(ctx, f.Check+` "$1"`, f.Check, next.Name())
		if failed := (*CommandError)(nil); errors.As(err, &failed) {
			failed.Output = strings.ReplaceAll(failed.Output, next.Name(), f.Path)
		}
	}
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return false, err
	}
	_ = syncDir(filepath.Dir(path)) // not all file systems can
	return true, nil
}

// write writes the content of a new file, with the properties of the old one.
func write(next *os.File, path string, content []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = next.Chown(int(s.Uid), int(s.Gid)) // only root may
		}
	}
	if _, err := next.Write(content); err != nil {
		return err
	}
	return errors.Join(next.Chmod(mode), next.Sync())
}

// syncDir makes a renamed file survive a crash.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Apply runs the command Reload. It is not interrupted when ctx ends, but by its
// timeout: a program that has been told half is worse than one that has not.
func (f *File) Apply(ctx context.Context) error {
	if f.Reload == "" {
		return nil
	}
	return f.run(context.WithoutCancel(ctx), f.Reload, f.Reload)
}

// run runs a command with arguments, and ends it with everything that it has
// started when ctx or the timeout ends.
func (f *File) run(ctx context.Context, command, name string, args ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.Timeout, errTimeout)
	defer cancel()
	out := &tail{}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", command, "sh"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitDelay
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has succeeded; something that it started keeps its output open
	}
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &CommandError{Command: name, Output: string(bytes.TrimSpace(out.b)), Err: err}
}

// tail keeps the end of what is written.
type tail struct{ b []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - maxOutput; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}
