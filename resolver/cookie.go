package resolver

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"
)

// cookies makes server cookies (RFC 7873). They prove to a client that a reply
// comes from whom it asked. We do not ask clients to prove anything, so a
// wrong server cookie is just answered with a right one.
type cookies struct {
	k0, k1 uint64
	now    func() time.Time
}

// newCookies makes a secret that nobody else knows and that lives as long as
// the process.
func newCookies() *cookies {
	var secret [16]byte
	rand.Read(secret[:])
	return cookiesOf(secret)
}

func cookiesOf(secret [16]byte) *cookies {
	return &cookies{
		k0:  binary.LittleEndian.Uint64(secret[:]),
		k1:  binary.LittleEndian.Uint64(secret[8:]),
		now: time.Now,
	}
}

// Sizes of RFC 7873, section 4.
const (
	clientCookieSize    = 8
	minServerCookieSize = 8
	maxServerCookieSize = 32
)

// answer is the cookie option for a reply: the client cookie and a server
// cookie as RFC 9018, section 4 makes them. It reports false when the option
// is malformed.
func (c *cookies) respond(option []byte, client netip.Addr) ([]byte, bool) {
	server := len(option) - clientCookieSize
	if server != 0 && (server < minServerCookieSize || server > maxServerCookieSize) {
		return nil, false
	}
	b := make([]byte, 0, 40)
	b = append(b, option[:clientCookieSize]...)
	b = append(b, 1, 0, 0, 0) // version, reserved
	b = binary.BigEndian.AppendUint32(b, uint32(c.now().Unix()))
	cookie := len(b)
	b = append(b, client.AsSlice()...)
	hash := siphash.Hash(c.k0, c.k1, b)
	return binary.LittleEndian.AppendUint64(b[:cookie], hash), true
}

const dnsCookie = dns.EDNS0COOKIE

// Times for which a server cookie counts (RFC 9018, section 4.3).
const (
	cookieOld   = time.Hour
	cookieAhead = 5 * time.Minute
)

// ours reports whether a cookie option holds a server cookie that we gave to the
// client not long ago.
func (c *cookies) valid(option []byte, client netip.Addr) bool {
	if len(option) != clientCookieSize+16 || option[8] != 1 {
		return false
	}
	age := c.now().Sub(time.Unix(int64(binary.BigEndian.Uint32(option[12:])), 0))
	if age > cookieOld || age < -cookieAhead {
		return false
	}
	b := append(make([]byte, 0, 40), option[:16]...)
	b = append(b, client.AsSlice()...)
	return siphash.Hash(c.k0, c.k1, b) == binary.LittleEndian.Uint64(option[16:])
}

// cookie appends the cookie option that answers the one of the request, if any,
// to the options of a reply.
func (c *cookies) cookie(q *query, client netip.Addr, options []byte) ([]byte, bool) {
	data, ok := q.edns.option(dns.EDNS0COOKIE)
	if !ok {
		return options, true
	}
	if data, ok = c.respond(data, client); !ok {
		return options, false
	}
	return appendOption(options, dns.EDNS0COOKIE, data), true
}
