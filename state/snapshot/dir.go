package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Names of files in a directory.
const (
	fileName      = "cluster.snapshot"
	damagedPrefix = fileName + ".damaged-"
	tempPrefix    = fileName + ".new-"
)

// keepDamaged is how many damaged files stay to be looked at, the newest.
const keepDamaged = 3

// maxFile bounds what is read, in octets: thirty times what a cluster of
// 100,000 tasks takes.
const maxFile = 1 << 30

// Dir is a directory with the newest snapshot in it. One goroutine may use it
// at a time.
type Dir struct {
	path string
	read atomic.Int64
}

// NewDir is the directory of that path. Nothing is opened or made yet.
func NewDir(path string) *Dir { return &Dir{path: path} }

// File is the path of the snapshot.
func (d *Dir) File() string { return filepath.Join(d.path, fileName) }

// Info is what is known of a snapshot without reading it.
type Info struct {
	Size      int64     // in octets
	Confirmed time.Time // as in Contents, or when it was confirmed again
}

// Save replaces the snapshot: whoever reads the directory afterwards finds the
// one before or this one, whole. It returns when the disk has it.
func (d *Dir) Save(s *Contents) (Info, error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return Info{}, err
	}
	d.sweep()
	f, err := os.CreateTemp(d.path, tempPrefix) // for us alone, mode 0600
	if err != nil {
		return Info{}, err
	}
	size, err := write(f, s)
	if err == nil {
		err = os.Chtimes(f.Name(), time.Time{}, s.Confirmed)
	}
	if err == nil {
		err = os.Rename(f.Name(), d.File())
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return Info{}, err
	}
	return Info{Size: size, Confirmed: s.Confirmed}, d.sync()
}

// write leaves the file closed.
func write(f *os.File, s *Contents) (size int64, err error) {
	err = Encode(f, s)
	if err == nil {
		err = f.Sync()
	}
	if i, statErr := f.Stat(); statErr == nil {
		size = i.Size()
	}
	return size, errors.Join(err, f.Close())
}

// sync has the disk know the names of files. Not all systems of files can do
// it, and those that cannot have no need to.
func (d *Dir) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	_ = f.Sync()
	return f.Close()
}

// sweep removes what a process has left that was killed while it wrote.
func (d *Dir) sweep() {
	for _, name := range d.files(tempPrefix) {
		_ = os.Remove(name)
	}
}

// files are those whose names begin so, in their order.
func (d *Dir) files(prefix string) []string {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, filepath.Join(d.path, e.Name()))
		}
	}
	return names
}

// Confirm notes that a master has said that the state is still so, which costs
// no more than a time in the directory.
func (d *Dir) Confirm(at time.Time) error { return os.Chtimes(d.File(), time.Time{}, at) }

// Load reads the snapshot. The error wraps fs.ErrNotExist where there is none,
// [ErrVersion], [ErrDamaged], or that of the system. A confirmation that lies
// after now is a clock's that was wrong, and counts as now.
func (d *Dir) Load(now time.Time) (*Contents, Info, error) {
	f, err := os.Open(d.File())
	if err != nil {
		return nil, Info{}, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, Info{}, err
	}
	if !i.Mode().IsRegular() {
		return nil, Info{}, fmt.Errorf("%s is no file", d.File())
	}
	if i.Size() > maxFile {
		return nil, Info{}, damaged("it has %d octets", i.Size())
	}
	s, err := Decode(countingReader{f, &d.read})
	if err != nil {
		return nil, Info{}, err
	}
	if i.ModTime().After(s.Confirmed) {
		s.Confirmed = i.ModTime()
	}
	if s.Confirmed.After(now) {
		s.Confirmed = now
	}
	return s, Info{Size: i.Size(), Confirmed: s.Confirmed}, nil
}

// BytesRead returns how many bytes Load has read so far. Any goroutine may call
// it, to see whether the disk still gives something.
func (d *Dir) BytesRead() int64 { return d.read.Load() }

// countingReader counts the bytes read.
type countingReader struct {
	from io.Reader
	n    *atomic.Int64
}

func (r countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// SetAside gives a damaged snapshot another name, with the time in it, so that
// it can be looked at, and removes the oldest of those that were set aside
// before. It returns the name.
func (d *Dir) SetAside(now time.Time) (string, error) {
	name := filepath.Join(d.path, damagedPrefix+now.UTC().Format("20060102T150405.000Z"))
	if err := os.Rename(d.File(), name); err != nil {
		return "", err
	}
	before := d.files(damagedPrefix)
	slices.Sort(before)
	var errs []error
	for _, old := range before[:max(0, len(before)-keepDamaged)] {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return name, errors.Join(errs...)
}
