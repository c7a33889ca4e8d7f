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

// Names of the files in a directory.
const (
	fileName      = "cluster.snapshot"
	damagedPrefix = fileName + ".damaged-"
	tempPrefix    = fileName + ".new-"
)

// keepDamaged is the number of damaged snapshots that are kept, the newest.
const keepDamaged = 3

// ErrInUse is the error where another process uses the directory: snapshots of
// two clusters in one place would give each the names of the other.
var ErrInUse = errors.New("another process uses the directory")

// Dir is a directory with the latest snapshot. The first call of Load, Save or
// Confirm reserves it for this process, until Close. One goroutine at a time may
// call methods, except Info, Failures, BytesRead and those of
// [prometheus.Collector], which any goroutine may call.
type Dir struct {
	path     string
	lock     *os.File // of the directory; nil: not reserved
	read     atomic.Int64
	info     atomic.Pointer[Info]
	failures atomic.Uint64
}

// NewDir returns the directory with that path. It opens and creates nothing.
func NewDir(path string) *Dir { return &Dir{path: path} }

// File returns the path of the snapshot.
func (d *Dir) File() string { return filepath.Join(d.path, fileName) }

// Info describes a snapshot on disk.
type Info struct {
	Size      int64     // in bytes
	Confirmed time.Time // when a master last said that the state is so
}

// Info describes the snapshot that was loaded, saved or confirmed last; nil for
// none.
func (d *Dir) Info() *Info { return d.info.Load() }

// Failures returns how often Save has failed.
func (d *Dir) Failures() uint64 { return d.failures.Load() }

// reserve makes sure that no other process uses the directory, which must
// exist. Where the file system has no locks, it trusts that none does.
func (d *Dir) reserve() error {
	if d.lock != nil {
		if held, err := d.lock.Stat(); err == nil {
			if now, err := os.Stat(d.path); err == nil && os.SameFile(held, now) {
				return nil
			}
		}
		d.release() // the directory has been replaced
	}
	f, err := os.Open(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return nil // whatever is wrong shows when the files are used
	}
	if inUse(f) {
		f.Close()
		return ErrInUse
	}
	d.lock = f
	return nil
}

func (d *Dir) release() {
	if d.lock != nil {
		d.lock.Close()
		d.lock = nil
	}
}

// Close lets other processes use the directory.
func (d *Dir) Close() { d.release() }

// Probe finds out whether snapshots can be written to a directory, which may be
// missing. It leaves nothing behind.
func Probe(path string) error {
	for {
		_, err := os.Stat(path)
		if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
			path = parent
			continue
		}
		break
	}
	made, err := os.MkdirTemp(path, tempPrefix)
	if err != nil {
		return err
	}
	if err := os.Remove(made); !errors.Is(err, fs.ErrNotExist) { // a server that uses the directory tidies up
		return err
	}
	return nil
}

// Save replaces the snapshot: a reader finds the previous one or this one,
// complete. It returns once the disk has it.
func (d *Dir) Save(s *Contents) (Info, error) {
	info, err := d.save(s)
	if err != nil {
		d.failures.Add(1)
		return Info{}, err
	}
	d.info.Store(&info)
	return info, nil
}

func (d *Dir) save(s *Contents) (Info, error) {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return Info{}, err
	}
	if err := d.reserve(); err != nil {
		return Info{}, err
	}
	d.removeTemporary()
	f, err := os.CreateTemp(d.path, tempPrefix) // with mode 0600
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

// write encodes a snapshot into a file and closes it.
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

// sync makes the names of files durable. Some file systems cannot do that, and
// do not need it.
func (d *Dir) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	_ = f.Sync()
	return f.Close()
}

// removeTemporary removes what a process left that was killed while it wrote.
func (d *Dir) removeTemporary() {
	for _, name := range d.files(tempPrefix) {
		_ = os.Remove(name)
	}
}

// files returns the paths of the files with a prefix, sorted.
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

// Confirm records that a master has confirmed the state of the snapshot, as the
// modification time of the file.
func (d *Dir) Confirm(at time.Time) error {
	if err := d.reserve(); err != nil {
		return err
	}
	if err := os.Chtimes(d.File(), time.Time{}, at); err != nil {
		return err
	}
	if info := d.info.Load(); info != nil {
		d.info.Store(&Info{Size: info.Size, Confirmed: at})
	}
	return nil
}

// Load reads the snapshot. The error wraps fs.ErrNotExist if there is none,
// [ErrInUse], [ErrVersion], [ErrDamaged], or is that of the file system. A
// confirmation later than now comes from a clock that was wrong, and counts as
// now: whatever the clock says, a complete snapshot is used.
func (d *Dir) Load(now time.Time) (*Contents, Info, error) {
	if err := d.reserve(); err != nil {
		return nil, Info{}, err
	}
	s, info, err := readFile(d.File(), now, &d.read)
	if err != nil {
		return nil, Info{}, err
	}
	d.info.Store(&info)
	return s, info, nil
}

// LoadZones reads the part of the snapshot that tells of zones, which is small, and
// when it was saved or confirmed last, by the clock of that time. The errors are
// those of Load.
func (d *Dir) LoadZones() (z *Zones, confirmed time.Time, err error) {
	if err := d.reserve(); err != nil {
		return nil, confirmed, err
	}
	f, i, err := open(d.File())
	if err != nil {
		return nil, confirmed, err
	}
	defer f.Close()
	z, err = DecodeZones(f)
	return z, i.ModTime(), err
}

// ReadFile is Load for the file of a directory that another process may use.
func ReadFile(file string, now time.Time) (*Contents, Info, error) {
	return readFile(file, now, new(atomic.Int64))
}

func readFile(file string, now time.Time, read *atomic.Int64) (*Contents, Info, error) {
	f, i, err := open(file)
	if err != nil {
		return nil, Info{}, err
	}
	defer f.Close()
	s, err := Decode(countingReader{f, read})
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

// open opens a regular file. Opening other kinds, such as named pipes, may wait for
// ever.
func open(file string) (*os.File, fs.FileInfo, error) {
	if i, err := os.Stat(file); err != nil {
		return nil, nil, err
	} else if !i.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	i, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, i, nil
}

// BytesRead returns how many bytes Load has read so far, which shows whether the
// disk still answers.
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

// SetAside renames a damaged snapshot, with the time in its name, so that it can
// be examined, and removes the oldest of those that were set aside before. It
// returns the new path.
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
