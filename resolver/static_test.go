package resolver

import (
	"testing"

	"toponym/zone"
)

// staticText has a zone of its own and names in ours.
const staticText = `
$ORIGIN inner.example.
$TTL 300
@	SOA ns ops 1 3600 600 86400 20
	NS ns
	MX 10 mail
ns	A 10.9.0.53
mail	A 10.9.0.25
mail	AAAA fd00:9::25
db	A 10.9.0.1
db	TXT "some text"
www	CNAME db
chain	CNAME www
out	CNAME www.example.org.
to-ours	CNAME one.marathon.mesos.
to-mirror CNAME _one._tcp.marathon.mirror.example.
to-none	CNAME none
circle	CNAME circle2
circle2	CNAME circle
_pg._tcp 30 SRV 1 2 5432 db
$ORIGIN mesos.
web.marathon 5 A 10.2.0.9
alias.marathon CNAME one.marathon
`

func staticZone(t testing.TB, o zone.Options, more ...instances) *zone.Zone {
	t.Helper()
	s, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "static", Text: []byte(staticText)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Static = s
	return testZoneOf(t, o, more...)
}

func TestZoneFilesAreAnsweredFrom(t *testing.T) {
	const soa = "inner.example. 20 SOA ns.inner.example. ops.inner.example. 7 3600 600 86400 20"
	z := staticZone(t, testZoneOptions)
	runExchanges(t, newResponder(testOptions()), z, []exchange{
		{"a text", "db.inner.example. TXT", `
			NOERROR qr aa
			answer db.inner.example. 300 TXT "some text"`},
		{"the apex", "inner.example. SOA", `
			NOERROR qr aa
			answer inner.example. 300 SOA ns.inner.example. ops.inner.example. 7 3600 600 86400 20`},
		{"its name server", "inner.example. NS", `
			NOERROR qr aa
			answer inner.example. 300 NS ns.inner.example.
			additional ns.inner.example. 300 A 10.9.0.53`},
		{"its mail server, with addresses", "INNER.example. MX", `
			NOERROR qr aa
			answer INNER.example. 300 MX 10 mail.inner.example.
			additional mail.inner.example. 300 A 10.9.0.25
			additional mail.inner.example. 300 AAAA fd00:9::25`},
		{"a service", "_pg._tcp.inner.example. SRV", `
			NOERROR qr aa
			answer _pg._tcp.inner.example. 30 SRV 1 2 5432 db.inner.example.
			additional db.inner.example. 300 A 10.9.0.1`},
		{"no such type", "db.inner.example. AAAA", `
			NOERROR qr aa
			authority ` + soa},
		{"no such name", "nope.inner.example. A", `
			NXDOMAIN qr aa
			authority ` + soa},
		{"a CNAME record by itself", "www.inner.example. CNAME", `
			NOERROR qr aa
			answer www.inner.example. 300 CNAME db.inner.example.`},
		{"a chain of them (RFC 1034, section 4.3.2)", "Chain.inner.example. A", `
			NOERROR qr aa
			answer Chain.inner.example. 300 CNAME www.inner.example.
			answer www.inner.example. 300 CNAME db.inner.example.
			answer db.inner.example. 300 A 10.9.0.1`},
		{"and what is missing at its end", "chain.inner.example. AAAA", `
			NOERROR qr aa
			answer chain.inner.example. 300 CNAME www.inner.example.
			answer www.inner.example. 300 CNAME db.inner.example.
			authority ` + soa},
		{"a name that is missing at its end (RFC 6604)", "to-none.inner.example. A", `
			NXDOMAIN qr aa
			answer to-none.inner.example. 300 CNAME none.inner.example.
			authority ` + soa},
		{"a circle comes to an end", "circle.inner.example. A", `
			NOERROR qr aa
			answer circle.inner.example. 300 CNAME circle2.inner.example.
			answer circle2.inner.example. 300 CNAME circle.inner.example.`},
		{"out of our zones", "out.inner.example. A", `
			NOERROR qr aa
			answer out.inner.example. 300 CNAME www.example.org.`},
		{"into another zone of ours", "to-ours.inner.example. A", `
			NOERROR qr aa
			answer to-ours.inner.example. 300 CNAME one.marathon.mesos.
			answer one.marathon.mesos. 60 A 10.1.0.1`},
		{"into an alias", "to-mirror.inner.example. SRV", `
			NOERROR qr aa
			answer to-mirror.inner.example. 300 CNAME _one._tcp.marathon.mirror.example.
			answer _one._tcp.marathon.mirror.example. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mirror.example.
			answer _one._tcp.marathon.mirror.example. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mirror.example.
			additional one-6886e-s0.marathon.slave.mirror.example. 60 A 192.0.2.1
			additional one-6886e-s0.marathon.slave.mirror.example. 60 AAAA fd00:a::1`},
		{"in an alias", "alias.marathon.mirror.example. A", `
			NOERROR qr aa
			answer alias.marathon.mirror.example. 300 CNAME one.marathon.mesos.
			answer one.marathon.mesos. 60 A 10.1.0.1`},
		{"ANY over UDP", "www.inner.example. ANY", `
			NOERROR qr aa
			answer www.inner.example. 300 CNAME db.inner.example.`},
		{"ANY over TCP", "db.inner.example. ANY +tcp", `
			NOERROR qr aa
			answer db.inner.example. 300 A 10.9.0.1
			answer db.inner.example. 300 TXT "some text"`},
		{"the cluster's and the file's addresses, with the lower TTL", "web.marathon.mesos. A", `
			NOERROR qr aa
			answer web.marathon.mesos. 5 A 10.2.0.1
			answer web.marathon.mesos. 5 A 10.2.0.2
			answer web.marathon.mesos. 5 A 10.2.0.3
			answer web.marathon.mesos. 5 A 10.2.0.9`},
	})
}

// Where they lead into zones of the cluster nothing is known yet.
func TestZoneFilesAreAnsweredFromBeforeTheFirstState(t *testing.T) {
	o := staticZone(t, testZoneOptions).Options()
	runExchanges(t, newResponder(testOptions()), zone.NewEmpty(o, zone.SameSerial(1)), []exchange{
		{"a name", "www.inner.example. A", `
			NOERROR qr aa
			answer www.inner.example. 300 CNAME db.inner.example.
			answer db.inner.example. 300 A 10.9.0.1`},
		{"into ours", "to-ours.inner.example. A", `SERVFAIL qr`},
		{"ours", "web.marathon.mesos. A", `SERVFAIL qr`},
	})
}
