package snapshot

import (
	"math"
	"net/netip"

	"toponym/state"
)

// codec writes or reads values. One description of each type serves both
// directions, so that they cannot differ. Writing does not change values, which
// the cluster is using.
type codec struct {
	w *blockWriter // nil when reading
	r *blockReader // nil when writing

	version  int             // of the file
	interner *state.Interner // nil when writing

	// Words are strings that often repeat. The first time a word is written as
	// a whole and gets a number, later only the number is written.
	numbers map[string]uint64
	words   []string
}

// maxWords bounds the words that get a number.
const maxWords = 1 << 16

func writing(w *blockWriter) *codec {
	return &codec{w: w, version: version, numbers: map[string]uint64{}}
}

func reading(r *blockReader, version int) *codec {
	return &codec{r: r, version: version, interner: state.NewInterner()}
}

// number is written in as many bytes as it needs, seven bits each.
func (c *codec) number(v *uint64) {
	if c.w != nil {
		n := *v
		for n >= 0x80 {
			c.w.writeByte(byte(n) | 0x80)
			n >>= 7
		}
		c.w.writeByte(byte(n))
		return
	}
	n := uint64(0)
	for shift := 0; ; shift += 7 {
		b := c.r.readByte()
		if shift == 63 && b > 1 {
			c.r.fail(damaged("a number is too large"))
			return
		}
		n |= uint64(b&0x7F) << shift
		if b < 0x80 {
			break
		}
	}
	*v = n
}

func (c *codec) port(v *uint16) { small(c, v, math.MaxUint16) }

// small is a number of at most 32 bits.
func small[T ~uint8 | ~uint16 | ~uint32](c *codec, v *T, most uint64) {
	n := uint64(*v)
	c.number(&n)
	if c.w != nil {
		return
	}
	if n > most {
		c.r.fail(damaged("%d is too large", n))
		n = 0
	}
	*v = T(n)
}

// text is a string that hardly repeats.
func (c *codec) text(s *string) {
	n := uint64(len(*s))
	c.number(&n)
	if c.w != nil {
		c.w.writeString(*s)
	} else {
		*s = c.r.readString(n)
	}
}

// word is a string that often repeats: 0 and the string the first time, its
// number from then on. Equal words that are read share their memory.
func (c *codec) word(s *string) {
	n := uint64(0)
	if c.w != nil {
		n = c.numbers[*s]
		c.number(&n)
		if n == 0 {
			c.text(s)
			if len(c.numbers) < maxWords {
				c.numbers[*s] = uint64(len(c.numbers)) + 1
			}
		}
		return
	}
	c.number(&n)
	switch {
	case n == 0:
		c.text(s)
		if len(c.words) < maxWords {
			c.words = append(c.words, *s)
		}
	case n <= uint64(len(c.words)):
		*s = c.words[n-1]
	default:
		c.r.fail(damaged("word %d is not defined", n))
	}
}

// addr is 0 for none, 4 or 16 and the bytes, or 17, the bytes and the zone.
func (c *codec) addr(a *netip.Addr) {
	const none, four, sixteen, zoned = 0, 4, 16, 17
	if c.w != nil {
		kind := byte(none)
		switch {
		case a.Is4():
			kind = four
		case a.Zone() != "":
			kind = zoned
		case a.IsValid():
			kind = sixteen
		}
		c.w.writeByte(kind)
		for _, b := range a.AsSlice() {
			c.w.writeByte(b)
		}
		if kind == zoned {
			zone := a.Zone()
			c.word(&zone)
		}
		return
	}
	switch kind := c.r.readByte(); kind {
	case none:
	case four:
		var b [4]byte
		for i := range b {
			b[i] = c.r.readByte()
		}
		*a = netip.AddrFrom4(b)
	case sixteen, zoned:
		var b [16]byte
		for i := range b {
			b[i] = c.r.readByte()
		}
		*a = netip.AddrFrom16(b)
		if kind == zoned {
			var zone string
			c.word(&zone)
			*a = a.WithZone(zone)
		}
	default:
		c.r.fail(damaged("unknown kind of address: %d", kind))
	}
}

// list is the number of items, followed by the items. Memory is allocated as
// items are read: each takes at least a byte, so it stays in proportion to the
// file.
func list[T any](c *codec, l *[]T, item func(*codec, *T)) {
	n := uint64(len(*l))
	c.number(&n)
	if c.w != nil {
		for i := range *l {
			item(c, &(*l)[i])
		}
		return
	}
	if n == 0 {
		return
	}
	items := make([]T, 0, min(n, 8))
	for range n {
		var none T
		items = append(items, none)
		if item(c, &items[len(items)-1]); c.r.err != nil {
			return
		}
	}
	*l = items
}

// pointer is 0 for nil, or 1 and the value.
func pointer[T any](c *codec, p **T, value func(*codec, *T)) {
	there := uint8(0)
	if *p != nil {
		there = 1
	}
	small(c, &there, 1)
	if there == 0 {
		return
	}
	if c.w == nil {
		*p = new(T)
	}
	value(c, *p)
}

// present is a pointer that is never nil.
func present[T any](value func(*codec, *T)) func(*codec, **T) {
	return func(c *codec, p **T) {
		if c.w == nil {
			*p = new(T)
		}
		value(c, *p)
	}
}
