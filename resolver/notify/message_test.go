package notify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
)

// The SOA record is left out where the message would be longer than every host
// accepts.
func TestARequestFitsIntoTheSmallestMessage(t *testing.T) {
	long := strings.Repeat(strings.Repeat("x", 62)+".", 3) + "example"
	for origin, records := range map[string]int{"mesos": 1, long: 1, long + "." + strings.Repeat("y", 50): 1} {
		soa := soaRecord(origin, 1<<31)
		msg := new(dns.Msg)
		packet := appendRequest(nil, 1234, &soa)
		if err := msg.Unpack(packet); err != nil {
			t.Fatal(err)
		}
		if len(packet) > dns.MinMsgSize || msg.Id != 1234 || len(msg.Answer) != records {
			t.Errorf("%s: got %d bytes and %d records, want at most 512 and %d", origin, len(packet), len(msg.Answer), records)
		}
	}
	soa := soaRecord(long, 5)
	soa.Data = string(records.MustParseName(long)) + string(records.MustParseName(long)) + soa.Data[len(soa.Data)-20:]
	msg := new(dns.Msg)
	packet := appendRequest(nil, 1, &soa)
	if err := msg.Unpack(packet); err != nil || len(packet) > dns.MinMsgSize || len(msg.Answer) != 0 {
		t.Errorf("got %d bytes, %d records and error %v, want no SOA record", len(packet), len(msg.Answer), err)
	}
}

// testKey signs responses with a hash behind the message.
type testKey struct{ secret string }

func (testKey) Name() records.Name { return records.MustParseName("key.example") }

func (k testKey) mac(msg, requestMAC []byte) []byte {
	sum := sha256.Sum256([]byte(k.secret + string(requestMAC) + string(msg)))
	return sum[:]
}

// Sign leaves the message alone, so that the server need not know about keys. The
// MAC is that of the id.
func (k testKey) Sign(msg []byte, _ time.Time) (signed, mac []byte) {
	return msg, k.mac(msg[:2], nil)
}

var errTestSignature = errors.New("wrong signature")

func (k testKey) VerifyResponse(msg, requestMAC []byte, _ time.Time) error {
	at := len(msg) - sha256.Size
	if at < 0 || !bytes.Equal(msg[at:], k.mac(msg[:at], requestMAC)) {
		return errTestSignature
	}
	return nil
}

// Of a target with a key, only responses count that are signed for the message, an
// error as well as an acknowledgment.
func TestTheResponsesOfATargetWithAKeyAreVerified(t *testing.T) {
	inBubble(t, map[string]uint32{"mesos": 1}, func(t *testing.T, f *fixture) {
		key := testKey{"secret"}
		var received atomic.Int32
		s := newSecondary(t, f.network, func(w dns.ResponseWriter, q *dns.Msg) {
			id := []byte{byte(q.Id >> 8), byte(q.Id)}
			var response dns.Msg
			response.SetReply(q)
			sign := key
			switch received.Add(1) {
			case 1: // not signed
				w.WriteMsg(&response)
				return
			case 2:
				response.Rcode = dns.RcodeRefused
				w.WriteMsg(&response)
				return
			case 3:
				sign = testKey{"another"}
			case 4:
				id[0]++ // for another message
			}
			packet, _ := response.Pack()
			mac := key.mac(id, nil)
			w.Write(append(packet, sign.mac(packet, mac)...))
		})
		f.Configure(Settings{Interval: testInterval, Targets: []Target{{Addr: s.Addr, Key: key}}})
		pass(time.Hour)
		if got := len(s.take()); got != 5 {
			t.Errorf("got %d messages, want 5: the last one has a valid response", got)
		}
		if acknowledged := f.events.count(Acknowledged); acknowledged != 1 {
			t.Errorf("got %d acknowledgments, want 1", acknowledged)
		}
		wrong := 0
		for _, e := range f.events.list {
			if errors.As(e.Err, new(*SignatureError)) {
				wrong++
			}
		}
		if wrong != 4 {
			t.Errorf("got %d wrong signatures, want 4", wrong)
		}
		if lines := f.log.AllEntries(); len(lines) == 0 || !errors.Is(lines[0].Data["error"].(error), errTestSignature) || lines[0].Data["key"] != key.Name() {
			t.Errorf("got the log %v, want the key and the error first", lines)
		}
	})
}

// Whatever a packet has, it breaks nothing, and acknowledges only what package dns
// reads as a response to the message.
func FuzzResponse(f *testing.F) {
	origin, from := "mesos.example", netip.MustParseAddrPort("192.0.2.1:53")
	soa := soaRecord(origin, 5)
	request := new(dns.Msg)
	if err := request.Unpack(appendRequest(nil, 0, &soa)); err != nil {
		f.Fatal(err)
	}
	for _, change := range []func(m *dns.Msg){
		func(*dns.Msg) {},
		func(m *dns.Msg) { m.Question[0].Name = "MESOS.example." },
		func(m *dns.Msg) { m.Rcode = dns.RcodeRefused },
		func(m *dns.Msg) { m.Rcode, m.Question = dns.RcodeNotImplemented, nil },
		func(m *dns.Msg) { m.Truncated = true },
		func(m *dns.Msg) { m.Answer = request.Answer },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
	} {
		m := new(dns.Msg).SetReply(request)
		change(m)
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet)
		f.Add(packet[:len(packet)-1])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		var kind Kind
		now := time.Now()
		s := newSchedule(func(_ *entry, e Event) { kind = e.Kind }, nil)
		s.configure(Settings{Interval: time.Second, Targets: []Target{{Addr: from}}}, now)
		s.update(append(newPrimary(map[string]uint32{origin: 5}).Zones(), soaRecord("other", 1)), now)
		for _, m := range s.take(now, 10) {
			if m.entry.zone.soa.Owner == soa.Owner && len(packet) >= dnswire.HeaderSize {
				copy(packet, m.packet[:2]) // the id is not to be guessed here
			}
		}
		if s.receive(packet, netip.MustParseAddrPort("192.0.2.1:54"), now) {
			t.Error("got a response from another address accepted")
		}
		kind = ""
		accepted := s.receive(packet, from, now)
		if accepted != (kind == Acknowledged || kind == Failed) {
			t.Errorf("got the event %q for a packet that was accepted: %v", kind, accepted)
		}
		if kind != Acknowledged {
			return
		}
		var h dns.Msg
		if err := h.Unpack(packet); err != nil && len(h.Question) == 0 {
			t.Fatalf("got %x accepted, which package dns does not read: %v", packet, err)
		}
		if !h.Response || h.Opcode != dns.OpcodeNotify || h.Rcode != dns.RcodeSuccess || h.Truncated || len(h.Question) != 1 ||
			!strings.EqualFold(h.Question[0].Name, origin+".") || h.Question[0].Qtype != dns.TypeSOA || h.Question[0].Qclass != dns.ClassINET {
			t.Errorf("got %v accepted", &h)
		}
	})
}
