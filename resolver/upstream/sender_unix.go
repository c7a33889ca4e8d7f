//go:build unix

package upstream

import (
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// sender sends packets without ever waiting for room: who sends is answering
// other queries.
type sender struct {
	mu  sync.Mutex
	raw syscall.RawConn
	msg []byte
	err error
	f   func(fd uintptr) bool
}

func (s *sender) init(conn *net.UDPConn) (err error) {
	s.raw, err = conn.SyscallConn()
	s.f = func(fd uintptr) bool {
		_, s.err = unix.SendmsgN(int(fd), s.msg, nil, nil, unix.MSG_DONTWAIT)
		return true
	}
	return err
}

func (s *sender) send(msg []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.msg = append(s.msg[:0], msg...)
	if err := s.raw.Write(s.f); err != nil {
		return err
	}
	return s.err
}
