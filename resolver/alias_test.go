package resolver

import "testing"

// Answers carry the name that was asked for, and lead to names that the same client
// can resolve.
func TestAnswersForNamesBelowAnAlias(t *testing.T) {
	runExchanges(t, newResponder(testOptions()), testZoneOf(t, innerOptions()), []exchange{
		{"an address", "one.MARATHON.mirror.eXample. A", `
			NOERROR qr aa
			answer one.MARATHON.mirror.eXample. 60 A 10.1.0.1`},
		{"a service, whose targets are in the mirror", "_one._tcp.marathon.mirror.eXample. SRV", `
			NOERROR qr aa
			answer _one._tcp.marathon.mirror.eXample. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mirror.example.
			answer _one._tcp.marathon.mirror.eXample. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mirror.example.
			additional one-6886e-s0.marathon.slave.mirror.example. 5 A 192.0.2.1
			additional one-6886e-s0.marathon.slave.mirror.example. 5 AAAA fd00:a::1`},
		{"the same, all of it", "_one._tcp.marathon.mirror.example. ANY +tcp", `
			NOERROR qr aa
			answer _one._tcp.marathon.mirror.example. 60 SRV 0 1 1001 one-6886e-s0.marathon.slave.mirror.example.
			answer _one._tcp.marathon.mirror.example. 60 SRV 0 1 1002 one-6886e-s0.marathon.slave.mirror.example.
			additional one-6886e-s0.marathon.slave.mirror.example. 5 A 192.0.2.1
			additional one-6886e-s0.marathon.slave.mirror.example. 5 AAAA fd00:a::1`},
		{"no such name: the alias owns the SOA", "none.marathon.mirror.eXample. A", `
			NXDOMAIN qr aa
			authority mirror.eXample. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"no such type", "one.marathon.mirror.example. AAAA", `
			NOERROR qr aa
			authority mirror.example. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the SOA of a zone in the zone", "none.slave.mirror.example. A", `
			NXDOMAIN qr aa
			authority slave.mirror.example. 5 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the same by its own name", "none.slave.mesos. A", `
			NXDOMAIN qr aa
			authority slave.mesos. 5 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the apex", "mirror.example. SOA", `
			NOERROR qr aa
			answer mirror.example. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"the name server", "mirror.example. NS", `
			NOERROR qr aa
			answer mirror.example. 60 NS ns1.mesos.
			additional ns1.mesos. 60 A 192.0.2.53
			additional ns1.mesos. 60 AAAA fd00::53`},
		{"an alias of a name", "shop.example. A", `
			NOERROR qr aa
			answer shop.example. 60 A 10.2.0.1
			answer shop.example. 60 A 10.2.0.2
			answer shop.example. 60 A 10.2.0.3`},
		{"which is an apex there", "shop.example. SOA", `
			NOERROR qr aa
			answer shop.example. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"with all that it has", "shop.example. ANY +tcp", `
			NOERROR qr aa
			answer shop.example. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30
			answer shop.example. 60 NS ns1.mesos.
			answer shop.example. 60 A 10.2.0.1
			answer shop.example. 60 A 10.2.0.2
			answer shop.example. 60 A 10.2.0.3
			answer shop.example. 60 AAAA fd00::1
			additional ns1.mesos. 60 A 192.0.2.53
			additional ns1.mesos. 60 AAAA fd00::53`},
		{"and where it is, it is none", "web.marathon.mesos. SOA", `
			NOERROR qr aa
			authority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30`},
		{"beside an alias", "x.example. A", `REFUSED qr`},
		{"above an alias", "example. SOA", `REFUSED qr`},
	})
}
