package config

import (
	"crypto/tls"
	"strings"
	"testing"

	"toponym/internal/testutil"
)

// certificate writes a certificate that a CA of the test signed, its key and the CA.
func certificate(t *testing.T) (certFile, keyFile, caFile string) {
	t.Helper()
	ca := testutil.NewCA(t)
	cert, key := testutil.PEMs(t, ca.Issue(t, "client"))
	return write(t, "cert.pem", string(cert)), write(t, "key.pem", string(key)), write(t, "ca.pem", string(ca.PEM()))
}

func TestTLSReadsTheFilesOfTheSettings(t *testing.T) {
	cert, key, ca := certificate(t)
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "MesosHTTPSOn": true, "CACertFile": "`+ca+`", "CertFile": "`+cert+`", "KeyFile": "`+key+`"}`)
	conf, err := c.TLS().Load()
	if err != nil || conf.RootCAs == nil || len(conf.Certificates) != 1 || conf.InsecureSkipVerify || conf.MinVersion != tls.VersionTLS12 {
		t.Errorf("got %+v, error %v, want the CA, one certificate and verification", conf, err)
	}
	equalLines(t, warnings, nil)

	c.CACertFile = "testdata/gone.pem"
	if _, err := c.TLS().Load(); err == nil {
		t.Error("got no error for a missing file, want one")
	}
}

// Mesos-DNS does not verify the masters then.
func TestMastersAreVerifiedWithTheCAsOfTheSystemByDefault(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "MesosHTTPSOn": true}`)
	conf, err := c.TLS().Load()
	if err != nil || conf.RootCAs != nil || conf.InsecureSkipVerify {
		t.Errorf("got %+v, error %v, want verification with the CAs of the system", conf, err)
	}
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "MesosHTTPSOn: without CACertFile") {
		t.Errorf("got warnings %q, want one about MesosHTTPSOn", warnings)
	}
}

func TestAKeyOfAnotherCertificateIsRejected(t *testing.T) {
	cert, _, _ := certificate(t)
	_, key, _ := certificate(t)
	got := errorsOf(t, "c.json", `{`+where+`, "CertFile": "`+cert+`", "KeyFile": "`+key+`"}`)
	if len(got) != 1 || !strings.Contains(got[0], "does not match KeyFile") {
		t.Errorf("got errors %q, want one about KeyFile", got)
	}
}

func TestUnusedCredentialsAreWarnedOf(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "mesosCredentials": {"principal": "p", "secret": "s"}, "IAMConfigFile": "x"}`)
	equalLines(t, warnings, []string{`mesosCredentials: not used: mesosAuthentication is "none"; "basic" sends them`,
		`IAMConfigFile: not used: mesosAuthentication is "none"; "iam" uses it`})
}

func TestASecretWithAColonIsWarnedOf(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "a:b"}}`)
	equalLines(t, warnings, []string{"mesosCredentials.secret: contains a colon: some masters refuse such secrets"})
}
