package zone

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/internal/names"
	"toponym/records"
)

// StaticRecords are the records of zone files. They do not change. A nil pointer
// has none.
type StaticRecords struct {
	zones []staticZone
	names map[records.Name]*staticSets
}

// staticZone is a zone that has its SOA record in a zone file.
type staticZone struct {
	name records.Name
	soa  soaData
}

// Has reports whether there are records of a name.
func (s *StaticRecords) Has(n records.Name) bool { return s.of(n) != nil }

// HasCNAME reports whether there is a CNAME record of a name. It is not answered
// while the cluster has records of that name, whereas records of other types are
// answered beside those of the cluster.
func (s *StaticRecords) HasCNAME(n records.Name) bool {
	x := s.of(n)
	return x != nil && x.cname != ""
}

// of are the records of a name, or nil.
func (s *StaticRecords) of(n records.Name) *staticSets {
	if s == nil {
		return nil
	}
	return s.names[n]
}

// Names iterates over the names that have records, in no particular order.
func (s *StaticRecords) Names() iter.Seq[records.Name] {
	if s == nil {
		return func(func(records.Name) bool) {}
	}
	return maps.Keys(s.names)
}

// Len is the number of names that have records.
func (s *StaticRecords) Len() int {
	if s == nil {
		return 0
	}
	return len(s.names)
}

// Equal reports whether both have the same records.
func (s *StaticRecords) Equal(o *StaticRecords) bool { return reflect.DeepEqual(s, o) }

// ReadZoneFiles reads zone files for a zone with the given origins, aliases and
// default TTL. It fails with [ZoneFileErrors]: one wrong record refuses all
// files, since answering from half of a file would be wrong as well.
//
// A record belongs to a name below an origin, or below a SOA record of a file,
// which makes an origin of its own. Names are absolute, or below an $ORIGIN.
// $INCLUDE, wildcards, DNAME, delegations and the records of signed zones are
// refused, because they would not be answered as they are meant.
//
// The steps:
//
//  1. Each file is parsed, and each record is checked by itself (zonefile.go).
//  2. SOA records make origins (addZones).
//  3. All other records are put in the zone they lie in (addRecords).
//  4. The records of each name are sorted and made unique (normalize).
func ReadZoneFiles(files []ZoneFile, o Options) (*StaticRecords, error) {
	var all []fileRecord
	var errs errorList
	unreadable := false
	for i, f := range files {
		if f.Err != nil {
			unreadable = true
			errs.addAt(f.Name, i, 0, "cannot be read: "+f.Err.Error())
			continue
		}
		parsed := parseZoneFile(f, i, o.DefaultTTL(), maxStaticRecords-len(all), &errs)
		all = append(all, parsed...)
	}
	s := &StaticRecords{names: map[records.Name]*staticSets{}}
	s.addZones(all, o, &errs)
	o.Static = s
	s.addRecords(all, o, unreadable, &errs)
	if len(errs.all) > 0 {
		return nil, errs.sorted()
	}
	for _, x := range s.names {
		x.normalize()
	}
	return s, nil
}

// addZones makes origins of the SOA records.
func (s *StaticRecords) addZones(all []fileRecord, o Options, errs *errorList) {
	hasNS := map[records.Name]bool{}
	for _, r := range all {
		if r.rr.Header().Rrtype == dns.TypeNS {
			hasNS[r.name] = true
		}
	}
	configured, aliases, given := map[records.Name]bool{}, map[records.Name]bool{}, map[records.Name]bool{}
	for _, origin := range o.Origins {
		configured[origin.Name] = true
	}
	for _, a := range o.Aliases {
		aliases[a.Name] = true
	}
	for _, r := range all {
		soa, ok := r.rr.(*dns.SOA)
		switch {
		case !ok:
		case configured[r.name]:
			errs.add(r, "the SOA record of this zone comes from the settings")
		case aliases[r.name]:
			errs.add(r, "the name is an alias in the settings")
		case given[r.name]:
			errs.add(r, "the zone has another SOA record already")
		case !hasNS[r.name]:
			errs.add(r, "the zone has no NS record")
		case len(s.zones) == MaxOrigins:
			errs.add(r, "there are more than %d zones", MaxOrigins)
		default:
			given[r.name] = true
			mname, _ := wireName(soa.Ns) // the record has been checked
			rname, _ := wireName(soa.Mbox)
			s.zones = append(s.zones, staticZone{r.name, soaData{
				ttl: soa.Hdr.Ttl, mname: mname, rname: rname,
				refresh: soa.Refresh, retry: soa.Retry, expire: soa.Expire, minimum: soa.Minttl,
			}})
		}
	}
}

// addRecords adds all other records. A record in no zone is no error if a file is
// unreadable, because its zone may be in that file.
func (s *StaticRecords) addRecords(all []fileRecord, o Options, unreadable bool, errs *errorList) {
	suffixes := buildSuffixes(buildOrigins(o), o.Aliases)
	for _, r := range all {
		rtype := r.rr.Header().Rrtype
		if rtype == dns.TypeSOA {
			continue
		}
		i := closestSuffix(suffixes, names.Bytes(r.name))
		if i < 0 {
			if !unreadable {
				errs.add(r, "the name is in no zone: no domain of the settings and no name with a SOA record is above it")
			}
			continue
		}
		apex := suffixes[i].name == r.name
		switch {
		case suffixes[i].target != "":
			errs.add(r, "the name is below the alias %v", suffixes[i].name)
			continue
		case rtype == dns.TypeNS && !apex:
			errs.add(r, "the record delegates a part of the zone %v, which is not supported", suffixes[i].name)
			continue
		case rtype == dns.TypeCNAME && apex:
			errs.add(r, "a CNAME record cannot stand at the top of a zone, beside its SOA record")
			continue
		}
		x := s.names[r.name]
		if x == nil {
			x = &staticSets{}
			s.names[r.name] = x
		}
		if problem := x.add(r.rr); problem != "" {
			errs.add(r, "%s", problem)
		}
	}
}

// maxTypesPerName bounds the types of records that a name has, so that they can
// be searched linearly.
const maxTypesPerName = 100

// staticSets are the RRsets that zone files have for a name. Addresses and SRV
// records are kept in the form of package records, so that they can be merged
// with those of the cluster and answered from the node's data.
type staticSets struct {
	data  records.Data // A and AAAA records
	srv   []staticSRV
	sets  []rrset      // all types, also those in data and srv
	cname records.Name // target of the CNAME record; "" without one
}

// rrset are the records of one type.
type rrset struct {
	rtype      uint16
	ttl        uint32
	rrs        []dns.RR       // empty for the types that are in data and srv
	additional []records.Name // names in NS and MX records
}

// add adds a record. A problem says why it is refused.
func (x *staticSets) add(rr dns.RR) (problem string) {
	h := rr.Header()
	if c, ok := rr.(*dns.CNAME); ok {
		name, _ := wireName(c.Target)
		if x.cname != "" && x.cname != name {
			return "the name has another CNAME record"
		}
		x.cname = name
	}
	set := x.set(h.Rrtype)
	if set == nil {
		if len(x.sets) == maxTypesPerName {
			return fmt.Sprintf("the name has records of more than %d types", maxTypesPerName)
		}
		x.sets = append(x.sets, rrset{rtype: h.Rrtype, ttl: h.Ttl})
		set = &x.sets[len(x.sets)-1]
	}
	if x.cname != "" && len(x.sets) > 1 {
		return "a CNAME record must stand alone, but the name has others"
	}
	set.ttl = min(set.ttl, h.Ttl)
	switch r := rr.(type) {
	case *dns.A:
		x.data.A = append(x.data.A, [4]byte(r.A.To4()))
		return ""
	case *dns.AAAA:
		x.data.AAAA = append(x.data.AAAA, [16]byte(r.AAAA.To16()))
		return ""
	case *dns.SRV:
		target, _ := wireName(r.Target)
		x.srv = append(x.srv, staticSRV{records.SRV{Priority: r.Priority, Weight: r.Weight, Port: r.Port}, target})
		return ""
	}
	set.rrs = append(set.rrs, rr)
	return ""
}

// normalize brings the records into an order that depends on nothing else, and
// removes duplicates.
func (x *staticSets) normalize() {
	x.data.A = union(nil, x.data.A, compareIPv4)
	x.data.AAAA = union(nil, x.data.AAAA, compareIPv6)
	x.srv = union(nil, x.srv, staticSRV.compare)
	slices.SortFunc(x.sets, func(a, b rrset) int { return int(a.rtype) - int(b.rtype) })
	for i := range x.sets {
		set := &x.sets[i]
		for _, rr := range set.rrs {
			rr.Header().Ttl = set.ttl
		}
		set.rrs = sortedByText(set.rrs)
		for _, rr := range set.rrs {
			var text string
			switch r := rr.(type) {
			case *dns.NS:
				text = r.Ns
			case *dns.MX:
				text = r.Mx
			default:
				continue
			}
			name, _ := wireName(text)
			set.additional = append(set.additional, name)
		}
	}
}

// sortedByText sorts records by their presentation form, without duplicates.
func sortedByText(rrs []dns.RR) []dns.RR {
	type line struct {
		text string
		rr   dns.RR
	}
	lines := make([]line, len(rrs))
	for i, rr := range rrs {
		lines[i] = line{rr.String(), rr}
	}
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.text, b.text) })
	for i, l := range lines {
		rrs[i] = l.rr
	}
	return slices.CompactFunc(rrs, dns.IsDuplicate)
}

func (x *staticSets) has(qtype uint16) bool {
	return qtype == typeANY || x.cname != "" || x.set(qtype) != nil
}

// set is the RRset of a type, or nil.
func (x *staticSets) set(rtype uint16) *rrset {
	for i := range x.sets {
		if x.sets[i].rtype == rtype {
			return &x.sets[i]
		}
	}
	return nil
}

// types appends the types that are not in a list yet.
func (x *staticSets) types(list []uint16) []uint16 {
	for _, s := range x.sets {
		if !slices.Contains(list, s.rtype) {
			list = append(list, s.rtype)
		}
	}
	return list
}

// merge gives the data of a name that has records of the cluster as well, and
// the static records that remain. A type that both have gets the records of both
// with the lower TTL, since an RRset has one TTL (RFC 2181, section 5.2). A
// CNAME record cannot stand beside other records and is left out. The argument
// ttl is that of the cluster's records. The builder is told of the targets, until
// releaseStatic.
func (x *staticSets) merge(b *builder, d *records.Data, ttl uint32) (*records.Data, *staticSets) {
	if d.Empty() && len(x.srv) == 0 {
		return &x.data, x
	}
	if d.Empty() {
		data := x.data
		b.mergeSRV(&data, x.srv)
		return &data, x
	}
	if x.cname != "" {
		return d, nil
	}
	both := *d
	both.A = union(d.A, x.data.A, compareIPv4)
	both.AAAA = union(d.AAAA, x.data.AAAA, compareIPv6)
	b.mergeSRV(&both, x.srv)
	cluster := Node{Data: d}
	return &both, x.capTTL(cluster.Has, ttl)
}

// capTTL returns the records with at most the given TTL for some types.
func (x *staticSets) capTTL(applies func(rtype uint16) bool, ttl uint32) *staticSets {
	c := *x
	c.sets = slices.Clone(x.sets)
	for i := range c.sets {
		if s := &c.sets[i]; applies(s.rtype) {
			s.ttl = min(s.ttl, ttl)
		}
	}
	return &c
}

func compareIPv4(a, b [4]byte) int  { return bytes.Compare(a[:], b[:]) }
func compareIPv6(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// union merges two lists into a sorted one without duplicates. Both are sorted
// already unless one of them is empty.
func union[T comparable](a, b []T, compare func(a, b T) int) []T {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}
