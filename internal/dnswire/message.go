package dnswire

import (
	"encoding/binary"
	"errors"
)

// ErrNoAnswer says that a response is well-formed but does not answer the question, so
// that another server should be asked. It stands here for packages that do not know each
// other.
var ErrNoAnswer = errors.New("the response does not answer the question")

// Sizes, in bytes.
const (
	HeaderSize = 12  // RFC 1035, section 4.1.1
	OPTSize    = 11  // an OPT record without options (RFC 6891, section 6.1.2)
	MaxName    = 255 // RFC 1035, section 2.3.4
	MaxLabel   = 63  // RFC 1035, section 2.3.4
)

// Bits of the header's second 16-bit word (RFC 1035, section 4.1.1; RFC 4035,
// section 3.2).
const (
	FlagQR     = 1 << 15
	OpcodeMask = 0xF << 11
	FlagAA     = 1 << 10
	FlagTC     = 1 << 9
	FlagRD     = 1 << 8
	FlagRA     = 1 << 7
	FlagAD     = 1 << 5
	FlagCD     = 1 << 4
	RcodeMask  = 0xF
)

// Section is a section of records in a message.
type Section int

// The sections of records.
const (
	Answer Section = iota
	Authority
	Additional
)

// ID is the message id. The message must have a whole header, as for the other
// functions that read header fields.
func ID(msg []byte) uint16 { return binary.BigEndian.Uint16(msg) }

// Flags is the header's second 16-bit word.
func Flags(msg []byte) uint16 { return binary.BigEndian.Uint16(msg[2:]) }

// Questions is QDCOUNT.
func Questions(msg []byte) int { return int(binary.BigEndian.Uint16(msg[4:])) }

// Records is the number of records that the header states for a section.
func Records(msg []byte, s Section) int {
	return int(binary.BigEndian.Uint16(msg[6+2*s:]))
}

// QuestionName returns the name of the only question of a message in wire form, as it
// was typed; nil if the message is too short, or has another number of questions.
func QuestionName(msg []byte) []byte {
	if len(msg) < HeaderSize || Questions(msg) != 1 {
		return nil
	}
	end := SkipQuestionName(msg, HeaderSize)
	if end < 0 {
		return nil
	}
	return msg[HeaderSize:end]
}

// HasQuestion reports whether the message has exactly one question, for that name
// (in lower-case wire form), type and class. Letters of the message's name may be
// of either case (RFC 4343). The message may have any length.
func HasQuestion(msg, name []byte, qtype, class uint16) bool {
	end := HeaderSize + len(name)
	return len(msg) >= end+4 && Questions(msg) == 1 &&
		binary.BigEndian.Uint16(msg[end:]) == qtype &&
		binary.BigEndian.Uint16(msg[end+2:]) == class &&
		EqualLower(msg[HeaderSize:end], name)
}

// Record is a resource record in a message (RFC 1035, section 4.1.3). Its fields
// ending in Off are offsets in the message.
type Record struct {
	NameOff int // of the owner
	Type    uint16
	Class   uint16
	TTL     uint32 // as it was sent, in seconds
	TTLOff  int
	DataOff int
	End     int // offset behind the record
}

// ReadRecord reads the record at off. It reports false for one that the message
// does not hold whole, or whose owner SkipName refuses.
func ReadRecord(msg []byte, off int) (r Record, ok bool) {
	at := SkipName(msg, off)
	if at < 0 || at+10 > len(msg) {
		return r, false
	}
	r = Record{
		NameOff: off,
		Type:    binary.BigEndian.Uint16(msg[at:]),
		Class:   binary.BigEndian.Uint16(msg[at+2:]),
		TTL:     binary.BigEndian.Uint32(msg[at+4:]),
		TTLOff:  at + 4,
		DataOff: at + 10,
	}
	r.End = r.DataOff + int(binary.BigEndian.Uint16(msg[at+8:]))
	return r, r.End <= len(msg)
}

// MaxTTL is the highest TTL (RFC 2181, section 8), in seconds.
const MaxTTL = 1<<31 - 1

// EffectiveTTL is the TTL that a record has: values above MaxTTL mean 0.
func (r Record) EffectiveTTL() uint32 {
	if r.TTL > MaxTTL {
		return 0
	}
	return r.TTL
}
