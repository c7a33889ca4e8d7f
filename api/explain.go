package api

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// Explanation is the body of /v1/explain/{name}: what is answered for a name, who
// owns each record, and which owners are omitted and why.
type Explanation struct {
	records.Explanation
	Answer string `json:"answer"` // one of the constants below
	// Rcode is the code of the response, and Authoritative its flag AA, for clients
	// within recursionAllow; Rcode is empty if upstream servers are asked.
	Rcode         string `json:"rcode,omitempty"`
	Authoritative bool   `json:"authoritative,omitempty"`
	// AnswersAs is the name whose records these are, where the name in question is
	// an alias or below one.
	AnswersAs string `json:"answersAs,omitempty"`
	// Zones are the origins of all zones of the server, and its aliases, if the name is
	// in none.
	Zones []string `json:"zones,omitempty"`
	// Route is set for a name outside the server's zones, unless queries for it are
	// refused.
	Route *Route `json:"route,omitempty"`
	// More is the number of records, owners and omissions that are not listed
	// because there are too many.
	More int `json:"more,omitempty"`
}

// What is answered for a name.
const (
	AnswerRecords   = "records"
	AnswerEmpty     = "no records"       // it exists because of names below it (NODATA)
	AnswerNoName    = "no such name"     // NXDOMAIN
	AnswerLocal     = "answered locally" // by a zone that every resolver serves itself (RFC 6303, RFC 6761)
	AnswerForwarded = "forwarded"        // to other servers
	AnswerRefused   = "refused"          // REFUSED: the name is in no zone and is not forwarded
)

// Route is the way in which a name outside the server's zones is answered: from a
// special-use zone, or by upstream servers.
type Route struct {
	// Local is the zone that the resolver answers itself, such as "localhost.".
	Local string `json:"local,omitempty"`
	// Domain is the key of zoneResolvers that the name is below, "." for the
	// general resolvers. Servers are those that it is forwarded to.
	Domain  string   `json:"domain,omitempty"`
	Servers []string `json:"servers,omitempty"`
	// Cached is what the cache holds for the name.
	Cached []CachedAnswer `json:"cached,omitempty"`
}

// CachedAnswer is what the cache holds for a name and a type.
type CachedAnswer struct {
	Type    string         `json:"type"`
	Rcode   string         `json:"rcode"`
	Records []LookupRecord `json:"records"` // with the TTLs that are left
	TTL     uint32         `json:"ttl"`     // seconds for which it is still used; 0 if it is stale
	Stale   bool           `json:"stale"`   // it has expired, and is used while no upstream server answers
	DNSSEC  bool           `json:"dnssec"`  // it is for queries that want DNSSEC records (DO)
	CD      bool           `json:"cd"`      // it is for queries that check signatures themselves (CD)
}

// The kinds of owners that are not part of the cluster.
const (
	KindFile = "file" // one of staticZones
	KindZone = "zone" // the SOA and NS records that the top of a zone has

	KindSpecial = "special" // a special-use zone, see Route.Local
)

// maxExplained bounds the records, owners and omissions of an explanation, each.
const maxExplained = 1000

// explain answers /v1/explain/{name}, and /v1/explain?name= for "." and "..", which
// net/http takes out of a path. A name may concern very many tasks, so only one
// explanation is made at a time. It is complete before it is written, so a client that
// does not read delays no other.
func (s *Server) explain(w *response, r *http.Request, z *zone.Zone) {
	typed := r.PathValue("name")
	if typed == "" {
		typed = r.URL.Query().Get("name")
	}
	if typed == "" {
		s.writeError(w, http.StatusBadRequest, "want a name: /v1/explain/NAME or /v1/explain?name=NAME")
		return
	}
	s.answerAbout(w, r, typed, func(name records.Name) any { return s.explanationOf(z, name) })
}

// answerAbout answers with what describe makes of a name, as it was typed, in the
// turn of an explanation.
func (s *Server) answerAbout(w *response, r *http.Request, typed string, describe func(records.Name) any) {
	name, err := typedName(typed)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, "the name cannot be looked up: "+err.Error())
		return
	}
	leave, ok := s.enter(w, r, s.explains)
	if !ok {
		return
	}
	var answer any
	func() {
		defer leave()
		s.inBackground(func() { answer = describe(name) })
	}()
	s.writeJSON(w, http.StatusOK, answer)
}

// explanationOf explains a name.
func (s *Server) explanationOf(z *zone.Zone, name records.Name) Explanation {
	a, result := z.Lookup([]byte(name), typeANY)
	x := Explanation{}
	owner := ownerOf(z, a, name)
	if owner != name {
		x.AnswersAs = owner.String()
	}
	x.Explanation = s.o.Explain(owner)
	x.Name = name.String()
	if a.Node != nil {
		x.addOthers(z, a, owner)
	}
	x.rewriteTargets(srvTargets(z, a, name))
	if s.o.Route != nil && (result == zone.OutOfZone || result == zone.NXDomain) {
		x.Route = s.o.Route(name)
	}
	if s.o.Preview != nil {
		x.addPreview(s.o.Preview(name))
	}
	switch {
	case x.Route != nil && x.Route.Local != "":
		x.Answer = AnswerLocal
	case x.Route != nil && x.Route.Domain != "":
		x.Answer = AnswerForwarded
	case x.Route != nil || result == zone.OutOfZone:
		x.Answer, x.Route = AnswerRefused, nil
	case result == zone.NXDomain:
		x.Answer = AnswerNoName
	case len(x.Records) == 0:
		x.Answer = AnswerEmpty
	default:
		x.Answer = AnswerRecords
	}
	if result == zone.OutOfZone {
		for _, apex := range z.Apexes() {
			x.Zones = append(x.Zones, apex.String())
		}
		slices.Sort(x.Zones)
	}
	x.limit()
	return x
}

// ownerOf returns the name whose records are answered for a name: another one if
// it is an alias or below one.
func ownerOf(z *zone.Zone, a zone.Answer, name records.Name) records.Name {
	if !a.ViaAlias() {
		return name
	}
	m := z.AliasMatch(a)
	return name[:len(name)-m.AliasLen] + m.Target
}

// srvTargets returns how the targets of SRV records are written in answers for a name:
// below an alias, if it was found by one.
func srvTargets(z *zone.Zone, a zone.Answer, name records.Name) func(records.Name) string {
	if !a.ViaAlias() {
		return records.Name.String
	}
	m := z.AliasMatch(a)
	end := name[len(name)-m.AliasLen:].String()
	return func(target records.Name) string { return m.Rewrite(target, end) }
}

// rewriteTargets writes the targets of SRV records as answers have them.
func (x *Explanation) rewriteTargets(text func(records.Name) string) {
	for i := range x.Records {
		r := &x.Records[i]
		front := strings.LastIndexByte(r.Data, ' ') + 1
		if r.Type != "SRV" {
			continue
		}
		if target, err := records.ParseName(r.Data[front:]); err == nil {
			r.Data = r.Data[:front] + text(target)
		}
	}
}

// addOthers adds the records that are not of the cluster.
func (x *Explanation) addOthers(z *zone.Zone, a zone.Answer, name records.Name) {
	type key struct{ rtype, data string }
	known := make(map[key]bool, len(x.Records))
	for _, r := range x.Records {
		known[key{r.Type, r.Data}] = true
	}
	for i, rr := range z.RRs(a.Node, name.String(), typeANY) {
		k := key{dns.Type(rr.Header().Rrtype).String(), dataText(rr)}
		if known[k] {
			continue
		}
		known[k] = true
		kind := KindFile
		if rtype := rr.Header().Rrtype; !z.InStaticZone(a) && (rtype == dns.TypeSOA || rtype == dns.TypeNS && i == 1) {
			kind = KindZone
		}
		x.Records = append(x.Records, records.ExplainedRecord{Type: k.rtype, Data: k.data, Owners: []records.ExplainedOwner{{Kind: kind}}})
	}
}

// addPreview adds what a client gets. Of a special-use zone these are the only records.
func (x *Explanation) addPreview(m *dns.Msg) {
	if m == nil {
		return
	}
	x.Rcode, x.Authoritative = dns.RcodeToString[m.Rcode], m.Authoritative
	if x.Route == nil || x.Route.Local == "" {
		return
	}
	for _, rr := range m.Answer {
		x.Records = append(x.Records, records.ExplainedRecord{
			Type: dns.Type(rr.Header().Rrtype).String(), Data: dataText(rr), Owners: []records.ExplainedOwner{{Kind: KindSpecial}},
		})
	}
}

// dataText is the data of a record as zone files have it.
func dataText(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// limit cuts lists that are too long.
func (x *Explanation) limit() {
	owners := 0
	for i := range x.Records {
		r := &x.Records[i]
		if left := maxExplained - owners; len(r.Owners) > left {
			x.More += len(r.Owners) - left
			r.Owners = r.Owners[:left:left]
		}
		owners += len(r.Owners)
	}
	if more := len(x.Records) - maxExplained; more > 0 {
		x.More += more
		x.Records = x.Records[:maxExplained:maxExplained]
	}
	if more := len(x.Omitted) - maxExplained; more > 0 {
		x.More += more
		x.Omitted = x.Omitted[:maxExplained:maxExplained]
	}
}

// errNetwork is the error for a network where a name is wanted.
var errNetwork = errors.New("it is a network; want a name or an address")

// typedName is the name that a client means. An address stands for its name in the
// reverse tree.
func typedName(typed string) (records.Name, error) {
	if len(typed) > maxTyped {
		return "", records.ErrNameLength
	}
	if _, err := netip.ParsePrefix(typed); err == nil {
		return "", errNetwork
	}
	if addr, ok := typedAddr(typed); ok {
		typed, _ = dns.ReverseAddr(addr.String())
	}
	return records.ParseName(typed)
}

// typedAddr is the address that a client may have typed in the place of a name.
func typedAddr(typed string) (addr netip.Addr, ok bool) {
	addr, err := netip.ParseAddr(typed)
	return addr, err == nil && addr.Zone() == ""
}
