package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"toponym/records"
	"toponym/zone"
)

// axfr answers /v1/axfr: all addresses and SRV records of the zone in one
// object. PTR records are not in it, as they were not in Mesos-DNS.
//
// The text of a big zone is some 100 MB, so it is written as it is made. What
// is held is the order of the names, a pointer for each.
func (s *Server) axfr(w http.ResponseWriter, r *http.Request, z *zone.Zone) {
	w.Header().Set("Content-Type", contentJSON)
	if r.Method == http.MethodHead {
		return
	}
	t := transfer{w: bufio.NewWriterSize(w, 64<<10)}
	if err := t.zone(z, s.o.RefreshSeconds, s.o.Domain); err != nil {
		// The connection is broken, and so the client knows that it has
		// not got everything.
		s.log.WithError(err).Debug("a zone transfer over HTTP ended early")
	}
}

// transfer writes a zone in the form of json.MarshalIndent with one space.
type transfer struct {
	w   *bufio.Writer
	buf []byte // what is written next
}

func (t *transfer) zone(z *zone.Zone, refreshSeconds int, domain string) error {
	quotedDomain, err := json.Marshal(domain) // a setting, and so any text
	if err != nil {
		return err
	}
	o := z.Options()
	b := append(t.buf[:0], "{\n \"TTL\": "...)
	b = strconv.AppendUint(b, uint64(o.DefaultTTL()), 10)
	b = append(b, ",\n \"Serial\": "...)
	b = strconv.AppendUint(b, uint64(z.Serial()), 10)
	b = append(b, ",\n \"RefreshSeconds\": "...)
	b = strconv.AppendInt(b, int64(refreshSeconds), 10)
	b = appendName(append(b, ",\n \"Mname\": "...), o.MName)
	b = appendName(append(b, ",\n \"Rname\": "...), o.RName)
	b = append(append(b, ",\n \"Domain\": "...), quotedDomain...)
	b = append(b, ",\n \"Records\": {\n  "...)
	if err := t.write(b); err != nil {
		return err
	}

	nodes := sortedNodes(z)
	for i, l := range lists {
		if i > 0 {
			t.buf = append(t.buf, ",\n  "...)
		}
		if err := t.list(nodes, l); err != nil {
			return err
		}
	}
	if err := t.write(append(t.buf, "\n }\n}"...)); err != nil {
		return err
	}
	return t.w.Flush()
}

// list is the map of one type's records by name.
type list struct {
	key    string
	rrtype uint16
	// values appends a node's records, each on a line of its own with a
	// comma behind it.
	values func([]byte, *zone.Node) []byte
}

var lists = [...]list{
	{"As", typeA, appendA},
	{"AAAAs", typeAAAA, appendAAAA},
	{"SRVs", typeSRV, appendSRV},
}

func (t *transfer) list(nodes []*zone.Node, l list) error {
	b := append(appendQuoted(t.buf, l.key), ": {"...)
	separator, end := "\n   ", "}"
	for _, n := range nodes {
		if !n.Has(l.rrtype) {
			continue
		}
		b = appendName(append(b, separator...), n.Name)
		b = l.values(append(b, ": ["...), n)
		b[len(b)-1] = '\n' // instead of the last value's comma
		b = append(b, "   ]"...)
		if err := t.write(b); err != nil {
			return err
		}
		b = t.buf
		separator, end = ",\n   ", "\n  }"
	}
	return t.write(append(b, end...))
}

// write sends b on and keeps its room for what comes next.
func (t *transfer) write(b []byte) error {
	_, err := t.w.Write(b)
	t.buf = b[:0]
	return err
}

const valueIndent = "\n    "

func appendA(b []byte, n *zone.Node) []byte {
	for _, a := range n.A {
		b = appendAddr(b, netip.AddrFrom4(a))
	}
	return b
}

func appendAAAA(b []byte, n *zone.Node) []byte {
	for _, a := range n.AAAA {
		b = appendAddr(b, netip.AddrFrom16(a))
	}
	return b
}

func appendAddr(b []byte, a netip.Addr) []byte {
	b = append(b, valueIndent+`"`...)
	return append(a.AppendTo(b), `",`...)
}

func appendSRV(b []byte, n *zone.Node) []byte {
	for _, srv := range n.SRV {
		b = appendName(append(b, valueIndent...), srv.Target)
		b[len(b)-1] = ':' // instead of the closing quote
		b = append(strconv.AppendUint(b, uint64(srv.Port), 10), `",`...)
	}
	return b
}

// appendQuoted appends a JSON string. Names in presentation form are printable
// ASCII, in which only two characters need an escape.
func appendQuoted[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// appendName appends a name as a JSON string. It leaves nothing behind, of which
// a large zone would be much.
func appendName(b []byte, n records.Name) []byte {
	var text [1024]byte // the longest name with every octet escaped
	return appendQuoted(b, n.AppendTo(text[:0]))
}

// sortedNodes are the nodes that /v1/axfr shows, in the order in which
// encoding/json has the keys of a map: that of the names' text.
func sortedNodes(z *zone.Zone) []*zone.Node {
	nodes := make([]*zone.Node, 0, z.Counts().Names)
	for n := range z.All() {
		if len(n.A) > 0 || len(n.AAAA) > 0 || len(n.SRV) > 0 {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *zone.Node) int { return compareText(a.Name, b.Name) })
	return nodes
}
