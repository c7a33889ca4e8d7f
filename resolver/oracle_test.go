package resolver

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
	"toponym/zone"
)

// oracle is a second implementation of the responder, for names of our zones: it
// makes messages of the library's types and has the library pack them. It is
// simple, slow, and written without a look at the writer, so where the two agree
// both are likely to be right.
type oracle struct {
	*responder
}

// respond makes the response to a packet.
func (o oracle) respond(z *zone.Zone, c client, packet []byte) []byte {
	var q query
	rcode, ok := q.parse(packet)
	if !ok {
		return nil
	}
	var m response
	c.policy = o.policy()
	l := o.limits(&q, c)
	switch {
	case q.opcode() != dns.OpcodeQuery:
		q.hasQuestion, q.flags = false, q.flags&dnswire.OpcodeMask
		m.rcode, l.ra = dns.RcodeNotImplemented, 0
	case rcode != dns.RcodeSuccess:
		m.rcode = rcode
	case q.edns.version > 0:
		m.rcode = dns.RcodeBadVers
	default:
		m = o.answer(&q, c, z, l)
	}
	return m.pack(make([]byte, bufferSize), &q, l)
}

// limits are those of the response to a query.
func (r oracle) limits(q *query, c client) limits {
	return limits{size: r.size(q.edns.present, q.edns.udpSize, c), udpSize: c.policy.maxUDPSize, setTC: c.policy.setTC, ra: r.recursionAvailable(c)}
}

// answer is the response to a well-formed query, with the options of its OPT
// record.
func (r oracle) answer(q *query, c client, z *zone.Zone, l limits) response {
	options, ok := r.cookies.appendCookie(nil, q, c.addr)
	if !ok {
		return response{rcode: dns.RcodeFormatError}
	}
	if !q.hasQuestion {
		if len(options) == 0 {
			return response{rcode: dns.RcodeFormatError}
		}
		return response{options: options}
	}
	o := order{most: l.size/minRR + 1}
	var s clientSubnet
	if r.policy().subnetFirst {
		if s, ok = parseClientSubnet(&q.edns); !ok {
			return response{rcode: dns.RcodeFormatError, options: options}
		}
		o.near = s.near(c.addr)
	}
	m, result := lookUp(q, c.transport, z, o)
	if s.option != nil {
		options = s.appendEcho(options, result == zone.Success)
	}
	if result == zone.NotReady {
		options = appendOption(options, dns.EDNS0EDE, []byte{0, byte(dns.ExtendedErrorCodeNotReady)})
	}
	m.options = options
	return m
}

// lookUp answers a question from the zone (RFC 1034, section 4.3.2).
func lookUp(q *query, t Transport, z *zone.Zone, o order) (m response, result zone.Result) {
	switch q.qtype {
	case dns.TypeOPT, dns.TypeTSIG: // parts of messages, never of zones
		return response{rcode: dns.RcodeFormatError}, result
	}
	if q.class != dns.ClassINET {
		return response{rcode: dns.RcodeRefused}, result
	}
	name := lowerName(q.name)
	found, result := z.Lookup(name, q.qtype)
	if result == zone.OutOfZone {
		return response{rcode: dns.RcodeRefused}, result
	}
	switch q.qtype {
	case dns.TypeAXFR, dns.TypeIXFR:
		return response{rcode: dns.RcodeRefused, origin: string(z.Origin(found))}, result
	case dns.TypeMAILA, dns.TypeMAILB, dns.TypeTKEY:
		return response{rcode: dns.RcodeNotImplemented, origin: string(z.Origin(found))}, result
	}
	switch result {
	case zone.NotReady:
		m.rcode = dns.RcodeServerFailure
	case zone.NXDomain, zone.NoData:
		if result == zone.NXDomain {
			m.rcode = dns.RcodeNameError
		}
		soa := z.SOA(found)
		soa.Hdr.Name = q.suffix(z.ApexLen(found))
		m.aa, m.authority = true, []dns.RR{soa}
	case zone.Success:
		m = positive(q, t, z, found, o)
	}
	m.origin = string(z.Origin(found))
	return m, result
}

// positive is the response for a name that owns records of the type.
func positive(q *query, t Transport, z *zone.Zone, found zone.Answer, o order) response {
	qtype := q.qtype
	minimal := qtype == dns.TypeANY && t == UDP
	if minimal {
		// RFC 8482, section 4.1
		qtype = found.Node.Types()[0]
	}
	if found.Node.CNAME() != "" && qtype != dns.TypeCNAME && qtype != dns.TypeANY {
		return followCNAME(q, z, found.Node, o)
	}
	n := o.node(found.Node, qtype)
	called := q.aliasNames(z.AliasMatch(found))
	m := response{aa: true, answer: allRRs(z, n, q.suffix(len(q.name)), qtype)}
	called.targets(z, m.answer, n)
	if !minimal {
		m.additional = additional(z, n, qtype, o, called)
	}
	return m
}

// response is a response before it is packed.
type response struct {
	rcode     uint16
	aa        bool
	answer    []dns.RR
	authority []dns.RR

	// additional gives the RRsets of the additional section, for as long as there
	// is room. Their owners are names in the answer.
	additional iter.Seq[[]dns.RR]

	options []byte // of the OPT record, in wire form

	origin string // of the zone that the name is in, in wire form; for counting
}

// limits are the size that a client can take, and what the header says.
type limits struct {
	size    int    // of the response, in bytes
	udpSize uint16 // what we say that we can take
	setTC   bool
	ra      uint16 // dnswire.FlagRA, if we forward for the client
}

// pack writes the response to a query into buf, which has bufferSize bytes, and
// returns the message. It leaves out what does not fit, as the writer does.
func (r *response) pack(buf []byte, q *query, l limits) []byte {
	size := l.size
	if q.edns.present {
		size -= dnswire.OPTSize + len(r.options)
	}
	p := packer{buf: buf[:cap(buf)], off: dnswire.HeaderSize, size: size}
	var questions uint16
	if q.hasQuestion {
		p.question(q)
		questions = 1
	}
	var cut bool
	var answers, authorities, additionals int
	if answers = p.records(r.answer); answers < len(r.answer) {
		cut = true
	} else if authorities = p.records(r.authority); authorities < len(r.authority) {
		cut = true
	} else if r.additional != nil {
		additionals = p.rrsets(r.additional)
	}

	msg := p.buf[:p.off]
	if q.edns.present {
		msg = appendOPT(msg, l.udpSize, r.rcode, q.edns.do, r.options)
		additionals++
	}
	flags := q.flags&(dnswire.OpcodeMask|dnswire.FlagRD|dnswire.FlagCD) | dnswire.FlagQR | l.ra | r.rcode&0xF
	if r.aa {
		flags |= dnswire.FlagAA
	}
	if cut && l.setTC {
		flags |= dnswire.FlagTC
	}
	binary.BigEndian.PutUint16(msg, q.id)
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint16(msg[4:], questions)
	binary.BigEndian.PutUint16(msg[6:], uint16(answers))
	binary.BigEndian.PutUint16(msg[8:], uint16(authorities))
	binary.BigEndian.PutUint16(msg[10:], uint16(additionals))
	return msg
}

// packer appends records to a message as long as they fit.
type packer struct {
	buf   []byte
	off   int
	size  int            // where records must end
	names map[string]int // where names stand that can be pointed to
}

// question writes the question byte for byte, and notes its name.
func (p *packer) question(q *query) {
	p.names = map[string]int{}
	// Packing a name that was unpacked gives the same bytes.
	p.off, _ = dns.PackDomainName(q.suffix(len(q.name)), p.buf, p.off, p.names, false)
	p.off = dnswire.HeaderSize + copy(p.buf[dnswire.HeaderSize:], q.name)
	p.off += copy(p.buf[p.off:], q.packet[p.off:p.off+4])
}

// record writes a record if it fits.
func (p *packer) record(rr dns.RR) bool {
	off, err := dns.PackRR(rr, p.buf, p.off, p.names, true)
	if err != nil || off > p.size {
		return false
	}
	p.off = off
	return true
}

// records writes records until one does not fit, and returns how many it wrote.
func (p *packer) records(rrs []dns.RR) int {
	for i, rr := range rrs {
		if !p.record(rr) {
			return i
		}
	}
	return len(rrs)
}

// rrsets writes the RRsets that fit whole, and returns the number of records that
// it wrote. One that does not fit leaves no names behind that could be pointed to,
// as its owner is in the answer.
func (p *packer) rrsets(sets iter.Seq[[]dns.RR]) int {
	count := 0
	for set := range sets {
		before := p.off
		if p.records(set) == len(set) {
			count += len(set)
		} else {
			p.off = before
		}
		if p.size-p.off < minRR {
			break
		}
	}
	return count
}

// additional gives the addresses of the names that an answer leads to, each
// once, in the order of the answer (RFC 1035, section 3.3.11; RFC 2782).
func additional(z *zone.Zone, n *zone.Node, qtype uint16, o order, called aliasNames) iter.Seq[[]dns.RR] {
	srv := n.SRV
	if qtype != dns.TypeSRV && qtype != dns.TypeANY {
		srv = nil
	}
	leads := z.AdditionalNames(n, qtype)
	if len(srv) == 0 && len(leads) == 0 {
		return nil
	}
	return func(yield func([]dns.RR) bool) {
		seen := map[*zone.Node]bool{}
		addresses := func(target *zone.Node, owner string) bool {
			if target == nil || seen[target] || qtype == dns.TypeANY && target.Name == n.Name {
				return true
			}
			seen[target] = true
			for _, t := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
				if len(target.A) == 0 && t == dns.TypeA || len(target.AAAA) == 0 && t == dns.TypeAAAA {
					continue
				}
				if !yield(z.RRs(o.node(target, t), owner, t)) {
					return false
				}
			}
			return true
		}
		for _, name := range leads {
			if !addresses(z.Node(name), name.String()) {
				return
			}
		}
		for i := range srv {
			target := z.Target(srv[i].Target).Name
			if !addresses(z.Node(target), called.target(target)) {
				return
			}
		}
	}
}

// aliasNames rewrites the targets of SRV records for a client that asked for a name
// below an alias.
type aliasNames struct {
	mirror zone.AliasMatch
	end    string // of the name that was asked, where the mirror begins, in lower case
}

// aliasNames is for a name that was found by an alias, or without one.
func (q *query) aliasNames(m zone.AliasMatch) aliasNames {
	if m.Target == "" {
		return aliasNames{}
	}
	// Data is in lower case, whatever the case of the question.
	return aliasNames{m, strings.ToLower(q.suffix(m.AliasLen))}
}

// target is the target of an SRV record in presentation form.
func (n aliasNames) target(name records.Name) string {
	if n.end == "" {
		return name.String()
	}
	return n.mirror.Rewrite(name, n.end)
}

// targets names the targets of the SRV records among a node's records, which
// are in the order of the node.
func (n aliasNames) targets(z *zone.Zone, rrs []dns.RR, node *zone.Node) {
	if n.end == "" {
		return
	}
	i := 0
	for _, rr := range rrs {
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Target = n.target(z.Target(node.SRV[i].Target).Name)
			i++
		}
	}
}

// order is the order in which a response lists records of one type.
type order struct {
	near netip.Prefix // what comes first; not valid: nothing

	most int // more records than can fit
}

// node is the node with its records of a type in the order of this response.
func (o order) node(n *zone.Node, qtype uint16) *zone.Node {
	wants := func(t uint16) bool { return qtype == t || qtype == dns.TypeANY }
	data := *n.Data
	if wants(dns.TypeA) {
		data.A = first(o, nearFirst(o, n.A, netip.AddrFrom4))
	}
	if wants(dns.TypeAAAA) {
		data.AAAA = first(o, nearFirst(o, n.AAAA, netip.AddrFrom16))
	}
	if wants(dns.TypeSRV) {
		data.SRV = first(o, n.SRV)
	}
	ordered := *n
	ordered.Data = &data
	return &ordered
}

// nearFirst moves the addresses that are near to the front. Within both groups
// the order stays.
func nearFirst[T any](o order, list []T, addr func(T) netip.Addr) []T {
	if len(list) < 2 || !o.near.IsValid() {
		return list
	}
	near, far := make([]T, 0, len(list)), make([]T, 0, len(list))
	for _, a := range list {
		if o.near.Contains(addr(a)) {
			near = append(near, a)
		} else {
			far = append(far, a)
		}
	}
	return append(near, far...)
}

func first[T any](o order, list []T) []T { return list[:min(len(list), o.most)] }

// followCNAME is the response for a name with a CNAME record (RFC 1034, section
// 4.3.2, step 3a), within our zones.
func followCNAME(q *query, z *zone.Zone, n *zone.Node, o order) response {
	m := response{aa: true}
	owner := q.suffix(len(q.name))
	var seen []*zone.Node
	for len(seen) < maxChain && !slices.Contains(seen, n) {
		seen = append(seen, n)
		m.answer = append(m.answer, z.RRs(n, owner, dns.TypeCNAME)...)
		name := n.CNAME()
		owner = name.String()
		found, result := z.Lookup([]byte(name), q.qtype)
		switch result {
		case zone.OutOfZone:
			return m
		case zone.NotReady:
			return response{rcode: dns.RcodeServerFailure}
		case zone.NXDomain, zone.NoData:
			if result == zone.NXDomain {
				m.rcode = dns.RcodeNameError
			}
			soa := z.SOA(found)
			soa.Hdr.Name = name[len(name)-z.ApexLen(found):].String()
			m.authority = []dns.RR{soa}
			return m
		}
		if n = found.Node; n.CNAME() != "" {
			continue
		}
		n = o.node(n, q.qtype)
		called := aliasNames{}
		if found.ViaAlias() {
			mirror := z.AliasMatch(found)
			called = aliasNames{mirror, name[len(name)-mirror.AliasLen:].String()}
		}
		rrs := z.RRs(n, owner, q.qtype)
		called.targets(z, rrs, n)
		m.answer = append(m.answer, rrs...)
		m.additional = additional(z, n, q.qtype, o, called)
		return m
	}
	return m
}

// allRRs are the records of a type, for ANY in the order in which the writer has
// the types.
func allRRs(z *zone.Zone, n *zone.Node, owner string, qtype uint16) (rrs []dns.RR) {
	if qtype != dns.TypeANY {
		return z.RRs(n, owner, qtype)
	}
	for _, t := range typesForANY(n) {
		rrs = append(rrs, z.RRs(n, owner, t)...)
	}
	return rrs
}
