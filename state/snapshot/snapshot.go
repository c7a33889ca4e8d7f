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

	Zones Zones
}

// Zones is what the next process has to know of the zones that were made of the
// state, and of zone files.
type Zones struct {
	// SerialLimit is a SOA serial that no version of any zone is newer than, until
	// this file is replaced (RFC 1982, section 3.2); 0 if it is not known.
	SerialLimit uint32

	Versions []ZoneVersion
}

// ZoneVersion is a version of a zone.
type ZoneVersion struct {
	Origin string // the apex, in wire form
	Serial uint32 // of the SOA record
	Digest uint64 // of the content, see zone.Zone.Digests
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

// DecodeZones reads the first part of a snapshot, which is small. The errors are
// those of [Decode].
func DecodeZones(from io.Reader) (*Zones, error) {
	b := bufio.NewReaderSize(from, blockSize)
	found, err := decodeTitle(b)
	if err != nil {
		return nil, err
	}
	r := newBlockReader(b)
	s := &Contents{}
	header(reading(r, found), s)
	if r.err != nil {
		return nil, r.err
	}
	return &s.Zones, nil
}

func contents(c *codec, s *Contents) {
	header(c, s)
	cluster(c, s.State)
}

// header describes what comes before the state.
func header(c *codec, s *Contents) {
	confirmed := uint64(s.Confirmed.UnixNano())
	c.number(&confirmed)
	small(c, &s.Zones.SerialLimit, math.MaxUint32)
	if c.version >= 2 {
		list(c, &s.Zones.Versions, zoneVersion)
	}
	if c.r != nil {
		s.Confirmed = time.Unix(0, int64(confirmed))
	}
}
