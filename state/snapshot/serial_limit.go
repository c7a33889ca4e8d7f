package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// limitName is the file with the serial limit. It stands beside the snapshot because it
// is written when there is none yet, and is still there when the snapshot is damaged or
// of another version.
const limitName = "serial.limit"

// maxLimitFile is more than the file can have, in bytes.
const maxLimitFile = 64

// SerialLimit returns the limit that was noted last, see [Zones], and when. The error
// wraps fs.ErrNotExist if none was, [ErrInUse], [ErrDamaged], or is that of the file
// system.
func (d *Dir) SerialLimit() (limit uint32, noted time.Time, err error) {
	if err := d.reserve(); err != nil {
		return 0, noted, err
	}
	f, i, err := open(d.limitFile())
	if err != nil {
		return 0, noted, err
	}
	defer f.Close()
	b := make([]byte, maxLimitFile)
	n, err := f.Read(b)
	if err != nil {
		return 0, noted, damaged("the serial limit cannot be read: %v", err)
	}
	text, complete := strings.CutSuffix(string(b[:n]), "\n")
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || !complete {
		return 0, noted, damaged("the serial limit is no number")
	}
	return uint32(number), i.ModTime(), nil
}

// NoteSerialLimit replaces the limit. It returns once the disk has it.
func (d *Dir) NoteSerialLimit(limit uint32) error {
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	if err := d.reserve(); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, tempPrefix) // with mode 0600
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d\n", limit)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), d.limitFile())
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return d.sync()
}

func (d *Dir) limitFile() string { return filepath.Join(d.path, limitName) }
