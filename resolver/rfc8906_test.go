package resolver

import "testing"

// TestRFC8906 asks what RFC 8906, section 8 asks, in its order, and under its
// titles. The queries are those that its dig commands send. For 8.2.7, Testing
// Truncated Responses, there is no DNSKEY RRset here that is too large: see
// TestCutRepliesKeepTheOPTRecord.
func TestRFC8906(t *testing.T) {
	const soa = "mesos. 60 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"
	const negative = "mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"
	runExchanges(t, newResponder(testOptions()), testZone(t), []exchange{
		{"8.1.1 Is the Server Configured for the Zone?", "mesos. SOA", `
			NOERROR qr aa
			answer ` + soa},
		{"8.1.2 Testing Unknown Types", "mesos. TYPE1000", `
			NOERROR qr aa
			authority ` + negative},
		{"8.1.3.1 Testing CD=1 Queries", "mesos. SOA +cd", `
			NOERROR qr aa cd
			answer ` + soa},
		{"8.1.3.2 Testing AD=1 Queries", "mesos. SOA +ad", `
			NOERROR qr aa
			answer ` + soa},
		{"8.1.3.3 Testing Reserved Bit", "mesos. SOA +z", `
			NOERROR qr aa
			answer ` + soa},
		{"8.1.3.4 Testing Recursive Queries", "mesos. SOA +rd", `
			NOERROR qr aa rd
			answer ` + soa},
		{"8.1.4 Testing Unknown Opcodes", "+opcode=15 +header", `
			NOTIMP qr opcode=15
			no question`},
		{"8.1.5 Testing TCP", "mesos. SOA +tcp", `
			NOERROR qr aa
			answer ` + soa},
		{"8.2.1 Testing Minimal EDNS", "mesos. SOA +edns=4096", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232`},
		{"8.2.2 Testing EDNS Version Negotiation", "mesos. SOA +edns=4096 +version=1", `
			BADVERS qr
			opt 1232`},
		{"8.2.3 Testing Unknown EDNS Options", "mesos. SOA +edns=4096 +opt=100:", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232`},
		{"8.2.4 Testing Unknown EDNS Flags", "mesos. SOA +edns=4096 +ednsflags=0x40", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232`},
		{"8.2.5 Testing EDNS Version Negotiation with Unknown EDNS Flags",
			"mesos. SOA +edns=4096 +version=1 +ednsflags=0x40", `
			BADVERS qr
			opt 1232`},
		{"8.2.6 Testing EDNS Version Negotiation with Unknown EDNS Options",
			"mesos. SOA +edns=4096 +version=1 +opt=100:", `
			BADVERS qr
			opt 1232`},
		{"8.2.8 Testing DO=1 Handling", "mesos. SOA +edns=4096 +do", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232 do`},
		{"8.2.9 Testing EDNS Version Negotiation with DO=1", "mesos. SOA +edns=4096 +version=1 +do", `
			BADVERS qr
			opt 1232 do`},
		{"8.2.10 Testing with Multiple Defined EDNS Options",
			"mesos. SOA +edns=4096 +opt=10:0123456789abcdef +opt=3: +opt=9: +opt=8:00010000", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232 cookie=0123456789abcdef+16`},

		// Not in the RFC, but near to it.
		{"unknown opcode with a question and EDNS", "mesos. SOA +opcode=15 +edns=4096 +do +rd", `
			NOTIMP qr opcode=15
			no question
			opt 1232 do`},
		{"unknown opcode with another version of EDNS", "mesos. SOA +opcode=15 +version=1", `
			NOTIMP qr opcode=15
			no question
			opt 1232`},
		{"IQUERY", "mesos. SOA +opcode=1", `
			NOTIMP qr opcode=1
			no question`},
		{"NOTIFY", "mesos. SOA +opcode=4", `
			NOTIMP qr opcode=4
			no question`},
		{"UPDATE", "mesos. SOA +opcode=5 +edns=512", `
			NOTIMP qr opcode=5
			no question
			opt 1232`},
		{"EDNS over TCP", "mesos. SOA +edns=0 +tcp", `
			NOERROR qr aa
			answer ` + soa + `
			opt 1232`},
		{"all bits at once", "mesos. SOA +rd +cd +ad +z +tc +edns=4096 +ednsflags=0xffff", `
			NOERROR qr aa rd cd
			answer ` + soa + `
			opt 1232 do`},
	})
}
