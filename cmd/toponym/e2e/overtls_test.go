//go:build e2e

package e2e_test

import (
	"fmt"
	"os/exec"
	"testing"

	"toponym/internal/testutil"
)

// tlsName is the name in the certificate of the upstream server.
const tlsName = "dns.outside.example"

// newCertificate writes a certificate for tlsName and its key to files, and the
// CA that signed it.
func newCertificate(t *testing.T) (caFile, certFile, keyFile string) {
	t.Helper()
	ca := testutil.NewCA(t)
	cert, key := testutil.PEMs(t, ca.Issue(t, tlsName, "127.0.0.1"))
	return writeFile(t, "ca.pem", string(ca.PEM())), writeFile(t, "cert.pem", string(cert)), writeFile(t, "key.pem", string(key))
}

// An upstream server is asked over TLS only when its certificate is signed by a
// trusted CA and made out to the name in the settings.
func TestForwardOverTLSChecksCertificates(t *testing.T) {
	t.Parallel()
	ca, cert, key := newCertificate(t)
	nsd, _ := startNSD(t)
	over := freePort(t)
	startRecursor(t, nsd, fmt.Sprintf("server:\n\tinterface: 127.0.0.1@%d\n\ttls-port: %[1]d\n\ttls-service-pem: %q\n\ttls-service-key: %q\n", over, cert, key))

	m := newMaster(t, example(t).Cluster)
	for _, x := range []struct{ ca, address, status string }{
		{ca, fmt.Sprintf("tls://%s@127.0.0.1:%d", tlsName, over), "NOERROR"},
		{ca, fmt.Sprintf("tls://127.0.0.1:%d", over), "NOERROR"},
		{ca, fmt.Sprintf("tls://other.example@127.0.0.1:%d", over), "SERVFAIL"},
		{"/dev/null", fmt.Sprintf("tls://127.0.0.1:%d", over), "SERVFAIL"},
	} {
		s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
		cmd := exec.Command(toponym, "-config", configFile(t, m, s, forwarding(x.address)))
		// Go reads the trusted CAs from here, and nowhere else.
		cmd.Env = []string{"SSL_CERT_FILE=" + x.ca, "SSL_CERT_DIR=/nowhere"}
		s.process = startCommand(t, cmd)
		s.waitReady(t)
		for range 2 {
			if got := ask(t, s.port, "dig big.outside.example A"); got.status != x.status || x.status == "NOERROR" && len(got.answer) != 200 {
				t.Errorf("%s with the CAs in %s: got %s with %d records, want %s", x.address, x.ca, got.status, len(got.answer), x.status)
			}
		}
		if x.status == "NOERROR" {
			wantForwarded(t, s)
		}
	}
}
