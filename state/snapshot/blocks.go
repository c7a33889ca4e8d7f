package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
)

// A file is a line with the version, followed by blocks: length, checksum,
// content. The checksum covers all blocks so far with their lengths, so that
// none can be missing or out of order. An empty block is the end.

// blockSize is the maximum length of a block's content, in bytes: small compared
// with the cluster, large enough that system calls do not matter.
const blockSize = 64 << 10

// blockHead is the size of length and checksum, 32 bits each, little endian.
const blockHead = 8

// ErrDamaged is the error of reading a file that is not as it was written.
var ErrDamaged = errors.New("the snapshot is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// castagnoli has the polynomial that processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockWriter writes bytes as blocks. After an error it writes nothing more.
type blockWriter struct {
	to  io.Writer
	buf []byte // room for the head, then the content of the block
	sum uint32
	err error
}

func newBlockWriter(to io.Writer) *blockWriter {
	return &blockWriter{to: to, buf: make([]byte, blockHead, blockHead+blockSize)}
}

// writeByte adds one byte.
func (w *blockWriter) writeByte(b byte) {
	if len(w.buf) == cap(w.buf) {
		w.flush()
	}
	w.buf = append(w.buf, b)
}

// writeString adds any number of bytes.
func (w *blockWriter) writeString(s string) {
	for len(s) > 0 {
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
		n := min(len(s), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, s[:n]...)
		s = s[n:]
	}
}

// flush writes a block, and then yields: encoding a large state takes long.
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

// close writes the last block and the end.
func (w *blockWriter) close() error {
	if len(w.buf) > blockHead {
		w.flush()
	}
	w.flush()
	return w.err
}

// blockReader reads what a blockWriter has written. After an error it returns
// zeros.
type blockReader struct {
	from io.Reader
	buf  []byte // of blockSize
	rest []byte // unread content of the block
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

// fill reads the next block and tells whether there was one.
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
		r.fail(damaged("a block of %d bytes", n))
		return
	}
	r.rest = r.buf[:n]
	if !r.read(r.rest) {
		return
	}
	r.sum = crc32.Update(r.sum, castagnoli, head[:4])
	r.sum = crc32.Update(r.sum, castagnoli, r.rest)
	if r.sum != binary.LittleEndian.Uint32(head[4:]) {
		r.fail(damaged("wrong checksum"))
		return
	}
	r.end = n == 0
	runtime.Gosched()
}

func (r *blockReader) read(p []byte) bool {
	_, err := io.ReadFull(r.from, p)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.fail(damaged("it is truncated"))
	case err != nil:
		r.fail(err)
	}
	return err == nil
}

// readByte returns one byte.
func (r *blockReader) readByte() byte {
	for len(r.rest) == 0 {
		if !r.fill() {
			return 0
		}
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// readString returns n bytes. It allocates memory for what was read, whatever n
// says.
func (r *blockReader) readString(n uint64) string {
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

// close checks that the end comes next, and nothing follows.
func (r *blockReader) close() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail(damaged("it has more content than its lists"))
	}
	if r.err == nil && !r.end {
		r.next()
	}
	if r.err == nil && !r.end {
		r.fail(damaged("it has more content than its lists"))
	}
	if r.err != nil {
		return r.err
	}
	switch n, err := io.ReadFull(r.from, make([]byte, 1)); {
	case n > 0:
		return damaged("there is more after its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
