//go:build e2e

package e2e_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// webQuery asks for addresses, bigQuery for a service with many targets.
var (
	webQuery = query("web.marathon.mesos", 1)
	bigQuery = query("_big._tcp.marathon.mesos", 33)
)

// query returns a query in wire form (RFC 1035 section 4).
func query(name string, qtype uint16) []byte {
	b := []byte{0xbe, 0xef, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, qtype)
	return binary.BigEndian.AppendUint16(b, 1)
}

// frame prefixes a message with its length, as over TCP.
func frame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// errCut is the error of a message that ends early.
var errCut = errors.New("a message breaks off")

// readFrame reads a message from a connection. The error is io.EOF only if the
// connection ends between two messages.
func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if n, err := io.ReadFull(r, length[:]); err != nil {
		if n > 0 {
			return nil, errCut
		}
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, errors.Join(errCut, err)
	}
	if len(msg) < 12 {
		return nil, errors.New("a message is shorter than its header")
	}
	return msg, nil
}

// exchange sends a query over TCP and returns the response.
func exchange(t *testing.T, c net.Conn, query []byte) []byte {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(frame(query)); err != nil {
		t.Fatal(err)
	}
	reply, err := readFrame(c)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}
