//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/internal/testutil"
)

// tlsFixture is the certificate of a server in files.
type tlsFixture struct {
	ca            *testutil.CA
	caFile        string
	cert, key     string
	name          string // in the certificate
	dns, web      int    // ports with TLS
	settings      settings
	clientCerts   [2]string // of a client that the authority knows, and its key
	strangerCerts [2]string // of a client that it does not know
}

// newTLSFixture makes certificates, and the settings that use them.
func newTLSFixture(t *testing.T) *tlsFixture {
	t.Helper()
	dir := t.TempDir()
	f := &tlsFixture{
		ca: testutil.NewCA(t), caFile: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		name: "ns1.example.com", dns: freePort(t), web: freePort(t),
	}
	overwrite(t, f.caFile, f.ca.PEM())
	f.renew(t)
	pair := func(ca *testutil.CA, name string) [2]string {
		files := [2]string{filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")}
		cert, key := testutil.PEMs(t, ca.Issue(t, name))
		overwrite(t, files[0], cert)
		overwrite(t, files[1], key)
		return files
	}
	f.clientCerts, f.strangerCerts = pair(f.ca, "ns2.example.com"), pair(testutil.NewCA(t), "stranger.example.com")
	f.settings = settings{
		"tlsListen": local(f.dns), "tlsCertFile": f.cert, "tlsKeyFile": f.key, "tlsClientCAFile": f.caFile,
		"httpsListen": local(f.web), "httpsClientCAFile": f.caFile,
	}
	return f
}

// renew replaces the certificate of the server.
func (f *tlsFixture) renew(t *testing.T) {
	t.Helper()
	cert, key := testutil.PEMs(t, f.ca.Issue(t, f.name, "127.0.0.1"))
	overwrite(t, f.cert, cert)
	overwrite(t, f.key, key)
}

// overwrite replaces a file.
func overwrite(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// overTLS lists the options with which each client asks over TLS and verifies the
// server.
func (f *tlsFixture) overTLS() []string {
	return []string{
		"kdig +tls-ca=" + f.caFile + " +tls-hostname=" + f.name,
		"dig +tls-ca=" + f.caFile + " +tls-hostname=" + f.name,
	}
}

func TestAnswersOverTLS(t *testing.T) {
	t.Parallel()
	require(t, "kdig", "dig")
	f := newTLSFixture(t)
	s := serveExample(t, f.settings)
	for _, client := range f.overTLS() {
		for _, q := range []string{"web.marathon.mesos A", "_web._tcp.marathon.mesos SRV", "nope.mesos A", "mesos SOA", "example.com A"} {
			got, want := ask(t, f.dns, client+" "+q), ask(t, s.port, "dig +tcp "+q)
			if got.status != want.status || !slices.Equal(got.answer, want.answer) || !slices.Equal(got.authority, want.authority) {
				t.Errorf("%s %s: got %s %q %q, want what TCP has: %s %q %q",
					client, q, got.status, got.answer, got.authority, want.status, want.answer, want.authority)
			}
		}
	}

	// Many queries on one connection, as a resolver sends them.
	if got := len(askAll(t, f.dns, f.overTLS()[0]+" +keepopen web.marathon.mesos A nope.mesos A mesos SOA")); got != 3 {
		t.Errorf("on one connection: got %d answers, want 3", got)
	}
	_, metrics, err := s.get("/metrics")
	if err != nil || !strings.Contains(metrics, `toponym_tls_handshakes_total{result="completed"}`) || !strings.Contains(metrics, `protocol="tls"`) {
		t.Errorf("/metrics: got error %v, want counts of handshakes and of queries over TLS", err)
	}
}

// A renewed certificate is used for the next connection, one that cannot be read is
// not, and clients that do not trust the server or are not trusted get no answer.
func TestCertificatesOfDNSOverTLS(t *testing.T) {
	t.Parallel()
	require(t, "kdig")
	f := newTLSFixture(t)
	s := serveExample(t, f.settings)
	kdig := f.overTLS()[0]
	answers := func(options string) bool {
		line := strings.Fields(kdig + " " + options + " web.marathon.mesos A")
		r := run(t, "kdig", argumentsOf("kdig", f.dns, line[1:])...)
		return strings.Contains(r.stdout, "status: NOERROR")
	}
	client := func(files [2]string) string {
		return fmt.Sprintf("+tls-certfile=%s +tls-keyfile=%s", files[0], files[1])
	}
	want := func(what, options string, want bool) {
		t.Helper()
		if got := answers(options); got != want {
			t.Errorf("%s: got an answer: %v, want %v", what, got, want)
		}
	}
	want("a client without a certificate", "", true)
	want("a client of the authority", client(f.clientCerts), true)
	want("a client of another authority", client(f.strangerCerts), false)
	want("another name", "+tls-hostname=ns3.example.com", false)

	overwrite(t, f.cert, []byte("broken"))
	want("with a broken certificate in the file", "", true)
	eventually(t, "the log says that the certificate cannot be used", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "the certificates for DNS over TLS have changed and cannot be used"), tail(log)
	})
	f.ca = testutil.NewCA(t)
	overwrite(t, f.caFile, f.ca.PEM())
	f.renew(t)
	want("with the certificate of a new authority", "", true)
	want("a client of the old authority", client(f.clientCerts), false)
}

// A server whose certificate is missing or broken does not start, and says why.
func TestBrokenCertificatesAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tlsFixture)
		want   string
	}{
		"missing": {func(f *tlsFixture) { f.settings["tlsCertFile"] = "/gone.pem" }, "tlsCertFile"},
		"broken":  {func(f *tlsFixture) { overwrite(t, f.cert, []byte("broken")) }, "does not match tlsKeyFile"},
		"not set": {func(f *tlsFixture) { delete(f.settings, "tlsCertFile"); delete(f.settings, "tlsKeyFile") }, "is missing while tlsListen is given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTLSFixture(t)
			c.change(f)
			s := launch(t, newMaster(t, example(t).Cluster), f.settings)
			if status := s.wait(t); status != 1 && status != 2 {
				t.Errorf("exit status: got %d, want 1 or 2", status)
			}
			if log := s.stderr.String(); !strings.Contains(log, c.want) {
				t.Errorf("got %s\nwant %q in it", log, c.want)
			}
		})
	}
}

// The API over HTTPS, closed for those without a token or a certificate.
func TestHTTPSWithAccess(t *testing.T) {
	t.Parallel()
	f := newTLSFixture(t)
	token := writeFile(t, "token", "0123456789abcdef\n")
	f.settings["httpAuth"] = map[string]any{
		"/v1/axfr":      map[string]any{"tokenFiles": []string{token}, "clients": []string{"ns2.example.com"}},
		"/v1/enumerate": map[string]any{},
	}
	s := serveExample(t, f.settings)
	read := func(path, token string, certs ...[2]string) int {
		t.Helper()
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(f.ca.PEM())
		conf := &tls.Config{RootCAs: pool}
		for _, files := range certs {
			pair, err := tls.LoadX509KeyPair(files[0], files[1])
			if err != nil {
				t.Fatal(err)
			}
			conf.Certificates = append(conf.Certificates, pair)
		}
		r, err := http.NewRequest("GET", "https://"+local(f.web)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		c := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got status %d, want %d", what, got, want)
		}
	}
	want("an open path", read("/v1/hosts/web.marathon.mesos", ""), 200)
	want("without a token", read("/v1/axfr", ""), 401)
	want("with the token", read("/v1/axfr", "0123456789abcdef"), 200)
	want("with a certificate", read("/v1/axfr", "", f.clientCerts), 200)
	want("a path that is closed to all", read("/v1/enumerate", "0123456789abcdef", f.clientCerts), 403)
	want("a probe", read("/readyz", ""), 200)
	overwrite(t, token, []byte("fedcba9876543210\n"))
	want("with the replaced token", read("/v1/axfr", "0123456789abcdef"), 401)
	want("with the new token", read("/v1/axfr", "fedcba9876543210"), 200)
	f.renew(t)
	want("after the certificate was renewed", read("/readyz", ""), 200)

	status, body, err := s.get("/v1/config")
	if err != nil || status != 200 || strings.Contains(body, "fedcba9876543210") {
		t.Errorf("/v1/config: got status %d, error %v and %s, want no token", status, err, body)
	}
	if status, _, err = s.get("/v1/axfr"); err != nil || status != 401 {
		t.Errorf("over HTTP: got status %d and error %v, want 401", status, err)
	}
}

// Zones are transferred over TLS 1.3 to secondaries with a certificate (RFC 9103), and
// to nobody else.
func TestZoneTransferOverTLS(t *testing.T) {
	t.Parallel()
	require(t, "kdig", "dig")
	f := newTLSFixture(t)
	f.settings["transferAllow"] = []string{"cert:ns2.example.com"}
	s := serveExample(t, f.settings)
	transfer := func(port int, client, options string) (records int) {
		line := strings.Fields(client + " " + options + " mesos AXFR")
		r := run(t, line[0], argumentsOf(line[0], port, line[1:])...)
		for line := range strings.Lines(r.stdout) {
			if line[0] != ';' && strings.TrimSpace(line) != "" {
				records++
			}
		}
		return records
	}
	secondary := fmt.Sprintf("+tls-certfile=%s +tls-keyfile=%s", f.clientCerts[0], f.clientCerts[1])
	stranger := fmt.Sprintf("+tls-certfile=%s +tls-keyfile=%s", f.strangerCerts[0], f.strangerCerts[1])
	kdig, dig := f.overTLS()[0], f.overTLS()[1]
	eventually(t, "kdig and dig get the same zone with a certificate", func() (bool, string) { // in which names may come yet
		k, d := transfer(f.dns, kdig, secondary), transfer(f.dns, dig, secondary)
		return k > 40 && k == d, fmt.Sprintf("%d and %d records", k, d)
	})
	for what, got := range map[string]int{
		"without a certificate":          transfer(f.dns, kdig, ""),
		"with that of another authority": transfer(f.dns, kdig, stranger),
		"over TCP":                       transfer(s.port, "kdig", ""),
	} {
		if got != 0 {
			t.Errorf("%s: got %d records, want none", what, got)
		}
	}
}
