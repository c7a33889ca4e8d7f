package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"toponym/records"
	"toponym/zone"
)

// The answers of dcos-net's HTTP API, which have one line of JSON for each record and
// names without the dot at the end.

// dcosRecord is a record in /v1/records.
type dcosRecord struct {
	Name string `json:"name"`
	Host string `json:"host"` // an address, or target:port
	Type string `json:"rtype"`
}

// dcosHosts answers /v1/hosts/{host}: the IPv4 addresses of a name.
func (s *Server) dcosHosts(w *response, r *http.Request, z *zone.Zone) {
	list := []hostDoc{}
	if _, name, ok := clean(r.PathValue("host")); ok {
		host := withoutDot(name)
		for _, a := range dataOf(z, name).A {
			list = append(list, hostDoc{Host: host, IP: netip.AddrFrom4(a).String()})
		}
	}
	s.writeJSON(w, http.StatusOK, list)
}

func withoutDot(n records.Name) string { return strings.TrimSuffix(n.String(), ".") }

// dcosRecords answers /v1/records: the addresses and SRV records of all zones.
func (s *Server) dcosRecords(w *response, r *http.Request, z *zone.Zone) {
	s.stream(w, r, contentJSON, func(t *stream) {
		separator := "["
		add := func(name []byte, host []byte, rtype string) bool {
			t.buf = append(append(t.buf, separator...), `{"name":`...)
			t.buf = append(append(append(t.buf, name...), `,"host":`...), host...)
			t.buf = append(append(append(t.buf, `,"rtype":"`...), rtype...), `"}`...)
			separator = ",\n"
			return t.next()
		}
		for n := range z.All() {
			if len(n.A)+len(n.AAAA)+len(n.SRV) == 0 {
				continue
			}
			name := appendText(nil, withoutDot(n.Name))
			ok := true
			for _, a := range n.A {
				ok = ok && add(name, appendAddr(nil, netip.AddrFrom4(a)), "A")
			}
			for _, a := range n.AAAA {
				ok = ok && add(name, appendAddr(nil, netip.AddrFrom16(a)), "AAAA")
			}
			for i := range n.SRV {
				host := withoutDot(z.Target(n.SRV[i].Target).Name) + ":" + strconv.Itoa(int(n.SRV[i].Port))
				ok = ok && add(name, appendText(nil, host), "SRV")
			}
			if !ok {
				return
			}
		}
		if separator == "[" {
			t.buf = append(t.buf, '[')
		}
		t.buf = append(t.buf, ']')
	})
}

// vipDoc is a VIP in /v1/vips.
type vipDoc struct {
	VIP      string       `json:"vip"` // name:port
	Protocol string       `json:"protocol"`
	Backend  []backendDoc `json:"backend"`
}

type backendDoc struct {
	IP   string `json:"ip"`
	Port uint16 `json:"port"`
}

// vips answers /v1/vips: the VIPs with their backends.
func (s *Server) vips(w *response, r *http.Request, _ *zone.Zone) {
	list := []vipDoc{}
	for _, v := range s.o.VIPs() {
		doc := vipDoc{VIP: v.Name + ":" + strconv.Itoa(int(v.Port)), Protocol: v.Protocol, Backend: []backendDoc{}}
		for _, b := range v.Backends {
			doc.Backend = append(doc.Backend, backendDoc{IP: b.Addr().String(), Port: b.Port()})
		}
		list = append(list, doc)
	}
	s.writeJSON(w, http.StatusOK, list)
}
