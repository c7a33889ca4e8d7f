package transfer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"sync"

	"toponym/records"
)

// Algorithm is a TSIG algorithm (RFC 8945, section 6). MD5 and SHA-1 are left out:
// all secondaries in use have SHA-256.
type Algorithm struct {
	name records.Name // in TSIG records
	text string       // in settings
	new  func() hash.Hash
	size int // of a MAC in bytes
}

// String returns the name that settings have, such as hmac-sha256.
func (a *Algorithm) String() string { return a.text }

var algorithms = [...]*Algorithm{
	{records.MustParseName("hmac-sha256"), "hmac-sha256", sha256.New, sha256.Size},
	{records.MustParseName("hmac-sha384"), "hmac-sha384", sha512.New384, sha512.Size384},
	{records.MustParseName("hmac-sha512"), "hmac-sha512", sha512.New, sha512.Size},
}

// maxMAC is the size of the longest MAC in bytes.
const maxMAC = sha512.Size

// ParseAlgorithm returns the algorithm of a name such as hmac-sha256.
func ParseAlgorithm(text string) (*Algorithm, error) {
	for _, a := range algorithms {
		if a.text == text {
			return a, nil
		}
	}
	return nil, fmt.Errorf("%q is none of hmac-sha256, hmac-sha384 and hmac-sha512", text)
}

// Key is a secret that the server shares with secondaries (RFC 8945, section 4.1).
// It may be used by many goroutines.
type Key struct {
	name      records.Name
	algorithm *Algorithm
	secret    []byte
	hashes    *sync.Pool // of hash.Hash, keyed: to set one up takes two blocks
}

// ErrNoSecret says that a key has an empty secret.
var ErrNoSecret = errors.New("the secret is empty")

// NewKey returns a key. The error is [ErrNoSecret].
func NewKey(name records.Name, a *Algorithm, secret []byte) (*Key, error) {
	if len(secret) == 0 {
		return nil, ErrNoSecret
	}
	k := &Key{name: name, algorithm: a, secret: secret}
	k.hashes = &sync.Pool{New: func() any { return hmac.New(a.new, secret) }}
	return k, nil
}

// Name returns the name that TSIG records have as their owner.
func (k *Key) Name() records.Name { return k.name }

// Format implements [fmt.Formatter]: whatever the verb, it prints the name and
// never the secret.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.name.String()) }

// hash returns a hash for one MAC, to be given back with free.
func (k *Key) hash() hash.Hash {
	h := k.hashes.Get().(hash.Hash)
	h.Reset()
	return h
}

func (k *Key) free(h hash.Hash) { k.hashes.Put(h) }
