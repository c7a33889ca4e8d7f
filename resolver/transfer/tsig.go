package transfer

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
)

// MACs are computed over the bytes of messages as they are sent and received.
// Package dns would pack each message again for that, which takes longer than to
// make it.

const (
	classANY = dns.ClassANY

	// fudge is by how many seconds the clocks of both sides may differ (RFC 8945,
	// section 10).
	fudge = 300

	// minMAC is the size of the shortest MAC that can be valid in bytes. Half the
	// algorithm's is required as well (RFC 8945, section 5.2.2.1).
	minMAC = 10
)

// tsigRecord is a TSIG record as it was received (RFC 8945, section 4.2).
type tsigRecord struct {
	start     int          // offset of the record in the message
	key       records.Name // the owner
	algorithm records.Name
	time      uint64 // seconds since 1970, in 48 bits
	fudge     uint16
	mac       []byte
	id        uint16 // of the message when it was signed
	err       uint16
	other     []byte
}

// parseTSIG reads the TSIG record at an offset. It is the last record of a message
// that resolver has checked otherwise.
func parseTSIG(msg []byte, at int) (r tsigRecord, ok bool) {
	if at < dnswire.HeaderSize || len(msg) > dns.MaxMsgSize {
		return r, false
	}
	rr, ok := dnswire.ReadRecord(msg, at)
	if !ok || rr.End != len(msg) || rr.Type != dns.TypeTSIG || rr.Class != classANY || rr.TTL != 0 {
		return r, false
	}
	r.start = at
	r.key = records.Name(dnswire.AppendName(nil, msg, at))
	data := msg[rr.DataOff:rr.End]
	end := dnswire.SkipQuestionName(data, 0) // compressed it would not be valid
	if end < 0 {
		return r, false
	}
	r.algorithm = records.Name(dnswire.AppendName(nil, data, 0))
	data = data[end:]
	if len(data) < 10 {
		return r, false
	}
	r.time = uint64(binary.BigEndian.Uint16(data))<<32 | uint64(binary.BigEndian.Uint32(data[2:]))
	r.fudge = binary.BigEndian.Uint16(data[6:])
	size := int(binary.BigEndian.Uint16(data[8:]))
	data = data[10:]
	if len(data) < size+6 {
		return r, false
	}
	r.mac, data = data[:size], data[size:]
	r.id = binary.BigEndian.Uint16(data)
	r.err = binary.BigEndian.Uint16(data[2:])
	r.other = data[6:]
	return r, int(binary.BigEndian.Uint16(data[4:])) == len(r.other)
}

// macOf computes the MAC of the message before the record, after that of the
// request, if it is a response (RFC 8945, section 4.3).
func (r *tsigRecord) macOf(k *Key, msg, requestMAC, mac []byte) []byte {
	h := k.hash()
	defer k.free(h)
	if requestMAC != nil {
		writeMAC(h, requestMAC)
	}
	var header [dnswire.HeaderSize]byte
	copy(header[:], msg)
	binary.BigEndian.PutUint16(header[:], r.id)
	binary.BigEndian.PutUint16(header[10:], binary.BigEndian.Uint16(msg[10:])-1)
	h.Write(header[:])
	h.Write(msg[dnswire.HeaderSize:r.start])
	writeVariables(h, k, r.time, r.fudge, r.err, r.other)
	return h.Sum(mac)
}

// writer is what a MAC is written to: a hash, which never fails.
type writer interface{ Write(b []byte) (int, error) }

func writeMAC(w writer, mac []byte) {
	var size [2]byte
	binary.BigEndian.PutUint16(size[:], uint16(len(mac)))
	w.Write(size[:])
	w.Write(mac)
}

// writeVariables writes the TSIG variables of RFC 8945, section 4.3.3.
func writeVariables(w writer, k *Key, signed uint64, fudge, rcode uint16, other []byte) {
	b := make([]byte, 0, 2*dnswire.MaxName)
	b = append(b, k.name...)
	b = binary.BigEndian.AppendUint16(b, classANY)
	b = binary.BigEndian.AppendUint32(b, 0) // TTL
	b = append(b, k.algorithm.name...)
	b = appendTimers(b, signed, fudge)
	b = binary.BigEndian.AppendUint16(b, rcode)
	b = binary.BigEndian.AppendUint16(b, uint16(len(other)))
	w.Write(b)
	w.Write(other)
}

func appendTimers(b []byte, signed uint64, fudge uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(signed>>32))
	b = binary.BigEndian.AppendUint32(b, uint32(signed))
	return binary.BigEndian.AppendUint16(b, fudge)
}

// appendTSIG appends a TSIG record to a message and counts it in the header.
func appendTSIG(msg []byte, key, algorithm records.Name, signed uint64, mac []byte, id, rcode uint16, other []byte) []byte {
	binary.BigEndian.PutUint16(msg[10:], binary.BigEndian.Uint16(msg[10:])+1)
	msg = append(msg, key...)
	msg = binary.BigEndian.AppendUint16(msg, dns.TypeTSIG)
	msg = binary.BigEndian.AppendUint16(msg, classANY)
	msg = binary.BigEndian.AppendUint32(msg, 0)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(algorithm)+16+len(mac)+len(other)))
	msg = append(msg, algorithm...)
	msg = appendTimers(msg, signed, fudge)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(mac)))
	msg = append(msg, mac...)
	msg = binary.BigEndian.AppendUint16(msg, id)
	msg = binary.BigEndian.AppendUint16(msg, rcode)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(other)))
	return append(msg, other...)
}

// tsigSize is the size of a TSIG record in bytes, with the time that BADTIME adds.
func tsigSize(key, algorithm records.Name, mac int) int {
	return len(key) + 10 + len(algorithm) + 16 + mac + len(timeSigned(0))
}

// unixTime is a time as TSIG records have it.
func unixTime(t time.Time) uint64 { return uint64(t.Unix()) & (1<<48 - 1) }

// timeSigned is a time as the other data of BADTIME (RFC 8945, section 5.2.3).
func timeSigned(t uint64) (b [6]byte) {
	binary.BigEndian.PutUint16(b[:], uint16(t>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(t))
	return b
}

// Sign signs a request: it appends a TSIG record to the message, which must have
// no other. The MAC is for [Key.VerifyResponse].
func (k *Key) Sign(msg []byte, now time.Time) (signed, mac []byte) {
	s := signature{key: k}
	signed = s.sign(msg, unixTime(now), dns.RcodeSuccess, nil)
	return signed, s.mac
}

// Errors of [Key.VerifyResponse].
var (
	ErrUnsigned  = errors.New("the response is not signed")
	ErrSignature = errors.New("the response has a wrong signature")
	ErrTime      = errors.New("the response was signed at another time: the clocks differ")
)

// RejectedError says that the other server has refused the signature of a request.
// Its value is a TSIG error code (RFC 8945, section 3), such as 17 for BADKEY.
type RejectedError uint16

// Error names the code.
func (e RejectedError) Error() string {
	return "the server has refused the signature: " + tsigErrorName(uint16(e))
}

// VerifyResponse checks the signature of a response to a request that Sign has
// signed with that MAC. The error is [ErrUnsigned], [ErrSignature], [ErrTime] or a
// [RejectedError].
func (k *Key) VerifyResponse(msg, requestMAC []byte, now time.Time) error {
	at := findTSIG(msg)
	if at < 0 {
		return ErrUnsigned
	}
	r, ok := parseTSIG(msg, at)
	if !ok || r.key != k.name || r.algorithm != k.algorithm.name {
		return ErrSignature
	}
	if r.err == dns.RcodeBadKey || r.err == dns.RcodeBadSig {
		return RejectedError(r.err) // not signed (RFC 8945, section 5.3.2)
	}
	var space [maxMAC]byte
	if !hmac.Equal(r.macOf(k, msg, requestMAC, space[:0]), r.mac) {
		return ErrSignature
	}
	if r.err != dns.RcodeSuccess {
		return RejectedError(r.err)
	}
	if !within(r.time, unixTime(now), uint64(r.fudge)) {
		return ErrTime
	}
	return nil
}

// within reports whether two times differ by so many seconds at most.
func within(a, b, most uint64) bool { return max(a, b)-min(a, b) <= most }

// findTSIG returns the offset of the last record of a message if that is a TSIG
// record, else -1.
func findTSIG(msg []byte) int {
	if len(msg) < dnswire.HeaderSize {
		return -1
	}
	off := dnswire.HeaderSize
	for range dnswire.Questions(msg) {
		if off = dnswire.SkipName(msg, off); off < 0 || off+4 > len(msg) {
			return -1
		}
		off += 4
	}
	last, found := off, uint16(dns.TypeNone)
	for range dnswire.Records(msg, dnswire.Answer) + dnswire.Records(msg, dnswire.Authority) + dnswire.Records(msg, dnswire.Additional) {
		r, ok := dnswire.ReadRecord(msg, off)
		if !ok {
			return -1
		}
		last, found, off = off, r.Type, r.End
	}
	if found != dns.TypeTSIG {
		return -1
	}
	return last
}

// signature signs the messages of one side, one after the other.
type signature struct {
	key   *Key
	mac   []byte // that the next one covers: of the request, then of the message before
	later bool   // a message has been signed
	space [maxMAC]byte
}

// sign appends a TSIG record to a message. That of the first message of a response
// covers the request's MAC and all variables, each further one the MAC before and
// its own time (RFC 8945, section 5.3.1).
func (s *signature) sign(msg []byte, signed uint64, rcode uint16, other []byte) []byte {
	h := s.key.hash()
	if s.mac != nil {
		writeMAC(h, s.mac)
	}
	h.Write(msg)
	if s.later {
		var space [8]byte
		h.Write(appendTimers(space[:0], signed, fudge))
	} else {
		writeVariables(h, s.key, signed, fudge, rcode, other)
	}
	s.mac = h.Sum(s.space[:0])
	s.later = true
	s.key.free(h)
	return appendTSIG(msg, s.key.name, s.key.algorithm.name, signed, s.mac, dnswire.ID(msg), rcode, other)
}

func tsigErrorName(code uint16) string {
	switch code {
	case dns.RcodeBadSig:
		return "BADSIG"
	case dns.RcodeBadKey:
		return "BADKEY"
	case dns.RcodeBadTime:
		return "BADTIME"
	case dns.RcodeBadTrunc:
		return "BADTRUNC"
	}
	return fmt.Sprintf("error %d", code)
}
