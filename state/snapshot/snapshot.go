package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"toponym/state"
)

// version is that of the format. Each change of the format increases it, and a
// golden file notices changes. Then Decode must still read the version before:
// the snapshot matters most when a new release starts during an outage.
const version = 2

// previousVersion has no labels but those for records, and nothing of what is new
// in version 2: see types.go.
const previousVersion = 1

// title is the beginning of a file, before the version and the end of the line.
const title = "toponym snapshot "

// ErrVersion is the error of reading a sound file of another version.
var ErrVersion = errors.New("the snapshot has another version")

// Contents is what a file holds.
type Contents struct {
	State *state.FullState

	// Confirmed is when a master last said that the state is so, with
	// nanoseconds, by the clock of this host.
	Confirmed time.Time

	// Serial is the SOA serial of the zone built from State. The next process
	// must use a larger one (RFC 1982).
	Serial uint32
}

// Encode writes a snapshot. It does not change the state.
func Encode(to io.Writer, s *Contents) error {
	if _, err := fmt.Fprintf(to, "%s%d\n", title, version); err != nil {
		return err
	}
	w := newBlockWriter(to)
	contents(writing(w), s)
	return w.close()
}

// Decode reads a snapshot to its end. The error is or wraps [ErrVersion],
// [ErrDamaged], or that of the reader.
func Decode(from io.Reader) (*Contents, error) {
	b := bufio.NewReaderSize(from, blockSize)
	found, err := decodeTitle(b)
	if err != nil {
		return nil, err
	}
	r := newBlockReader(b)
	s := &Contents{State: &state.FullState{}}
	contents(reading(r, found), s)
	if err := r.close(); err != nil {
		return nil, err
	}
	return s, nil
}

// decodeTitle reads and checks the first line, and returns the version of the
// file.
func decodeTitle(b *bufio.Reader) (found int, err error) {
	const digits = 6
	line, err := b.Peek(len(title) + digits + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	rest, begins := strings.CutPrefix(string(line), title)
	number, _, ends := strings.Cut(rest, "\n")
	n, err := strconv.ParseUint(number, 10, 32)
	switch {
	case !begins || !ends || err != nil:
		return 0, damaged("it does not begin with %q", title)
	case n != version && n != previousVersion:
		return 0, fmt.Errorf("%w: %d instead of %d", ErrVersion, n, version)
	}
	_, err = b.Discard(len(title) + len(number) + 1)
	return int(n), err
}

func contents(c *codec, s *Contents) {
	confirmed := uint64(s.Confirmed.UnixNano())
	c.number(&confirmed)
	small(c, &s.Serial, math.MaxUint32)
	if c.r != nil {
		s.Confirmed = time.Unix(0, int64(confirmed))
	}
	cluster(c, s.State)
}
