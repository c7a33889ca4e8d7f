package dnstap

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	schema "github.com/dnstap/golang-dnstap"
	"google.golang.org/protobuf/encoding/protowire"

	"toponym/internal/dnswire"
	"toponym/resolver/tap"
)

// Types is a set of message types.
type Types uint32

// ParseTypes returns a set of message types by their names, such as "AUTH_QUERY", in any
// case. It reports false for a name that this server has no messages of.
func ParseTypes(names []string) (set Types, ok bool) {
	for _, name := range names {
		t, known := schema.Message_Type_value[strings.ToUpper(name)]
		if !known || !AllTypes.has(schema.Message_Type(t)) {
			return 0, false
		}
		set |= typeBit(schema.Message_Type(t))
	}
	return set, true
}

// AllTypes are those that this server has messages of.
var AllTypes = typeBit(schema.Message_AUTH_QUERY) | typeBit(schema.Message_AUTH_RESPONSE) |
	typeBit(schema.Message_CLIENT_QUERY) | typeBit(schema.Message_CLIENT_RESPONSE) |
	typeBit(schema.Message_FORWARDER_QUERY) | typeBit(schema.Message_FORWARDER_RESPONSE)

func typeBit(t schema.Message_Type) Types { return 1 << t }

func (s Types) has(t schema.Message_Type) bool { return s&typeBit(t) != 0 }

// typesOf returns the types of the messages that an event has. A query that is answered
// with authority is one to an authoritative server; all others, refused ones too, are
// those of a resolver's client. What comes later than the query has been forwarded.
func typesOf(e *tap.Event) (query, response schema.Message_Type) {
	switch {
	case e.Upstream:
		return schema.Message_FORWARDER_QUERY, schema.Message_FORWARDER_RESPONSE
	case e.Stage == tap.Answered && dnswire.Flags(e.Response)&dnswire.FlagAA != 0:
		return schema.Message_AUTH_QUERY, schema.Message_AUTH_RESPONSE
	}
	return schema.Message_CLIENT_QUERY, schema.Message_CLIENT_RESPONSE
}

// Field numbers of dnstap.proto: of Dnstap, and of its Message.
const (
	fieldIdentity = 1
	fieldVersion  = 2
	fieldMessage  = 14
	fieldKind     = 15

	fieldType            = 1
	fieldFamily          = 2
	fieldProtocol        = 3
	fieldQueryAddress    = 4
	fieldResponseAddress = 5
	fieldQueryPort       = 6
	fieldResponsePort    = 7
	fieldQueryTime       = 8 // seconds; nanoseconds are the next field
	fieldQueryMessage    = 10
	fieldResponseTime    = 12
	fieldResponseMessage = 14
)

// encoder encodes messages. They are written by hand, as encoding the structs of the
// schema would cost more than the answer itself.
type encoder struct {
	prefix []byte // the fields of a Dnstap that are always the same
	types  Types
}

func newEncoder(identity, version string, types Types) *encoder {
	e := &encoder{types: types}
	if identity != "" {
		e.prefix = appendBytes(e.prefix, fieldIdentity, []byte(identity))
	}
	if version != "" {
		e.prefix = appendBytes(e.prefix, fieldVersion, []byte(version))
	}
	e.prefix = appendNumber(e.prefix, fieldKind, uint64(schema.Dnstap_MESSAGE))
	return e
}

// count is how many messages of an event are wanted.
func (e *encoder) count(ev *tap.Event) (n int) {
	query, response := typesOf(ev)
	if len(ev.Query) > 0 && e.types.has(query) {
		n++
	}
	if len(ev.Response) > 0 && e.types.has(response) {
		n++
	}
	return n
}

// appendFrames adds the messages of an event that are wanted, each with the length that
// frame streams have before it, and returns how many they are. What both of them have is
// encoded once.
func (e *encoder) appendFrames(b []byte, ev *tap.Event) ([]byte, int) {
	query, response := typesOf(ev)
	wantQuery, wantResponse := len(ev.Query) > 0 && e.types.has(query), len(ev.Response) > 0 && e.types.has(response)
	if !wantQuery && !wantResponse {
		return b, 0
	}
	var space [maxCommon]byte
	common := appendCommon(space[:0], ev)
	n := 0
	if wantQuery {
		begin := len(b)
		b = e.beginFrame(b, query, common)
		b = e.endFrame(appendBytes(b, fieldQueryMessage, ev.Query), begin)
		n++
	}
	if wantResponse {
		begin := len(b)
		b = e.beginFrame(b, response, common)
		b = appendTime(b, fieldResponseTime, ev.Responded)
		b = e.endFrame(appendBytes(b, fieldResponseMessage, ev.Response), begin)
		n++
	}
	return b, n
}

// maxCommon is room for what appendCommon appends.
const maxCommon = 96

// appendCommon adds the fields that the query and the response both have.
func appendCommon(b []byte, ev *tap.Event) []byte {
	family := schema.SocketFamily_INET
	if ev.Client.Addr().Is6() || ev.Server.Addr().Is6() {
		family = schema.SocketFamily_INET6
	}
	b = appendNumber(b, fieldFamily, uint64(family))
	b = appendNumber(b, fieldProtocol, uint64(protocols[ev.Transport]))
	b = appendAddress(b, fieldQueryAddress, fieldQueryPort, ev.Client)
	b = appendAddress(b, fieldResponseAddress, fieldResponsePort, ev.Server)
	return appendTime(b, fieldQueryTime, ev.Asked)
}

// digits is how many bytes the length of a Message takes: it is known only at the end,
// and at most 64 KiB and some fields, so it has three digits of seven bits.
const digits = 3

func (e *encoder) beginFrame(b []byte, t schema.Message_Type, common []byte) []byte {
	b = append(b, 0, 0, 0, 0)
	b = append(b, e.prefix...)
	b = protowire.AppendTag(b, fieldMessage, protowire.BytesType)
	b = append(b, make([]byte, digits)...)
	return append(appendNumber(b, fieldType, uint64(t)), common...)
}

// endFrame sets the lengths in a frame.
func (e *encoder) endFrame(b []byte, begin int) []byte {
	message := begin + 4 + len(e.prefix) + protowire.SizeTag(fieldMessage) + digits
	n := len(b) - message
	b[message-3], b[message-2], b[message-1] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)
	binary.BigEndian.PutUint32(b[begin:], uint32(len(b)-begin-4))
	return b
}

// protocols are those of dnstap by transport.
var protocols = [...]schema.SocketProtocol{tap.UDP: schema.SocketProtocol_UDP, tap.TCP: schema.SocketProtocol_TCP, tap.TLS: schema.SocketProtocol_DOT}

func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendAddress(b []byte, address, port protowire.Number, a netip.AddrPort) []byte {
	switch ip := a.Addr(); {
	case ip.Is4():
		v := ip.As4()
		b = appendBytes(b, address, v[:])
	case ip.Is6():
		v := ip.As16()
		b = appendBytes(b, address, v[:])
	}
	if a.Port() != 0 {
		b = appendNumber(b, port, uint64(a.Port()))
	}
	return b
}

func appendTime(b []byte, field protowire.Number, t time.Time) []byte {
	b = appendNumber(b, field, uint64(t.Unix()))
	b = protowire.AppendTag(b, field+1, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, uint32(t.Nanosecond()))
}
