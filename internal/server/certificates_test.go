package server

import (
	"crypto/tls"
	"io"
	"log"
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
	"toponym/internal/testutil"
)

// replace writes a file as programs that renew certificates do: beside, and
// then in its place. All files have the same time, long ago.
func replace(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(file+".new", at, at); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// issue makes a certificate of an authority for this host.
func issue(t *testing.T, ca *testutil.CA) (certPEM, keyPEM []byte) {
	t.Helper()
	return testutil.PEMs(t, ca.Issue(t, "127.0.0.1"))
}

// secureMaster is a master that demands a client certificate of its authority.
type secureMaster struct {
	*httptest.Server
	ca     atomic.Pointer[testutil.CA]
	client atomic.Pointer[string] // the serial number of the certificate seen last
}

func newSecureMaster(t *testing.T, ca *testutil.CA, h http.Handler) *secureMaster {
	t.Helper()
	m := &secureMaster{}
	m.ca.Store(ca)
	m.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serial := r.TLS.PeerCertificates[0].SerialNumber.String()
		m.client.Store(&serial)
		h.ServeHTTP(w, r)
	}))
	m.Config.ErrorLog = log.New(io.Discard, "", 0)
	m.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		ca := m.ca.Load()
		return &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}, nil
	}}
	m.StartTLS()
	t.Cleanup(m.Close)
	return m
}

// get asks once over a new connection.
func get(c *certificates, url string) error {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: c.config(), DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

func TestRenewedCertificatesAreUsed(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first, second := testutil.NewCA(t), testutil.NewCA(t)
	write := func(authority *testutil.CA) {
		c, k := issue(t, authority)
		replace(t, ca, authority.PEM())
		replace(t, cert, c)
		replace(t, key, k)
	}
	write(first)
	m := newSecureMaster(t, first, http.NotFoundHandler())
	c := config.Defaults()
	c.CACertFile, c.CertFile, c.KeyFile = ca, cert, key
	log, hook := logtest.NewNullLogger()
	certs, err := newCertificates("the masters", c.TLS(), log)
	if err != nil {
		t.Fatal(err)
	}
	// used is the serial number of the certificate that the master accepts.
	used := func() string {
		t.Helper()
		if err := get(certs, m.URL); err != nil {
			t.Fatalf("asking the master: got %v, want no error", err)
		}
		return *m.client.Load()
	}
	wantLog := func(level logrus.Level, n int, text string) {
		t.Helper()
		entries := hook.AllEntries()
		last := ""
		if len(entries) > 0 {
			last, _ = entries[len(entries)-1].String()
		}
		if len(entries) != n || n > 0 && (entries[n-1].Level != level || !strings.Contains(last, text)) {
			t.Errorf("got %d lines, the last %q, want %d of level %v, the last with %q", len(entries), last, n, level, text)
		}
		hook.Reset()
	}

	before := used()
	if got := used(); got != before {
		t.Errorf("while no file changes: got certificate %s, want %s", got, before)
	}
	wantLog(0, 0, "")

	write(first) // the same authority
	if got := used(); got == before {
		t.Errorf("after the renewal: got the old certificate %s, want the new one", got)
	}
	wantLog(logrus.InfoLevel, 1, "read again")

	write(second)
	if err := get(certs, m.URL); err == nil {
		t.Error("a master of the old authority: got no error, want one")
	}
	m.ca.Store(second)
	now := used()
	hook.Reset()

	// A certificate whose key has not been written yet, then one that is cut off.
	next, nextKey := issue(t, second)
	replace(t, cert, next)
	for range 2 { // and logged once
		if got := used(); got != now {
			t.Errorf("with files that cannot be used: got certificate %s, want %s", got, now)
		}
	}
	wantLog(logrus.WarnLevel, 1, "does not match KeyFile")
	replace(t, ca, []byte("-----BEGIN CERT"))
	if got := used(); got != now {
		t.Errorf("with files that cannot be used: got certificate %s, want %s", got, now)
	}
	wantLog(logrus.WarnLevel, 1, "contains no certificate")
	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and logged once
		if got := used(); got != now {
			t.Errorf("with files that cannot be used: got certificate %s, want %s", got, now)
		}
	}
	wantLog(logrus.WarnLevel, 1, "no such file")
	replace(t, ca, second.PEM())
	replace(t, key, nextKey)
	if got := used(); got == now {
		t.Errorf("after all files were replaced: got the old certificate %s, want the new one", got)
	}
	wantLog(logrus.InfoLevel, 1, "read again")
}

// A renewed file may have the size and even the time of the old one.
func TestCertificateOfTheSameTimeIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	first, second := testutil.NewCA(t), testutil.NewCA(t)
	replace(t, file, first.PEM())
	c := config.Defaults()
	c.CACertFile = file
	log, _ := logtest.NewNullLogger()
	certs, err := newCertificates("the masters", c.TLS(), log)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, file, second.PEM())
	if !certs.config().RootCAs.Equal(second.Pool()) {
		t.Error("got the old authority, want the new one")
	}
}

func TestMissingCertificatesAreAnError(t *testing.T) {
	c := config.Defaults()
	c.CACertFile = filepath.Join(t.TempDir(), "ca.pem")
	log, _ := logtest.NewNullLogger()
	if _, err := newCertificates("the masters", c.TLS(), log); err == nil {
		t.Error("got no error, want one")
	}
}
