//go:build linux && (amd64 || arm64)

package resolver

import (
	"golang.org/x/sys/unix"
)

// replies are the packets of one batch as sendmmsg(2) takes them.
//
// They stand one behind the other, each as long as it is, since most are short:
// 64 buffers for the longest would take 4 MiB and miss the processor's cache
// each time.
type responseBatch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	made     int // messages
	sent     int // of those, the ones that are done with

	octets [batchSize*1232 + bufferSize]byte
	used   int
}

// peer is where a reply goes to, and the control message that says where it
// comes from.
type peer struct {
	addr       *byte
	addrLen    uint32
	control    *byte
	controlLen uint64
}

func (r *responseBatch) init() {
	for i := range r.messages {
		h := &r.messages[i].header
		h.Iov, h.Iovlen = &r.vectors[i], 1
	}
}

func (r *responseBatch) reset() { r.made, r.sent, r.used = 0, 0, 0 }

// full reports whether there is no room for another reply of any size.
func (r *responseBatch) full() bool {
	return r.made == batchSize || len(r.octets)-r.used < bufferSize
}

// buffer is where to make the next reply, when they are not full.
func (r *responseBatch) buffer() []byte {
	return r.octets[r.used:][:bufferSize:bufferSize]
}

// add takes a reply that was made in the buffer.
func (r *responseBatch) add(msg []byte, to peer) {
	v := &r.vectors[r.made]
	v.Base = &msg[0]
	v.SetLen(len(msg))
	h := &r.messages[r.made].header
	h.Name, h.Namelen = to.addr, to.addrLen
	h.Control, h.Controllen = to.control, to.controlLen
	r.made++
	r.used += len(msg)
}

// send sends what has not been sent, without waiting. It reports false when the
// socket has no room.
//
// The system stops at the first reply that it does not take: one that is too
// large, that the firewall forbids, or to where no route leads. That one is left
// out, and costs the others nothing.
func (r *responseBatch) send(fd uintptr) bool {
	for r.sent < r.made {
		n, errno := callMessages(unix.SYS_SENDMMSG, fd, r.messages[r.sent:r.made])
		switch errno {
		case 0:
			r.sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			r.sent++
		}
	}
	return true
}
