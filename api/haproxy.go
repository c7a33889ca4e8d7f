package api

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
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
	// haproxyRest is how much longer than an update of the table the pause after it
	// is. In a large cluster the zone changes all the time, and an update looks at
	// all tasks.
	haproxyRest = 9
	// maxHAProxyAnswers is how many configurations are kept for the next request.
	maxHAProxyAnswers = 16

	// Requests that wait for another configuration. After a change of the zone, a
	// configuration is made once others have had time to follow.
	maxHAProxyWait         = 20 * time.Second // less than writeTimeout
	maxHAProxyWaiting      = 64
	maxHAProxyWaitingOfOne = 8
	haproxySettle          = 200 * time.Millisecond
)

// haproxyFeed makes the configurations of /v1/sd/haproxy. Those that were asked for
// last are kept until the zone changes.
type haproxyFeed struct {
	table   *haproxy.Table
	waiting *slots

	mu      sync.Mutex
	zone    *zone.Zone // when the table was updated
	updated time.Time
	rested  time.Time                // when the table may be updated again
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
	if begin := time.Now(); (f.zone != z || begin.Sub(f.updated) > haproxyRefresh) && !begin.Before(f.rested) {
		f.table.Update(gently(s.o.Instances(records.InstanceFilter{LabelPrefix: haproxy.LabelPrefix})), begin)
		f.zone, f.updated, f.answers = z, begin, map[string]haproxyAnswer{}
		f.rested = time.Now().Add(haproxyRest * time.Since(begin))
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

// rest is how long to wait after a change of the zone until the next configuration
// is made.
func (f *haproxyFeed) rest() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(haproxySettle, time.Until(f.rested))
}

// gently pauses now and then, so that DNS gets its turns.
func gently[T any](seq iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		rested := time.Now()
		for item := range seq {
			if !yield(item) {
				return
			}
			if time.Since(rested) >= restEvery {
				time.Sleep(breather)
				rested = time.Now()
			}
		}
	}
}

// haproxyConfig answers /v1/sd/haproxy: a configuration for HAProxy. It has an
// entity tag, so that clients can ask often (RFC 9110, section 13.1.2). With the
// parameter wait, a client that has the current configuration gets the next one as
// soon as it differs.
func (s *Server) haproxyConfig(w *response, r *http.Request, z *zone.Zone) {
	o, wait, err := s.haproxyOptions(r)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	known := r.Header.Get("If-None-Match")
	a, ok := s.haproxyAnswer(w, r, z, o)
	if ok && wait > 0 && matches(known, a.etag) {
		a, ok = s.nextHAProxyAnswer(w, r, o, a, wait)
	}
	if !ok {
		return
	}
	w.Header().Set("ETag", a.etag)
	if matches(known, a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, http.StatusOK, "text/plain; charset=utf-8", a.body)
}

// haproxyAnswer makes a configuration, or answers with 503.
func (s *Server) haproxyAnswer(w *response, r *http.Request, z *zone.Zone, o haproxy.Options) (a haproxyAnswer, ok bool) {
	leave, ok := s.enter(w, r, s.feeds)
	if !ok {
		return a, false
	}
	defer leave()
	s.inBackground(func() { a = s.haproxy.get(s, z, o) })
	return a, true
}

// nextHAProxyAnswer waits for a configuration that differs from the last one. It
// returns that one again when the time is over, when the server stops, or when too
// many wait.
func (s *Server) nextHAProxyAnswer(w *response, r *http.Request, o haproxy.Options, last haproxyAnswer, wait time.Duration) (a haproxyAnswer, ok bool) {
	w.pause()
	if s.changes == nil {
		return last, true
	}
	leave, ok := s.haproxy.waiting.acquire(r.Context(), clientOf(r.RemoteAddr))
	if !ok {
		return last, true
	}
	defer leave()
	over := time.NewTimer(wait)
	defer over.Stop()
	waitFor := func(event <-chan struct{}) bool {
		select {
		case <-event:
			return true
		case <-over.C:
		case <-s.changes.ctx.Done():
		case <-r.Context().Done():
		}
		return false
	}
	for {
		changed := s.o.History.Changed()
		if a, ok = s.haproxyAnswer(w, r, s.o.Store.Current(), o); !ok || a.etag != last.etag {
			return a, ok
		}
		w.pause()
		if !waitFor(changed) || !waitFor(after(s.haproxy.rest())) {
			return last, true
		}
	}
}

// after is closed after some time.
func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
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
func (s *Server) haproxyOptions(r *http.Request) (o haproxy.Options, wait time.Duration, err error) {
	q, err := parameters(r.URL, "group", "dns", "http", "https", "stats", "certs", "state", "head", "wait")
	if err != nil {
		return o, 0, err
	}
	var listens netip.AddrPort
	o.Rules, listens = s.o.HAProxy()
	if o.Groups, err = haproxy.ParseGroups(q.get("group")); err != nil {
		return o, 0, fmt.Errorf("group: %w", err)
	}
	if o.Nameserver, err = nameserver(q.get("dns"), listens, r); err != nil {
		return o, 0, err
	}
	if o.Certificates, err = haproxy.ParsePath(q.get("certs")); err != nil {
		return o, 0, fmt.Errorf("certs: %w", err)
	}
	if o.StateFile, err = haproxy.ParsePath(q.get("state")); err != nil {
		return o, 0, fmt.Errorf("state: %w", err)
	}
	for _, b := range []struct {
		name, def string
		binds     *[]haproxy.Bind
	}{{"http", haproxy.DefaultHTTP, &o.HTTP}, {"https", haproxy.DefaultHTTPS, &o.HTTPS}, {"stats", haproxy.DefaultStats, &o.Stats}} {
		if *b.binds, err = haproxy.ParseBinds(cmp.Or(q.get(b.name), b.def)); err != nil {
			return o, 0, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if text := q.get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			return o, 0, errors.New("wait: want a duration such as 20s")
		}
	}
	switch q.get("head") {
	case "", "default":
	case "none":
		o.WithoutHead = true
	default:
		return o, 0, errors.New("head: want default or none")
	}
	return o, min(wait, maxHAProxyWait), nil
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
