package dnstap

import (
	"bytes"
	"context"
	"net"
	"time"

	framestream "github.com/farsightsec/golang-framestream"

	"toponym/internal/appendfile"
)

// contentType is that of dnstap's frames.
var contentType = []byte("protobuf:dnstap.Dnstap")

const (
	// dialTimeout bounds connecting, and each step of the handshake.
	dialTimeout = 5 * time.Second

	// writeTimeout is how long a consumer may take nothing.
	writeTimeout = 5 * time.Second

	// closeTimeout is how long the last messages may take at the end, and then the
	// consumer's confirmation.
	closeTimeout = 500 * time.Millisecond
)

// output is where frames go. One goroutine uses it.
type output interface {
	// open makes it ready for frames, if it is not.
	open(ctx context.Context) error

	isOpen() bool

	// write writes whole frames, all or none of them as far as a reader can tell. When
	// ctx ends it takes no longer than closeTimeout.
	write(ctx context.Context, frames []byte) error

	// close ends the stream.
	close()
}

// connection is a consumer at a socket, which speaks the protocol of frame streams in
// both directions.
type connection struct {
	network, address string

	conn   net.Conn // nil while there is none
	writer *framestream.Writer
}

func (c *connection) open(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, c.network, c.address)
	if err != nil {
		return err
	}
	// The handshake waits for the consumer.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	w, err := framestream.NewWriter(conn, &framestream.WriterOptions{
		ContentTypes: [][]byte{contentType}, Bidirectional: true, Timeout: dialTimeout,
	})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return err
	}
	c.conn, c.writer = conn, w
	return nil
}

func (c *connection) isOpen() bool { return c.conn != nil }

// write writes frames past the library's writer, which has nothing buffered: they have
// their lengths already. A consumer that has got half a frame cannot go on, so the
// connection ends with an error.
func (c *connection) write(ctx context.Context, frames []byte) error {
	conn := c.conn
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	defer context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Now().Add(closeTimeout)) })()
	_, err := conn.Write(frames)
	if err != nil {
		conn.Close()
		c.conn = nil
	}
	return err
}

func (c *connection) close() {
	conn := c.conn
	if conn == nil {
		return
	}
	defer time.AfterFunc(closeTimeout, func() { conn.Close() }).Stop()
	_ = c.writer.Close() // the consumer may be gone
	conn.Close()
	c.conn = nil
}

// file is a file of frames. After an error it goes on where it was.
type file struct{ f *appendfile.File }

func newFile(path string, max int64) *file {
	start := framestream.ControlStart
	start.SetContentType(contentType)
	return &file{appendfile.New(path, max, control(start), control(framestream.ControlStop))}
}

// control is a control frame.
func control(c framestream.ControlFrame) []byte {
	var b bytes.Buffer
	_ = c.Encode(&b) // a buffer takes everything
	return b.Bytes()
}

func (f *file) open(context.Context) error { return f.f.Open() }

func (f *file) isOpen() bool { return f.f.IsOpen() }

func (f *file) write(_ context.Context, frames []byte) error {
	_, err := f.f.Write(frames)
	return err
}

func (f *file) close() { _ = f.f.Close() }
