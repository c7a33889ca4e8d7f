package upstream

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// FuzzReply holds what counts as a reply against what a library reads.
func FuzzReply(f *testing.F) {
	q := question("www.example.test", dns.TypeA)
	query := q.appendQuery(nil, 7, true)
	reply := bytes.Clone(query)
	reply[2] |= 0x80
	f.Add(reply)
	f.Add(query)
	f.Add(reply[:20])
	f.Add([]byte{0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		if !q.answeredBy(msg) {
			return
		}
		// What is used of a message that counts must be there.
		code, _ := rcodeOf(msg), isTruncated(msg)
		if len(msg) == dnswire.HeaderSize {
			if !isFailure(code) {
				t.Fatal("a header alone is an answer")
			}
			return
		}
		end := dnswire.HeaderSize + len(q.Name) + 4
		head := append(bytes.Clone(msg[:4]), 0, 1, 0, 0, 0, 0, 0, 0)
		var m dns.Msg
		if err := m.Unpack(append(head, msg[dnswire.HeaderSize:end]...)); err != nil {
			t.Fatal(err)
		}
		if !m.Response || m.Opcode != dns.OpcodeQuery || dns.CanonicalName(m.Question[0].Name) != "www.example.test." ||
			m.Question[0].Qtype != dns.TypeA || m.Question[0].Qclass != dns.ClassINET {
			t.Fatalf("this counts as a reply:\n%v", &m)
		}
	})
}
