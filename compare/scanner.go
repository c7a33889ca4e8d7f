package compare

import (
	"fmt"
	"io"

	"toponym/internal/jsonscan"
)

// Limits bound what is kept of an answer of Mesos-DNS.
type Limits struct {
	Bytes   int64 // of the answer
	Records int   // names and data together
}

// LimitsFor returns limits for the answer about a cluster for which Toponym has a
// number of records: ten times as many, and some for a small cluster.
func LimitsFor(records int) Limits {
	n := 10*records + 100_000
	return Limits{Bytes: 64<<20 + 512*int64(n), Records: n}
}

// maxText bounds a name or datum in an answer, in bytes. Mesos-DNS lists names that
// are longer than those of the DNS.
const maxText = 4096

// errLongText is the error for a text that is longer than the scanner accepts.
var errLongText = fmt.Errorf("a text in the answer is longer than %d bytes", maxText)

// scanner reads an answer within limits.
type scanner struct {
	*jsonscan.Scanner
	body    *limitedReader
	limits  Limits
	counted int
}

func newScanner(r io.Reader, limits Limits) *scanner {
	body := &limitedReader{r: r, left: limits.Bytes, limit: limits.Bytes}
	return &scanner{Scanner: jsonscan.New(body, maxText), body: body, limits: limits}
}

// document reads an answer, which is one object. The error for another value is other.
func (s *scanner) document(member func(name []byte) error, other error) error {
	if s.Kind() != '{' {
		err := s.Skip()
		switch {
		case s.body.exceeded():
			return s.body.err()
		case err != nil:
			return fmt.Errorf("%w: %w", other, err)
		}
		return other
	}
	err := s.Object(member)
	if err == nil {
		err = s.End()
	}
	if s.body.exceeded() {
		return s.body.err()
	}
	return err
}

// count counts a name or datum against the limits.
func (s *scanner) count() error {
	if s.counted++; s.counted > s.limits.Records {
		return fmt.Errorf("the answer has more than %d names and records, ten times as many as the state of the master makes", s.limits.Records)
	}
	return nil
}

// text reads a string. Other values are read as empty.
func (s *scanner) text() (string, error) {
	if s.Kind() != '"' {
		return "", s.Skip()
	}
	b, err := s.String()
	if err == nil && b == nil {
		err = errLongText
	}
	return string(b), err
}

// limitedReader ends a body that is too long with an error, unlike io.LimitReader.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.left < 0 {
		return 0, l.err()
	}
	n, err := l.r.Read(b)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, l.err()
	}
	return n, err
}

func (l *limitedReader) exceeded() bool { return l.left < 0 }

func (l *limitedReader) err() error {
	return fmt.Errorf("the answer is longer than %d MiB", l.limit>>20)
}
