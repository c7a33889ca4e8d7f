package resolver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"toponym/internal/handshake"
	"toponym/zone"
)

// floodVariable tells the process of BenchmarkQueriesBesideHandshakes where to begin
// handshakes.
const floodVariable = "TOPONYM_TEST_FLOOD"

// TestFlood begins handshakes until it is killed, in a process of its own.
func TestFlood(t *testing.T) {
	addr := os.Getenv(floodVariable)
	if addr == "" {
		t.Skip("it is for BenchmarkQueriesBesideHandshakes")
	}
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for {
				if c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}); err == nil {
					c.Close()
				} else {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkQueriesBesideHandshakes measures what clients that begin TLS handshakes
// without pause cost others, at 2,000 queries over UDP each second: the time from a
// query to its response, in µs. The certificate is an RSA one, which takes the most
// time of the server and little of the clients.
func BenchmarkQueriesBesideHandshakes(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	for _, c := range []struct {
		name  string
		flood bool
		tls   func(net.Conn) *tls.Conn
	}{
		{"none", false, handshake.NewLimit().Server(func() *tls.Config { return conf })},
		{"limited", true, handshake.NewLimit().Server(func() *tls.Config { return conf })},
		{"unlimited", true, func(c net.Conn) *tls.Conn { return tls.Server(c, conf) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := testOptions()
			o.TLS, o.Listen = c.tls, []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
			s := New(zone.NewStore(testZone(b)), o)
			if err := s.Listen(); err != nil {
				b.Fatal(err)
			}
			if err := s.ListenTLS(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
				b.Fatal(err)
			}
			defer run(b, s)()
			if c.flood {
				p := exec.Command(os.Args[0], "-test.run=^TestFlood$", "-test.timeout=0")
				p.Env = append(os.Environ(), floodVariable+"="+s.TLSAddrs()[0].String(), "GOMAXPROCS=1")
				if err := p.Start(); err != nil {
					b.Fatal(err)
				}
				defer p.Wait()
				defer p.Process.Kill()
				for s.handshakes.completed.Load() < 100 {
					time.Sleep(time.Millisecond)
				}
			}
			conn, err := net.Dial("udp", s.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			packet, _ := packQuery(b, askOne)
			buf := make([]byte, 1500)
			var times []time.Duration
			before, begin := s.handshakes.completed.Load(), time.Now()
			for b.Loop() {
				time.Sleep(500 * time.Microsecond)
				sent := time.Now()
				conn.Write(packet)
				if _, err := conn.Read(buf); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(sent))
			}
			rate := float64(s.handshakes.completed.Load()-before) / time.Since(begin).Seconds()
			slices.Sort(times)
			for _, p := range []float64{0.5, 0.99, 0.999} {
				b.ReportMetric(float64(times[int(p*float64(len(times)-1))].Microseconds()), "p"+strconv.FormatFloat(p*100, 'g', -1, 64)+"_µs")
			}
			b.ReportMetric(rate, "handshakes/s")
		})
	}
}
