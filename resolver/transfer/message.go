package transfer

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

const (
	// messageSize is the size of the messages of a transfer in bytes. Compression
	// pointers reach so far (RFC 1035, section 4.1.4): the names of a longer one
	// would take more room, and a shorter one has more headers and signatures.
	messageSize = maxPointer + 1
	maxPointer  = 0x3FFF

	pointer = 0xC000 // the bits that make an offset a compression pointer

	// reserve is the room in each message for the OPT record of the response and a
	// TSIG record: whatever the query had, the same messages answer it.
	reserve = 1024

	// fixedSize is the size of type, class, TTL and length of a record.
	fixedSize = 10

	// bufferSize is the size of a buffer for any message, with its length field.
	bufferSize = 2 + dns.MaxMsgSize
)

// errRecordSize says that a record is too large for any message.
var errRecordSize = errors.New("a record is too large for a message")

// messages writes records into messages of the answer to a question. Nothing is
// allocated for a record.
//
// Each message has as many records as fit. Owners are compressed against all
// names that stand in the message before, and so is the data of records that
// consist of a name. The data of others is not: of SRV it must not be (RFC 2782),
// and the rest is rare.
type messages struct {
	// send takes a message that is complete but for its header, of which only the
	// counts are set, and for the records of the additional section. It may use
	// what is behind the message in the buffer.
	send func(msg []byte) error

	buf     []byte // the message, with room for the largest one
	off     int
	answers int  // records in the message
	sent    int  // messages
	records int  // records in all of them, and in this one
	made    bool // the message was made before: nothing can be added to it

	zone    string // of the question
	qtype   uint16
	names   nameTable
	owner   string // of the last record
	ownerAt uint16 // where it stands; 0: a pointer does not reach it
}

// start begins with the first message, which alone has the question (RFC 5936,
// section 2.2.2). The buffer has room for the largest message.
func (m *messages) start(buf []byte, zone string, qtype uint16, send func(msg []byte) error) {
	m.buf, m.zone, m.qtype, m.send = buf, zone, qtype, send
	m.sent, m.records = 0, 0
	m.begin()
}

// startLater begins with a message that is not the first one of its response.
func (m *messages) startLater(buf []byte, send func(msg []byte) error) {
	m.buf, m.send = buf, send
	m.sent, m.records = 1, 0
	m.begin()
}

// begin begins a message.
func (m *messages) begin() {
	clear(m.buf[:dnswire.HeaderSize])
	m.off = dnswire.HeaderSize
	m.answers, m.owner, m.ownerAt, m.made = 0, "", 0, false
	m.names.reset()
	if m.sent == 0 {
		m.buf[5] = 1 // QDCOUNT
		m.name(m.zone)
		binary.BigEndian.PutUint32(m.buf[m.off:], uint32(m.qtype)<<16|dns.ClassINET)
		m.off += 4
	}
}

// flush sends the message.
func (m *messages) flush() error {
	binary.BigEndian.PutUint16(m.buf[6:], uint16(m.answers))
	m.sent++
	return m.send(m.buf[:m.off])
}

// insert adds a whole message that was made before, and since copied. What follows comes
// in a message of its own.
func (m *messages) insert(msg []byte) error {
	if m.answers > 0 {
		if err := m.flush(); err != nil {
			return err
		}
	}
	m.off = copy(m.buf, msg)
	m.answers, m.made = dnswire.Records(msg, dnswire.Answer), true
	return nil
}

// makeRoom sends the message if a record may not fit.
func (m *messages) makeRoom(owner string, data int) error {
	size := len(owner) + fixedSize + data
	if m.off+size <= messageSize-reserve && !m.made {
		return nil
	}
	if m.answers > 0 {
		if err := m.flush(); err != nil {
			return err
		}
		m.begin()
	}
	if m.off+size > dns.MaxMsgSize-1-reserve {
		return errRecordSize
	}
	return nil
}

// header writes a record up to its data, for which there is room.
func (m *messages) header(owner string, rtype uint16, ttl uint32, data int) {
	if m.ownerAt != 0 && owner == m.owner {
		binary.BigEndian.PutUint16(m.buf[m.off:], pointer|m.ownerAt)
		m.off += 2
	} else {
		m.owner, m.ownerAt = owner, m.name(owner)
	}
	b := m.buf[m.off : m.off+fixedSize]
	binary.BigEndian.PutUint32(b, uint32(rtype)<<16|dns.ClassINET)
	binary.BigEndian.PutUint32(b[4:], ttl)
	binary.BigEndian.PutUint16(b[8:], uint16(data))
	m.off += fixedSize
	m.answers++
	m.records++
}

// add writes a record.
func (m *messages) add(r *zone.Record) error {
	data := unsafe.Slice(unsafe.StringData(r.Data), len(r.Data)) // is not changed
	return m.addBytes(string(r.Owner), r.Type, r.TTL, data)
}

// addAll writes records.
func (m *messages) addAll(list []zone.Record) error {
	for i := range list {
		if err := m.add(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// addBytes writes a record whose data is given as bytes, which are not kept.
func (m *messages) addBytes(owner string, rtype uint16, ttl uint32, data []byte) error {
	if err := m.makeRoom(owner, len(data)); err != nil {
		return err
	}
	m.header(owner, rtype, ttl, len(data))
	switch rtype {
	case dns.TypeNS, dns.TypeCNAME, dns.TypePTR:
		start := m.off
		m.name(unsafe.String(unsafe.SliceData(data), len(data)))
		binary.BigEndian.PutUint16(m.buf[start-2:], uint16(m.off-start))
	default:
		m.off += copy(m.buf[m.off:], data)
	}
	return nil
}

// name writes a name, compressed against those before. It returns where to point to
// for the same name, 0 where a pointer does not reach.
func (m *messages) name(n string) (at uint16) {
	var starts [dnswire.MaxName/2 + 1]uint8 // of the labels, in the name
	count := 0
	for i := 0; n[i] != 0; i += 1 + int(n[i]) {
		starts[count] = uint8(i)
		count++
	}
	// From the end, labels that stand in the message already.
	suffix, end, known := uint16(0), len(n)-1, count
	for known > 0 {
		start := int(starts[known-1])
		found := m.names.find(m.buf, suffix, n[start:end])
		if found == 0 {
			break
		}
		suffix, end = found, start
		known--
	}
	base := m.off
	m.off += copy(m.buf[base:], n[:end])
	if suffix != 0 {
		binary.BigEndian.PutUint16(m.buf[m.off:], pointer|suffix)
		m.off += 2
		at = suffix
	} else {
		m.buf[m.off] = 0
		m.off++
	}
	for i := known - 1; i >= 0; i-- {
		start := int(starts[i])
		if base+start > maxPointer {
			return 0
		}
		at = uint16(base + start)
		m.names.insert(suffix, n[start:end], at)
		suffix, end = at, start
	}
	return at
}

// nameTable finds names in a message by their labels, from the root on: each entry
// is one label before a suffix, which is known by its offset.
type nameTable struct {
	slots      [2048]nameSlot
	generation uint32 // of the entries of this message
}

type nameSlot struct {
	generation     uint32
	suffix, offset uint16 // of the rest of the name, 0 for the root; of the label
}

// maxProbes bounds the slots that a label may be in. One for which they are taken
// is not found again: the name is then written out.
const maxProbes = 8

// reset forgets all names.
func (t *nameTable) reset() {
	if t.generation++; t.generation == 0 {
		*t = nameTable{generation: 1}
	}
}

// slot is where to look first for a label, with its length byte, before a suffix.
func (t *nameTable) slot(suffix uint16, label string) uint32 {
	const prime = 0x9E3779B97F4A7C15
	h := uint64(suffix) + 1
	for len(label) >= 8 {
		w := uint64(label[0]) | uint64(label[1])<<8 | uint64(label[2])<<16 | uint64(label[3])<<24 |
			uint64(label[4])<<32 | uint64(label[5])<<40 | uint64(label[6])<<48 | uint64(label[7])<<56
		h = (h ^ w) * prime
		h ^= h >> 32
		label = label[8:]
	}
	var w uint64
	for i := range len(label) {
		w = w<<8 | uint64(label[i])
	}
	h = (h ^ w) * prime
	return uint32(h>>40) % uint32(len(t.slots))
}

// find returns the offset of a label before a suffix, 0 if there is none.
func (t *nameTable) find(msg []byte, suffix uint16, label string) (offset uint16) {
	at := t.slot(suffix, label)
	for i := range uint32(maxProbes) {
		s := &t.slots[(at+i)%uint32(len(t.slots))]
		if s.generation != t.generation {
			return 0
		}
		if s.suffix == suffix && string(msg[s.offset:int(s.offset)+len(label)]) == label {
			return s.offset
		}
	}
	return 0
}

// insert adds a label at an offset.
func (t *nameTable) insert(suffix uint16, label string, offset uint16) {
	at := t.slot(suffix, label)
	for i := range uint32(maxProbes) {
		s := &t.slots[(at+i)%uint32(len(t.slots))]
		if s.generation != t.generation {
			*s = nameSlot{t.generation, suffix, offset}
			return
		}
	}
}
