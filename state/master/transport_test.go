package master

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/testutil"
	"toponym/state/leader"
)

// rsaCertificate makes a certificate with an RSA key, which the key exchanges of
// old ciphers need, and a pool that trusts it.
func rsaCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// Mesos's default ciphers have none that Go offers
// by itself. They are offered when all others were refused, with one warning; the
// certificate is checked all the same.
func TestMasterWithLegacyCiphers(t *testing.T) {
	cert, pool := rsaCertificate(t)
	for name, suite := range map[string]uint16{
		"AES128-SHA": tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES256-SHA": tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		"ECDHE-RSA-AES128-SHA": tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(leading))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, CipherSuites: []uint16{suite}, MaxVersion: tls.VersionTLS12}
			at := start(t, s, true)
			o := options(at)
			logger, hook := logtest.NewNullLogger()
			o.HTTPS, o.Log = true, logger
			o.TLS = func() *tls.Config { return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12} }
			w := New(o)
			wantLeader(t, w, at)
			wantLeader(t, w, at)
			want := 1
			if suite == tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA {
				want = 0 // Go offers it
			}
			warnings := 0
			for _, m := range messages(hook, logrus.WarnLevel) {
				if strings.Contains(m, "legacy TLS ciphers only") && strings.Contains(m, "cipher=TLS_RSA_WITH_AES_") {
					warnings++
				}
			}
			if warnings != want {
				t.Errorf("got %d warnings, want %d: %q", warnings, want, messages(hook, logrus.WarnLevel))
			}
			o.TLS = func() *tls.Config { return &tls.Config{RootCAs: x509.NewCertPool()} }
			wantError(t, New(o), "certificate signed by unknown authority")
		})
	}
}

// Masters use this library.
func TestOpenSSLWithLegacyCiphers(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	cert, pool := rsaCertificate(t)
	dir := t.TempDir()
	certPEM, keyPEM := testutil.PEMs(t, cert)
	for name, text := range map[string][]byte{"cert": certPEM, "key": keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := closedPort(t)
	// It answers with the file that is asked for, with a header of its own.
	if err := os.MkdirAll(filepath.Join(dir, "master"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master", "state"), []byte(stateOf(at, at)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), openssl, "s_server", "-accept", at.String(), "-cert", "cert", "-key", "key", "-tls1_2", "-cipher", "AES128-SHA", "-WWW")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	testutil.Eventually(t, func() bool {
		c, err := net.Dial("tcp", at.String())
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "openssl s_server listens")
	o := options(at)
	o.HTTPS = true
	o.TLS = func() *tls.Config { return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12} }
	wantLeader(t, New(o), at)
	wantError(t, New(options(at)), "MesosHTTPSOn") // HTTP to a master that speaks TLS
}

func TestErrorsTellWhichEndSpeaksTLS(t *testing.T) {
	ca := testutil.NewCA(t)
	secure := func(o Options) Options {
		o.HTTPS, o.TLS = true, func() *tls.Config { return &tls.Config{RootCAs: ca.Pool()} }
		return o
	}
	// A server that closes connections without an answer, as libprocess does with
	// what it cannot read.
	closing := addressOf(t, testutil.Serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) { c.Read(make([]byte, 16)) }))
	wantError(t, New(secure(options(closing))), "the master does not answer in TLS: check MesosHTTPSOn")
	wantError(t, New(options(closing)), "if it expects TLS, set MesosHTTPSOn")

	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(leading))
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}, MaxVersion: version, MinVersion: version}
		at := start(t, s, true)
		wantError(t, New(secure(options(at))), "the master may require a client certificate: check CertFile and KeyFile")
	}
}

// Over plain HTTP, a redirect to a host that
// is not known as a master is not followed with credentials. A known one may be
// named by another of its names or addresses.
func TestCredentialsStayWithKnownMasters(t *testing.T) {
	other := leader.Address{Host: "10.9.9.9", Port: 5050}
	named := leader.Address{Host: "master2.example", Port: 5050}
	stranger := leader.Address{Host: "evil.example", Port: 5050}
	m2 := leader.Address{Host: "10.0.0.2", Port: 5050}
	for _, tt := range []struct {
		to       leader.Address
		username string
		followed bool
	}{
		{m2, "u", true}, {named, "u", true}, {other, "u", false}, {stranger, "u", false}, {other, "", true}, {stranger, "", true},
		{leader.Address{Host: m1.Host, Port: 6060}, "u", true},
	} {
		o := options(m1, m2)
		o.Username, o.Password = tt.username, "s3cret"
		o.Resolve = (&resolver{table: map[string]string{"master2.example": "10.0.0.2", "evil.example": "10.9.9.9"}}).resolve
		w := New(o)
		sent := false
		transport := http.RoundTripper(roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == m1.String() {
				resp, err := response(http.StatusTemporaryRedirect, "")
				resp.Header.Set("Location", "//"+tt.to.String()+"/master/state")
				return resp, err
			}
			if r.URL.Host != tt.to.String() {
				return noLeader()
			}
			_, _, sent = r.BasicAuth()
			return response(200, stateOf(tt.to, tt.to))
		}))
		if tt.username != "" {
			transport = basic{transport, tt.username, "s3cret"}
		}
		w.client.http.Transport = transport
		_, err := readOnce(t, w)
		if (err == nil) != tt.followed || sent != (tt.followed && tt.username != "") {
			t.Errorf("from %s to %s as %q: got error %v, credentials sent %t; want it followed %t", m1, tt.to, tt.username, err, sent, tt.followed)
		}
	}
}
