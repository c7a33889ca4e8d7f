package resolver

import (
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// Clients' libraries use addresses whatever name they belong to, so an upstream server
// must not get more to them than an answer to what was asked.
func TestUpstreamAnswersAreCutToTheQuestion(t *testing.T) {
	answer := func(records ...string) fakedns.Answer {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			for _, s := range records {
				rr, err := dns.NewRR(s)
				if err != nil {
					panic(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			w.WriteMsg(m)
		}
	}
	const www, bank = "www.example.com. 60 IN A 192.0.2.1", "bank.example.com. 60 IN A 192.0.2.66"
	for _, x := range []struct {
		title   string
		servers []fakedns.Answer
		want    string
	}{
		{"another name beside", []fakedns.Answer{answer(www, bank)}, wantWWW},
		{"another type beside", []fakedns.Answer{answer("www.example.com. 60 IN AAAA 2001:db8::66", www)}, wantWWW},
		{"another name alone", []fakedns.Answer{answer(bank)}, "SERVFAIL qr rd ra"},
		{"another name from the first of two servers", []fakedns.Answer{answer(bank), answer(www)}, wantWWW},
		{"a code above 5", []fakedns.Answer{fakedns.Rcode(11)}, "SERVFAIL qr rd ra"},
	} {
		t.Run(x.title, func(t *testing.T) {
			var up []*fakedns.Server
			for _, a := range x.servers {
				up = append(up, fakedns.Start(t, a))
			}
			s, _ := start(t, "127.0.0.1", forwarding(up...))
			if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
			for _, u := range s.UpstreamStats() {
				if u.Mismatched != 0 {
					t.Errorf("%d messages of %s were ignored, want them to count as failures", u.Mismatched, u.Address)
				}
			}
		})
	}
}
