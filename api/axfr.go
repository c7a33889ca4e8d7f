package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"toponym/records"
	"toponym/zone"
)

// axfr answers /v1/axfr: the addresses and SRV records in the zone of the domain in
// one object, in the form of encodeJSON. As in Mesos-DNS, PTR records are not in
// it, nor the zones beside that of the domain. The parameter zone names another
// origin to list.
//
// The nodes are sorted once, which takes a pointer for each. Their records are
// formatted one by one while they are written.
func (s *Server) axfr(w *response, r *http.Request, z *zone.Zone) {
	origin, label, ok := s.axfrOrigin(w, r, z)
	if !ok {
		return
	}
	soa, ok := z.SOAFields(origin)
	if !ok {
		s.writeError(w, http.StatusServiceUnavailable, notReady)
		return
	}
	s.stream(w, r, contentJSON, func(t *stream) {
		b := append(t.buf, "{\n \"TTL\": "...)
		b = strconv.AppendUint(b, uint64(soa.TTL), 10)
		b = append(b, ",\n \"Serial\": "...)
		b = strconv.AppendUint(b, uint64(soa.Serial), 10)
		b = append(b, ",\n \"RefreshSeconds\": "...)
		b = strconv.AppendInt(b, int64(s.o.RefreshSeconds()), 10)
		b = appendName(append(b, ",\n \"Mname\": "...), soa.MName)
		b = appendName(append(b, ",\n \"Rname\": "...), soa.RName)
		b = appendText(append(b, ",\n \"Domain\": "...), label)
		t.buf = append(b, ",\n \"Records\": {\n  "...)
		nodes := sortedNodes(z, origin)
		for i, f := range axfrFields {
			if i > 0 {
				t.buf = append(t.buf, ",\n  "...)
			}
			f.append(t, z, nodes)
		}
		t.buf = append(t.buf, "\n }\n}"...)
	})
}

// axfrOrigin returns the origin that a request asks for, and how the answer shows
// it. It answers requests for what is none.
func (s *Server) axfrOrigin(w *response, r *http.Request, z *zone.Zone) (origin records.Name, label string, ok bool) {
	typed := r.URL.Query().Get("zone")
	if typed == "" {
		return z.Domain(), s.o.Domain, true
	}
	if len(typed) <= maxTyped {
		origin, err := records.ParseName(strings.ToLower(typed))
		if err == nil && slices.Contains(z.Origins(), origin) {
			return origin, strings.TrimSuffix(origin.String(), "."), true
		}
		if err == nil {
			s.writeError(w, http.StatusNotFound, "there is no zone "+origin.String()+"")
			return "", "", false
		}
	}
	s.writeError(w, http.StatusBadRequest, "the parameter zone is not a domain name")
	return "", "", false
}

// axfrField is the object that holds the records of one type by name.
type axfrField struct {
	key   string
	count func(*zone.Node) int
	value func(b []byte, z *zone.Zone, n *zone.Node, i int) []byte // appends record i
}

var axfrFields = [...]axfrField{
	{"As", func(n *zone.Node) int { return len(n.A) }, func(b []byte, _ *zone.Zone, n *zone.Node, i int) []byte {
		return appendAddr(b, netip.AddrFrom4(n.A[i]))
	}},
	{"AAAAs", func(n *zone.Node) int { return len(n.AAAA) }, func(b []byte, _ *zone.Zone, n *zone.Node, i int) []byte {
		return appendAddr(b, netip.AddrFrom16(n.AAAA[i]))
	}},
	{"SRVs", func(n *zone.Node) int { return len(n.SRV) }, func(b []byte, z *zone.Zone, n *zone.Node, i int) []byte {
		b = appendName(b, z.Target(n.SRV[i].Target).Name)
		b[len(b)-1] = ':' // replaces the closing quote
		return append(strconv.AppendUint(b, uint64(n.SRV[i].Port), 10), '"')
	}},
}

// append writes the field.
func (f axfrField) append(t *stream, z *zone.Zone, nodes []*zone.Node) {
	t.buf = append(appendQuoted(t.buf, f.key), ": {"...)
	separator, end := "\n   ", "}"
	for _, n := range nodes {
		count := f.count(n)
		if count == 0 {
			continue
		}
		t.buf = append(appendName(append(t.buf, separator...), n.Name), ": [\n    "...)
		for i := range count {
			if i > 0 {
				t.buf = append(t.buf, ",\n    "...)
			}
			t.buf = f.value(t.buf, z, n, i)
			if !t.next() {
				return
			}
		}
		t.buf = append(t.buf, "\n   ]"...)
		separator, end = ",\n   ", "\n  }"
	}
	t.buf = append(t.buf, end...)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	return append(a.AppendTo(append(b, '"')), '"')
}

// sortedNodes are the nodes of an origin that /v1/axfr shows, in the order in which
// encoding/json writes the keys of a map: that of the names' text.
func sortedNodes(z *zone.Zone, origin records.Name) []*zone.Node {
	shown := func(yield func(*zone.Node) bool) {
		for n := range z.NodesOf(origin) {
			if (len(n.A) > 0 || len(n.AAAA) > 0 || len(n.SRV) > 0) && !yield(n) {
				return
			}
		}
	}
	count := 0 // a list that grows would take up to three times the memory
	for range shown {
		count++
	}
	nodes := slices.AppendSeq(make([]*zone.Node, 0, count), shown)
	slices.SortFunc(nodes, func(a, b *zone.Node) int { return compareText(a.Name, b.Name) })
	return nodes
}

// compareText orders names as strings.Compare orders their presentation form,
// without making it, which would take many megabytes for a large zone.
//
// Label by label: where one label is the beginning of the other, the dot behind it
// is compared with the next byte of the other. Bytes that the presentation form
// escapes are compared as they are, which still makes a total order.
func compareText(a, b records.Name) int {
	for {
		n, m := int(a[0]), int(b[0])
		switch {
		case n == 0 && m == 0:
			return 0
		case n == 0:
			return -1
		case m == 0:
			return 1
		}
		both := 1 + min(n, m)
		if c := strings.Compare(string(a[1:both]), string(b[1:both])); c != 0 {
			return c
		}
		switch {
		case n < m:
			return compareDot(b[both])
		case n > m:
			return -compareDot(a[both])
		}
		a, b = a[both:], b[both:]
	}
}

// compareDot compares a dot with a byte of a label, which counts as different.
func compareDot(c byte) int {
	if c < '.' {
		return 1
	}
	return -1
}
