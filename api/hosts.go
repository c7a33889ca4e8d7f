package api

import (
	"net/http"
	"net/netip"

	"toponym/zone"
)

// host is an address of a name in /v1/hosts.
type host struct {
	Host string `json:"host"`
	IP   string `json:"ip"`
}

// hosts answers /v1/hosts/{host}: the addresses of a name, IPv4 first.
func (s *Server) hosts(w http.ResponseWriter, r *http.Request, z *zone.Zone) {
	list := hostsOf(z, r.PathValue("host"))
	if len(list) == 0 {
		list = []host{{}}
	}
	s.writeJSON(w, http.StatusOK, list)
}

func hostsOf(z *zone.Zone, typed string) []host {
	shown, n, ok := clean(typed)
	if !ok {
		return nil
	}
	d := data(z, n)
	list := make([]host, 0, len(d.A)+len(d.AAAA))
	for _, a := range d.A {
		list = append(list, host{shown, netip.AddrFrom4(a).String()})
	}
	for _, a := range d.AAAA {
		list = append(list, host{shown, netip.AddrFrom16(a).String()})
	}
	return list
}

// ports answers /v1/hosts/{host}/ports, which Mesos-DNS announced and never
// had.
func (s *Server) ports(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusNotImplemented, "To be implemented...")
}
