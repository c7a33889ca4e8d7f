package zone

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
)

// ZoneFile is a file of records (RFC 1035, section 5).
type ZoneFile struct {
	Name string // for error messages
	Text []byte
	Err  error // why the file could not be read; nil if it was
}

// Limits of zone files.
const (
	MaxZoneFileSize  = 16 << 20 // bytes of a file
	maxStaticRecords = 200_000  // records of all files together
	maxErrors        = 20       // errors to report for a file; parsing ends at the last

	// maxRecordSize is the size of a record in bytes that a response has room
	// for in any case.
	maxRecordSize = 2000
)

// ZoneFileError is one error in a zone file.
type ZoneFileError struct {
	File    string
	Line    int // first line of the record, from 1; 0 for the file as a whole
	Problem string
}

// Error returns "file:line: problem", the form that compilers use.
func (e ZoneFileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// ZoneFileErrors are the errors in zone files, in the order of files and lines;
// at most 20 of each file.
type ZoneFileErrors []ZoneFileError

// Error returns one line for each error.
func (es ZoneFileErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// fileRecord is a record with the place where a zone file has it.
type fileRecord struct {
	rr    dns.RR
	name  records.Name // the owner
	file  string
	index int // of the file
	line  int
}

// errorList collects errors, a bounded number of each file.
type errorList struct {
	all     []fileError
	perFile map[int]int // errors by the index of the file
}

type fileError struct {
	ZoneFileError
	index int // of the file
}

// add adds an error of a record.
func (l *errorList) add(r fileRecord, format string, args ...any) {
	record := r.name.String() + " " + dns.Type(r.rr.Header().Rrtype).String()
	l.addAt(r.file, r.index, r.line, record+": "+fmt.Sprintf(format, args...))
}

// addAt adds an error of a line.
func (l *errorList) addAt(file string, index, line int, problem string) {
	if l.perFile[index] == maxErrors {
		return
	}
	if l.perFile == nil {
		l.perFile = map[int]int{}
	}
	l.perFile[index]++
	l.all = append(l.all, fileError{ZoneFileError{file, line, problem}, index})
}

// sorted are the errors in the order of files and lines.
func (l *errorList) sorted() ZoneFileErrors {
	slices.SortStableFunc(l.all, func(a, b fileError) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.Line, b.Line))
	})
	errs := make(ZoneFileErrors, len(l.all))
	for i, e := range l.all {
		errs[i] = e.ZoneFileError
	}
	return errs
}

// parseZoneFile reads and checks the records of a file, at most limit.
//
// The parser of package dns stops at the first error. To report all of them, the
// entry with the error is turned into a comment, and the file is parsed again
// from its start.
func parseZoneFile(f ZoneFile, index int, ttl uint32, limit int, errs *errorList) []fileRecord {
	if len(f.Text) > MaxZoneFileSize {
		errs.addAt(f.Name, index, 0, fmt.Sprintf("the file is larger than %d bytes", MaxZoneFileSize))
		return nil
	}
	r := newEntryReader(unindented(f.Text))
	var parsed []fileRecord
	for tries := 0; tries < maxErrors; tries++ {
		parsed = parsed[:0]
		r.at = 0
		p := dns.NewZoneParser(r, "", "")
		p.SetDefaultTTL(ttl)
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			line := r.entries[r.current()].line
			if len(parsed) == limit {
				errs.addAt(f.Name, index, line, fmt.Sprintf("there are more than %d records in all files", maxStaticRecords))
				return parsed
			}
			parsed = append(parsed, fileRecord{rr: rr, file: f.Name, index: index, line: line})
		}
		if p.Err() == nil {
			break
		}
		text, line := parserMessage(p.Err())
		i := r.failedEntry(line)
		if strings.HasPrefix(text, "bad SOA") && i > 0 && !r.mentionsSOA(i) && r.mentionsSOA(i-1) {
			// The parser reads on for the missing numbers of a SOA record.
			i--
			text = "the SOA record needs two names and five numbers"
		}
		errs.addAt(f.Name, index, r.entries[i].line, text)
		r.commentOut(i)
	}
	c, valid := newChecker(errs), parsed[:0]
	for _, r := range parsed {
		if c.check(&r) {
			valid = append(valid, r)
		}
	}
	return valid
}

// unindented returns a copy of a text without the blanks that all of its lines begin
// with, as they have when they were pasted from a page. A blank at the beginning of a
// line stands for the owner of the record before, so a file in which no line has an
// owner would mean nothing.
func unindented(text []byte) []byte {
	var indent []byte
	first := true
	for line := range bytes.Lines(text) {
		content := bytes.TrimLeft(line, " \t")
		if len(bytes.TrimSpace(content)) == 0 {
			continue
		}
		blanks := line[:len(line)-len(content)]
		if first {
			indent, first = blanks, false
		}
		for !bytes.HasPrefix(blanks, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	out := make([]byte, 0, len(text))
	for line := range bytes.Lines(text) {
		out = append(out, bytes.TrimPrefix(line, indent)...)
	}
	return out
}

// parserMessage is the parser's error without its prefix and position, with
// advice where the remedy is not obvious, and the line that it names.
func parserMessage(err error) (text string, line int) {
	text = strings.TrimPrefix(err.Error(), "dns: ")
	const at = " at line: "
	if i := strings.LastIndex(text, at); i >= 0 {
		number, _, _ := strings.Cut(text[i+len(at):], ":")
		line, _ = strconv.Atoi(number)
		text = text[:i]
	}
	if strings.HasPrefix(text, "bad owner name") || strings.HasPrefix(text, "bad origin name") {
		text += " (a name that does not end in a dot needs an $ORIGIN before it)"
	}
	return text, line
}

// entryReader passes a file to the parser byte by byte, so that the entry it has read
// last is known. An entry is a line, or several lines in parentheses.
type entryReader struct {
	text    []byte
	at      int
	entries []entryStart
}

// entryStart is where an entry begins.
type entryStart struct {
	offset int
	line   int // from 1
}

// newEntryReader finds the entries of a text in one pass.
func newEntryReader(text []byte) *entryReader {
	r := &entryReader{text: text, entries: []entryStart{{0, 1}}}
	line, depth, quoted, comment := 1, 0, false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			line++
			comment = false
			if depth <= 0 && !quoted {
				depth = 0
				r.entries = append(r.entries, entryStart{i + 1, line})
			}
		case comment:
		case c == '\\':
			if i+1 < len(text) && text[i+1] != '\n' {
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
	return r
}

// ReadByte returns the next byte.
func (r *entryReader) ReadByte() (byte, error) {
	if r.at == len(r.text) {
		return 0, io.EOF
	}
	r.at++
	return r.text[r.at-1], nil
}

// Read makes the reader an io.Reader, as the parser demands. The parser calls
// ReadByte where there is one.
func (r *entryReader) Read(b []byte) (int, error) {
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

// current is the index of the entry that contains the byte read last.
func (r *entryReader) current() int {
	i, found := slices.BinarySearchFunc(r.entries, max(0, r.at-1), func(e entryStart, at int) int { return cmp.Compare(e.offset, at) })
	if !found {
		i--
	}
	return i
}

// failedEntry is the index of the entry that the parser refused: the one it read
// last, or the one before where it had looked ahead. The line that it names
// tells, except in records made by $GENERATE, which have lines of their own. An
// entry that is commented out already is never the one, so that parsing ends.
func (r *entryReader) failedEntry(line int) int {
	i := r.current()
	if i > 0 && line < r.entries[i].line && line >= r.entries[i-1].line {
		i--
	}
	for i > 0 && r.commentedOut(i) {
		i--
	}
	return i
}

// entry is the text of an entry.
func (r *entryReader) entry(i int) []byte {
	end := len(r.text)
	if i+1 < len(r.entries) {
		end = r.entries[i+1].offset
	}
	return r.text[r.entries[i].offset:end]
}

// commentOut turns an entry into comments of the same length and lines.
func (r *entryReader) commentOut(i int) {
	text := r.entry(i)
	for at := range text {
		if text[at] != '\n' {
			text[at] = ';'
		}
	}
}

func (r *entryReader) mentionsSOA(i int) bool {
	return bytes.Contains(bytes.ToUpper(r.entry(i)), []byte("SOA"))
}

func (r *entryReader) commentedOut(i int) bool {
	return len(bytes.Trim(r.entry(i), ";\n")) == 0
}

// checker checks records by themselves.
type checker struct {
	errs         *errorList
	full, noData []byte // packed records
}

func newChecker(errs *errorList) *checker {
	return &checker{errs: errs, full: make([]byte, 2*maxRecordSize), noData: make([]byte, 2*maxRecordSize)}
}

// check sets the name of a record. It is false for a record that is refused.
func (c *checker) check(r *fileRecord) bool {
	h := r.rr.Header()
	name, ok := wireName(h.Name)
	r.name = name
	switch {
	case !ok:
		c.errs.addAt(r.file, r.index, r.line, "the name is longer than 255 bytes")
		return false
	case name[0] == 1 && name[1] == '*':
		return c.refuse(r, "wildcards are not supported")
	case unsupported(h.Rrtype) != "":
		return c.refuse(r, "%s", unsupported(h.Rrtype))
	case h.Class != dns.ClassINET:
		return c.refuse(r, "the class is %s, but must be IN", dns.Class(h.Class))
	case h.Ttl > math.MaxInt32:
		return c.refuse(r, "the TTL is more than %d (RFC 2181, section 8)", math.MaxInt32)
	case dns.Len(r.rr) > maxRecordSize:
		return c.refuse(r, "the record is larger than %d bytes", maxRecordSize)
	}
	// Packing finds invalid names in the data.
	n, err := dns.PackRR(r.rr, c.full, 0, nil, false)
	if err != nil {
		return c.refuse(r, "%v", err)
	}
	// The parser accepts records without data, as dynamic updates have them.
	if newRR, ok := dns.TypeToRR[h.Rrtype]; ok && !isEmptyText(r.rr) {
		rr := newRR()
		*rr.Header() = *h
		if m, err := dns.PackRR(rr, c.noData, 0, nil, false); err == nil && bytes.Equal(c.full[:n], c.noData[:m]) {
			return c.refuse(r, "the record has no data")
		}
	}
	return true
}

func (c *checker) refuse(r *fileRecord, format string, args ...any) bool {
	c.errs.add(*r, format, args...)
	return false
}

// isEmptyText reports whether a record is a text without characters, which is
// valid data.
func isEmptyText(rr dns.RR) bool {
	txt, ok := rr.(*dns.TXT)
	return ok && len(txt.Txt) > 0
}

// unsupported says why records of a type are refused; "" for types that are
// answered.
func unsupported(rtype uint16) string {
	switch rtype {
	case dns.TypeDNAME:
		return "DNAME records are not supported: use the setting aliases instead"
	case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM,
		dns.TypeDNSKEY, dns.TypeDS, dns.TypeCDS, dns.TypeCDNSKEY:
		return "signed zones are not supported"
	}
	if rtype == 0 || rtype == dns.TypeOPT || rtype >= 128 && rtype < 256 {
		return "records cannot have this type"
	}
	return ""
}

// wireName is a name in lower-case wire form.
func wireName(text string) (records.Name, bool) {
	var buf [maxName + 1]byte
	n, err := dns.PackDomainName(dns.CanonicalName(text), buf[:], 0, nil, false)
	if err != nil || n > maxName {
		return "", false
	}
	return records.Name(buf[:n]), true
}
