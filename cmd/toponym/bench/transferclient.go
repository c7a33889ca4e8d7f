//go:build bench && linux && (amd64 || arm64)

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
)

// transferClient reads zone transfers as a secondary does, but only as far as it must
// to know where they end. All clients together are to cost less than the server.
type transferClient struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
}

func dialTransfer(addr netip.AddrPort) (*transferClient, error) {
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		return nil, err
	}
	return &transferClient{conn: conn, in: bufio.NewReaderSize(conn, 1<<17), buf: make([]byte, 1<<16)}, nil
}

func (c *transferClient) close() { _ = c.conn.Close() } // nothing was written that could be lost

// transferred is what a transfer brought.
type transferred struct {
	serial         uint32
	records, bytes int
	whole          bool // all records, not differences
	messages       int
	each           func(dns.RR) // of every record; nil to read faster
}

// axfr transfers a zone.
func (c *transferClient) axfr(zone string, each func(dns.RR)) (transferred, error) {
	return c.transfer(new(dns.Msg).SetAxfr(zone), each)
}

// ixfr transfers what has changed in a zone since a serial.
func (c *transferClient) ixfr(zone string, serial uint32) (transferred, error) {
	return c.transfer(new(dns.Msg).SetIxfr(zone, serial, "ns1."+zone, "root."+zone), nil)
}

const transferTimeout = 5 * time.Minute

func (c *transferClient) transfer(q *dns.Msg, each func(dns.RR)) (t transferred, err error) {
	packet, err := q.Pack()
	if err != nil {
		return t, err
	}
	if err := c.conn.SetDeadline(time.Now().Add(transferTimeout)); err != nil {
		return t, err
	}
	if _, err := c.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)); err != nil {
		return t, err
	}
	t.each = each
	soas, ended := 0, false
	for !ended {
		var size [2]byte
		if _, err := io.ReadFull(c.in, size[:]); err != nil {
			return t, err
		}
		msg := c.buf[:binary.BigEndian.Uint16(size[:])]
		if _, err := io.ReadFull(c.in, msg); err != nil {
			return t, err
		}
		t.messages++
		t.bytes += 2 + len(msg)
		if ended, err = t.read(msg, &soas); err != nil {
			return t, err
		}
	}
	return t, nil
}

// read counts the records of a message, and reports whether it is the last one. A zone
// ends with the second SOA record. Differences have two for each step, and end with one
// that begins no step; one alone says that there are none (RFC 1995, section 4).
func (t *transferred) read(msg []byte, soas *int) (ended bool, err error) {
	if len(msg) < headerSize {
		return false, errors.New("a short message")
	}
	if rcode := int(msg[3] & 0xf); rcode != 0 {
		return false, fmt.Errorf("the response is %s", dns.RcodeToString[rcode])
	}
	if t.each != nil {
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil {
			return false, err
		}
		for _, rr := range m.Answer {
			t.each(rr)
		}
	}
	at := headerSize
	for range binary.BigEndian.Uint16(msg[4:]) {
		at = skipName(msg, at) + 4
	}
	answers := int(binary.BigEndian.Uint16(msg[6:]))
	for range answers {
		at = skipName(msg, at)
		if at+10 > len(msg) {
			return false, errors.New("a truncated record")
		}
		rtype, length := binary.BigEndian.Uint16(msg[at:]), int(binary.BigEndian.Uint16(msg[at+8:]))
		at += 10 + length
		if at > len(msg) {
			return false, errors.New("a truncated record")
		}
		t.records++
		if rtype != dns.TypeSOA {
			t.whole = t.whole || t.records == 2
			continue
		}
		serial := binary.BigEndian.Uint32(msg[at-20:])
		if *soas++; *soas == 1 {
			t.serial = serial
		} else if *soas%2 == 0 && serial == t.serial {
			t.whole = t.whole || t.records == 2
			return true, nil
		}
	}
	return t.records == 1, nil
}

// skipName returns where a name ends.
func skipName(msg []byte, at int) int {
	for at < len(msg) {
		switch n := int(msg[at]); {
		case n == 0:
			return at + 1
		case n >= 0xC0:
			return at + 2
		default:
			at += 1 + n
		}
	}
	return at
}

// follower is a secondary of one zone: it transfers what has changed whenever it is
// notified.
type follower struct {
	zone   string
	server netip.AddrPort
	udp    *net.UDPConn
	client *transferClient
	serial uint32

	transfers, records, bytes int
	followed                  func(from, to uint32, at time.Time)
}

func newFollower(zone string, followed func(from, to uint32, at time.Time)) (*follower, error) {
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	return &follower{zone: zone, udp: udp, followed: followed}, err
}

func (f *follower) addr() netip.AddrPort { return f.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// start transfers the zone for the first time.
func (f *follower) start(server netip.AddrPort) (err error) {
	f.server = server
	if f.client, err = dialTransfer(server); err != nil {
		return err
	}
	t, err := f.client.axfr(f.zone, nil)
	f.serial = t.serial
	return err
}

// run follows until a time.
func (f *follower) run(until time.Time) error {
	var buf [512]byte
	for {
		if err := f.udp.SetReadDeadline(until); err != nil {
			return err
		}
		n, from, err := f.udp.ReadFromUDPAddrPort(buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		m := new(dns.Msg)
		if m.Unpack(buf[:n]) != nil || m.Opcode != dns.OpcodeNotify || len(m.Question) != 1 {
			continue
		}
		ack, err := new(dns.Msg).SetReply(m).Pack()
		if err != nil {
			return err
		}
		if _, err := f.udp.WriteToUDPAddrPort(ack, from); err != nil {
			return err
		}
		if m.Question[0].Name != f.zone || len(m.Answer) == 1 && !newer(m.Answer[0], f.serial) {
			continue // another zone, or a message that has waited during a transfer
		}
		t, err := f.client.ixfr(f.zone, f.serial)
		if err != nil {
			return err
		}
		if t.serial != f.serial {
			f.followed(f.serial, t.serial, time.Now())
		}
		f.serial = t.serial
		f.transfers++
		f.records += t.records
		f.bytes += t.bytes
	}
}

// newer reports whether a SOA record is of a later version.
func newer(rr dns.RR, serial uint32) bool {
	soa, ok := rr.(*dns.SOA)
	return ok && soa.Serial != serial && soa.Serial-serial < 1<<31
}

func (f *follower) close() {
	_ = f.udp.Close()
	if f.client != nil {
		f.client.close()
	}
}
