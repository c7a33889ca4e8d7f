package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// edns is what a request says in its OPT record (RFC 6891, section 6.1).
type edns struct {
	present bool
	udpSize uint16
	version uint8
	do      bool // RFC 3225
	padded  bool // the response is to be padded
	options []byte
}

const (
	optFlagDO = 1 << 15

	// maxOptions is enough for all options that a response can have: a
	// cookie, a client subnet and an extended error.
	maxOptions = 4 + 40 + 4 + 20 + 4 + 2
)

// parse reads an OPT record. It reports false when the record makes the request
// malformed: it is the second one, its owner is not the root, or its options
// do not fill it.
//
// The options of an unknown version may have another form, so they are not
// checked.
func (e *edns) parse(r record) bool {
	if e.present || !r.root {
		return false
	}
	*e = edns{
		present: true,
		udpSize: r.class,
		version: uint8(r.ttl >> 16),
		do:      r.ttl&optFlagDO != 0,
		options: r.data,
	}
	if e.version > 0 {
		return true
	}
	rest := e.options
	for len(rest) > 0 {
		if len(rest) < 4 || len(rest)-4 < int(binary.BigEndian.Uint16(rest[2:])) {
			return false
		}
		rest = rest[4+binary.BigEndian.Uint16(rest[2:]):]
	}
	return true
}

// parsePlain reads what nearly all queries have behind their question: nothing, or
// an OPT record without options. It reports false for all else.
func (e *edns) parsePlain(rest []byte, records int) bool {
	if len(rest) == 0 {
		return records == 0
	}
	if records != 1 || len(rest) != dnswire.OPTSize || rest[0] != 0 || rest[1] != 0 || rest[2] != byte(dns.TypeOPT) || rest[9]|rest[10] != 0 {
		return false
	}
	*e = edns{present: true, udpSize: binary.BigEndian.Uint16(rest[3:]), version: rest[6], do: rest[7]&0x80 != 0}
	return true
}

// option finds the first option of a code. Of several the first counts (RFC
// 7873, section 5.2).
func (e *edns) option(code uint16) (data []byte, ok bool) {
	for rest := e.options; len(rest) >= 4; {
		found, end := binary.BigEndian.Uint16(rest), 4+int(binary.BigEndian.Uint16(rest[2:]))
		if found == code {
			return rest[4:end], true
		}
		rest = rest[end:]
	}
	return nil, false
}

// appendOption adds an option in wire form (RFC 6891, section 6.1.2).
func appendOption(options []byte, code uint16, data []byte) []byte {
	options = binary.BigEndian.AppendUint16(options, code)
	options = binary.BigEndian.AppendUint16(options, uint16(len(data)))
	return append(options, data...)
}

// appendOPT adds the OPT record of a response: our size, version 0, and of the
// flags DO alone.
func appendOPT(msg []byte, udpSize, rcode uint16, do bool, options []byte) []byte {
	msg = append(msg, 0, 0, 41) // the root, TYPE OPT
	msg = binary.BigEndian.AppendUint16(msg, udpSize)
	msg = append(msg, byte(rcode>>4), 0)
	var flags uint16
	if do {
		flags = optFlagDO
	}
	msg = binary.BigEndian.AppendUint16(msg, flags)
	msg = binary.BigEndian.AppendUint16(msg, uint16(len(options)))
	return append(msg, options...)
}
