package resolver

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/tap"
	"toponym/zone"
)

// Preview returns the response to a query of type ANY over TCP for a name in
// lower-case wire form, from a client that may use forwarding; nil if upstream servers
// are asked. It comes from where all responses come from, but is counted nowhere and
// changes nothing. It may be called from any goroutine while the server runs.
func (s *Server) Preview(name []byte) *dns.Msg {
	z := s.store.Current()
	_, result := z.Lookup(name, dns.TypeANY)
	r := s.responder.worker(newWorkerCounters(nil))
	if result == zone.OutOfZone && r.forward != nil && !r.forward.answeredHere(name, dns.TypeANY) && !r.transfers.InCatalog(name) {
		return nil
	}
	p := *r.policy()
	p.allowed, p.answerLimit, p.subnetFirst = newPrefixList([]netip.Prefix{netip.PrefixFrom(previewClient, 32)}), 0, false
	r.unshuffled, r.preferZone = true, nil

	query := make([]byte, dnswire.HeaderSize, dnswire.HeaderSize+len(name)+4)
	binary.BigEndian.PutUint16(query[2:], dnswire.FlagRD)
	query[5] = 1
	query = append(query, name...)
	query = binary.BigEndian.AppendUint16(query, dns.TypeANY)
	query = binary.BigEndian.AppendUint16(query, dns.ClassINET)
	buf := messageBuffers.Get().(*messageBuffer)
	defer messageBuffers.Put(buf)
	msg, _ := r.respond(buf[2:], z, client{addr: previewClient, transport: TCP, policy: &p}, query)
	m := new(dns.Msg)
	if len(msg) == 0 || m.Unpack(msg) != nil {
		return nil // not reached: a query of this type is answered at once
	}
	return m
}

// previewClient stands for a client that may use forwarding (RFC 5737).
var previewClient = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// CachedAnswer is what the cache holds for a name and a type.
type CachedAnswer struct {
	Type    string   // such as "A"
	Rcode   string   // such as "NXDOMAIN"
	Records []dns.RR // with the TTLs that are left; with those of CNAME records that lead there
	Left    time.Duration
	Stale   bool // it has expired, and is used while no upstream server answers
	DNSSEC  bool // it is for queries that want DNSSEC records (DO)
	CD      bool // it is for queries that check signatures themselves (CD)
}

// Cached returns what the cache holds for a name in lower-case wire form, of the types
// that are common. It disturbs no query.
func (s *Server) Cached(name []byte) (list []CachedAnswer) {
	f := s.responder.forward
	if f == nil {
		return nil
	}
	for _, qtype := range countedTypes {
		for _, flags := range [...]struct{ do, cd bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			k := cache.AppendKey(append([]byte(nil), name...), qtype, dns.ClassINET, flags.do, flags.cd)
			found := f.cache.Peek(k)
			if found.Entry == nil {
				continue
			}
			m, _ := unpackEntry(k, found.Entry, found.Age)
			list = append(list, CachedAnswer{
				Type: typeName(qtype), Rcode: tap.RcodeName(uint16(found.Entry.Rcode)), Records: m.Answer,
				Left: max(found.Entry.TTL-found.Age.Elapsed, 0), Stale: found.Age.Stale, DNSSEC: flags.do, CD: flags.cd,
			})
		}
	}
	return list
}
