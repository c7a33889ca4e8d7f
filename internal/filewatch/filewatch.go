// Package filewatch tells whether a file has changed since it was read, by
// what stat(2) says of it. That costs little, works on every file system and
// through symbolic links, and also sees an editor that replaces a file by
// another one.
package filewatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// How long after its last change a file must have rested for its modification
// time to tell the next change.
const (
	granularity       = 20 * time.Millisecond // of a kernel that updates its clock every 10 ms
	coarseGranularity = 2 * time.Second       // of file systems that keep whole seconds, or every other one
)

// Version tells one content of a file from another. The zero value is that of
// a file that does not exist or cannot be looked at.
type Version struct {
	info   os.FileInfo
	recent bool // it had changed just before it was looked at
}

// Stat returns the version of a file as it is now.
func Stat(path string) Version {
	info, err := os.Stat(path)
	if err != nil {
		return Version{}
	}
	rest := granularity
	if info.ModTime().Nanosecond() == 0 {
		rest = coarseGranularity
	}
	return Version{info: info, recent: time.Since(info.ModTime()).Abs() < rest}
}

// Exists reports whether there was a file.
func (v Version) Exists() bool { return v.info != nil }

// Regular reports whether there was a regular file, not a pipe or a device.
func (v Version) Regular() bool { return v.info != nil && v.info.Mode().IsRegular() }

// Recent reports whether the file had just changed when it was looked at: another change
// since then may look the same.
func (v Version) Recent() bool { return v.recent }

// Equal reports whether two versions look the same. The content of a file that
// had just changed when either was taken may differ all the same.
func (v Version) Equal(o Version) bool {
	if v.info == nil || o.info == nil {
		return v.info == nil && o.info == nil
	}
	return os.SameFile(v.info, o.info) && v.info.ModTime().Equal(o.info.ModTime()) && v.info.Size() == o.info.Size()
}

// Files are files that are read together, with the versions that were read.
// One goroutine at a time may use them.
type Files struct {
	paths    []string
	versions []Version
}

// NewFiles returns files of which nothing has been read.
func NewFiles(paths ...string) *Files {
	return &Files{paths: paths, versions: make([]Version, len(paths))}
}

// Paths returns the files in their order.
func (f *Files) Paths() []string { return f.paths }

// MarkRead takes the versions of now as those that are read. It is to be called
// before the files are read, so that a change meanwhile is seen afterwards.
func (f *Files) MarkRead() {
	for i, path := range f.paths {
		f.versions[i] = Stat(path)
	}
}

// Changed reports whether a file may have changed since MarkRead. It stays true
// until the files are marked again. A file that had just been changed when it
// was marked counts as changed, as another change may look the same.
func (f *Files) Changed() bool {
	for i, path := range f.paths {
		if v := f.versions[i]; v.recent || !Stat(path).Equal(v) {
			return true
		}
	}
	return false
}

// Read reads a regular file of at most so many bytes, and of a larger one no
// more than these. It returns when ctx ends, even where the file system does
// not answer, and refuses what could block for ever, such as a named pipe.
func Read(ctx context.Context, path string, most int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read(path, most)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, &os.PathError{Op: "read", Path: path, Err: ctx.Err()}
	}
}

var errNotRegular = errors.New("not a regular file")

func read(path string, most int64) ([]byte, error) {
	// Without O_NONBLOCK, opening a named pipe waits for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		err := errNotRegular
		if info.IsDir() {
			err = syscall.EISDIR
		}
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}
