package cache

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// Reader turns replies of servers upstream into entries.
type Reader struct {
	// MinTTL and MaxTTL bound how long what was said may be used. A MinTTL
	// above zero keeps records for longer than their owner wants.
	MinTTL, MaxTTL time.Duration

	// Foreign reports whether a name in lower-case wire form is one that
	// servers upstream have a say in. Records of other names are left out. Nil
	// means that all are.
	InBailiwick func(name []byte) bool
}

// Errors of Read.
var (
	ErrMalformed = errors.New("the reply is malformed")
	ErrQuestion  = errors.New("the reply is to another question")
)

// maxNegative bounds how long it is remembered that something does not exist
// (RFC 2308, section 5).
const maxNegative = 3 * time.Hour

// Read makes an entry of a reply to the question in the key. It keeps nothing of
// the message.
func (r *Reader) Read(msg []byte, k Key) (*Entry, error) {
	s := scanned{names: &names{}}
	if err := r.scan(&s, msg, k); err != nil {
		return nil, err
	}
	if s.tidy {
		return r.entry(msg, k, &s)
	}
	// What is in the middle of a message cannot be taken out, as pointers lead
	// over it. That is rare, so a library may write the message anew.
	msg, err := r.rewrite(msg)
	if err != nil {
		return nil, err
	}
	rcode := s.rcode
	s = scanned{}
	if err = r.scan(&s, msg, k); err != nil {
		return nil, err
	}
	if !s.tidy {
		return nil, ErrMalformed
	}
	s.rcode = rcode
	return r.entry(msg, k, &s)
}

// scanned is what is known of a message that was looked through.
type scanned struct {
	names  *names // where names may be pointed to; nil: pointers are known to be good
	rcode  uint16 // with the upper bits of the OPT record
	start  int    // of the records
	end    int    // of those that are kept
	ttls   [64]uint16
	more   []uint16 // TTLs behind the first 64
	counts [3]uint16
	tidy   bool // the records from start to end are those to keep

	answered bool   // a record of the type that was asked
	lowest   uint32 // TTL
	soa      int    // where the TTL of the SOA record in the authority section stands; 0: nowhere
	soaData  int    // where its last field stands, which says how long nothing is nothing
}

func (s *scanned) addTTL(n, at int) {
	if n < len(s.ttls) {
		s.ttls[n] = uint16(at)
		return
	}
	s.more = append(s.more, uint16(at))
}

// scan looks a message through.
func (r *Reader) scan(s *scanned, msg []byte, k Key) error {
	if len(msg) < dnswire.HeaderSize || len(msg) > dns.MaxMsgSize {
		return ErrMalformed
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	if flags&dnswire.FlagQR == 0 || flags&dnswire.OpcodeMask != 0 {
		return ErrMalformed
	}
	if !dnswire.HasQuestion(msg, k.Name(), k.Type(), k.Class()) {
		return ErrQuestion
	}
	s.rcode = flags & 0xF
	s.start = dnswire.HeaderSize + len(k.Name()) + 4
	s.end, s.tidy, s.lowest = s.start, true, 1<<31-1
	s.name(msg, dnswire.HeaderSize)
	off, n, opt := s.start, 0, false
	for section := range 3 {
		for range binary.BigEndian.Uint16(msg[6+2*section:]) {
			at := s.name(msg, off)
			if at < 0 || at+10 > len(msg) {
				return ErrMalformed
			}
			rtype := binary.BigEndian.Uint16(msg[at:])
			ttl := binary.BigEndian.Uint32(msg[at+4:])
			data := at + 10
			end := data + int(binary.BigEndian.Uint16(msg[at+8:]))
			if end > len(msg) || !s.checkData(msg, rtype, data, end) {
				return ErrMalformed
			}
			switch {
			case rtype == dns.TypeOPT:
				if opt || section != 2 {
					return ErrMalformed
				}
				opt = true
				s.rcode |= uint16(ttl>>24) << 4
			case section == 2 && rtype == dns.TypeTSIG:
				// Said between the server and us.
			case binary.BigEndian.Uint16(msg[at+2:]) != k.Class():
				return ErrMalformed
			case !r.keeps(msg, off):
				s.tidy = false
			default:
				if off != s.end {
					s.tidy = false // something stands before it that is left out
				}
				s.end = end
				s.addTTL(n, at+4)
				n++
				s.counts[section]++
				s.note(msg, k, section, rtype, at+4, end)
			}
			off = end
		}
	}
	return nil
}

// note remembers what decides on how long an answer may be used.
func (s *scanned) note(msg []byte, k Key, section int, rtype uint16, ttlAt, end int) {
	ttl := binary.BigEndian.Uint32(msg[ttlAt:])
	if ttl > 1<<31-1 {
		ttl = 0 // RFC 2181, section 8
	}
	s.lowest = min(s.lowest, ttl)
	if section == 0 && (rtype == k.Type() || k.Type() == dns.TypeANY) {
		s.answered = true
	}
	if section == 1 && rtype == dns.TypeSOA {
		s.soa, s.soaData = ttlAt, end-4
	}
}

// keeps reports whether a record with the owner at off is one to keep.
func (r *Reader) keeps(msg []byte, off int) bool {
	if r.InBailiwick == nil || msg[off] == 0xC0 && msg[off+1] == dnswire.HeaderSize {
		return true // what was asked is
	}
	var name [dnswire.MaxName]byte
	return r.InBailiwick(dnswire.AppendName(name[:0], msg, off))
}

// entry makes the entry of a message that scan found tidy.
func (r *Reader) entry(msg []byte, k Key, s *scanned) (*Entry, error) {
	flags := binary.BigEndian.Uint16(msg[2:])
	e := &Entry{Rcode: uint8(s.rcode & 0xF), AD: flags&dnswire.FlagAD != 0, Truncated: flags&dnswire.FlagTC != 0, start: s.start}
	if s.rcode > 0xF { // about the exchange between the server and us
		return Failure(dns.RcodeServerFailure), nil
	}
	if e.Failed() {
		return Failure(e.Rcode), nil
	}
	e.counts = s.counts
	total := int(s.counts[0]) + int(s.counts[1]) + int(s.counts[2])
	body := s.end - s.start
	all := make([]byte, 0, len(k)+body+2*total)
	all = append(all, k...)
	all = append(all, msg[s.start:s.end]...)
	for _, at := range s.ttls[:min(total, len(s.ttls))] {
		all = binary.BigEndian.AppendUint16(all, at)
	}
	for _, at := range s.more {
		all = binary.BigEndian.AppendUint16(all, at)
	}
	e.key, e.body, e.ttls = all[:len(k)], all[len(k):len(k)+body], all[len(k)+body:]
	r.limit(e, s, msg)
	return e, nil
}

// limit sets the entry's life, and the TTLs of its records to what that allows.
func (r *Reader) limit(e *Entry, s *scanned, msg []byte) {
	lowest, most := s.lowest, r.MaxTTL
	negative := e.Rcode == rcodeNXDomain || !s.answered && (s.soa != 0 || s.counts[0] == 0)
	if negative {
		most = min(most, maxNegative)
		if s.soa != 0 {
			minimum := binary.BigEndian.Uint32(msg[s.soaData:])
			lowest = min(lowest, minimum)
			at := e.body[s.soa-s.start:]
			binary.BigEndian.PutUint32(at, min(binary.BigEndian.Uint32(at), minimum))
		}
	}
	least := min(r.MinTTL, most)
	for i := range len(e.ttls) / 2 {
		b := e.body[e.ttlAt(i)-s.start:]
		ttl := binary.BigEndian.Uint32(b)
		if ttl > 1<<31-1 {
			ttl = 0
		}
		ttl = max(min(ttl, uint32(most/time.Second)), uint32(least/time.Second))
		binary.BigEndian.PutUint32(b, ttl)
	}
	switch {
	case e.Truncated, negative && s.soa == 0:
		// Nothing says for how long (RFC 2308, section 5), or there is more.
	default:
		e.TTL = max(min(time.Duration(lowest)*time.Second, most), least)
	}
}

// rewrite makes a message anew without the records that are not to be kept.
func (r *Reader) rewrite(msg []byte) ([]byte, error) {
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		return nil, ErrMalformed
	}
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		var kept []dns.RR
		for _, rr := range *section {
			switch rr.Header().Rrtype {
			case dns.TypeOPT, dns.TypeTSIG:
				continue
			}
			if r.InBailiwick != nil && !r.foreign(rr.Header().Name) {
				continue
			}
			kept = append(kept, rr)
		}
		*section = kept
	}
	m.Rcode &= 0xF // the rest needs an OPT record
	m.Compress = true
	packed, err := m.Pack()
	if err != nil {
		return nil, ErrMalformed
	}
	return packed, nil
}

func (r *Reader) foreign(name string) bool {
	var b [dnswire.MaxName + 1]byte
	n, err := dns.PackDomainName(name, b[:], 0, nil, false)
	if err != nil {
		return false
	}
	return r.InBailiwick(dnswire.AppendName(nil, b[:n], 0))
}
