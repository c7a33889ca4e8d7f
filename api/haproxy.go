package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"toponym/api/haproxy"
	"toponym/records"
	"toponym/zone"
)

const (
	// haproxyRefresh is after how long a configuration is made again although the
	// zone is the same: what is remembered of apps that are gone expires.
	haproxyRefresh = 10 * time.Second
	// maxHAProxyAnswers is how many configurations are kept for the next request.
	maxHAProxyAnswers = 16
)

// haproxyFeed makes the configurations of /v1/sd/haproxy. Those that were asked for
// last are kept until the zone changes.
type haproxyFeed struct {
	table *haproxy.Table

	mu      sync.Mutex
	zone    *zone.Zone // when the table was updated
	updated time.Time
	answers map[string]haproxyAnswer // by parameters
}

type haproxyAnswer struct {
	body []byte
	etag string
}

// get returns the configuration for some options.
func (f *haproxyFeed) get(s *Server, z *zone.Zone, o haproxy.Options) haproxyAnswer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.zone != z || now.Sub(f.updated) > haproxyRefresh {
		f.table.Update(s.o.Instances(records.InstanceFilter{LabelPrefix: haproxy.LabelPrefix}), now)
		f.zone, f.updated, f.answers = z, now, map[string]haproxyAnswer{}
	}
	key := fmt.Sprintf("%#v", o)
	a, ok := f.answers[key]
	if !ok {
		if len(f.answers) == maxHAProxyAnswers {
			clear(f.answers)
		}
		a.body = f.table.Render(o)
		sum := sha256.Sum256(a.body)
		a.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
		f.answers[key] = a
	}
	return a
}

// haproxyConfig answers /v1/sd/haproxy: a configuration for HAProxy. It has an
// entity tag, so that clients can ask often (RFC 9110, section 13.1.2).
func (s *Server) haproxyConfig(w *response, r *http.Request, z *zone.Zone) {
	o, err := s.haproxyOptions(r)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	leave, ok := s.enter(w, r, s.feeds)
	if !ok {
		return
	}
	var a haproxyAnswer
	func() {
		defer leave()
		s.inBackground(func() { a = s.haproxy.get(s, z, o) })
	}()
	w.Header().Set("ETag", a.etag)
	if matches(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, http.StatusOK, "text/plain; charset=utf-8", a.body)
}

// matches reports whether a header If-None-Match lists an entity tag.
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// haproxyOptions reads the parameters of a request.
func (s *Server) haproxyOptions(r *http.Request) (o haproxy.Options, err error) {
	q, err := parameters(r.URL, "group", "dns", "http", "https", "stats", "certs", "state", "head")
	if err != nil {
		return o, err
	}
	var listens netip.AddrPort
	o.Rules, listens = s.o.HAProxy()
	if o.Groups, err = haproxy.ParseGroups(q.get("group")); err != nil {
		return o, fmt.Errorf("group: %w", err)
	}
	if o.Nameserver, err = nameserver(q.get("dns"), listens, r); err != nil {
		return o, err
	}
	if o.Certificates, err = haproxy.ParsePath(q.get("certs")); err != nil {
		return o, fmt.Errorf("certs: %w", err)
	}
	if o.StateFile, err = haproxy.ParsePath(q.get("state")); err != nil {
		return o, fmt.Errorf("state: %w", err)
	}
	for _, b := range []struct {
		name, def string
		binds     *[]haproxy.Bind
	}{{"http", haproxy.DefaultHTTP, &o.HTTP}, {"https", haproxy.DefaultHTTPS, &o.HTTPS}, {"stats", haproxy.DefaultStats, &o.Stats}} {
		if *b.binds, err = haproxy.ParseBinds(cmp.Or(q.get(b.name), b.def)); err != nil {
			return o, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	switch q.get("head") {
	case "", "default":
	case "none":
		o.WithoutHead = true
	default:
		return o, errors.New("head: want default or none")
	}
	return o, nil
}

// nameserver returns where HAProxy asks this server: at the address of the
// parameter, else where the server listens, and if that is all addresses, at the
// one that the request was sent to.
func nameserver(parameter string, listens netip.AddrPort, r *http.Request) (netip.AddrPort, error) {
	if parameter != "" {
		a, err := netip.ParseAddrPort(parameter)
		if addr, e := netip.ParseAddr(parameter); e == nil {
			a, err = netip.AddrPortFrom(addr, 53), nil
		}
		if err != nil || a.Port() == 0 || a.Addr().Zone() != "" || a.Addr().IsUnspecified() {
			return a, errors.New("dns: want the address of this server's DNS, such as 10.0.0.53 or 10.0.0.53:53")
		}
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
	}
	if listens.Addr().IsValid() && listens.Addr().IsUnspecified() {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
			listens = netip.AddrPortFrom(local.AddrPort().Addr().Unmap().WithZone(""), listens.Port())
		}
	}
	if !listens.IsValid() || listens.Addr().IsUnspecified() || listens.Port() == 0 {
		return listens, errors.New("dns: this server does not know its address: give it, such as 10.0.0.53:53")
	}
	return listens, nil
}
