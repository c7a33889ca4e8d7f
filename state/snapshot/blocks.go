package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
)

// The file is a line with the version, and then blocks: the length of what
// follows, a checksum, and the octets. The checksum is over all blocks so far
// with their lengths, so none can be missing or stand elsewhere. An empty block
// is the end.

// blockSize is the largest block in octets: small beside the cluster, large
// beside a system call.
const blockSize = 64 << 10

// blockHead is the length and the checksum, each 32 bits, little endian.
const blockHead = 8

// ErrDamaged is what reading gives for a file that is not what was written.
var ErrDamaged = errors.New("the snapshot is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// castagnoli is the polynomial that processors know.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockWriter writes octets as blocks. Its error stays.
type blockWriter struct {
	to  io.Writer
	buf []byte // room for the head, and what is not written yet
	sum uint32
	err error
}

func newBlockWriter(to io.Writer) *blockWriter {
	return &blockWriter{to: to, buf: make([]byte, blockHead, blockHead+blockSize)}
}

// octet adds one octet.
func (w *blockWriter) octet(b byte) {
	if len(w.buf) == cap(w.buf) {
		w.flush()
	}
	w.buf = append(w.buf, b)
}

// text adds octets of any number.
func (w *blockWriter) text(s string) {
	for len(s) > 0 {
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
		n := min(len(s), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, s[:n]...)
		s = s[n:]
	}
}

// flush writes a block. A block is a slice of work, after which others may run.
func (w *blockWriter) flush() {
	binary.LittleEndian.PutUint32(w.buf, uint32(len(w.buf)-blockHead))
	w.sum = crc32.Update(w.sum, castagnoli, w.buf[:4])
	w.sum = crc32.Update(w.sum, castagnoli, w.buf[blockHead:])
	binary.LittleEndian.PutUint32(w.buf[4:], w.sum)
	if w.err == nil {
		_, w.err = w.to.Write(w.buf)
	}
	w.buf = w.buf[:blockHead]
	runtime.Gosched()
}

// close writes what is left and the end.
func (w *blockWriter) close() error {
	if len(w.buf) > blockHead {
		w.flush()
	}
	w.flush()
	return w.err
}

// blockReader reads what blockWriter has written. Its error stays, and it gives
// zeros from then on.
type blockReader struct {
	from io.Reader
	buf  []byte // of blockSize
	rest []byte // of the block that is being read
	sum  uint32
	end  bool
	err  error
}

func newBlockReader(from io.Reader) *blockReader {
	return &blockReader{from: from, buf: make([]byte, blockSize)}
}

func (r *blockReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

// fill reads the next block. It reports false when there is none.
func (r *blockReader) fill() bool {
	if r.err != nil {
		return false
	}
	if r.end {
		r.fail(damaged("it ends early"))
		return false
	}
	r.next()
	return r.err == nil && !r.end
}

// next reads a block, or the end.
func (r *blockReader) next() {
	var head [blockHead]byte
	if !r.read(head[:]) {
		return
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > blockSize {
		r.fail(damaged("a block of %d octets", n))
		return
	}
	r.rest = r.buf[:n]
	if !r.read(r.rest) {
		return
	}
	r.sum = crc32.Update(r.sum, castagnoli, head[:4])
	r.sum = crc32.Update(r.sum, castagnoli, r.rest)
	if r.sum != binary.LittleEndian.Uint32(head[4:]) {
		r.fail(damaged("a checksum is wrong"))
		return
	}
	r.end = n == 0
	runtime.Gosched()
}

func (r *blockReader) read(p []byte) bool {
	_, err := io.ReadFull(r.from, p)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.fail(damaged("it was cut"))
	case err != nil:
		r.fail(err)
	}
	return err == nil
}

// octet takes one octet.
func (r *blockReader) octet() byte {
	for len(r.rest) == 0 {
		if !r.fill() {
			return 0
		}
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// text takes n octets. Room is made for what is there, whatever n says.
func (r *blockReader) text(n uint64) string {
	if n <= uint64(len(r.rest)) {
		s := string(r.rest[:n])
		r.rest = r.rest[n:]
		return s
	}
	var s []byte
	for n > 0 {
		if len(r.rest) == 0 && !r.fill() {
			return ""
		}
		part := r.rest[:min(n, uint64(len(r.rest)))]
		s = append(s, part...)
		r.rest = r.rest[len(part):]
		n -= uint64(len(part))
	}
	return string(s)
}

// close wants the end, and nothing behind it.
func (r *blockReader) close() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail(damaged("there is more than it says"))
	}
	if r.err == nil && !r.end {
		r.next()
	}
	if r.err == nil && !r.end {
		r.fail(damaged("there is more than it says"))
	}
	if r.err != nil {
		return r.err
	}
	switch n, err := io.ReadFull(r.from, make([]byte, 1)); {
	case n > 0:
		return damaged("there is more behind its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
