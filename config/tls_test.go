package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

// certificate makes a certificate that signs itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return write(t, "cert.pem", encode("CERTIFICATE", cert)), write(t, "key.pem", encode("PRIVATE KEY", keyBytes))
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "MesosHTTPSOn": true, "CACertFile": "`+cert+`", "CertFile": "`+cert+`", "KeyFile": "`+key+`"}`)
	conf, err := c.TLS()
	if err != nil || conf.RootCAs == nil || len(conf.Certificates) != 1 || conf.InsecureSkipVerify || conf.MinVersion != tls.VersionTLS12 {
		t.Errorf("%v, %v", conf, err)
	}
	equalLines(t, warnings, nil)

	c.CACertFile = "testdata/gone.pem"
	if _, err := c.TLS(); err == nil {
		t.Error("a file that is gone is no error")
	}
}

// Without CACertFile masters are still checked, unlike in Mesos-DNS.
func TestTLSWithoutCA(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{`+where+`, "MesosHTTPSOn": true}`)
	conf, err := c.TLS()
	if err != nil || conf.RootCAs != nil || conf.InsecureSkipVerify {
		t.Errorf("%v, %v", conf, err)
	}
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "MesosHTTPSOn: without CACertFile") {
		t.Errorf("%q", warnings)
	}
}

func TestKeyOfAnotherCertificate(t *testing.T) {
	cert, _ := certificate(t)
	_, key := certificate(t)
	got := faultsOf(t, "c.json", `{`+where+`, "CertFile": "`+cert+`", "KeyFile": "`+key+`"}`)
	if len(got) != 1 || !strings.Contains(got[0], "does not go with KeyFile") {
		t.Errorf("%q", got)
	}
}

func TestCredentialsThatAreNotUsed(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "mesosCredentials": {"principal": "p", "secret": "s"}, "IAMConfigFile": "x"}`)
	equalLines(t, warnings, []string{`mesosCredentials: not used: mesosAuthentication is "none"; "basic" sends them`,
		`IAMConfigFile: not used: mesosAuthentication is "none"; "iam" uses it`})
}

// Masters refuse a secret with a colon; nobody would look for it there.
func TestSecretWithColon(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "mesosAuthentication": "basic", "mesosCredentials": {"principal": "p", "secret": "a:b"}}`)
	equalLines(t, warnings, []string{"mesosCredentials.secret: holds a colon: masters were seen to refuse such secrets"})
}
