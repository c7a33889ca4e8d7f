package master

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxLengthDigits is more than an int64 has.
const maxLengthDigits = 19

// recordIO reads records as the operator API sends them (docs/recordio.md of
// Mesos): the length of a record in decimal digits, a newline, and the record.
// Masters put one record into one chunk of HTTP, on which nothing depends here.
type recordIO struct {
	r    *bufio.Reader
	max  int64 // bytes of one record
	left int64 // bytes of the current record that have not been read
}

func newRecordIO(r io.Reader, max int64) *recordIO {
	s := &recordIO{max: max}
	s.r = bufio.NewReaderSize(&recordReader{r, s}, 64<<10)
	return s
}

// recordReader reads no further than the current record. net/http's reader of
// chunks blocks when it is asked for more than has arrived and a further chunk
// has begun: an event would wait for the next one.
type recordReader struct {
	r io.Reader
	s *recordIO
}

func (w *recordReader) Read(p []byte) (int, error) {
	most := max(w.s.left, 1)
	return w.r.Read(p[:min(int64(len(p)), most)])
}

// next moves to the next record. At the end of the stream between two records it
// returns the error of the stream: io.EOF where the end was announced.
func (s *recordIO) next() error {
	for s.left > 0 {
		n, err := s.r.Discard(int(min(s.left, 1<<20)))
		if s.left -= int64(n); err != nil {
			return unexpectedEOF(err)
		}
	}
	var length int64
	for digits := 0; ; digits++ {
		c, err := s.r.ReadByte()
		switch {
		case err != nil && digits == 0:
			return err
		case err != nil:
			return unexpectedEOF(err)
		case c == '\n' && digits > 0:
			if length > s.max {
				return errTooLarge(s.max)
			}
			s.left = length
			return nil
		case !isDigit(c) || digits == maxLengthDigits:
			return fmt.Errorf("no length of a record: %q after %d digits", c, digits)
		}
		if length = length*10 + int64(c-'0'); length < 0 {
			return errTooLarge(s.max)
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Read reads from the current record, at whose end it returns io.EOF.
func (s *recordIO) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if err != nil && s.left > 0 {
		return n, unexpectedEOF(err)
	}
	return n, nil
}

// unexpectedEOF is the error of a stream that ends within a record.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
