package master

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toponym/state/leader"
)

// authenticated wants a name and a password, as a master with
// --authenticate_http_readonly does.
func authenticated(username, password string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		if !ok || u != username || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="mesos-master-readonly"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// Credentials go with each request, also after a redirect: standbys require them
// as well.
func TestBasicAuthentication(t *testing.T) {
	lead := serve(t, authenticated("toponym", "s3cret", leading))
	standby := serve(t, authenticated("toponym", "s3cret", redirecting("//"+lead.String()+"/master/state")))
	open := serve(t, redirecting("//"+lead.String()+"/master/state"))
	tests := []struct {
		username, password string
		ok                 bool
	}{
		{"toponym", "s3cret", true},
		{"toponym", "wrong", false},
		{"toponym", "", false},
		{"", "", false},
		{"", "s3cret", false},
	}
	for _, tt := range tests {
		for _, at := range []leader.Address{lead, standby, open} {
			o := options(at)
			o.Username, o.Password = tt.username, tt.password
			if w := New(o); tt.ok {
				wantLeader(t, w, lead)
			} else {
				wantError(t, w, "status 401", "mesosCredentials")
			}
		}
	}
}

// Masters do not know "basic" in lower case. The body must arrive unchanged.
func TestBasicAsMastersReadIt(t *testing.T) {
	rt := basic{roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "subscribe" || r.Header.Get("Authorization") != "Basic dG9wb255bTpzM2M6cmV0" {
			t.Errorf("got body %q, error %v, header %v, want the body and Basic authentication", body, err, r.Header)
		}
		return response(200, "")
	}), "toponym", "s3c:ret"}
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://10.0.0.1:5050/api/v1", strings.NewReader("subscribe"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.RoundTrip(r); err != nil || r.Header.Get("Authorization") != "" {
		t.Errorf("got error %v and the header %v, want none and the request unchanged", err, r.Header)
	}
}

func TestRefusalsNameTheSetting(t *testing.T) {
	nobody := func() (Account, error) { return Account{}, errors.New("not asked for here") }
	for _, tt := range []struct {
		o         Options
		status    int
		want, not string
	}{
		{Options{}, 401, "check mesosAuthentication and mesosCredentials", "IAM"},
		{Options{}, 403, "check mesosAuthentication and mesosCredentials", "IAM"},
		{Options{Username: "u", Password: "s3cret"}, 401, "the principal and the secret of mesosCredentials", "IAM"},
		{Options{Username: "u", Password: "s3cret"}, 403, "check the ACLs of the master", "IAM"},
		{Options{Account: nobody}, 401, "check IAMConfigFile", "mesosCredentials"},
		{Options{Account: nobody}, 403, "the service account of IAMConfigFile", "mesosCredentials"},
	} {
		got := tt.o.authentication().refused(tt.status)
		if !strings.HasPrefix(got, fmt.Sprintf("status %d: ", tt.status)) || !strings.Contains(got, tt.want) ||
			strings.Contains(got, tt.not) || strings.Contains(got, "s3cret") {
			t.Errorf("got %q, want status %d, %q, and neither %q nor the secret", got, tt.status, tt.want, tt.not)
		}
	}
}

func TestNoPasswordUnlessSet(t *testing.T) {
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("got Authorization %q, want none", a)
		}
		leading(w, r)
	}))
	wantLeader(t, New(options(at)), at)
}

func TestHTTPSWithAnAuthorityOfTheSettings(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(leading))
	lead := start(t, s, true)
	ca := x509.NewCertPool()
	ca.AddCert(s.Certificate())
	standby := start(t, httptest.NewUnstartedServer(redirecting("//"+lead.String()+"/master/state")), true)
	toHTTP := start(t, httptest.NewUnstartedServer(redirecting("http://"+lead.String()+"/master/state")), true)
	plain := serve(t, http.HandlerFunc(leading))

	secure := func(at leader.Address, c *tls.Config) *Watcher {
		o := options(at)
		o.HTTPS = true
		if c != nil {
			o.TLS = func() *tls.Config { return c }
		}
		return New(o)
	}
	wantLeader(t, secure(lead, &tls.Config{RootCAs: ca}), lead)
	wantLeader(t, secure(standby, &tls.Config{RootCAs: ca}), lead)
	wantError(t, secure(toHTTP, &tls.Config{RootCAs: ca}), "from https to http")
	wantError(t, secure(lead, nil), "certificate")
	wantError(t, secure(lead, &tls.Config{RootCAs: ca, ServerName: "other.example"}), "certificate", "other.example")
	wantError(t, secure(plain, &tls.Config{RootCAs: ca}), "the master does not answer in TLS: check MesosHTTPSOn")
	wantError(t, New(options(lead)), "status 400", "HTTP request to an HTTPS server")
}

func TestHTTPSWithClientCertificate(t *testing.T) {
	mine, pool := selfSigned(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(leading))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	at := start(t, s, true)
	ca := x509.NewCertPool()
	ca.AddCert(s.Certificate())

	o := options(at)
	o.HTTPS = true
	conf := &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{mine}}
	o.TLS = func() *tls.Config { return conf }
	w := New(o)
	wantLeader(t, w, at)

	// What changes counts from the next connection on.
	conf = &tls.Config{RootCAs: ca}
	wantError(t, w, "certificate required", "the master may require a client certificate: check CertFile and KeyFile")
	other, _ := selfSigned(t)
	conf = &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{other}}
	wantError(t, w, at.String())
	conf = &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{mine}}
	wantError(t, w, "certificate signed by unknown authority")
	conf = &tls.Config{RootCAs: ca, Certificates: []tls.Certificate{mine}}
	wantLeader(t, w, at)
}

// selfSigned makes a client's certificate, and a pool that trusts it.
func selfSigned(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotAfter:              time.Now().Add(time.Hour),
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
