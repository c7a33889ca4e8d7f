package resolver

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Packets that are wrong, made from right ones.
func TestMalformedPacketsGetFORMERROrNothing(t *testing.T) {
	const (
		silence  = "silence"
		formerr  = "FORMERR qr"
		nothing  = "FORMERR qr\nno question"
		withEDNS = "FORMERR qr\nopt 1232"
	)
	opt := func(owner ...byte) []byte { return append(owner, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0) }
	for _, x := range []struct {
		title string
		ask   string
		spoil func(p []byte) []byte
		want  string
	}{
		{"nothing", "one.marathon.mesos. A", func(p []byte) []byte { return p[:0] }, silence},
		{"less than a header", "one.marathon.mesos. A", func(p []byte) []byte { return p[:11] }, silence},
		{"a response", "one.marathon.mesos. A", func(p []byte) []byte { p[2] |= 0x80; return p }, silence},
		{"a response that is malformed", "one.marathon.mesos. A", func(p []byte) []byte { p[2] |= 0x80; return p[:13] }, silence},
		{"a header alone", "one.marathon.mesos. A", func(p []byte) []byte { return p[:12] }, nothing},
		{"a header that asks nothing", "+header", nil, nothing},
		{"half a question", "one.marathon.mesos. A", func(p []byte) []byte { return p[:20] }, nothing},
		{"a question without a class", "one.marathon.mesos. A", func(p []byte) []byte { return p[:len(p)-2] }, nothing},
		{"a question without a type", "one.marathon.mesos. A", func(p []byte) []byte { return p[:len(p)-4] }, nothing},
		{"two questions (RFC 9619)", "one.marathon.mesos. A", func(p []byte) []byte { p[5] = 2; return append(p, p[12:]...) }, nothing},
		{"two questions announced", "one.marathon.mesos. A", func(p []byte) []byte { p[5] = 2; return p }, nothing},
		{"65535 questions announced", "one.marathon.mesos. A", func(p []byte) []byte { p[4], p[5] = 255, 255; return p }, nothing},
		{"a name that points to itself", "one.marathon.mesos. A", func(p []byte) []byte { p[12], p[13] = 0xC0, 12; return p }, nothing},
		{"a name that points into the header", "one.marathon.mesos. A", func(p []byte) []byte { p[12], p[13] = 0xC0, 0; return p }, nothing},
		{"a label of an unknown kind", "one.marathon.mesos. A", func(p []byte) []byte { p[12] = 0x41; return p }, nothing},
		{"a name of more than 255 bytes", "one.marathon.mesos. A", func(p []byte) []byte {
			return append(append(p[:12:12], bytes.Repeat([]byte{1, 'a'}, 128)...), 0, 0, 1, 0, 1)
		}, nothing},
		{"bytes behind the message", "one.marathon.mesos. A", func(p []byte) []byte { return append(p, 0) }, formerr},
		{"bytes behind the OPT record", "one.marathon.mesos. A +edns=512", func(p []byte) []byte { return append(p, 0) }, withEDNS},
		{"a record that is announced only", "one.marathon.mesos. A", func(p []byte) []byte { p[11] = 1; return p }, formerr},
		{"an answer that is announced only", "one.marathon.mesos. A", func(p []byte) []byte { p[7] = 1; return p }, formerr},
		{"half an OPT record", "one.marathon.mesos. A +edns=512", func(p []byte) []byte { return p[:len(p)-3] }, formerr},
		{"an OPT record that is longer than the packet", "one.marathon.mesos. A +edns=512", func(p []byte) []byte { p[len(p)-1] = 1; return p }, formerr},
		{"two OPT records (RFC 6891, section 6.1.1)", "one.marathon.mesos. A +edns=512", func(p []byte) []byte {
			p[11] = 2
			return append(p, opt(0)...)
		}, withEDNS},
		{"an OPT record that is not the root's", "one.marathon.mesos. A", func(p []byte) []byte {
			p[11] = 1
			return append(p, opt(1, 'a', 0)...)
		}, formerr},
		{"one whose owner is a pointer", "one.marathon.mesos. A", func(p []byte) []byte {
			p[11] = 1
			return append(p, opt(0xC0, 12)...)
		}, formerr},
		{"an OPT record in the answer section", "one.marathon.mesos. A", func(p []byte) []byte {
			p[7] = 1
			return append(p, opt(0)...)
		}, formerr},
		{"half an option", "one.marathon.mesos. A +opt=10:", func(p []byte) []byte {
			p[len(p)-5] = 3 // the record's length
			return p[:len(p)-1]
		}, withEDNS},
		{"an option that is longer than its record", "one.marathon.mesos. A +opt=10:", func(p []byte) []byte { p[len(p)-1] = 8; return p }, withEDNS},
	} {
		t.Run(x.title, func(t *testing.T) {
			packet, c := packQuery(t, x.ask)
			if x.spoil != nil {
				packet = x.spoil(packet)
			}
			r := newResponder(testOptions())
			got := silence
			if msg, _ := r.respond(make([]byte, bufferSize), testZone(t), c, packet); msg != nil {
				got = render(t, packet, msg)
			}
			if got != x.want {
				t.Errorf("got %s, want %s", got, x.want)
			}
		})
	}
}

// Records that have no meaning in a query are no fault.
func TestOtherRecordsAreWalkedOver(t *testing.T) {
	packet, c := packQuery(t, "one.marathon.mesos. A")
	a := []byte{0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 1}
	for _, section := range []int{6, 8, 10} {
		binary.BigEndian.PutUint16(packet[section:], 1)
		packet = append(packet, a...)
	}
	r := newResponder(testOptions())
	msg, _ := r.respond(make([]byte, bufferSize), testZone(t), c, packet)
	if got, want := render(t, packet, msg), "NOERROR qr aa\nanswer one.marathon.mesos. 60 A 10.1.0.1"; got != want {
		t.Errorf("got %s", got)
	}
}

// The owner of an answer is a pointer to the question, which is where clients
// look first.
func TestAnswersPointToTheQuestion(t *testing.T) {
	r := newResponder(testOptions())
	for _, text := range []string{"oNE.marathon.MESOS. A", "_One._Tcp.marathon.Mesos. SRV", "mEsos. NS"} {
		packet, c := packQuery(t, text)
		msg, _ := r.respond(make([]byte, bufferSize), testZone(t), c, packet)
		if owner := msg[len(packet):]; owner[0] != 0xC0 || owner[1] != 12 {
			t.Errorf("%s: the first answer's owner is % x", text, owner[:2])
		}
	}
	packet, c := packQuery(t, "None.marathon.MESOS. A")
	msg, _ := r.respond(make([]byte, bufferSize), testZone(t), c, packet)
	if owner := msg[len(packet):]; owner[0] != 0xC0 || int(owner[1]) != 12+len("\x04none\x08marathon") {
		t.Errorf("the SOA's owner is % x", owner[:2])
	}
}
