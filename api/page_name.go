package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"toponym/internal/words"
	"toponym/records"
	"toponym/zone"
)

// maxPageRecords bounds the records of a name that a page lists, and the owners of
// each.
const maxPageRecords = 100

// nameData is what the page of a name shows.
type nameData struct {
	Typed   string // as it was entered: it may be anything
	Shown   string // as it was looked up; empty where it cannot be a name
	Path    string // Shown as a part of a path
	Records []nameRecord
	Ready   bool
	Exists  bool // it owns records
	HasA    bool
	HasSRV  bool
	More    int // records that are not listed

	ExplainOn bool
	Large     bool         // there are too many records to explain them here
	Busy      bool         // an explanation is being made for somebody else
	Answer    *Explanation // nil without an explanation
	Others    int          // omissions that are not listed
}

// nameRecord is a record of a name, with who owns it as far as that is known.
type nameRecord struct {
	Type, Data string
	TTL        uint32
	Target     string // the name that the record points to
	Port       uint16 // of an SRV record
	Owners     []records.ExplainedOwner
	MoreOwners int
}

// name answers "/?name=".
func (v *pageView) name(typed string) (string, int, any) {
	v.frame.Title, v.frame.Query, v.frame.Path = "Name", v.parameter("name"), ""
	if !v.s.mayRead(v.r, "/v1/hosts") {
		return v.problem(http.StatusForbidden, notPermitted)
	}
	d := &nameData{Typed: v.parameter("name"), Ready: v.z.Ready()}
	if len(typed) > maxTyped {
		d.Typed = words.Printable(typed[:maxTyped]) + "…"
		return "name", http.StatusOK, d
	}
	shown, n, ok := clean(typed)
	if !ok {
		return "name", http.StatusOK, d
	}
	d.Shown, d.Path = shown, url.PathEscape(shown)
	v.frame.Title = shown
	if !v.z.Ready() {
		return "name", http.StatusOK, d
	}
	d.lookUp(v.z, n)
	d.ExplainOn = v.s.o.Explain != nil && v.s.mayRead(v.r, "/v1/explain")
	if d.Large = d.More+len(d.Records) > largeAnswer; d.ExplainOn && !d.Large {
		v.explain(d, n)
	}
	if _, result := v.z.Lookup([]byte(n), typeANY); result != zone.OutOfZone {
		v.watch(shown)
	}
	return "name", http.StatusOK, d
}

// lookUp lists the records of a name.
func (d *nameData) lookUp(z *zone.Zone, n records.Name) {
	node := nodeOf(z, n)
	if node == nil {
		return
	}
	data := dataOf(z, n)
	d.Exists, d.HasA, d.HasSRV = !data.Empty(), len(data.A)+len(data.AAAA) > 0, len(data.SRV) > 0
	left := maxPageRecords
	answer, _ := z.Lookup([]byte(n), typeANY)
	text := srvTargets(z, answer, n)
	add := func(r nameRecord, rtype uint16) {
		r.TTL = z.TTLOf(node, rtype)
		d.Records = append(d.Records, r)
	}
	for _, a := range firstOf(data.A, &left) {
		add(nameRecord{Type: "A", Data: netip.AddrFrom4(a).String()}, typeA)
	}
	for _, a := range firstOf(data.AAAA, &left) {
		add(nameRecord{Type: "AAAA", Data: netip.AddrFrom16(a).String()}, typeAAAA)
	}
	for _, srv := range firstOf(data.SRV, &left) {
		target := text(z.Target(srv.Target).Name)
		add(nameRecord{Type: "SRV", Data: fmt.Sprintf("%d %d %d %s", srv.Priority, srv.Weight, srv.Port, target), Target: target, Port: srv.Port}, typeSRV)
	}
	total := len(data.A) + len(data.AAAA) + len(data.SRV)
	if target, ok := data.Pointer(); ok {
		total++
		for _, t := range firstOf([]string{target.String()}, &left) {
			add(nameRecord{Type: "PTR", Data: t, Target: t}, typePTR)
		}
	}
	d.More = total - maxPageRecords + left
}

// explain adds who owns the records, unless others are being explained for long.
func (v *pageView) explain(d *nameData, n records.Name) {
	v.w.pause()
	leave, ok := v.s.explains.acquire(v.r.Context(), clientOf(v.r.RemoteAddr))
	if !ok {
		d.Busy = true
		return
	}
	defer leave()
	if v.w.resume() != nil {
		return
	}
	var x Explanation
	v.s.inBackground(func() { x = v.s.explanationOf(v.z, n) })
	type key struct{ rtype, data string }
	owners := make(map[key][]records.ExplainedOwner, len(x.Records))
	for _, r := range x.Records {
		owners[key{r.Type, r.Data}] = r.Owners
	}
	for i := range d.Records {
		r := &d.Records[i]
		k := key{r.Type, r.Data}
		all := owners[k]
		delete(owners, k)
		r.Owners = all[:min(len(all), searchHits)]
		r.MoreOwners = len(all) - len(r.Owners)
	}
	for _, r := range x.Records { // of other types, such as those of zone files
		k := key{r.Type, r.Data}
		if all, ok := owners[k]; ok && d.More == 0 && len(d.Records) < maxPageRecords {
			d.Records = append(d.Records, nameRecord{Type: r.Type, Data: r.Data, Owners: all[:min(len(all), searchHits)], MoreOwners: max(0, len(all)-searchHits)})
		}
	}
	if more := len(x.Omitted) - maxPageRecords; more > 0 {
		x.Omitted, d.Others = x.Omitted[:maxPageRecords], more
	}
	d.Answer = &x
}

// firstOf takes as many elements from a list as are left.
func firstOf[T any](list []T, left *int) []T {
	n := min(len(list), *left)
	*left -= n
	return list[:n]
}
