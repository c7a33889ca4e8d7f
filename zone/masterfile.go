package zone

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
)

// MasterFile is a file of records (RFC 1035, section 5).
type ZoneFile struct {
	Name string // for messages
	Text []byte
}

// Limits of what is read of master files.
const (
	MaxZoneFileSize = 16 << 20 // octets of a file
	maxStatic       = 200_000  // records of all files
	maxFaults       = 20       // of a file, then it is given up

	// maxRecord is the size of a record in octets. More than this is room
	// that those who pack replies do not keep.
	maxRecord = 2000
)

// MasterFault is one thing that is wrong in a master file.
type ZoneFileError struct {
	File    string
	Line    int // where the record begins, from 1; 0 for the whole file
	Problem string
}

// Error gives file:line: problem, as compilers do.
func (f ZoneFileError) Error() string {
	if f.Line == 0 {
		return f.File + ": " + f.Problem
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Problem)
}

// MasterFaults are all that is wrong in master files.
type ZoneFileErrors []ZoneFileError

// Error gives a line for each fault.
func (fs ZoneFileErrors) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// entry is a record of a master file.
type entry struct {
	rr   dns.RR
	name records.Name
	file string
	line int
}

func (e *entry) fault(format string, args ...any) ZoneFileError {
	return ZoneFileError{e.file, e.line, e.name.String() + " " + dns.Type(e.rr.Header().Rrtype).String() + ": " + fmt.Sprintf(format, args...)}
}

// readFile reads the records of a file, as many as may be.
//
// The library's parser stops at the first error. So what it stopped at is made
// a comment, and it begins again: all that is wrong is known at once.
func readFile(f ZoneFile, ttl uint32, most int) (entries []entry, faults ZoneFileErrors) {
	if len(f.Text) > MaxZoneFileSize {
		return nil, ZoneFileErrors{{File: f.Name, Problem: fmt.Sprintf("is larger than %d octets", MaxZoneFileSize)}}
	}
	r := &lineReader{text: bytes.Clone(f.Text)}
	r.split()
	for len(faults) < maxFaults {
		entries = entries[:0]
		r.at = 0
		p := dns.NewZoneParser(r, "", "")
		p.SetDefaultTTL(ttl)
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			e := entry{rr: rr, file: f.Name, line: r.line(r.entry())}
			if len(entries) == most {
				return entries, append(faults, ZoneFileError{f.Name, e.line, fmt.Sprintf("there are more than %d records in all files", maxStatic)})
			}
			entries = append(entries, e)
		}
		if p.Err() == nil {
			break
		}
		text, line := problem(p.Err())
		i := r.culprit(line)
		faults = append(faults, ZoneFileError{f.Name, r.line(i), text})
		r.skip(i)
	}
	return entries, faults
}

// problem is what the library says, with what to do where that is not obvious,
// and the line that it says.
func problem(err error) (text string, line int) {
	text = strings.TrimPrefix(err.Error(), "dns: ")
	const at = " at line: "
	if i := strings.LastIndex(text, at); i >= 0 {
		number, _, _ := strings.Cut(text[i+len(at):], ":")
		line, _ = strconv.Atoi(number)
		text = text[:i]
	}
	if strings.HasPrefix(text, "bad owner name") || strings.HasPrefix(text, "bad origin name") {
		text += " (a name that does not end in a dot wants an $ORIGIN before it)"
	}
	return text, line
}

// lineReader gives the octets of a file one by one, so that it is known which
// entry has been read last.
type lineReader struct {
	text   []byte
	at     int
	starts []int // where the entries begin; an entry is a line, or several in parentheses
}

// split finds the entries.
func (r *lineReader) split() {
	depth, quoted, comment := 0, false, false
	r.starts = append(r.starts, 0)
	for i := 0; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '\n':
			comment = false
			if depth <= 0 && !quoted {
				depth = 0
				r.starts = append(r.starts, i+1)
			}
		case comment:
		case c == '\\':
			if i+1 < len(r.text) && r.text[i+1] != '\n' {
				i++
			}
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			comment = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
	}
}

func (r *lineReader) ReadByte() (byte, error) {
	if r.at == len(r.text) {
		return 0, io.EOF
	}
	r.at++
	return r.text[r.at-1], nil
}

// Read is there because the parser asks for a reader. It reads octet by octet
// where it can.
func (r *lineReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	b[0] = c
	return 1, nil
}

// entry is the place of the entry that the last octet read belongs to.
func (r *lineReader) entry() int {
	i, found := slices.BinarySearch(r.starts, max(0, r.at-1))
	if !found {
		i--
	}
	return i
}

// line is that on which an entry begins, from 1.
func (r *lineReader) line(i int) int {
	return 1 + bytes.Count(r.text[:r.starts[i]], []byte("\n"))
}

// culprit is the entry that the parser does not like. That is the one it read
// last, or the one before, where it looked for more than there is. The line that
// it says tells, but for what $GENERATE makes, which has lines of its own. What
// is a comment already cannot be it, so that there is an end.
func (r *lineReader) culprit(line int) int {
	i := r.entry()
	if i > 0 && line < r.line(i) && line >= r.line(i-1) {
		i--
	}
	for i > 0 && r.skipped(i) {
		i--
	}
	return i
}

// end is where an entry ends.
func (r *lineReader) end(i int) int {
	if i+1 < len(r.starts) {
		return r.starts[i+1]
	}
	return len(r.text)
}

// skip makes an entry a comment. Its lines stay.
func (r *lineReader) skip(i int) {
	for at := r.starts[i]; at < r.end(i); at++ {
		if r.text[at] != '\n' {
			r.text[at] = ';'
		}
	}
}

func (r *lineReader) skipped(i int) bool {
	return len(bytes.Trim(r.text[r.starts[i]:r.end(i)], ";\n")) == 0
}
