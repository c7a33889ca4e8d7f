//go:build e2e

package e2e_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// explained is a part of the answer of /v1/explain.
type explained struct {
	Answer        string
	Rcode         string
	Authoritative bool
	Records       []struct {
		Type, Data string
		Owners     []struct{ Kind, State, Health, Since string }
	}
	Zones []string
	Route struct {
		Local, Domain string
		Servers       []string
		Cached        []cachedAnswer
	}
}

// cachedAnswer is what the cache holds for a type.
type cachedAnswer struct {
	Type, Rcode string
	TTL         uint32
	Records     []struct {
		Type, Data string
		TTL        uint32
	}
}

func (s *server) explain(t *testing.T, name string) (x explained) {
	t.Helper()
	status, body, err := s.get("/v1/explain?name=" + url.QueryEscape(name))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: got status %d, %v: %s", name, status, err, body)
	}
	if err := json.Unmarshal([]byte(body), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// query asks over TCP, so that nothing is left out.
func (s *server) query(t *testing.T, name string, qtype uint16) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: "tcp", Timeout: patience}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype), s.addr())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// texts are records of a response, in alphabetical order.
func texts(rrs []dns.RR) (list []string) {
	for _, rr := range rrs {
		list = append(list, dns.Type(rr.Header().Rrtype).String()+strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(list)
	return list
}

// wantExplained compares what a server says of a name with what it answers.
func wantExplained(t *testing.T, s *server, name string) {
	t.Helper()
	var x explained
	all := s.query(t, name, dns.TypeANY)
	for { // until the zone has not changed meanwhile
		before := all
		x = s.explain(t, name)
		if all = s.query(t, name, dns.TypeANY); slices.Equal(texts(all.Answer), texts(before.Answer)) {
			break
		}
	}
	if x.Answer == "forwarded" {
		if x.Rcode != "" || x.Authoritative || len(x.Route.Servers) == 0 || all.Authoritative {
			t.Errorf("%s: got %+v, want no code, and servers; the answer is\n%v", name, x, all)
		}
		answer := s.query(t, name, dns.TypeA)
		x = s.explain(t, name)
		i := slices.IndexFunc(x.Route.Cached, func(c cachedAnswer) bool { return c.Type == "A" })
		if i < 0 {
			t.Errorf("%s: got %+v in the cache, want the answer for A:\n%v", name, x.Route.Cached, answer)
			return
		}
		c := x.Route.Cached[i]
		// Where a CNAME record leads out of the entry, the rest is another one.
		for _, r := range c.Records {
			if !slices.Contains(texts(answer.Answer), r.Type+r.Data) || r.TTL > 60 {
				t.Errorf("%s: got %+v in the cache, want no more than the answer\n%v", name, r, answer)
			}
		}
		if c.Rcode != dns.RcodeToString[answer.Rcode] || (len(c.Records) == 0) != (len(answer.Answer) == 0) || c.TTL == 0 {
			t.Errorf("%s: got %+v in the cache, want the answer\n%v", name, c, answer)
		}
		return
	}
	var records []string
	for _, r := range x.Records {
		records = append(records, r.Type+r.Data)
		for _, o := range r.Owners {
			if o.Kind == "task" && (o.State == "" || o.Health == "") {
				t.Errorf("%s: got the owner %+v, want its state and health", name, o)
			}
		}
	}
	slices.Sort(records)
	if x.Rcode != dns.RcodeToString[all.Rcode] || x.Authoritative != all.Authoritative || !slices.Equal(records, texts(all.Answer)) {
		t.Errorf("%s: explained as %s, %s, authoritative %v\n%s\nand the answer is\n%v", name, x.Answer, x.Rcode, x.Authoritative, strings.Join(records, "\n"), all)
	}
	want := map[string]string{"NXDOMAIN": "no such name", "REFUSED": "refused"}[x.Rcode]
	if x.Rcode == "NOERROR" && x.Route.Local == "" {
		want = "records"
		if len(all.Answer) == 0 {
			want = "no records"
		}
	}
	if x.Route.Local != "" {
		want = "answered locally"
	}
	if x.Answer != want {
		t.Errorf("%s: got the answer %q, want %q", name, x.Answer, want)
	}
}

// What explain says of a name is what a query gets: code, authority, records, and what
// the cache holds. Of a table of names, and of names that are made of their labels.
func TestExplainSaysWhatAQueryGets(t *testing.T) {
	t.Parallel()
	upstream := fakedns.Start(t, fakedns.Records("www.outside.example. 60 IN A 192.0.2.1", "alias.outside.example. 60 IN CNAME www.outside.example.", "1.1.1.1.in-addr.arpa. 60 IN PTR one.example."))
	zones := writeFile(t, "static.zone", `$TTL 60
file.example. SOA ns.file.example. root.file.example. 1 2 3 4 5
file.example. NS ns.file.example.
ns.file.example. A 192.0.2.9
www.file.example. CNAME web.marathon.mesos.
out.file.example. CNAME www.outside.example.
txt.file.example. TXT "a b" "c"
mx.file.example. MX 10 ns.file.example.
extra.mesos. A 192.0.2.8
`)
	more := forwarding(upstream.Addr.String())
	more["staticZones"] = []string{zones}
	more["ReverseDnsOn"] = true
	more["zoneResolvers"] = map[string][]string{"test": {upstream.Addr.String()}}
	more["aliases"] = map[string]string{"mesos.thisdcos.directory": "mesos", "shop.example": "web.marathon.mesos", "files.example": "file.example"}
	s := serveExample(t, more)
	table := []string{
		"mesos", "web.marathon.mesos", "WEB.Marathon.Mesos", "marathon.mesos", "_tcp.marathon.mesos", "_web._tcp.marathon.mesos", "dual.marathon.mesos",
		"_http._tcp.dual.marathon.mesos", "slave.mesos", "leader.mesos", "master.mesos", "ns1.mesos", "nope.mesos", "x.web.marathon.mesos",
		"mesos.thisdcos.directory", "web.marathon.mesos.thisdcos.directory", "_http._tcp.dual.marathon.mesos.thisdcos.directory", "thisdcos.directory",
		"shop.example", "x.shop.example", "files.example", "www.files.example", "txt.files.example", "dcos.thisdcos.directory", "web.marathon.containerip.dcos.thisdcos.directory",
		"file.example", "www.file.example", "out.file.example", "txt.file.example", "mx.file.example", "no.file.example", "extra.mesos",
		"localhost", "a.b.localhost", "invalid", "x.invalid", "onion", "facebookcorewwwi.onion", "local", "home.arpa", "resolver.arpa", "_dns.resolver.arpa", "test", "x.test",
		"10.in-addr.arpa", "1.0.1.10.in-addr.arpa", "9.9.9.10.in-addr.arpa", "1.0.0.127.in-addr.arpa", "0.0.127.in-addr.arpa", "127.in-addr.arpa", "168.192.in-addr.arpa", "1.1.1.1.in-addr.arpa",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "d.f.ip6.arpa", "arpa",
		"www.outside.example", "alias.outside.example", "no.outside.example", "example", "outside.example",
	}
	for _, name := range table {
		wantExplained(t, s, name)
	}
	if t.Failed() {
		return
	}
	r := rand.New(rand.NewPCG(16, 0))
	labels := []string{"x", "_tcp", "_http", "web", "dual", "marathon", "slave", "mesos", "shop", "example", "file", "www", "localhost", "10", "in-addr", "arpa", "thisdcos", "directory", "dcos", "agentip"}
	for range 150 {
		parts := strings.Split(table[r.IntN(len(table))], ".")
		for range 1 + r.IntN(3) {
			i := r.IntN(len(parts) + 1)
			switch r.IntN(3) {
			case 0:
				parts = slices.Insert(parts, i, labels[r.IntN(len(labels))])
			case 1:
				if i < len(parts) {
					parts[i] = labels[r.IntN(len(labels))]
				}
			case 2:
				if i < len(parts) && len(parts) > 1 {
					parts = slices.Delete(parts, i, i+1)
				}
			}
		}
		// With its dot: "1.0.0.127" is an address for explain and a name for a query.
		wantExplained(t, s, strings.Join(parts, ".")+".")
		if t.Failed() {
			return
		}
	}
	if x := s.explain(t, "www.outside.example"); !slices.Contains(x.Zones, "shop.example.") || !slices.Contains(x.Zones, "mesos.") {
		t.Errorf("got the zones %v, want those of the cluster and the aliases", x.Zones)
	}
}
