package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"toponym/records"
	"toponym/zone"
)

// The small answers of Mesos-DNS. Those about the whole cluster are in
// enumerate.go and axfr.go.

// serviceName is what programs look for in /v1/version to recognise the API.
const serviceName = "Mesos-DNS"

// version answers /v1/version.
func (s *Server) version(w *response, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, struct{ Service, URL, Version string }{serviceName, s.o.URL, s.o.Version})
}

// config answers /v1/config.
func (s *Server) config(w *response, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, s.o.Config(s.o.Store.Current().DomainSerial()))
}

// ports answers /v1/hosts/{host}/ports, which Mesos-DNS announced and never had.
func (s *Server) ports(w *response, _ *http.Request) {
	writeText(w, http.StatusNotImplemented, "To be implemented...")
}

// The objects of a miss.
const (
	hostMiss    = "[\n {\n  \"host\": \"\",\n  \"ip\": \"\"\n }\n]"
	serviceMiss = "[\n {\n  \"service\": \"\",\n  \"host\": \"\",\n  \"ip\": \"\",\n  \"port\": \"\"\n }\n]"
)

// hosts answers /v1/hosts/{host}: the addresses of a name, IPv4 first.
func (s *Server) hosts(w *response, r *http.Request, z *zone.Zone) {
	shown, name, ok := clean(r.PathValue("host"))
	var d records.Data
	if ok {
		d = dataOf(z, name)
	}
	s.list(w, r, len(d.A)+len(d.AAAA), hostMiss, func(l *list) {
		host := appendText(nil, shown)
		add := func(a netip.Addr) bool {
			t := l.begin()
			t.buf = append(append(t.buf, `  "host": `...), host...)
			t.buf = append(a.AppendTo(append(t.buf, ",\n  \"ip\": \""...)), '"')
			return l.end()
		}
		for _, a := range d.A {
			if !add(netip.AddrFrom4(a)) {
				return
			}
		}
		for _, a := range d.AAAA {
			if !add(netip.AddrFrom16(a)) {
				return
			}
		}
	})
}

// services answers /v1/services/{service}: the SRV records of a name, each once
// for the first IPv4 address of its target and once for the first IPv6 address. A
// target without addresses is left out.
func (s *Server) services(w *response, r *http.Request, z *zone.Zone) {
	typed := r.PathValue("service")
	var n *zone.Node
	if _, name, ok := clean(typed); ok {
		n = nodeOf(z, name)
	}
	if n == nil {
		n = &zone.Node{Data: &records.Data{}}
	}
	s.list(w, r, len(n.SRV), serviceMiss, func(l *list) {
		service := appendText(nil, typed)
		add := func(target *zone.Node, port uint16, a netip.Addr) bool {
			t := l.begin()
			t.buf = append(append(t.buf, `  "service": `...), service...)
			t.buf = appendName(append(t.buf, ",\n  \"host\": "...), target.Name)
			t.buf = a.AppendTo(append(t.buf, ",\n  \"ip\": \""...))
			t.buf = strconv.AppendUint(append(t.buf, "\",\n  \"port\": \""...), uint64(port), 10)
			t.buf = append(t.buf, '"')
			return l.end()
		}
		for i := range n.SRV {
			target, port := z.Target(n.SRV[i].Target), n.SRV[i].Port
			d := targetData(z, target)
			if len(d.A) > 0 && !add(target, port, netip.AddrFrom4(d.A[0])) {
				return
			}
			if len(d.AAAA) > 0 && !add(target, port, netip.AddrFrom16(d.AAAA[0])) {
				return
			}
		}
	})
}

// list is an answer that is a list of objects, in the form of encodeJSON.
type list struct {
	t     *stream
	empty bool
}

// begin begins an object. Its members are to be appended to the buffer of the
// stream.
func (l *list) begin() *stream {
	if l.empty {
		l.t.buf = append(l.t.buf, "[\n {\n"...)
		l.empty = false
	} else {
		l.t.buf = append(l.t.buf, ",\n {\n"...)
	}
	return l.t
}

// end ends an object. It is false if the client no longer reads.
func (l *list) end() bool {
	l.t.buf = append(l.t.buf, "\n }"...)
	return l.t.next()
}

// list answers with the objects that each adds, or with miss where there are
// none. Answers from more than largeAnswer records need a slot.
func (s *Server) list(w *response, r *http.Request, size int, miss string, each func(*list)) {
	answer := func() {
		s.stream(w, r, contentJSON, func(t *stream) {
			l := &list{t: t, empty: true}
			each(l)
			if l.empty {
				t.buf = append(t.buf, miss...)
			} else {
				t.buf = append(t.buf, "\n]"...)
			}
		})
	}
	if size <= largeAnswer {
		answer()
		return
	}
	if leave, ok := s.enter(w, r, s.large); ok {
		defer leave()
		s.inBackground(answer)
	}
}

// maxTyped bounds the names that are looked at, in bytes: no zone can have a
// longer one (RFC 1035, section 2.3.4).
const maxTyped = 255

// clean turns a name as it was typed into the form that Mesos-DNS looks up and
// shows: in lower case, without ".*", with a dot at the end. It is not ok where no
// zone can have such a name.
func clean(typed string) (shown string, n records.Name, ok bool) {
	if len(typed) > maxTyped {
		return "", "", false
	}
	shown = strings.ReplaceAll(strings.ToLower(typed), ".*", "")
	if !strings.HasSuffix(shown, ".") {
		shown += "."
	}
	n, err := records.ParseName(shown)
	return shown, n, err == nil
}

// Query types (RFC 1035, sections 3.2.2 and 3.2.3).
const (
	typeA    = 1
	typePTR  = 12
	typeAAAA = 28
	typeSRV  = 33
	typeANY  = 255
)

// nodeOf is the node that a name is answered from, or nil.
func nodeOf(z *zone.Zone, n records.Name) *zone.Node {
	a, _ := z.Lookup([]byte(n), typeANY)
	return a.Node
}

// dataOf are the addresses, SRV and PTR records of a name.
func dataOf(z *zone.Zone, n records.Name) records.Data {
	node := nodeOf(z, n)
	if node == nil {
		return records.Data{}
	}
	d := records.Data{A: node.A, AAAA: node.AAAA, SRV: node.SRV}
	if node.Has(typePTR) {
		d.PTR = node.PTR
	}
	return d
}

// targetData are the records of the target of an SRV record.
func targetData(z *zone.Zone, target *zone.Node) records.Data {
	if target.Empty() {
		return dataOf(z, target.Name) // perhaps below an alias
	}
	return *target.Data
}
