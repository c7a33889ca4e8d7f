//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"testing"
	"time"
)

// tlsName is whom the certificate of the server over TLS is made out to.
const tlsName = "dns.outside.example"

// certified are the files of a certificate for tlsName that an authority of its
// own has signed.
func certified(t *testing.T) (ca, cert, key string) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: tlsName}, DNSNames: []string{tlsName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootKey, leafKey := newKey(), newKey()
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		return writeFile(t, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	}
	return file("ca.pem", "CERTIFICATE", rootDER), file("cert.pem", "CERTIFICATE", leafDER), file("key.pem", "PRIVATE KEY", keyDER)
}

// Unbound is asked over TLS by who trusts the authority of its certificate, and
// by nobody else.
func TestForwardOverTLS(t *testing.T) {
	t.Parallel()
	ca, cert, key := certified(t)
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
		// Where Go looks for the authorities of the system, and nowhere else.
		cmd.Env = []string{"SSL_CERT_FILE=" + x.ca, "SSL_CERT_DIR=/nowhere"}
		s.process = startCommand(t, cmd)
		s.waitReady(t)
		for range 2 {
			if got := ask(t, s.port, "dig big.outside.example A"); got.status != x.status || x.status == "NOERROR" && len(got.answer) != 200 {
				t.Errorf("%s with the authorities in %s: %s with %d records, want %s", x.address, x.ca, got.status, len(got.answer), x.status)
			}
		}
		if x.status == "NOERROR" {
			wantOutside(t, s)
		}
	}
}
