package transfer

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// catalog makes the catalog zone, which lists all other zones, so that secondaries
// are configured once (RFC 9432). It lives here rather than in package zone because
// nobody but secondaries may see it.
//
// Its serial grows when the members change, in this process or, with
// [Server.RestoreCatalog], since one before.
type catalog struct {
	name   records.Name
	serial zone.SerialFunc

	mu       sync.Mutex
	members  []records.Name // sorted
	version  uint32         // the serial; 0 before the members are known
	restored CatalogVersion
}

// CatalogVersion is a version of the catalog zone, for the next process.
type CatalogVersion struct {
	Name   records.Name
	Serial uint32 // 0: there is none
	Digest uint64 // of the members
}

// catalogVersion is one version of the catalog zone.
type catalogVersion struct {
	name    records.Name
	serial  uint32
	members []records.Name
	options zone.Options
}

func newCatalog(name records.Name, serial zone.SerialFunc) *catalog {
	return &catalog{name: name, serial: serial}
}

// at returns the catalog of a version of the zones.
func (c *catalog) at(z *zone.Zone) *catalogVersion {
	members := slices.Sorted(slices.Values(z.TransferZones()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == 0 || !slices.Equal(members, c.members) {
		if c.version == 0 && c.restored.Serial != 0 && c.restored.Digest == digestOf(members) {
			c.version = c.restored.Serial
		} else {
			c.version = c.serial(c.name, zone.NewerSerial(c.version, c.restored.Serial))
		}
		c.members = members
	}
	return &catalogVersion{name: c.name, serial: c.version, members: members, options: z.Options()}
}

// digestOf is a hash of the names of members.
func digestOf(members []records.Name) uint64 {
	var d xxhash.Digest
	d.Reset()
	for _, m := range members {
		_, _ = d.WriteString(string(m)) // never fails
	}
	return d.Sum64()
}

// CatalogVersion is the version of the catalog zone that is offered.
func (s *Server) CatalogVersion() CatalogVersion {
	if s.catalog == nil {
		return CatalogVersion{}
	}
	v := s.catalog.at(s.offered())
	return CatalogVersion{Name: v.name, Serial: v.serial, Digest: digestOf(v.members)}
}

// RestoreCatalog tells which version a process before has had last, so that the same
// members have the same serial. It is called before anybody asks.
func (s *Server) RestoreCatalog(v CatalogVersion) {
	if s.catalog == nil || v.Name != s.catalog.name {
		return
	}
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.restored = v
}

// catalogTTL is the TTL of all records of a catalog zone, where it has no meaning
// (RFC 9432, section 4.1).
const catalogTTL = 0

// noName is a name that does not exist (RFC 6761, section 6.4). Catalog zones have
// it as their name server, since nobody asks for their names.
var noName = records.MustParseName("invalid")

// soa returns the SOA record. Its times are those of the other zones.
func (c *catalogVersion) soa() zone.Record {
	b := []byte(noName + noName)
	for _, n := range []uint32{c.serial, c.options.Refresh, c.options.Retry, c.options.Expire, c.options.Minimum} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return zone.Record{Owner: c.name, Type: dns.TypeSOA, TTL: catalogTTL, Data: string(b)}
}

// write writes all records.
func (c *catalogVersion) write(m *messages) error {
	soa := c.soa()
	if err := m.add(&soa); err != nil {
		return err
	}
	err := m.addAll([]zone.Record{
		{Owner: c.name, Type: dns.TypeNS, TTL: catalogTTL, Data: string(noName)},
		{Owner: "\x07version" + c.name, Type: dns.TypeTXT, TTL: catalogTTL, Data: "\x012"},
	})
	if err != nil {
		return err
	}
	for _, member := range c.members {
		owner := memberLabel(member) + "\x05zones" + c.name
		if err := m.add(&zone.Record{Owner: owner, Type: dns.TypePTR, TTL: catalogTTL, Data: string(member)}); err != nil {
			return err
		}
	}
	return m.add(&soa)
}

// memberLabel is the label of a member zone: a hash of its name, so that it stays
// the same for as long as the zone is a member (RFC 9432, section 4.3).
func memberLabel(member records.Name) records.Name {
	hash := sha256.Sum256([]byte(member))
	text := strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(hash[:15]))
	return records.Name(byte(len(text))) + records.Name(text)
}

// MaxCatalogName is the length of the longest name of a catalog zone in bytes, so
// that the names of its members fit.
const MaxCatalogName = 255 - (1 + 24) - (1 + 5)

// InCatalog reports whether a name in lower-case wire form is that of the catalog
// zone or below it. Nothing else answers for it.
func (s *Server) InCatalog(name []byte) bool {
	if s.catalog == nil {
		return false
	}
	front := len(name) - len(s.catalog.name)
	return front >= 0 && string(name[front:]) == string(s.catalog.name) &&
		(front == 0 || records.Name(name).Under(s.catalog.name))
}
