package zone

import (
	"bytes"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/records"
)

// Static are the records of master files (RFC 1035, section 5). It does not
// change. A nil one has none.
type StaticRecords struct {
	zones []staticZone
	names map[records.Name]*extra
}

// staticZone is a zone that has its SOA record in a master file.
type staticZone struct {
	name records.Name
	soa  soaData
}

// Has reports whether there are records of a name.
func (s *StaticRecords) Has(n records.Name) bool { return s.of(n) != nil }

// HasCName reports whether there is a CNAME record of a name, which gives way
// to records of the cluster. Others stand beside them.
func (s *StaticRecords) HasCNAME(n records.Name) bool {
	x := s.of(n)
	return x != nil && x.cname != ""
}

// of is what there is of a name, or nil.
func (s *StaticRecords) of(n records.Name) *extra {
	if s == nil {
		return nil
	}
	return s.names[n]
}

// Names are the names that there are records of, in no order.
func (s *StaticRecords) Names() iter.Seq[records.Name] {
	if s == nil {
		return func(func(records.Name) bool) {}
	}
	return maps.Keys(s.names)
}

// Len is the number of names that there are records of.
func (s *StaticRecords) Len() int {
	if s == nil {
		return 0
	}
	return len(s.names)
}

// Equal reports whether both are the same records.
func (s *StaticRecords) Equal(o *StaticRecords) bool { return reflect.DeepEqual(s, o) }

// ReadStatic reads master files for a zone with the given origins and aliases.
// The error is MasterFaults with all that is wrong; what is wrong in one record
// leaves out the whole, as nobody should be answered from half a file.
//
// A record belongs to a name below an origin, or below a SOA record of a file,
// which makes an origin of its own. Names are to be absolute or below an
// $ORIGIN. $INCLUDE, wildcards, DNAME, delegations and the records of signed
// zones are refused: none would be answered as it means.
func ReadZoneFiles(files []ZoneFile, o Options) (*StaticRecords, error) {
	var entries []entry
	var faults ZoneFileErrors
	for _, f := range files {
		more, wrong := readFile(f, o.DefaultTTL(), maxStatic-len(entries))
		faults = append(faults, wrong...)
		for _, e := range more {
			if f, ok := e.check(); !ok {
				faults = append(faults, f)
				continue
			}
			entries = append(entries, e)
		}
	}
	s := &StaticRecords{names: map[records.Name]*extra{}}
	faults = append(faults, s.readZones(entries, o)...)
	o.Static = s
	faults = append(faults, s.readRecords(entries, o)...)
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b ZoneFileError) int {
			if a.File != b.File {
				return 0 // in the order of the files
			}
			return a.Line - b.Line
		})
		return nil, faults
	}
	for _, x := range s.names {
		x.settle()
	}
	return s, nil
}

// readZones takes over the SOA records.
func (s *StaticRecords) readZones(entries []entry, o Options) (faults ZoneFileErrors) {
	servers := map[records.Name]bool{}
	for _, e := range entries {
		if e.rr.Header().Rrtype == dns.TypeNS {
			servers[e.name] = true
		}
	}
	for _, e := range entries {
		soa, ok := e.rr.(*dns.SOA)
		switch {
		case !ok:
		case slices.ContainsFunc(o.Origins, func(f Origin) bool { return f.Name == e.name }):
			faults = append(faults, e.fault("this zone's SOA record comes from the settings"))
		case slices.ContainsFunc(o.Aliases, func(a Alias) bool { return a.Name == e.name }):
			faults = append(faults, e.fault("the name is an alias, by the settings"))
		case slices.ContainsFunc(s.zones, func(z staticZone) bool { return z.name == e.name }):
			faults = append(faults, e.fault("is given twice"))
		case !servers[e.name]:
			faults = append(faults, e.fault("the zone has no NS record"))
		case len(s.zones) == MaxOrigins:
			faults = append(faults, e.fault("there are more than %d zones", MaxOrigins))
		default:
			mname, _ := wire(soa.Ns) // checked with the record
			rname, _ := wire(soa.Mbox)
			s.zones = append(s.zones, staticZone{e.name, soaData{
				ttl: soa.Hdr.Ttl, mname: mname, rname: rname,
				refresh: soa.Refresh, retry: soa.Retry, expire: soa.Expire, minimum: soa.Minttl,
			}})
		}
	}
	return faults
}

// readRecords takes over all other records.
func (s *StaticRecords) readRecords(entries []entry, o Options) (faults ZoneFileErrors) {
	origins := originsOf(o)
	cuts := cutsOf(origins, o.Aliases)
	for _, e := range entries {
		if e.rr.Header().Rrtype == dns.TypeSOA {
			continue
		}
		i := closest(cuts, octets(e.name))
		if i < 0 {
			faults = append(faults, e.fault("is in no zone: it is outside of our domains, and no SOA record is above it"))
			continue
		}
		apex := cuts[i].name == e.name
		switch t := e.rr.Header().Rrtype; {
		case cuts[i].target != "":
			faults = append(faults, e.fault("is below the alias %v", cuts[i].name))
			continue
		case t == dns.TypeNS && !apex:
			faults = append(faults, e.fault("delegates a part of the zone %v, which is not supported", cuts[i].name))
			continue
		case t == dns.TypeCNAME && apex:
			faults = append(faults, e.fault("cannot stand at the top of a zone, beside its SOA record"))
			continue
		}
		x := s.names[e.name]
		if x == nil {
			x = &extra{}
			s.names[e.name] = x
		}
		if problem := x.add(e.rr); problem != "" {
			faults = append(faults, e.fault("%s", problem))
		}
	}
	return faults
}

// add takes a record over.
func (x *extra) add(rr dns.RR) (problem string) {
	h := rr.Header()
	if c, ok := rr.(*dns.CNAME); ok {
		name, _ := wire(c.Target)
		if x.cname != "" && x.cname != name {
			return "the name has another CNAME record"
		}
		x.cname = name
	}
	set := x.set(h.Rrtype)
	if set == nil {
		x.sets = append(x.sets, rrset{rtype: h.Rrtype, ttl: h.Ttl})
		set = &x.sets[len(x.sets)-1]
	}
	if x.cname != "" && len(x.sets) > 1 {
		return "a CNAME record stands alone, and the name has others"
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
		target, _ := wire(r.Target)
		x.data.SRV = append(x.data.SRV, records.SRV{Target: target, Priority: r.Priority, Weight: r.Weight, Port: r.Port})
		return ""
	}
	set.rrs = append(set.rrs, rr)
	return ""
}

// settle brings the records into an order that depends on nothing but them, each
// once.
func (x *extra) settle() {
	x.data.A = union(nil, x.data.A, func(a, b [4]byte) int { return bytes.Compare(a[:], b[:]) })
	x.data.AAAA = union(nil, x.data.AAAA, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	x.data.SRV = union(nil, x.data.SRV, records.SRV.Compare)
	slices.SortFunc(x.sets, func(a, b rrset) int { return int(a.rtype) - int(b.rtype) })
	for i := range x.sets {
		set := &x.sets[i]
		for _, rr := range set.rrs {
			rr.Header().Ttl = set.ttl
		}
		slices.SortFunc(set.rrs, func(a, b dns.RR) int { return strings.Compare(a.String(), b.String()) })
		set.rrs = slices.CompactFunc(set.rrs, dns.IsDuplicate)
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
			name, _ := wire(text)
			set.leads = append(set.leads, name)
		}
	}
}

// wire is a name in wire form and in lower case.
func wire(text string) (records.Name, bool) {
	var buf [maxName + 1]byte
	n, err := dns.PackDomainName(dns.CanonicalName(text), buf[:], 0, nil, false)
	if err != nil || n > maxName {
		return "", false
	}
	return records.Name(buf[:n]), true
}
