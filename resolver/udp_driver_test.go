//go:build linux && (amd64 || arm64)

package resolver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"toponym/internal/mmsg"
)

// drive is what the process that asks is told to do: to keep a number of queries
// under way from each of some sockets, until so many have been answered.
type drive struct {
	Addr    netip.AddrPort
	Packet  []byte
	Sockets int
	Window  int
	Queries int

	// Apart has it run on other processors than the server, if there are any.
	Apart bool
}

// driven is what it says in the end.
type driven struct {
	Lost    int
	Elapsed time.Duration
}

const driverVariable = "TOPONYM_TEST_UDP_DRIVER"

// run asks in a process of its own, so that what this one uses is the server's
// alone.
func (d drive) run(t testing.TB) (r driven) {
	t.Helper()
	task, _ := json.Marshal(d)
	cmd := exec.Command(os.Args[0], "-test.run=^TestUDPDriver$")
	cmd.Env = append(os.Environ(), driverVariable+"="+string(task))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// TestUDPDriver is the process that asks.
func TestUDPDriver(t *testing.T) {
	var d drive
	if err := json.Unmarshal([]byte(os.Getenv(driverVariable)), &d); err != nil {
		t.Skip("runs in processes that benchmarks start")
	}
	r, err := d.ask()
	if err != nil {
		t.Fatal(err)
	}
	json.NewEncoder(os.Stdout).Encode(r)
}

// asker is one socket of the driver.
type asker struct {
	fd       uintptr
	underWay int
	last     time.Time // of a response
}

// patience is how long responses may take until they count as lost.
const patience = 250 * time.Millisecond

func (d drive) ask() (r driven, err error) {
	if d.Apart {
		if err := runElsewhere(); err != nil {
			return r, err
		}
	}
	begin := time.Now()
	askers := make([]asker, d.Sockets)
	polled := make([]unix.PollFd, d.Sockets)
	for i := range askers {
		fd, err := d.dial()
		if err != nil {
			return r, err
		}
		askers[i] = asker{fd: uintptr(fd), last: begin}
		polled[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	in, out := driverMessages(nil), driverMessages(d.Packet)
	for answered := 0; answered < d.Queries; {
		idle := true
		now := time.Now()
		for i := range askers {
			a := &askers[i]
			n, errno := mmsg.Call(unix.SYS_RECVMMSG, a.fd, in)
			switch {
			case errno == 0:
				idle = false
				a.underWay = max(a.underWay-n, 0)
				a.last = now
				answered += n
			case errno != unix.EAGAIN && errno != unix.EINTR:
				return r, os.NewSyscallError("recvmmsg", errno)
			case a.underWay > 0 && now.Sub(a.last) > patience:
				r.Lost += a.underWay
				a.underWay, a.last = 0, now
			}
			if n := min(d.Window-a.underWay, len(out)); n > 0 {
				if n, errno = mmsg.Call(unix.SYS_SENDMMSG, a.fd, out[:n]); errno == 0 {
					idle = false
					a.underWay += n
				}
			}
		}
		if idle {
			if _, err := unix.Poll(polled, 50); err != nil && !errors.Is(err, unix.EINTR) {
				return r, err
			}
		}
	}
	r.Elapsed = time.Since(begin)
	return r, nil
}

// runElsewhere moves this process from the processors that it was started on to
// the others, if there are any.
func runElsewhere() error {
	var ours, others unix.CPUSet
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		return err
	}
	for cpu := range 64 * len(others) {
		if !ours.IsSet(cpu) {
			others.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &others); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

func (d drive) dial() (fd int, err error) {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(d.Addr.Port()), Addr: d.Addr.Addr().As16()})
	if d.Addr.Addr().Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(d.Addr.Port()), Addr: d.Addr.Addr().As4()}
	}
	if fd, err = syscall.Socket(family, unix.SOCK_DGRAM, 0); err != nil {
		return fd, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	if err = unix.Connect(fd, to); err != nil {
		return fd, fmt.Errorf("connecting to %v: %w", d.Addr, err)
	}
	return fd, nil
}

// driverMessages are messages that all hold the same packet, or room for one.
func driverMessages(packet []byte) []mmsg.Message {
	messages := make([]mmsg.Message, batchSize)
	for i := range messages {
		p := packet
		if p == nil {
			p = make([]byte, querySize)
		}
		v := &unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		messages[i].Header.Iov, messages[i].Header.Iovlen = v, 1
	}
	return messages
}
