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

// version is that of the format. It grows with each change of what is written:
// a golden file tells.
const version = 1

// Title is what a file begins with, before the number of its version and the
// end of the line.
const title = "toponym snapshot "

// ErrVersion is what reading gives for a file of another version of the
// program. Nothing is wrong with it.
var ErrVersion = errors.New("the snapshot is of another version")

// Contents are what a file holds.
type Contents struct {
	State *state.FullState

	// Confirmed is when a master last said that the state is so, to the
	// nanosecond.
	Confirmed time.Time

	// Serial is the SOA serial of the zone that was made of it, so that the
	// next one can be larger (RFC 1982).
	Serial uint32
}

// Encode writes a snapshot. The state is only looked at.
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
	if err := decodeTitle(b); err != nil {
		return nil, err
	}
	r := newBlockReader(b)
	s := &Contents{State: &state.FullState{}}
	contents(reading(r), s)
	if err := r.close(); err != nil {
		return nil, err
	}
	return s, nil
}

// decodeTitle reads the first line.
func decodeTitle(b *bufio.Reader) error {
	const digits = 6
	line, err := b.Peek(len(title) + digits + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	rest, begins := strings.CutPrefix(string(line), title)
	number, _, ends := strings.Cut(rest, "\n")
	n, err := strconv.ParseUint(number, 10, 32)
	switch {
	case !begins || !ends || err != nil:
		return damaged("it does not begin as one")
	case n != version:
		return fmt.Errorf("%w: %d, while this program reads %d", ErrVersion, n, version)
	}
	_, err = b.Discard(len(title) + len(number) + 1)
	return err
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
