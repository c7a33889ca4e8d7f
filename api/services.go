package api

import (
	"net/http"
	"net/netip"
	"strconv"

	"toponym/zone"
)

// service is an SRV record with one address of its target in /v1/services.
type service struct {
	Service string `json:"service"`
	Host    string `json:"host"`
	IP      string `json:"ip"`
	Port    string `json:"port"` // a string, as in Mesos-DNS
}

// services answers /v1/services/{service}: the SRV records of a name.
func (s *Server) services(w http.ResponseWriter, r *http.Request, z *zone.Zone) {
	list := servicesOf(z, r.PathValue("service"))
	if len(list) == 0 {
		list = []service{{}}
	}
	s.writeJSON(w, http.StatusOK, list)
}

// servicesOf lists a record once for the first IPv4 address of its target and
// once for the first IPv6 address. A target without addresses is left out.
func servicesOf(z *zone.Zone, typed string) []service {
	_, n, ok := clean(typed)
	if !ok {
		return nil
	}
	srvs := data(z, n).SRV
	list := make([]service, 0, len(srvs))
	for _, srv := range srvs {
		addrs := data(z, srv.Target)
		entry := service{Service: typed, Host: srv.Target.String(), Port: strconv.Itoa(int(srv.Port))}
		if len(addrs.A) > 0 {
			entry.IP = netip.AddrFrom4(addrs.A[0]).String()
			list = append(list, entry)
		}
		if len(addrs.AAAA) > 0 {
			entry.IP = netip.AddrFrom16(addrs.AAAA[0]).String()
			list = append(list, entry)
		}
	}
	return list
}
