package haproxy

import (
	"fmt"
	"net/netip"
	"strings"
)

// Limits of lines. HAProxy reads at most 64 words of a line.
const (
	wordsPerLine = 16
	maxUnserved  = 1000 // comments about ports that are not served
)

// Render returns a configuration. It depends on nothing but the services of the
// table and the options, and what is equal has the same order.
func (t *Table) Render(o Options) []byte {
	t.mu.Lock()
	p := t.plan(&o)
	t.mu.Unlock() // services do not change: Update replaces them

	w := &writer{}
	w.line("# Written by Toponym for the load balancers of %s. Changes will be overwritten.", quoteAll(o.Groups))
	if !o.WithoutHead {
		w.head(&o)
	}
	w.resolvers(o.Nameserver)
	w.stats(&o)
	w.frontends(&o, &p)
	for _, b := range p.ports {
		w.ownFrontend(&o, b)
	}
	for _, b := range p.backends {
		w.backend(b)
	}
	if len(p.unserved) > 0 {
		w.section("# Ports that are not served:")
		for i, text := range p.unserved {
			if i == maxUnserved {
				w.line("# and %d more", len(p.unserved)-i)
				break
			}
			w.line("# %s", text)
		}
	}
	return []byte(w.b.String())
}

func quoteAll(list []string) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, quote(s))
	}
	return strings.Join(quoted, ", ")
}

// writer writes lines of a configuration.
type writer struct{ b strings.Builder }

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

// section begins a section.
func (w *writer) section(format string, args ...any) {
	w.b.WriteByte('\n')
	w.line(format, args...)
}

// in writes a line of a section.
func (w *writer) in(format string, args ...any) {
	w.b.WriteString("    ")
	w.line(format, args...)
}

// head writes the sections that -head of the command replaces.
func (w *writer) head(o *Options) {
	w.section("global")
	w.in("log /dev/log local0")
	w.in("maxconn 50000")
	w.in("stats socket /run/haproxy/admin.sock mode 660 level admin")
	if o.StateFile != "" {
		w.in("server-state-file %s", o.StateFile)
	}
	w.section("defaults")
	if o.StateFile != "" {
		w.in("load-server-state-from-file global")
	}
	for _, line := range []string{
		"log global",
		"option dontlognull",
		// A request that finds a server gone goes to another one.
		"option redispatch 1",
		"retries 3",
		"retry-on conn-failure empty-response",
		"timeout connect 2s",
		"timeout client 60s",
		"timeout server 60s",
		"timeout tunnel 1h",
		"timeout http-request 15s",
		"timeout http-keep-alive 10s",
		"timeout queue 30s",
		"timeout check 2s",
	} {
		w.in("%s", line)
	}
}

// resolvers is how HAProxy asks for servers. A response of Toponym has all servers,
// so one that is not in it is gone. If there is no response, what was known stays:
// health checks go on.
func (w *writer) resolvers(a netip.AddrPort) {
	w.section("resolvers toponym")
	// Responses about many servers are too large for UDP.
	w.in("nameserver toponym tcp@%s", a)
	w.in("accepted_payload_size 65535")
	w.in("resolve_retries 3")
	w.in("timeout resolve 500ms")
	w.in("timeout retry 500ms")
	w.in("hold obsolete 0s")
	w.in("hold nx 0s")
	w.in("hold timeout 1h")
	w.in("hold refused 1h")
	w.in("hold other 1h")
}

func (w *writer) stats(o *Options) {
	if len(o.Stats) == 0 {
		return
	}
	w.section("frontend toponym_stats")
	w.binds(o.Stats, "")
	w.in("mode http")
	w.in("stats enable")
	w.in("stats uri /")
}

func (w *writer) binds(list []Bind, parameters string) {
	for _, b := range list {
		w.in("bind %s%s", b, parameters)
	}
}

// frontends writes the frontends for hosts.
func (w *writer) frontends(o *Options, p *plan) {
	if len(o.HTTP) > 0 {
		w.section("frontend toponym_http")
		w.binds(o.HTTP, "")
		w.rules(p.rules)
	}
	if len(o.HTTPS) > 0 && o.Certificates != "" {
		w.section("frontend toponym_https")
		w.binds(o.HTTPS, tlsParameters(o))
		w.rules(p.rules)
	}
}

// tlsParameters make a listener expect TLS, with the certificates of a directory
// from which the name in the ClientHello selects.
func tlsParameters(o *Options) string { return " ssl crt " + o.Certificates + " alpn h2,http/1.1" }

func (w *writer) rules(list []rule) {
	w.in("mode http")
	for _, r := range list {
		for hosts := r.hosts; len(hosts) > 0; {
			n := min(len(hosts), wordsPerLine)
			condition := "{ req.hdr(host),field(1,:) -i -m str " + strings.Join(hosts[:n], " ") + " }"
			if r.path != "" {
				flag := ""
				if r.backend.ignoreCase {
					flag = "-i "
				}
				condition += " { path_beg " + flag + r.path + " }"
			}
			w.in("use_backend %s if %s", r.backend.name, condition)
			hosts = hosts[n:]
		}
	}
}

// ownFrontend writes the frontend of a service that has a port.
func (w *writer) ownFrontend(o *Options, b *backend) {
	w.section("frontend port_%d", b.port)
	parameters := ""
	switch {
	case b.tls && b.mode == modeHTTP:
		parameters = tlsParameters(o)
	case b.tls:
		parameters = " ssl crt " + o.Certificates
	}
	w.in("bind %s%s", b.bindAddr(), parameters)
	w.in("mode %s", b.mode)
	w.in("default_backend %s", b.name)
}

func (w *writer) backend(b *backend) {
	w.section("backend %s", b.name)
	w.in("# %s", b.describe())
	for _, note := range b.notes {
		w.in("# %s", note)
	}
	for _, conflict := range b.conflicts {
		w.in("# not served: %s", conflict)
	}
	if b.sameSRV != nil {
		w.in("# its SRV records are also those of %s: each gets requests for the other", b.sameSRV.describe())
	}
	w.in("mode %s", b.mode)
	w.in("balance %s", b.balance)
	w.access(b)
	if b.mode == modeHTTP {
		w.http(b)
	}
	for _, line := range b.check.backendLines() {
		w.in("%s", line)
	}
	w.servers(b)
}

// access lets in the clients that may connect.
func (w *writer) access(b *backend) {
	if len(b.allowed) == 0 {
		return
	}
	for list := b.allowed; len(list) > 0; {
		n := min(len(list), wordsPerLine)
		var words []string
		for _, p := range list[:n] {
			words = append(words, p.String())
		}
		w.in("acl allowed src %s", strings.Join(words, " "))
		list = list[n:]
	}
	if b.mode == modeHTTP {
		w.in("http-request deny unless allowed")
	} else {
		w.in("tcp-request content reject unless allowed")
	}
}

// http writes what only HTTP has.
func (w *writer) http(b *backend) {
	if b.redirect {
		w.in("http-request redirect scheme https code 301 if !{ ssl_fc } { fe_name toponym_http }")
	}
	// Requests that may have done something are not sent twice.
	w.in("http-request disable-l7-retry unless { method GET HEAD OPTIONS }")
	w.in("option forwardfor")
	w.in("http-request set-header X-Forwarded-Port %%[dst_port]")
	w.in("http-request set-header X-Forwarded-Proto https if { ssl_fc }")
	if b.hsts {
		w.in("http-response set-header Strict-Transport-Security max-age=15768000 if { ssl_fc }")
	}
	if b.sticky {
		w.in("cookie TOPONYM_SERVER insert indirect nocache dynamic")
		w.in("dynamic-cookie-key toponym")
	}
}

func (w *writer) servers(b *backend) {
	check := b.check.parameters()
	if b.srv != "" {
		if b.instances > maxSlots {
			w.in("# there are more instances than servers")
		}
		w.in("server-template s %d %s resolvers toponym init-addr last,none %s", b.slots, b.srv, check)
		return
	}
	for _, s := range b.servers {
		w.in("server %s %s %s", s.name, s.addr, check)
	}
}
