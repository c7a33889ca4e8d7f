package sim

import (
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// flushAt is how many bytes an encoder collects before it writes them, by default.
const flushAt = 64 << 10

// encoder writes JSON piece by piece. encoding/json is not used because a body may be too
// big for memory, and because Mesos writes numbers as floats ("3.0"). After the first
// error of the writer all calls do nothing, so that only flush needs to be checked.
type encoder struct {
	w     io.Writer
	limit int // bytes that are collected before they are written
	buf   []byte
	comma bool
	err   error
}

func newEncoder(w io.Writer) *encoder {
	if w == nil {
		return &encoder{}
	}
	return &encoder{w: w, limit: flushAt, buf: make([]byte, 0, flushAt+16<<10)}
}

func (e *encoder) flush() error {
	if e.err == nil && e.w != nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
		e.buf = e.buf[:0]
	}
	return e.err
}

func (e *encoder) separate() {
	if e.comma {
		e.buf = append(e.buf, ',')
	}
	e.comma = true
}

func (e *encoder) open(c byte) {
	e.separate()
	e.buf = append(e.buf, c)
	e.comma = false
}

func (e *encoder) close(c byte) {
	e.buf = append(e.buf, c)
	e.comma = true
	e.drain()
}

// drain writes once enough bytes have been collected. Without a writer everything stays in
// buf.
func (e *encoder) drain() {
	if len(e.buf) < e.limit || e.w == nil {
		return
	}
	if e.flush() != nil {
		e.buf = e.buf[:0]
	}
}

// key writes the name of a field without escaping it: it must be a constant.
func (e *encoder) key(k string) {
	e.separate()
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, k...)
	e.buf = append(e.buf, '"', ':')
	e.comma = false
}

// anyKey writes the name of a field that comes from outside.
func (e *encoder) anyKey(k string) {
	e.string(k)
	e.buf = append(e.buf, ':')
	e.comma = false
}

func (e *encoder) openKey(k string, c byte) {
	e.key(k)
	e.open(c)
}

func (e *encoder) raw(s []byte) {
	e.separate()
	e.buf = append(e.buf, s...)
}

func (e *encoder) string(s string) {
	e.separate()
	e.buf = appendString(e.buf, s)
}

func (e *encoder) stringField(k, v string) { e.key(k); e.string(v) }

// optionalField writes a field unless v is empty.
func (e *encoder) optionalField(k, v string) {
	if v != "" {
		e.stringField(k, v)
	}
}

func (e *encoder) boolField(k string, v bool) {
	e.key(k)
	e.separate()
	e.buf = strconv.AppendBool(e.buf, v)
}

func (e *encoder) intField(k string, v int) {
	e.key(k)
	e.separate()
	e.buf = strconv.AppendInt(e.buf, int64(v), 10)
}

func (e *encoder) floatField(k string, v float64) {
	e.key(k)
	e.separate()
	e.buf = appendFloat(e.buf, v)
}

func (e *encoder) timeField(k string, t time.Time) {
	seconds := 0.0
	if !t.IsZero() {
		seconds = float64(t.UnixNano()) / 1e9
	}
	e.floatField(k, seconds)
}

func (e *encoder) stringsField(k string, values []string) {
	e.openKey(k, '[')
	for _, v := range values {
		e.string(v)
	}
	e.close(']')
}

// appendFloat always writes a fraction, as Mesos does.
func appendFloat(b []byte, v float64) []byte {
	if v == math.Trunc(v) {
		if math.Abs(v) < 1<<53 {
			b = strconv.AppendInt(b, int64(v), 10)
		} else {
			b = strconv.AppendFloat(b, v, 'f', 0, 64)
		}
		return append(b, ".0"...)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

// appendString quotes s. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0 // start of the bytes that are not copied yet; most strings are copied whole
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < 0x7f {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		n := 1
		switch {
		case c >= utf8.RuneSelf:
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += n
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
