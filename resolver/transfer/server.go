package transfer

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/dnswire"
	"toponym/records"
	"toponym/zone"
)

// Server answers queries for zone transfers. It may be used by many goroutines.
type Server struct {
	history    *zone.History
	settings   atomic.Pointer[settings]
	catalog    *catalog // nil for none
	slots      *slots
	turns      turns
	steps      *steps
	encoded    *encodings
	refusals   refusals
	observer   Observer
	background func(func())
	counts     counts
	log        logrus.FieldLogger
	now        func() time.Time // the wall clock

	offer      atomic.Pointer[offer] // nil until Run runs
	firstOffer chan struct{}         // closed when there is one
	offering   sync.Mutex            // held while the next one is made
	underway   atomic.Int32          // responses with differences that do not wait for the client

	omissionLogged atomic.Pointer[time.Time]
}

// New returns a server. It starts nothing; [Server.Run] offers new versions at intervals.
func New(o Options) *Server {
	s := &Server{
		history:    o.History,
		slots:      newSlots(o.Max),
		turns:      newTurns(),
		steps:      newSteps(o.StepBytes),
		encoded:    newEncodings(),
		firstOffer: make(chan struct{}),
		refusals:   refusals{log: o.Log, now: time.Now},
		observer:   o.Observer,
		background: o.Background,
		log:        o.Log,
		now:        time.Now,
	}
	if s.background == nil {
		s.background = func(f func()) { f() }
	}
	if o.Catalog != "" {
		if o.CatalogSerial == nil {
			o.CatalogSerial = func(_ records.Name, previous uint32) uint32 { return zone.NextSerial(previous, s.now()) }
		}
		s.catalog = newCatalog(o.Catalog, o.CatalogSerial)
	}
	s.Configure(o.Settings)
	return s
}

// Request is a query that this package answers: for AXFR or IXFR, or for the
// catalog zone.
type Request struct {
	Client  netip.Addr
	Key     *Key     // of a valid signature; nil without one
	Session *Session // nil if the query does not come over TLS
	Packet  []byte   // the query, without its TSIG record
	Type    uint16   // QTYPE
	Flags   uint16   // of the response, beside QR, AA and TC
	OPT     []byte   // the OPT record of the response; nil for none

	// Size is how many bytes a response of one message may have, with the OPT
	// record.
	Size int

	// Streams is set if the transport carries responses of many messages.
	Streams bool

	// Zone is QNAME in lower case.
	Zone records.Name

	question []byte // in wire form, as it was sent
}

// NewRequest returns the request of a query whose question has been checked: it
// has one, which is not compressed.
func NewRequest(packet []byte) *Request {
	end := dnswire.SkipQuestionName(packet, dnswire.HeaderSize)
	return &Request{
		Packet:   packet,
		Type:     binary.BigEndian.Uint16(packet[end:]),
		Zone:     records.Name(dnswire.AppendName(nil, packet, dnswire.HeaderSize)),
		question: packet[dnswire.HeaderSize : end+4],
	}
}

// Answer makes the response in a buffer of any message's size, or returns the
// stream that writes it. For the response alone, the caller adds the TSIG record;
// for a stream it calls [Stream.SignWith]. Rcode is that of the response.
//
// The steps, each of which may be the last:
//
//  1. Whom no rule allows gets REFUSED, whatever the zone.
//  2. A zone that is not served gets NOTAUTH, one without a state SERVFAIL.
//  3. AXFR over UDP gets FORMERR: a zone does not fit (RFC 5936, section 4.2).
//  4. IXFR gets the SOA record alone if the client is up to date, or over UDP if
//     the differences do not fit, or take long to make (RFC 1995, section 2); else
//     the differences: the steps that were made for all secondaries, or one that is
//     condensed.
//  5. Where the version of the client is not kept, or where the differences are
//     more than the zone, IXFR is answered as AXFR.
func (s *Server) Answer(buf []byte, q *Request) (msg []byte, stream *Stream, rcode uint16) {
	set := s.settings.Load()
	if !allowed(set.allow, q.Client, q.Key, q.Session) {
		s.counts.fail(dns.RcodeRefused)
		s.refusals.add(q.Client, q, q.Key)
		return q.respond(buf, dns.RcodeRefused, nil), nil, dns.RcodeRefused
	}
	fail := func(rcode uint16) ([]byte, *Stream, uint16) {
		s.counts.fail(rcode)
		return q.respond(buf, rcode, nil), nil, rcode
	}
	if q.Type == dns.TypeAXFR && q.Streams && s.offer.Load() != nil {
		s.offerNewest()
	}
	z := s.offered()
	from := s.source(z, q.Zone)
	switch {
	case from == nil && q.Type != dns.TypeAXFR && q.Type != dns.TypeIXFR: // a name within the catalog zone
		return fail(dns.RcodeRefused)
	case from == nil:
		return fail(dns.RcodeNotAuth)
	case !from.ready:
		return fail(dns.RcodeServerFailure)
	}
	event := Event{Client: q.Client, OverUDP: !q.Streams, Zone: q.Zone, Serial: serialOf(&from.soa)}
	if q.Key != nil {
		event.Key = q.Key.name
	}
	single := func(kind Kind) ([]byte, *Stream, uint16) {
		msg := q.respond(buf, dns.RcodeSuccess, &from.soa)
		event.Kind, event.Bytes, event.Records = kind, len(msg), 1
		s.observe(event)
		return msg, nil, dns.RcodeSuccess
	}
	whole := func(kind Kind) ([]byte, *Stream, uint16) {
		if !q.Streams {
			return single(TryTCP)
		}
		if !from.catalog {
			s.steps.want(q.Zone, s.now())
			s.history.Want()
		}
		event.Kind = kind
		return nil, s.newStream(q, event, set.timeout, from.write), dns.RcodeSuccess
	}

	switch q.Type {
	case dns.TypeSOA: // of the catalog zone
		return single(SOA)
	case dns.TypeAXFR:
		if !q.Streams {
			return fail(dns.RcodeFormatError)
		}
		return whole(AXFR)
	case dns.TypeIXFR:
	default: // of the catalog zone as well, which is for secondaries to read
		return fail(dns.RcodeRefused)
	}

	has, ok := q.serial()
	if !ok {
		return fail(dns.RcodeFormatError)
	}
	event.Has = has
	if has == event.Serial || zone.SerialAfter(has, event.Serial) {
		return single(UpToDate)
	}
	if from.catalog {
		return whole(Fallback)
	}
	between := pair{q.Zone, has, event.Serial}
	if q.Streams {
		s.steps.want(q.Zone, s.now())
	}
	if !s.atOnce(between) {
		if !q.Streams {
			return single(TryTCP)
		}
		event.Kind = IXFR
		stream := s.newStream(q, event, set.timeout, nil)
		c := s.steps.chain(q.Zone, has, event.Serial)
		stream.light = c != nil && c.records() <= maxUrgent
		stream.write = func(m *messages) error {
			if c != nil && !c.small() && !hasLess(z, q.Zone, c.records()) {
				s.counts.countEncoding(true)
				return c.write(m, &from.soa)
			}
			if d := s.difference(z, between); d != nil {
				return d.write(m)
			}
			stream.event.Kind = Fallback
			return from.write(m)
		}
		return nil, stream, dns.RcodeSuccess
	}
	d := s.difference(z, between)
	if d == nil {
		return whole(Fallback)
	}
	event.Kind = IXFR
	if one := d.single(); one != nil {
		if size := len(one) + len(q.OPT); size <= q.Size {
			msg := q.finish(buf[:copy(buf, one)], true)
			event.Bytes, event.Records = len(msg), d.records
			s.observe(event)
			return msg, nil, dns.RcodeSuccess
		}
	}
	if !q.Streams {
		return single(TryTCP)
	}
	return nil, s.newStream(q, event, set.timeout, d.write), dns.RcodeSuccess
}

// ObserveSOA tells the observer that a client has got the SOA record of a zone, if
// the client may have the zone.
// The name is that of the question in lower-case wire form.
func (s *Server) ObserveSOA(client netip.Addr, overUDP bool, key *Key, session *Session, name []byte) {
	if !allowed(s.settings.Load().allow, client, key, session) {
		return
	}
	origin := records.Name(name)
	soa, ok := s.history.Newest().SOARecord(origin)
	if !ok {
		return
	}
	e := Event{Client: client, OverUDP: overUDP, Zone: origin, Kind: SOA, Serial: serialOf(&soa), Records: 1}
	if key != nil {
		e.Key = key.name
	}
	s.observe(e)
}

// source is where the records of a zone come from.
type source struct {
	soa     zone.Record
	ready   bool // its records are known
	catalog bool
	write   func(m *messages) error // writes all, the SOA record first and last
}

// source returns the zone of a name in a version, nil if there is none.
func (s *Server) source(z *zone.Zone, origin records.Name) *source {
	if s.catalog != nil && origin == s.catalog.name {
		c := s.catalog.at(z)
		return &source{soa: c.soa(), ready: true, catalog: true, write: c.write}
	}
	if !slices.Contains(z.TransferZones(), origin) {
		return nil
	}
	soa, ok := z.SOARecord(origin)
	return &source{soa: soa, ready: ok, write: func(m *messages) error { return writeZone(m, z, origin, &soa, s.omit) }}
}

// omit counts a record that is left out of a transfer, and logs it once a minute.
func (s *Server) omit(owner records.Name, rtype uint16) {
	s.counts.omitted.Add(1)
	now := time.Now()
	if last := s.omissionLogged.Load(); last != nil && now.Sub(*last) < refusalInterval || !s.omissionLogged.CompareAndSwap(s.omissionLogged.Load(), &now) {
		return
	}
	s.log.WithFields(logrus.Fields{"name": owner, "type": dns.Type(rtype)}).
		Warn("records are left out of zone transfers: those of the name do not fit in a DNS message")
}

// serialOf is the serial in the data of a SOA record.
func serialOf(soa *zone.Record) uint32 {
	return binary.BigEndian.Uint32([]byte(soa.Data[len(soa.Data)-20:]))
}

// serial returns the serial of the SOA record in the authority section, the version
// that the client of an IXFR query has (RFC 1995, section 3).
func (q *Request) serial() (serial uint32, ok bool) {
	if dnswire.Records(q.Packet, dnswire.Answer) != 0 || dnswire.Records(q.Packet, dnswire.Authority) != 1 {
		return 0, false
	}
	r, ok := dnswire.ReadRecord(q.Packet, dnswire.HeaderSize+len(q.question))
	if !ok || r.Type != dns.TypeSOA || r.Class != dns.ClassINET ||
		string(dnswire.AppendName(nil, q.Packet, r.NameOff)) != string(q.Zone) {
		return 0, false
	}
	off := dnswire.SkipName(q.Packet, r.DataOff)
	if off >= 0 {
		off = dnswire.SkipName(q.Packet, off)
	}
	if off < 0 || r.End-off != 20 {
		return 0, false
	}
	return binary.BigEndian.Uint32(q.Packet[off:]), true
}

// respond makes a response with one record, or none.
func (q *Request) respond(buf []byte, rcode uint16, soa *zone.Record) []byte {
	clear(buf[:dnswire.HeaderSize])
	buf[5] = 1 // QDCOUNT
	msg := append(buf[:dnswire.HeaderSize], q.question...)
	if soa != nil {
		buf[7] = 1 // ANCOUNT
		msg = binary.BigEndian.AppendUint16(msg, pointer|dnswire.HeaderSize)
		msg = binary.BigEndian.AppendUint16(msg, soa.Type)
		msg = binary.BigEndian.AppendUint16(msg, dns.ClassINET)
		msg = binary.BigEndian.AppendUint32(msg, soa.TTL)
		msg = binary.BigEndian.AppendUint16(msg, uint16(len(soa.Data)))
		msg = append(msg, soa.Data...)
	}
	msg = q.finish(msg, true)
	flags := binary.BigEndian.Uint16(msg[2:]) | rcode
	if rcode != dns.RcodeSuccess {
		flags &^= dnswire.FlagAA
	}
	binary.BigEndian.PutUint16(msg[2:], flags)
	return msg
}

// finish completes a message of the response, whose header has the counts only. The
// first one has the question, which is echoed byte for byte.
func (q *Request) finish(msg []byte, first bool) []byte {
	copy(msg, q.Packet[:2])
	binary.BigEndian.PutUint16(msg[2:], q.Flags|dnswire.FlagQR|dnswire.FlagAA)
	if first {
		copy(msg[dnswire.HeaderSize:], q.question)
	}
	if q.OPT != nil {
		msg = append(msg, q.OPT...)
		msg[11]++
	}
	return msg
}
