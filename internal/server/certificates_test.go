package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials atomic.Int64

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = certify(t, nil, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// certify makes a certificate; without an authority it signs itself.
func certify(t *testing.T, by *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := serials.Add(1)
	template.SerialNumber, template.Subject = big.NewInt(n), pkix.Name{CommonName: fmt.Sprint("number ", n)}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		by = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// issue makes a certificate for this host, of a server and a client.
func (a *authority) issue(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	cert, key := certify(t, a, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", cert.Raw), pemOf("PRIVATE KEY", der)
}

func (a *authority) pem() []byte { return pemOf("CERTIFICATE", a.cert.Raw) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// replace writes a file as programs that renew certificates do: beside, and
// then in its place.
func replace(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// secureMaster is a server that wants a certificate of an authority of the
// moment, and tells the last one it saw.
type secureMaster struct {
	*httptest.Server
	authority atomic.Pointer[authority]
	seen      atomic.Pointer[string]
}

func newSecureMaster(t *testing.T, a *authority, h http.Handler) *secureMaster {
	t.Helper()
	m := &secureMaster{}
	m.authority.Store(a)
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.seen.Store(&r.TLS.PeerCertificates[0].Subject.CommonName)
		h.ServeHTTP(w, r)
	}))
	m.Config.ErrorLog = nullLog()
	m.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		a := m.authority.Load()
		pair, err := tls.X509KeyPair(a.issue(t))
		return &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool()}, err
	}}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// get asks once over a new connection.
func get(c *certificates, url string) error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c.current(), DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func TestCertificatesThatAreRenewed(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first, second := newAuthority(t), newAuthority(t)
	write := func(a *authority) {
		c, k := a.issue(t)
		replace(t, ca, a.pem())
		replace(t, cert, c)
		replace(t, key, k)
	}
	write(first)
	m := newSecureMaster(t, first, http.NotFoundHandler())
	c := config.Defaults()
	c.CACertFile, c.CertFile, c.KeyFile = ca, cert, key
	log, hook := logtest.NewNullLogger()
	certs, err := newCertificates(c, log)
	if err != nil {
		t.Fatal(err)
	}
	works := func() string {
		t.Helper()
		if err := get(certs, m.URL); err != nil {
			t.Fatal(err)
		}
		return *m.seen.Load()
	}
	wantLog := func(level logrus.Level, n int, text string) {
		t.Helper()
		entries := hook.AllEntries()
		if len(entries) != n || n > 0 && (entries[n-1].Level != level || !strings.Contains(entries[n-1].Message, text)) {
			t.Errorf("logged %v, want %d lines, the last with %q", entries, n, text)
		}
		hook.Reset()
	}

	before := works()
	if works() != before {
		t.Error("another certificate, though no file was changed")
	}
	wantLog(0, 0, "")

	write(first) // the same authority
	if works() == before {
		t.Error("the renewed certificate is not used")
	}
	wantLog(logrus.InfoLevel, 1, "read anew")

	write(second)
	if err := get(certs, m.URL); err == nil {
		t.Error("a master of the old authority is believed")
	}
	m.authority.Store(second)
	now := works()
	hook.Reset()

	// A certificate whose key has not been written yet, then one that is cut off.
	next, nextKey := second.issue(t)
	replace(t, cert, next)
	for range 2 { // and logged once
		if works() != now {
			t.Error("the certificate from before is not used")
		}
	}
	wantLog(logrus.WarnLevel, 1, "does not go with KeyFile")
	replace(t, ca, []byte("-----BEGIN CERT"))
	if works() != now {
		t.Error("the certificate from before is not used")
	}
	wantLog(logrus.WarnLevel, 1, "holds no certificate")
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and logged once
		if works() != now {
			t.Error("the certificate from before is not used")
		}
	}
	wantLog(logrus.WarnLevel, 1, "no such file")
	replace(t, ca, second.pem())
	replace(t, key, nextKey)
	if works() == now {
		t.Error("the new certificate is not used")
	}
	wantLog(logrus.InfoLevel, 1, "read anew")
}

// A file may keep its size and even its time: then it is another file.
func TestCertificateOfTheSameTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	first, second := newAuthority(t), newAuthority(t)
	replace(t, file, first.pem())
	at := time.Now().Add(-time.Hour)
	c := config.Defaults()
	c.CACertFile = file
	log, _ := logtest.NewNullLogger()
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	certs, err := newCertificates(c, log)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, file, second.pem())
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	if !certs.current().RootCAs.Equal(second.pool()) {
		t.Error("the file was not read anew")
	}
}

func TestCertificatesThatAreNotThere(t *testing.T) {
	c := config.Defaults()
	c.CACertFile = filepath.Join(t.TempDir(), "ca.pem")
	log, _ := logtest.NewNullLogger()
	if _, err := newCertificates(c, log); err == nil {
		t.Error("no error")
	}
}
