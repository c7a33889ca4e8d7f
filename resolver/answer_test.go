package resolver

import (
	"testing"

	"toponym/zone"
)

func TestQuestionsAreAnsweredFromTheZone(t *testing.T) {
	const soa = "mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"
	runExchanges(t, newResponder(testOptions()), testZone(t), []exchange{
		{"an address", "one.marathon.mesos. A", `
			NOERROR qr aa
			answer one.marathon.mesos. 60 A 10.1.0.1`},
		{"several addresses", "web.marathon.mesos. A +rd", `
			NOERROR qr aa rd
			answer web.marathon.mesos. 60 A 10.2.0.1
			answer web.marathon.mesos. 60 A 10.2.0.2
			answer web.marathon.mesos. 60 A 10.2.0.3`},
		{"an IPv6 address", "web.marathon.mesos. AAAA", `
			NOERROR qr aa
			answer web.marathon.mesos. 60 AAAA fd00::1`},
		{"a service with its targets' addresses", "_web._tcp.marathon.mesos. SRV", `
			NOERROR qr aa
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1001 web-e844k-s0.marathon.slave.mesos.
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1002 web-izm16-s0.marathon.slave.mesos.
			answer _web._tcp.marathon.mesos. 60 SRV 0 1 1003 web-sft9q-s0.marathon.slave.mesos.
			additional web-e844k-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-e844k-s0.marathon.slave.mesos. 60 AAAA fd00:a::1
			additional web-izm16-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-izm16-s0.marathon.slave.mesos. 60 AAAA fd00:a::1
			additional web-sft9q-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional web-sft9q-s0.marathon.slave.mesos. 60 AAAA fd00:a::1`},
		{"two ports of one target, whose addresses come once", "_one._tcp.marathon.mesos. SRV", `
			NOERROR qr aa
			answer _one._tcp.marathon.mesos. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mesos.
			answer _one._tcp.marathon.mesos. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mesos.
			additional one-6886e-s0.marathon.slave.mesos. 60 A 192.0.2.1
			additional one-6886e-s0.marathon.slave.mesos. 60 AAAA fd00:a::1`},
		{"the apex's SOA", "mesos. SOA", `
			NOERROR qr aa
			answer mesos. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the apex's NS", "mesos. NS", `
			NOERROR qr aa
			answer mesos. 60 NS ns1.mesos.
			additional ns1.mesos. 60 A 192.0.2.53
			additional ns1.mesos. 60 AAAA fd00::53`},
		{"the name server", "ns1.mesos. A", `
			NOERROR qr aa
			answer ns1.mesos. 60 A 192.0.2.53`},
		{"no such name", "none.marathon.mesos. A", `
			NXDOMAIN qr aa
			authority ` + soa},
		{"no such service", "_none._tcp.marathon.mesos. SRV", `
			NXDOMAIN qr aa
			authority ` + soa},
		{"no such type", "one.marathon.mesos. AAAA", `
			NOERROR qr aa
			authority ` + soa},
		{"an unknown type of a known name", "one.marathon.mesos. TYPE1000", `
			NOERROR qr aa
			authority ` + soa},
		{"DS of the apex", "mesos. DS", `
			NOERROR qr aa
			authority ` + soa},
		{"an empty non-terminal (RFC 8020)", "_tcp.marathon.mesos. A", `
			NOERROR qr aa
			authority ` + soa},
		{"below a name that owns records", "x.one.marathon.mesos. A", `
			NXDOMAIN qr aa
			authority ` + soa},
		{"the zone with the longest origin, for an address that the cluster may have", "1.2.168.192.in-addr.arpa. PTR", `
			NXDOMAIN qr aa
			authority 168.192.in-addr.arpa. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the reverse name of a public address", "8.8.8.8.in-addr.arpa. PTR", `REFUSED qr`},
		{"and what is above it", "8.in-addr.arpa. NS", `REFUSED qr`},
		{"and of all addresses", "in-addr.arpa. SOA", `REFUSED qr`},
		{"the apex of the reverse zone", "168.192.in-addr.arpa. SOA", `
			NOERROR qr aa
			answer 168.192.in-addr.arpa. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"a name outside our zones", "example.com. A +rd", `REFUSED qr rd`},
		{"a name that only ends like ours", "notmesos. A", `REFUSED qr`},
		{"the root", ". NS", `REFUSED qr`},

		{"case comes back as typed (0x20)", "oNe.MARATHON.mEsOs. A", `
			NOERROR qr aa
			answer oNe.MARATHON.mEsOs. 60 A 10.1.0.1`},
		{"case of the apex in the SOA's owner", "nOne.MARATHON.mEsOs. A", `
			NXDOMAIN qr aa
			authority mEsOs. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"bytes that are escaped", `a\.b\000\255\@\$\032.one.marathon.mesos. A`, `
			NXDOMAIN qr aa
			authority ` + soa},
		{"a dot within a label is none between labels", `one\.marathon.mesos. A`, `
			NXDOMAIN qr aa
			authority ` + soa},
		{"a label that looks like the apex", `x\005mesos. A`, `REFUSED qr`},

		{"ANY over UDP is one RRset (RFC 8482)", "web.marathon.mesos. ANY", `
			NOERROR qr aa
			answer web.marathon.mesos. 60 A 10.2.0.1
			answer web.marathon.mesos. 60 A 10.2.0.2
			answer web.marathon.mesos. 60 A 10.2.0.3`},
		{"ANY over TCP is everything", "web.marathon.mesos. ANY +tcp", `
			NOERROR qr aa
			answer web.marathon.mesos. 60 A 10.2.0.1
			answer web.marathon.mesos. 60 A 10.2.0.2
			answer web.marathon.mesos. 60 A 10.2.0.3
			answer web.marathon.mesos. 60 AAAA fd00::1`},
		{"ANY of the apex over UDP", "mesos. ANY", `
			NOERROR qr aa
			answer mesos. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"ANY of the apex over TCP", "mesos. ANY +tcp", `
			NOERROR qr aa
			answer mesos. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30
			answer mesos. 60 NS ns1.mesos.
			additional ns1.mesos. 60 A 192.0.2.53
			additional ns1.mesos. 60 AAAA fd00::53`},
		{"ANY of an empty non-terminal", "_tcp.marathon.mesos. ANY", `
			NOERROR qr aa
			authority ` + soa},
		{"ANY of a service over UDP comes without addresses", "_one._tcp.marathon.mesos. ANY", `
			NOERROR qr aa
			answer _one._tcp.marathon.mesos. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mesos.
			answer _one._tcp.marathon.mesos. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mesos.`},

		{"class CH", "version.bind. TXT +class=CH", `REFUSED qr`},
		{"class CH of a name of ours", "one.marathon.mesos. A +class=CH", `REFUSED qr`},
		{"class ANY", "one.marathon.mesos. A +class=ANY", `REFUSED qr`},
		{"a zone transfer over UDP", "mesos. AXFR", `REFUSED qr`},
		{"a zone transfer over TCP", "mesos. AXFR +tcp", `REFUSED qr`},
		{"an incremental one", "mesos. IXFR +tcp", `REFUSED qr`},
		{"a transfer of a zone that is not ours", "example.com. AXFR +tcp", `REFUSED qr`},
		{"OPT as a type", "one.marathon.mesos. OPT", `FORMERR qr`},
		{"TSIG as a type", "one.marathon.mesos. TSIG", `FORMERR qr`},
		{"a type nobody uses any more", "one.marathon.mesos. MAILB", `NOTIMP qr`},
	})
}

func TestOurNamesAreSERVFAILBeforeTheFirstState(t *testing.T) {
	r := newResponder(testOptions())
	runExchanges(t, r, zone.NewEmpty(testZoneOptions, zone.SameSerial(1)), []exchange{
		{"a name of ours", "one.marathon.mesos. A", `SERVFAIL qr`},
		{"the apex", "mesos. SOA +edns=4096 +do", `
			SERVFAIL qr
			opt 1232 do ede=14`},
		{"a name outside our zones", "example.com. A +edns=4096", `
			REFUSED qr
			opt 1232`},
	})
}
