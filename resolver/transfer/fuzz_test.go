package transfer

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
	"toponym/zone"
)

// FuzzRequest answers any packet with a question as a query for a zone transfer. The
// messages can always be read, and have the id and the question of the query.
func FuzzRequest(f *testing.F) {
	c := newCluster(f, bigState(40))
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(50))
	s := newServer(c)
	for _, m := range []*dns.Msg{
		axfr("mesos."), ixfr("mesos.", serial), ixfr("mesos.", serial+1), ixfr("MESOS.", serial-1), ixfr("static.test.", 7),
		axfr("catalog.test."), ixfr("10.in-addr.arpa.", serial), new(dns.Msg).SetQuestion("catalog.test.", dns.TypeSOA), new(dns.Msg).SetNotify("mesos."),
	} {
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, true, uint16(1232))
		f.Add(packet, false, uint16(100))
	}
	f.Fuzz(func(t *testing.T, packet []byte, streams bool, size uint16) {
		if len(packet) < dnswire.HeaderSize || len(packet) > 4096 {
			return
		}
		end := dnswire.SkipQuestionName(packet, dnswire.HeaderSize)
		if end < 0 || end+4 > len(packet) {
			return // resolver hands on no such packet
		}
		sent := bytes.Clone(packet)
		q := NewRequest(packet)
		q.Client, q.Streams, q.Size = oneClient, streams, int(size)
		check := func(msg []byte, first bool) {
			m := new(dns.Msg)
			if err := m.Unpack(msg); err != nil {
				t.Fatalf("a message cannot be read: %v", err)
			}
			if !bytes.Equal(msg[:2], packet[:2]) || first && !bytes.Equal(msg[12:end+4], packet[12:end+4]) {
				t.Fatalf("got the header and question %x, want those of %x", msg[:end+4], packet)
			}
		}
		msg, stream, _ := s.Answer(make([]byte, bufferSize), q)
		if stream == nil {
			check(msg, true)
		} else {
			first := true
			err := stream.Run(context.Background(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
				for _, msg := range split(t, framed) {
					check(msg, first)
					first = false
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(sent, packet) {
			t.Fatal("the packet was changed")
		}
	})
}

// FuzzMessages writes records of any owners and data, which are read as they were
// written, however they are compressed.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("\x03www\x07example\x00\x04mail\x07example\x00\x07example\x00"), uint8(12))
	f.Add(bytes.Repeat([]byte("\x01a\x01b\x00\x01a\x00\x02ab\x01a\x01b\x00"), 400), uint8(2))
	f.Fuzz(func(t *testing.T, names []byte, kind uint8) {
		if len(names) > 20_000 {
			return
		}
		var list []zone.Record
		for off := 0; off < len(names); {
			end := dnswire.SkipQuestionName(names, off)
			if end < 0 {
				break
			}
			lower := bytes.Clone(names[off:end])
			dnswire.ToLower(lower)
			r := zone.Record{Owner: records.Name(lower), Type: []uint16{dns.TypeNS, dns.TypePTR, dns.TypeTXT}[int(kind)%3], TTL: uint32(off), Data: string(lower)}
			if r.Type == dns.TypeTXT {
				r.Data = "\x01x"
			}
			list = append(list, r)
			off = end
		}
		var got []string
		m := new(messages)
		m.start(make([]byte, bufferSize), string(name("example")), dns.TypeAXFR, func(msg []byte) error {
			read := new(dns.Msg)
			if err := read.Unpack(msg); err != nil {
				t.Fatalf("a message cannot be read: %v", err)
			}
			if len(msg) > messageSize {
				t.Fatalf("a message has %d bytes, want at most %d", len(msg), messageSize)
			}
			for _, rr := range read.Answer {
				got = append(got, rr.String())
			}
			return nil
		})
		if err := m.addAll(list); err != nil {
			t.Fatal(err)
		}
		if err := m.flush(); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(list) {
			t.Fatalf("got %d records, want %d", len(got), len(list))
		}
		for i, r := range list {
			want, err := r.RR()
			if err != nil {
				t.Fatal(err)
			}
			if got[i] != want.String() {
				t.Fatalf("record %d is %s, want %v", i, got[i], want)
			}
		}
	})
}
