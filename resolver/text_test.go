package resolver

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// exchange is a query and the response to it, both as text.
//
// A query is the name and the type, in any order of these words behind them:
//
//	+rd +cd +ad +z +tc  header bits      +opcode=15    +class=CH
//	+edns=4096          an OPT record with that size; the next ones imply it
//	+do +version=1 +ednsflags=0x40 +opt=10:0123456789abcdef
//	+tcp                over TCP         +from=10.0.0.7  by that client
//	+header             only a header, without a question
//
// A response is the rcode and the flags, then a line for each record, and one for
// the OPT record with its size, flags and options. That the id and the question
// come back as they were is checked always; a response that has no question says
// "no question".
type exchange struct {
	title string
	ask   string
	want  string
}

func runExchanges(t *testing.T, r *responder, z *zone.Zone, list []exchange) {
	t.Helper()
	for _, x := range list {
		t.Run(x.title, func(t *testing.T) {
			t.Helper()
			got := ask(t, r, z, x.ask)
			if want := trimLines(x.want); got != want {
				t.Errorf("%s\n--- got\n%s\n--- want\n%s", x.ask, got, want)
			}
		})
	}
}

// ask sends a query through the whole path and gives the response as text.
func ask(t testing.TB, r *responder, z *zone.Zone, text string) string {
	t.Helper()
	packet, c := packQuery(t, text)
	msg, _ := r.respond(make([]byte, bufferSize), z, c, packet)
	if msg == nil {
		return "silence"
	}
	return render(t, packet, msg)
}

// askMsg is ask for tests that look at the message itself.
func askMsg(t testing.TB, r *responder, z *zone.Zone, text string) (*dns.Msg, int) {
	t.Helper()
	packet, c := packQuery(t, text)
	raw, _ := r.respond(make([]byte, bufferSize), z, c, packet)
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m, len(raw)
}

const testID = 0x1234

// packQuery makes the packet of a query. Everything is written by hand, as
// libraries do not let one write what is wrong.
func packQuery(t testing.TB, text string) ([]byte, client) {
	t.Helper()
	c := client{addr: netip.MustParseAddr("198.51.100.1")}
	var (
		words             []string
		flags, size       uint64
		class             = uint16(dns.ClassINET)
		header, edns      bool
		version, ednsFlag uint64
		options           []byte
	)
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 0, 16)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	size = 1232
	for _, w := range strings.Fields(text) {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "+rd":
			flags |= 1 << 8
		case "+cd":
			flags |= 1 << 4
		case "+ad":
			flags |= 1 << 5
		case "+z":
			flags |= 1 << 6
		case "+tc":
			flags |= 1 << 9
		case "+opcode":
			flags |= number(value) << 11
		case "+class":
			class = dns.StringToClass[value]
		case "+edns":
			edns, size = true, number(value)
		case "+do":
			edns, ednsFlag = true, ednsFlag|1<<15
		case "+version":
			edns, version = true, number(value)
		case "+ednsflags":
			edns, ednsFlag = true, ednsFlag|number(value)
		case "+opt":
			code, data, _ := strings.Cut(value, ":")
			raw, err := hex.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			edns, options = true, appendOption(options, uint16(number(code)), raw)
		case "+tcp":
			c.transport = TCP
		case "+from":
			c.addr = netip.MustParseAddr(value)
		case "+header":
			header = true
		default:
			words = append(words, w)
		}
	}
	packet := binary.BigEndian.AppendUint16(nil, testID)
	packet = binary.BigEndian.AppendUint16(packet, uint16(flags))
	packet = append(packet, 0, 0, 0, 0, 0, 0, 0, 0)
	if !header {
		packet[5] = 1
		name := make([]byte, 256)
		n, err := dns.PackDomainName(words[0], name, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		packet = append(packet, name[:n]...)
		qtype, ok := dns.StringToType[words[1]]
		if !ok {
			qtype = uint16(number(strings.TrimPrefix(words[1], "TYPE")))
		}
		packet = binary.BigEndian.AppendUint16(packet, qtype)
		packet = binary.BigEndian.AppendUint16(packet, class)
	}
	if edns {
		packet[11] = 1
		packet = appendOPT(packet, uint16(size), 0, false, options)
		ttl := packet[len(packet)-len(options)-6:]
		ttl[1] = byte(version)
		binary.BigEndian.PutUint16(ttl[2:], uint16(ednsFlag))
	}
	return packet, c
}

// render gives a response as text.
func render(t testing.TB, packet, raw []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(raw); err != nil {
		t.Fatalf("the response cannot be read: %v", err)
	}
	if m.Id != binary.BigEndian.Uint16(packet) {
		t.Errorf("the response's id is %#x", m.Id)
	}
	var b strings.Builder
	rcode := dns.RcodeToString[m.Rcode]
	if m.Rcode == dns.RcodeBadVers {
		rcode = "BADVERS"
	}
	b.WriteString(rcode)
	for _, f := range []struct {
		set  bool
		name string
	}{
		{m.Response, "qr"}, {m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"},
		{m.RecursionAvailable, "ra"}, {m.Zero, "z"}, {m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"},
	} {
		if f.set {
			b.WriteString(" " + f.name)
		}
	}
	if m.Opcode != dns.OpcodeQuery {
		fmt.Fprintf(&b, " opcode=%d", m.Opcode)
	}
	b.WriteString("\n")
	if len(m.Question) == 0 {
		b.WriteString("no question\n")
	} else if end := questionEnd(packet); end < 0 || !slices.Equal(packet[dnswire.HeaderSize:end], raw[dnswire.HeaderSize:end]) {
		t.Errorf("the question came back as %v", m.Question[0])
	}
	section := func(name string, rrs []dns.RR) {
		for _, rr := range rrs {
			if rr.Header().Rrtype == dns.TypeOPT {
				continue
			}
			text := strings.Replace(rr.String(), "\tIN\t", " ", 1)
			b.WriteString(name + " " + strings.Join(strings.Fields(text), " ") + "\n")
		}
	}
	section("answer", m.Answer)
	section("authority", m.Ns)
	section("additional", m.Extra)
	if opt := m.IsEdns0(); opt != nil {
		b.WriteString(renderOPT(opt) + "\n")
	}
	return strings.TrimSpace(b.String())
}

func renderOPT(opt *dns.OPT) string {
	s := fmt.Sprintf("opt %d", opt.UDPSize())
	if v := opt.Version(); v != 0 {
		s += fmt.Sprintf(" version=%d", v)
	}
	if opt.Do() {
		s += " do"
	}
	if z := opt.Hdr.Ttl & 0x7FFF; z != 0 {
		s += fmt.Sprintf(" flags=%#x", z)
	}
	for _, o := range opt.Option {
		switch o := o.(type) {
		case *dns.EDNS0_COOKIE: // the server's part differs each time
			s += fmt.Sprintf(" cookie=%s+%d", o.Cookie[:16], len(o.Cookie)/2-8)
		case *dns.EDNS0_SUBNET:
			s += " subnet=" + o.String()
		case *dns.EDNS0_EDE:
			s += fmt.Sprintf(" ede=%d", o.InfoCode)
		default:
			s += fmt.Sprintf(" option=%d", o.Option())
		}
	}
	return s
}

// questionEnd is the offset behind the question of a packet.
func questionEnd(packet []byte) int {
	var q query
	return q.parseQuestion(packet, dnswire.HeaderSize)
}

func trimLines(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
