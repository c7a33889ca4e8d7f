package testutil_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"toponym/internal/testutil"
)

func TestEventuallyWaits(t *testing.T) {
	calls := 0
	testutil.EventuallyEqual(t, 3, func() int { calls++; return calls }, "calls")
}

func TestIssuedCertificatesAreTrustedByTheirCAOnly(t *testing.T) {
	ca, other := testutil.NewCA(t), testutil.NewCA(t)
	c := ca.Issue(t, "dns.test", "127.0.0.1", "::1")
	certPEM, keyPEM := testutil.PEMs(t, c)
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Errorf("certificate and key as PEM: got %v, want a pair", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca.PEM()) {
		t.Error("CA as PEM: got no certificate, want one")
	}
	for _, host := range []string{"dns.test", "127.0.0.1", "::1"} {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool}); err != nil {
			t.Errorf("%s: got %v, want it verified by its CA", host, err)
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: other.Pool()}); err == nil {
			t.Errorf("%s: got it verified by another CA, want an error", host)
		}
	}
}
