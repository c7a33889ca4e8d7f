package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// Explanation is what /v1/explain/{name} gives: what is answered for a name, who
// owns each record of it, and what is omitted and why.
type Explanation struct {
	records.Explanation
	Answer string `json:"answer"` // one of those below
	// AnswersAs is the name whose records these are, where the one that was
	// asked for is, or is below, an alias.
	AnswersAs string `json:"answersAs,omitempty"`
	// Zones are the names at the top of what is answered for, where the name is
	// in none of them.
	Zones []string `json:"zones,omitempty"`
}

// What is answered for a name.
const (
	AnswerRecords = "records"
	AnswerEmpty   = "no records"   // it exists because of names below it
	AnswerNoName  = "no such name" // NXDOMAIN
	AnswerNotOurs = "not ours"     // forwarded, or refused
)

// The kinds of owners that the cluster does not know of.
const (
	KindFile = "file" // one of staticZones
	KindZone = "zone" // what the top of a zone has to have
)

// explain answers /v1/explain/{name}. It looks at all tasks, so it is bounded
// as the answers are that list the whole cluster.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, z *zone.Zone) {
	name, err := explainable(r.PathValue("name"))
	if err != nil {
		s.writeJSON(w, http.StatusBadRequest, struct {
			Error string `json:"error"`
		}{"the name cannot be looked up: " + err.Error()})
		return
	}
	a, result := z.Lookup([]byte(name), typeANY)
	x := Explanation{}
	of := name
	if m := z.AliasMatch(a); a.ViaAlias() {
		of = name[:len(name)-m.AliasLen] + m.Target
		x.AnswersAs = of.String()
	}
	x.Explanation = s.o.Explain(of)
	x.Name = name.String()
	if a.Node != nil {
		x.addOthers(z, a.Node, of)
	}
	switch {
	case result == zone.OutOfZone:
		x.Answer = AnswerNotOurs
		for _, origin := range z.Origins() {
			x.Zones = append(x.Zones, origin.String())
		}
		slices.Sort(x.Zones)
	case result == zone.NXDomain:
		x.Answer = AnswerNoName
	case len(x.Records) == 0:
		x.Answer = AnswerEmpty
	default:
		x.Answer = AnswerRecords
	}
	s.writeJSON(w, http.StatusOK, x)
}

// addOthers adds the records that are not of the cluster.
func (x *Explanation) addOthers(z *zone.Zone, n *zone.Node, name records.Name) {
	kind := KindZone
	if z.Options().Static.Has(name) {
		kind = KindFile
	}
	for _, rr := range z.RRs(n, name.String(), typeANY) {
		rtype, data := dns.TypeToString[rr.Header().Rrtype], strings.TrimPrefix(rr.String(), rr.Header().String())
		if !slices.ContainsFunc(x.Records, func(r records.ExplainedRecord) bool { return r.Type == rtype && r.Data == data }) {
			x.Records = append(x.Records, records.ExplainedRecord{Type: rtype, Data: data, Owners: []records.ExplainedOwner{{Kind: kind}}})
		}
	}
}

func explainable(typed string) (records.Name, error) {
	if len(typed) > maxTyped {
		return "", records.ErrNameLength
	}
	return records.ParseName(typed)
}
