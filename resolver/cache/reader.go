package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// Reader turns responses of upstream servers into entries.
type Reader struct {
	// MinTTL and MaxTTL bound how long a response may be used. A MinTTL above zero
	// keeps records for longer than their owner wants.
	MinTTL, MaxTTL time.Duration

	// InBailiwick reports whether upstream servers have a say in a name, given in
	// lower-case wire form. Records of other names are dropped. Nil means that all
	// names are theirs.
	InBailiwick func(name []byte) bool
}

// Errors of Read.
var (
	ErrMalformed = errors.New("the response is malformed")
	ErrQuestion  = errors.New("the response is to another question")
	ErrNoAnswer  = dnswire.ErrNoAnswer
)

const (
	// maxNegative bounds how long negative answers are kept (RFC 2308, section 5).
	maxNegative = 3 * time.Hour

	// maxChain is how many CNAME records are followed in a response.
	maxChain = 16
)

// Read makes an entry of a response to the question that the key stands for. It
// keeps nothing of the message.
//
// Of the records only those are kept that answer the question:
//
//  1. The chain of CNAME records (and DNAME records, RFC 6672) from the name in the
//     question, as far as InBailiwick allows.
//  2. The records of the type in the question at the end of the chain.
//  3. For SRV records, the addresses of their targets.
//  4. For a negative answer, the SOA record of a zone that holds the end of the
//     chain (RFC 2308).
//  5. If DNSSEC records are wanted, the signatures of all these, and the proofs in
//     the authority section.
//
// A failure, such as SERVFAIL, makes an entry that has failed. ErrNoAnswer is
// returned when nothing remains of an answer, for a referral, and for extended
// response codes (RFC 6891, section 6.1.3), which are about the exchange with the
// server.
func (r *Reader) Read(msg []byte, k Key) (*Entry, error) {
	p := parsedPool.Get().(*parsed)
	defer p.release()
	if err := p.parse(msg, k); err != nil {
		return nil, err
	}
	if p.rcode > dnswire.RcodeMask {
		return nil, ErrNoAnswer
	}
	if rcode := uint8(p.rcode); isFailure(rcode) {
		if rcode > dns.RcodeRefused {
			rcode = dns.RcodeServerFailure // has no meaning for a query
		}
		return Failure(rcode), nil
	}
	if err := r.choose(p); err != nil {
		return nil, err
	}
	if p.contiguous() {
		return r.entry(p), nil
	}
	// Records in the middle of a message cannot be taken out, as compression
	// pointers lead across them. That is rare, so a library writes the message
	// again.
	msg, err := p.rewrite()
	if err != nil {
		return nil, err
	}
	rewritten := parsed{names: names{trusted: true}}
	if err := rewritten.parse(msg, k); err != nil {
		return nil, err
	}
	if err := r.choose(&rewritten); err != nil {
		return nil, err
	}
	if !rewritten.contiguous() {
		return nil, ErrMalformed
	}
	return r.entry(&rewritten), nil
}

// parsed is a response whose records were found and checked.
type parsed struct {
	msg     []byte
	key     Key
	names   names
	rcode   uint16 // with the upper bits of the OPT record
	start   int    // of the records
	records []record

	// What choose finds.
	answered bool                      // there is a record of the type in the question
	chain    int                       // CNAME records to keep
	end      [dnswire.MaxName + 1]byte // the name at the end of the chain, in lower-case wire form
	endLen   int                       // of end
	leaves   bool                      // end is not in bailiwick
	soa      int                       // index of the SOA record of a negative answer, or -1
}

// parsedPool keeps the memory of what was parsed before.
var parsedPool = sync.Pool{New: func() any { return &parsed{records: make([]record, 0, 40)} }}

// maxPooled is the number of records above which memory is not kept.
const maxPooled = 200

func (p *parsed) release() {
	if cap(p.records) <= maxPooled {
		*p = parsed{records: p.records[:0]}
		parsedPool.Put(p)
	}
}

type record struct {
	dnswire.Record
	section dnswire.Section
	keep    bool
}

// parse reads the message.
func (p *parsed) parse(msg []byte, k Key) error {
	if len(msg) < dnswire.HeaderSize || len(msg) > dns.MaxMsgSize {
		return ErrMalformed
	}
	flags := dnswire.Flags(msg)
	if flags&dnswire.FlagQR == 0 || flags&dnswire.OpcodeMask != 0 {
		return ErrMalformed
	}
	if !dnswire.HasQuestion(msg, k.Name(), k.Type(), k.Class()) {
		return ErrQuestion
	}
	p.msg, p.key = msg, k
	p.rcode = flags & dnswire.RcodeMask
	p.start = dnswire.HeaderSize + len(k.Name()) + 4
	p.names.check(msg, dnswire.HeaderSize)
	off, hasOPT := p.start, false
	for section := dnswire.Answer; section <= dnswire.Additional; section++ {
		for range dnswire.Records(msg, section) {
			if p.names.check(msg, off) < 0 {
				return ErrMalformed
			}
			r, ok := dnswire.ReadRecord(msg, off)
			if !ok || !p.names.checkData(msg, &r) {
				return ErrMalformed
			}
			off = r.End
			switch {
			case r.Type == dns.TypeOPT:
				if hasOPT || section != dnswire.Additional {
					return ErrMalformed
				}
				hasOPT = true
				p.rcode |= uint16(r.TTL>>24) << 4
			case section == dnswire.Additional && r.Type == dns.TypeTSIG:
				// It is about the exchange with the server.
			case r.Class != k.Class():
				return ErrMalformed
			}
			p.records = append(p.records, record{Record: r, section: section})
		}
	}
	return nil
}

// owner reports whether a record has a name, which is in lower-case wire form.
func (p *parsed) owner(r *record, name []byte) bool {
	var buf [dnswire.MaxName + 1]byte
	return bytes.Equal(p.ownerOf(r, &buf), name)
}

func (p *parsed) ownerOf(r *record, buf *[dnswire.MaxName + 1]byte) []byte {
	if p.msg[r.NameOff] == 0xC0 && p.msg[r.NameOff+1] == dnswire.HeaderSize {
		return p.key.Name()
	}
	return dnswire.AppendName(buf[:0], p.msg, r.NameOff)
}

// covered is the type that an RRSIG record signs (RFC 4034, section 3.1.1), or 0 for
// other records.
func (p *parsed) covered(r *record) uint16 {
	if r.Type != dns.TypeRRSIG || r.End-r.DataOff < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(p.msg[r.DataOff:])
}

// choose marks the records to keep.
func (r *Reader) choose(p *parsed) error {
	p.soa = -1
	p.endLen = copy(p.end[:], p.key.Name())
	r.followChain(p)
	if p.leaves {
		p.rcode = dns.RcodeSuccess // whether that name exists is for others to say
	}
	answers, referral := 0, false
	for i := range p.records {
		rec := &p.records[i]
		switch rec.section {
		case dnswire.Answer:
			answers++
		case dnswire.Authority:
			referral = referral || rec.Type == dns.TypeNS
			rec.keep = r.keepAuthority(p, i)
		}
	}
	r.keepAdditional(p)
	if p.rcode != dns.RcodeSuccess || p.answered || p.chain > 0 {
		return nil
	}
	if answers > 0 || referral && p.soa < 0 { // RFC 2308, section 2.2
		return ErrNoAnswer
	}
	return nil
}

// followChain marks the records of the answer section to keep, beginning at the name
// in the question.
func (r *Reader) followChain(p *parsed) {
	for p.chain < maxChain {
		cname := p.keepAnswers()
		if cname == nil || p.answered {
			return
		}
		p.keepSignatures(dns.TypeCNAME)
		cname.keep = true
		p.chain++
		p.endLen = len(dnswire.AppendName(p.end[:0], p.msg, cname.DataOff))
		if p.leaves = !r.inBailiwick(p.end[:p.endLen]); p.leaves {
			return
		}
	}
}

// keepAnswers marks the records at the end of the chain so far, and the DNAME records
// that lead on from it. It returns the CNAME record to follow, if there is one that
// was not followed before.
func (p *parsed) keepAnswers() (cname *record) {
	name, qtype := p.end[:p.endLen], p.key.Type()
	for i := range p.records {
		rec := &p.records[i]
		if rec.section != dnswire.Answer {
			break
		}
		if rec.Type == dns.TypeDNAME || p.key.DO() && p.covered(rec) == dns.TypeDNAME {
			var buf [dnswire.MaxName + 1]byte
			rec.keep = rec.keep || dnswire.IsBelow(name, string(p.ownerOf(rec, &buf)))
		}
		if !p.owner(rec, name) {
			continue
		}
		switch {
		case rec.Type == qtype || qtype == dns.TypeANY:
			if p.rcode == dns.RcodeSuccess {
				rec.keep, p.answered = true, true
			}
		case rec.Type == dns.TypeCNAME && !rec.keep && cname == nil:
			cname = rec
		}
	}
	if p.answered && qtype != dns.TypeANY {
		p.keepSignatures(qtype)
	}
	return cname
}

// keepSignatures marks the signatures of a type at the end of the chain so far.
func (p *parsed) keepSignatures(rtype uint16) {
	if !p.key.DO() {
		return
	}
	for i := range p.records {
		if rec := &p.records[i]; rec.section == dnswire.Answer && p.covered(rec) == rtype && p.owner(rec, p.end[:p.endLen]) {
			rec.keep = true
		}
	}
}

// keepAuthority reports whether to keep a record of the authority section.
func (r *Reader) keepAuthority(p *parsed, i int) bool {
	rec := &p.records[i]
	var buf [dnswire.MaxName + 1]byte
	owner := p.ownerOf(rec, &buf)
	holdsEnd := func() bool {
		end := p.end[:p.endLen]
		return bytes.Equal(owner, end) || dnswire.IsBelow(end, string(owner))
	}
	if p.leaves || !r.inBailiwick(owner) {
		return false
	}
	rtype := rec.Type
	if covered := p.covered(rec); covered != 0 {
		rtype = covered
	}
	switch rtype {
	case dns.TypeSOA:
		if p.answered || !holdsEnd() {
			return false
		}
		if rec.Type == dns.TypeSOA && p.soa < 0 {
			p.soa = i
			return true
		}
		return rec.Type == dns.TypeRRSIG && p.key.DO()
	case dns.TypeNSEC, dns.TypeNSEC3:
		return p.key.DO()
	case dns.TypeDS:
		return p.key.DO() && holdsEnd()
	}
	return false
}

// keepAdditional marks the addresses of the targets of SRV records that are kept.
func (r *Reader) keepAdditional(p *parsed) {
	if p.key.Type() != dns.TypeSRV || !p.answered {
		return
	}
	var buf [dnswire.MaxName + 1]byte
	targets := map[string]bool{} // whether they are in bailiwick
	for i := range p.records {
		rec := &p.records[i]
		switch {
		case rec.keep && rec.section == dnswire.Answer && rec.Type == dns.TypeSRV:
			if target := dnswire.AppendName(buf[:0], p.msg, rec.DataOff+6); !targets[string(target)] {
				targets[string(target)] = r.inBailiwick(target)
			}
		case rec.section == dnswire.Additional && (rec.Type == dns.TypeA || rec.Type == dns.TypeAAAA):
			rec.keep = targets[string(p.ownerOf(rec, &buf))]
		}
	}
}

func (r *Reader) inBailiwick(name []byte) bool { return r.InBailiwick == nil || r.InBailiwick(name) }

// contiguous reports whether the records to keep stand together behind the question,
// and whether they can be sent as they are.
func (p *parsed) contiguous() bool {
	end := p.start
	for i := range p.records {
		if r := &p.records[i]; r.keep {
			if r.NameOff != end {
				return false
			}
			end = r.End
		}
	}
	return !p.names.astray
}

// entry makes the entry of a message whose records to keep are contiguous.
func (r *Reader) entry(p *parsed) *Entry {
	flags := dnswire.Flags(p.msg)
	e := &Entry{Rcode: uint8(p.rcode), AD: flags&dnswire.FlagAD != 0, Truncated: flags&dnswire.FlagTC != 0, start: uint16(p.start)}
	end, total := p.start, 0
	for i := range p.records {
		if rec := &p.records[i]; rec.keep {
			e.counts[rec.section]++
			total++
			end = rec.End
		}
	}
	var next []byte
	if p.continues() && !e.Truncated {
		next = p.end[:p.endLen]
	}
	body := p.msg[p.start:end]
	e.keyLen, e.bodyLen, e.ttlsLen = uint16(len(p.key)), uint16(len(body)), uint16(2*total)
	e.data = make([]byte, 0, len(p.key)+len(body)+2*total+len(next))
	e.data = append(e.data, p.key...)
	e.data = append(e.data, body...)
	for i := range p.records {
		if rec := &p.records[i]; rec.keep {
			e.data = binary.BigEndian.AppendUint16(e.data, uint16(rec.TTLOff))
		}
	}
	e.data = append(e.data, next...)
	r.limit(e, p)
	return e
}

// continues reports whether the answer goes on at the name at the end of the chain:
// other servers have to be asked for it, or this one said nothing about it.
func (p *parsed) continues() bool {
	return p.chain > 0 && !p.answered && p.rcode == dns.RcodeSuccess && (p.leaves || p.soa < 0)
}

// limit sets the entry's TTL, and bounds those of its records.
func (r *Reader) limit(e *Entry, p *parsed) {
	lowest, most := uint32(dnswire.MaxTTL), r.MaxTTL
	negative := p.rcode == dns.RcodeNameError || !p.answered && (p.soa >= 0 || e.counts[dnswire.Answer] == 0)
	if negative {
		most = min(most, maxNegative)
	}
	least := min(r.MinTTL, most)
	for i := range p.records {
		rec := &p.records[i]
		if !rec.keep {
			continue
		}
		ttl := rec.EffectiveTTL()
		if negative && i == p.soa { // RFC 2308, section 5
			ttl = min(ttl, binary.BigEndian.Uint32(p.msg[rec.End-4:]))
		}
		lowest = min(lowest, ttl)
		ttl = max(min(ttl, uint32(most/time.Second)), uint32(least/time.Second))
		binary.BigEndian.PutUint32(e.body()[rec.TTLOff-p.start:], ttl)
	}
	if e.Truncated || negative && p.soa < 0 {
		return // there is more, or nothing says for how long (RFC 2308, section 5)
	}
	e.TTL = max(min(time.Duration(lowest)*time.Second, most), least)
}

// rewrite writes the message again with only the records to keep.
func (p *parsed) rewrite() ([]byte, error) {
	m := new(dns.Msg)
	if err := m.Unpack(p.msg); err != nil {
		return nil, ErrMalformed
	}
	if len(m.Answer)+len(m.Ns)+len(m.Extra) != len(p.records) {
		return nil, ErrMalformed
	}
	i := 0
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		var kept []dns.RR
		for _, rr := range *section {
			if p.records[i].keep {
				kept = append(kept, rr)
			}
			i++
		}
		*section = kept
	}
	m.Rcode &= dnswire.RcodeMask // the rest needs an OPT record
	m.Compress = true
	packed, err := m.Pack()
	if err != nil {
		return nil, ErrMalformed
	}
	return packed, nil
}
