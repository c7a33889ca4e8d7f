package resolver

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"
)

// cookies makes and checks server cookies (RFC 7873) in the interoperable form
// of RFC 9018. A cookie proves to a client that a response comes from the server
// it asked, and to us that a client is not at a forged address. Clients need
// none: a wrong server cookie is answered with a right one.
type cookies struct {
	secrets atomic.Pointer[cookieSecrets]
	now     func() time.Time
}

// cookieSecrets are those in use from one rollover to the next. They are never
// changed, only replaced.
type cookieSecrets struct {
	current, previous cookieSecret
	hasPrevious       bool
	until             time.Time // when the current secret is replaced
}

type cookieSecret struct{ k0, k1 uint64 }

const (
	// maxSecretLifetime is for how long a secret makes cookies at most (RFC
	// 7873, section 7.1). The previous secret is still accepted, for as long
	// as the cookies that it made are valid.
	maxSecretLifetime = 26 * time.Hour
	// secretJitter is what may be missing from that lifetime, at random, so
	// that rollovers cannot be predicted.
	secretJitter = maxSecretLifetime * 4 / 10
)

// newCookies starts with a random secret.
func newCookies() *cookies {
	c := &cookies{now: time.Now}
	c.secrets.Store(&cookieSecrets{current: randomSecret(), until: nextRollover(c.now())})
	return c
}

func randomSecret() cookieSecret {
	var b [16]byte
	rand.Read(b[:])
	return newCookieSecret(b)
}

func newCookieSecret(b [16]byte) cookieSecret {
	return cookieSecret{k0: binary.LittleEndian.Uint64(b[:]), k1: binary.LittleEndian.Uint64(b[8:])}
}

func nextRollover(now time.Time) time.Time {
	return now.Add(maxSecretLifetime - mathrand.N(secretJitter))
}

// at returns the secrets to use now, after a rollover if one is due.
func (c *cookies) at(now time.Time) *cookieSecrets {
	s := c.secrets.Load()
	if now.Before(s.until) {
		return s
	}
	next := &cookieSecrets{current: randomSecret(), previous: s.current, hasPrevious: true, until: nextRollover(now)}
	if c.secrets.CompareAndSwap(s, next) {
		return next
	}
	return c.secrets.Load()
}

// Sizes of RFC 7873, section 4, and RFC 9018, section 4.
const (
	clientCookieSize    = 8
	minServerCookieSize = 8
	maxServerCookieSize = 32
	serverCookieSize    = 16 // of those that are made here
	cookieSize          = clientCookieSize + serverCookieSize
)

// Times for which a server cookie is valid (RFC 9018, section 4.3).
const (
	maxCookieAge   = time.Hour
	maxCookieAhead = 5 * time.Minute
)

// appendCookie appends to the options of a response the option that answers the
// cookie of the request, if it has one: the client's cookie and a new server
// cookie. It reports false when the request's option is malformed.
func (c *cookies) appendCookie(options []byte, q *query, client netip.Addr) ([]byte, bool) {
	option, ok := q.edns.option(dns.EDNS0COOKIE)
	if !ok {
		return options, true
	}
	server := len(option) - clientCookieSize
	if server != 0 && (server < minServerCookieSize || server > maxServerCookieSize) {
		return options, false
	}
	now := c.now()
	var cookie [cookieSize]byte
	copy(cookie[:], option[:clientCookieSize])
	cookie[clientCookieSize] = 1 // version
	binary.BigEndian.PutUint32(cookie[12:], uint32(now.Unix()))
	binary.LittleEndian.PutUint64(cookie[16:], c.at(now).current.hash(cookie[:16], client))
	return appendOption(options, dns.EDNS0COOKIE, cookie[:]), true
}

// valid reports whether a cookie option holds a server cookie that this server
// gave to the client not long ago.
func (c *cookies) valid(option []byte, client netip.Addr) bool {
	if len(option) != cookieSize || option[clientCookieSize] != 1 {
		return false
	}
	now := c.now()
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint32(option[12:])), 0))
	if age > maxCookieAge || age < -maxCookieAhead {
		return false
	}
	s, hash := c.at(now), binary.LittleEndian.Uint64(option[16:])
	return s.current.hash(option[:16], client) == hash ||
		s.hasPrevious && s.previous.hash(option[:16], client) == hash
}

// hash is that of RFC 9018, section 4.4: of the client cookie, the version, the
// reserved bytes, the time, and the client's address.
func (s cookieSecret) hash(front []byte, client netip.Addr) uint64 {
	var b [16 + 16]byte
	n := copy(b[:], front)
	if client.Is4() {
		a := client.As4()
		n += copy(b[n:], a[:])
	} else {
		a := client.As16()
		n += copy(b[n:], a[:])
	}
	return siphash.Hash(s.k0, s.k1, b[:n])
}
