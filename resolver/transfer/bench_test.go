package transfer

import (
	"context"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// BenchmarkAXFR makes all messages of the zone of 100,000 tasks, and drops them.
func BenchmarkAXFR(b *testing.B) {
	for _, x := range []struct{ name, key string }{{"unsigned", ""}, {"signed", "hmac-sha256"}} {
		b.Run(x.name, func(b *testing.B) {
			c := newCluster(b, bigState(100_000))
			o := everybody()
			if x.key != "" {
				o.Keys = append(o.Keys, testKey(b, x.key+".key", x.key))
			}
			s := New(Options{History: c.history, Settings: o, Max: 4, Log: quiet()})
			bytes, records := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				bytes = 0
				q := request(b, axfr("mesos."), true)
				var v *Verification
				if x.key != "" {
					packet, _ := signed(b, axfr("mesos."), x.key+".key.", x.key+".", testSecret, time.Now())
					v = s.Verify(packet, tsigOffset(packet))
				}
				_, stream, _ := s.Answer(make([]byte, bufferSize), q)
				if v != nil {
					stream.SignWith(v)
				}
				if err := stream.Run(context.Background(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
					bytes += len(framed)
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				records = stream.event.Records
			}
			b.SetBytes(int64(bytes))
			b.ReportMetric(float64(records), "records")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
		})
	}
}

// BenchmarkIXFR answers for one step of about ten changed records: made each time,
// or taken from those that are kept.
func BenchmarkIXFR(b *testing.B) {
	c := newCluster(b, bigState(100_000))
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(100_001))
	for _, kept := range []bool{false, true} {
		b.Run(map[bool]string{false: "made", true: "kept"}[kept], func(b *testing.B) {
			s := newServer(c)
			q := request(b, ixfr("mesos.", serial), true)
			buf := make([]byte, bufferSize)
			b.ReportAllocs()
			for b.Loop() {
				if !kept {
					s.encoded.kept.Purge()
				}
				if msg, _, _ := s.Answer(buf, q); len(msg) < 100 || msg[3]&0xF != dns.RcodeSuccess {
					b.Fatalf("got %x", msg)
				}
			}
		})
	}
}
