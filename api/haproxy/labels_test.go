package haproxy

import (
	"regexp"
	"strings"
	"testing"
)

// What is not understood and may restrict access takes the port out.
func TestPortsWhoseRestrictionsCannotBeFollowedAreNotServed(t *testing.T) {
	for label, why := range map[string]string{
		"AUTH=realm:user:secret":                              "HAPROXY_0_AUTH is not supported, and it may restrict access",
		"BACKEND_NETWORK_ALLOWED_ACL=10.0.0.0/8 all":          "want at most 64 networks",
		"BACKEND_NETWORK_ALLOWED_ACL=":                        "is empty",
		"BACKEND_HEAD=backend {backend}\n  http-request deny": "may restrict access",
		"BACKEND_HTTP_OPTIONS=http-request auth unless x":     "may restrict access",
		"PATH=private":     "want prefixes of paths",
		"PATH=/a\nbackend": "want prefixes of paths",
		"PATH=/a$b":        "want prefixes of paths",
		"PATH=/a /b /c /d /e /f /g /h /i /j /k /l /m /n /o /p /q": "more than 16 paths",
		"MODE=udp":       "want http or tcp",
		"BIND_ADDR=eth0": "want an IP address",
		"VHOST=":         "there is neither HAPROXY_0_VHOST nor HAPROXY_0_PORT",
		"VHOST=a b.org":  "there is neither",
		"VHOST=*.org":    "there is neither",
		"VHOST=-a.org":   "there is neither",
		"BACKEND_WEIGHT=" + strings.Repeat("1", maxValue+1): "is longer than",
		"PORT=0":                            "",
		"BALANCE=roundrobin\n    bind *:22": "",
		"BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS=check agent-addr ::": "",
		"ENABLED=true": "",
	} {
		conf := render(external(), web("", "web", "acme.org", label))
		served := strings.Contains(conf, "use_backend")
		if served != (why == "") || !strings.Contains(conf, why) {
			t.Errorf("%.60q: got served=%v, want the reason %q in\n%s", label, served, why, conf)
		}
	}
}

// line matches the lines that a configuration may have, besides comments.
var line = regexp.MustCompile(`^(#[ -~…]*|[ -~]*)$`)

// keywords are the first words of all lines.
var keywords = regexp.MustCompile(`^( {4}(#.*|log|maxconn|stats|option|retries|retry-on|server-state-file|load-server-state-from-file|timeout|nameserver|accepted_payload_size|resolve_retries|hold|bind|mode|use_backend|default_backend|balance|acl|http-request|http-response|tcp-request|http-check|cookie|dynamic-cookie-key|server-template|server)( .*)?|(global|defaults|resolvers|frontend|backend)( \S+)?|#.*|)$`)

// No label makes a line, a section or a word of its own.
func FuzzLabels(f *testing.F) {
	f.Add("VHOST", "a.org,b.org", "PATH", "-i /x /y", "web")
	f.Add("BACKEND_HTTP_HEALTHCHECK_OPTIONS", "option httpchk GET /\n http-check send hdr Host a", "PORT", "10000", "we b")
	f.Add("BACKEND_SERVER_TCP_HEALTHCHECK_OPTIONS", "check inter 5s fall 3 port 80", "BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.0/8", "a\nb")
	f.Add("X\nY", "}\n backend x\n", "MODE", "tcp", "\"")
	f.Add("BALANCE", "uri", "BACKEND_WEIGHT", "-4", "é\u2028")
	o := external()
	o.Certificates = "/etc/haproxy/certs"
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2, name string) {
		if len(name) == 0 || len(name) > 100 {
			return
		}
		app := web("", name, "acme.org", "PORT=10000", "STICKY=true", "USE_HSTS=1", "REDIRECT_TO_HTTPS=true", key1+"="+value1)
		app.labels["HAPROXY_0_"+key2] = value2
		app.labels["HAPROXY_"+key1] = value2
		conf := render(o, app)
		for l := range strings.SplitSeq(strings.TrimSuffix(conf, "\n"), "\n") {
			if !line.MatchString(strings.ReplaceAll(l, "…", "")) || !keywords.MatchString(l) || len(strings.Fields(l)) > 60 && !strings.Contains(l, "#") || len(l) > 2000 {
				t.Errorf("got the line %q in\n%s", l, conf)
			}
			if !strings.Contains(l, "#") && strings.ContainsAny(l, "\"'\\$`;") {
				t.Errorf("got a character with a meaning in %q", l)
			}
		}
		if n := strings.Count(conf, "\nbackend "); n > 1 {
			t.Errorf("got %d backends, want at most one:\n%s", n, conf)
		}
	})
}
