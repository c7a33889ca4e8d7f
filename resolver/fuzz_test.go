package resolver

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// FuzzQuery sends packets through the whole path and holds each response against
// what is true of all.
func FuzzQuery(f *testing.F) {
	for _, text := range []string{
		"one.marathon.mesos. A +rd", "_web._tcp.marathon.mesos. SRV +edns=4096 +do", "mesos. SOA +cd +ad", "mesos. ANY",
		"none.mesos. A +opt=10:0123456789abcdef", "big.marathon.mesos. A", "_big._tcp.marathon.mesos. SRV +edns=600",
		"big.marathon.mesos. A +opt=8:000118000a0301", "version.bind. TXT +class=CH", "mesos. AXFR", "mesos. SOA +opcode=5",
		"mesos. A +version=1", "+header +opt=10:0123456789abcdef", `a\.b\000\255\@\$\032.mesos. A`, "example.com. AAAA",
	} {
		packet, _ := packQuery(f, text)
		f.Add(packet, false, true)
		f.Add(packet, true, false)
		f.Add(append(packet, 0), false, false)
	}
	// A primary tells of a new version, and secondaries sign what they ask.
	for _, m := range []*dns.Msg{new(dns.Msg).SetNotify("mesos."), new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA), new(dns.Msg).SetIxfr("mesos.", 7, "a.", "b.")} {
		if m.Opcode == dns.OpcodeNotify {
			m.Answer = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "mesos.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "a.", Mbox: "b.", Serial: 8}}
		}
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, true, true)
		packet, _ = sign(f, m, transferSecret)
		f.Add(packet, true, true)
		f.Add(packet, false, false)
	}
	o := testOptions()
	o.ResolvSubnetFirst = true
	o.Transfers = transferOptions(f, testZone(f)).Transfers
	r := newResponder(o)
	zones := map[bool]*zone.Zone{true: testZone(f, instances{name: "big", count: 300, base: 3}), false: zone.NewEmpty(testZoneOptions, zone.SameSerial(1))}
	clients := []client{
		{addr: netip.MustParseAddr("198.51.100.1")},
		{addr: netip.MustParseAddr("127.0.0.1")},
		{addr: netip.MustParseAddr("2001:db8::1")},
		{addr: netip.MustParseAddr("10.3.0.9"), transport: TCP},
	}
	f.Fuzz(func(t *testing.T, packet []byte, tcp, ready bool) {
		for _, c := range clients {
			if tcp {
				c.transport = TCP
			}
			sent := bytes.Clone(packet)
			msg, l := r.respond(make([]byte, bufferSize), zones[ready], c, packet)
			if !bytes.Equal(sent, packet) {
				t.Fatal("the packet was changed")
			}
			if l != nil && l.transfer != nil {
				continue // signed well; the messages are tested in package transfer
			}
			checkResponse(t, packet, msg, c)
		}
	})
}

// checkResponse holds for every packet and the response to it.
func checkResponse(t *testing.T, packet, msg []byte, c client) {
	t.Helper()
	if len(packet) < dnswire.HeaderSize || packet[2]&0x80 != 0 {
		if msg != nil {
			t.Fatalf("got response %x to a packet that is no query", msg)
		}
		return
	}
	if len(msg) < dnswire.HeaderSize {
		t.Fatalf("got response %x, want one with a header", msg)
	}
	if !bytes.Equal(msg[:2], packet[:2]) {
		t.Errorf("got id %x, want %x", msg[:2], packet[:2])
	}
	flags, asked := binary.BigEndian.Uint16(msg[2:]), binary.BigEndian.Uint16(packet[2:])
	if flags&dnswire.FlagQR == 0 {
		t.Errorf("got flags %#x, want QR", flags)
	}
	if never := uint16(1<<7 | 1<<6 | 1<<5); flags&never != 0 {
		t.Errorf("got flags %#x, want neither RA, Z nor AD", flags)
	}
	same := uint16(dnswire.OpcodeMask)
	if asked&same == 0 { // the flags of other opcodes may mean anything
		same |= dnswire.FlagRD | dnswire.FlagCD
	}
	if flags&same != asked&same {
		t.Errorf("got flags %#x for %#x: opcode, RD or CD differ", flags, asked)
	}
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("the response cannot be read: %v", err)
	}
	opt, limit := m.IsEdns0(), 512
	if opt != nil {
		var q query
		q.parse(packet)
		limit = max(limit, int(q.edns.udpSize))
		if !c.addr.IsLoopback() {
			limit = min(limit, 1232)
		}
	}
	if c.transport == TCP {
		limit = 65535
	}
	if m.IsTsig() != nil {
		limit = max(limit, len(packet)) // long names of keys are echoed
	}
	if len(msg) > limit {
		t.Errorf("%d bytes, the limit is %d", len(msg), limit)
	}
	if opt != nil && (opt.Version() != 0 || opt.Hdr.Ttl&0x7FFF != 0) {
		t.Errorf("the OPT record is %v", opt)
	}
	if len(m.Question) == 1 {
		end := questionEnd(packet)
		if end < 0 || len(msg) < end || !bytes.Equal(msg[dnswire.HeaderSize:end], packet[dnswire.HeaderSize:end]) {
			t.Errorf("the question came back changed: %x", msg)
		}
	}
	if m.Rcode != dns.RcodeSuccess && len(m.Answer) > 0 {
		t.Errorf("%s with answers", dns.RcodeToString[m.Rcode])
	}
}
