package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Over TLS, the size of a response tells an observer what was asked for. Where the
// query has the padding option, the response is filled up (RFC 7830, section 4).

// paddingBlock is what the size of a padded response is a multiple of (RFC 8467,
// section 4.1).
const paddingBlock = 468

var zeros [paddingBlock]byte

// wantsPadding reports whether a query over TLS asks for a padded response, and
// notes that for the writer.
func (e *edns) wantsPadding() bool {
	_, e.padded = e.option(dns.EDNS0PADDING)
	return e.padded
}

// pad fills up a response whose last record is the OPT record at an offset. The
// largest ones stay as they are.
func pad(msg []byte, opt int) []byte {
	const head = 4 // of the option
	size := len(msg) + head
	size += (paddingBlock - size%paddingBlock) % paddingBlock
	if size > dns.MaxMsgSize-1 {
		return msg
	}
	fill := size - len(msg) - head
	length := msg[opt+9:]
	binary.BigEndian.PutUint16(length, binary.BigEndian.Uint16(length)+uint16(head+fill))
	msg = binary.BigEndian.AppendUint16(msg, dns.EDNS0PADDING)
	msg = binary.BigEndian.AppendUint16(msg, uint16(fill))
	return append(msg, zeros[:fill]...)
}
