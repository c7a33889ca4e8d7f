// Package appendfile appends to a file that may be moved away at any time, as by
// logrotate, and that has a bound: a file that is full becomes FILE.1, in the place of
// the one before.
package appendfile

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// File is a file that one goroutine appends to. It is opened by the first write,
// unless [File.Open] was called before.
type File struct {
	path       string
	max        int64
	begin, end []byte

	f       *os.File
	size    int64
	checked time.Time // whether it is still at its path
}

// lookInterval is the time between two looks whether the file is still at its path.
const lookInterval = time.Second

// New returns a file of at most so many bytes. If it has a beginning, each file begins
// with it, and ends with the end once it is closed. Then what was at the path before
// becomes FILE.1; otherwise it is continued.
func New(path string, max int64, begin, end []byte) *File {
	return &File{path: path, max: max, begin: begin, end: end}
}

// Write appends all of p, or nothing with an error.
func (f *File) Write(p []byte) (int, error) {
	if f.f != nil && time.Since(f.checked) >= lookInterval {
		f.look()
	}
	if f.f != nil && f.size > int64(len(f.begin)) && f.size+int64(len(p)+len(f.end)) > f.max {
		f.Close()
		if err := os.Rename(f.path, f.path+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
	}
	if err := f.Open(); err != nil {
		return 0, err
	}
	if err := f.append(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// look closes the file if it is no longer at its path.
func (f *File) look() {
	f.checked = time.Now()
	mine, err := f.f.Stat()
	if err == nil {
		f.size = mine.Size() // it may have been truncated
	}
	at, err := os.Stat(f.path)
	if err != nil || !os.SameFile(mine, at) {
		f.Close()
	}
}

// append writes all of p or nothing: half a record would make the next one unreadable.
func (f *File) append(p []byte) error {
	n, err := f.f.Write(p)
	if err != nil && n > 0 {
		if f.f.Truncate(f.size) != nil {
			f.size += int64(n)
		}
	}
	if err == nil {
		f.size += int64(n)
	}
	return err
}

// Open opens the file if it is not open.
func (f *File) Open() error {
	if f.f != nil {
		return nil
	}
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	// What is no file must not be opened: a pipe waits for a reader.
	at, err := os.Stat(f.path)
	if err == nil && !at.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.path)
	}
	if err == nil && len(f.begin) > 0 && at.Size() > 0 {
		if err := os.Rename(f.path, f.path+".1"); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(f.path, flags, 0o640)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	f.f, f.size, f.checked = file, info.Size(), time.Now()
	if len(f.begin) > 0 {
		if err := f.append(f.begin); err != nil {
			f.f = nil
			file.Close()
			return err
		}
	}
	return nil
}

// IsOpen reports whether the file is open.
func (f *File) IsOpen() bool { return f.f != nil }

// Close ends the file. A write after it opens it again.
func (f *File) Close() error {
	if f.f == nil {
		return nil
	}
	var err error
	if len(f.end) > 0 {
		err = f.append(f.end)
	}
	err = errors.Join(err, f.f.Close())
	f.f = nil
	return err
}
