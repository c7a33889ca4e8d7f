package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"
)

// rsaKey makes a key, and both ways to write it.
func rsaKey(t *testing.T) (key *rsa.PrivateKey, pkcs1, pkcs8 string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key, pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), pkcs8Of(t, key)
}

func pkcs8Of(t *testing.T, key any) string {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, "PRIVATE KEY", b)
}

func pemOf(t *testing.T, kind string, b []byte) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
}

func TestServiceAccountsAreReadAsDCOSWritesThem(t *testing.T) {
	key, pkcs1, pkcs8 := rsaKey(t)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]any{"uid": "dns", "private_key": pkcs8, "login_endpoint": "https://leader.mesos/acs/api/v1/auth/login", "scheme": "RS256"}
	for _, tt := range []struct {
		what  string
		key   string // that is another one
		value any
		want  string // in the error; empty: none
	}{
		{"as DC/OS writes it", "scheme", "RS256", ""},
		{"PKCS #1", "private_key", pkcs1, ""},
		{"as Mesos-DNS has it", "scheme", nil, ""},
		{"over HTTP", "login_endpoint", "http://localhost:8101/acs/api/v1/auth/login", ""},
		{"no uid", "uid", "", "has no uid"},
		{"uid as a number", "uid", 7, "is not JSON, or a member of it is not a string"},
		{"no key", "private_key", nil, "has no private_key"},
		{"key that is not PEM", "private_key", "hunter2", "has a private_key that is not PEM"},
		{"elliptic key", "private_key", pkcs8Of(t, ec), "has a private_key that is not an RSA key"},
		{"broken key", "private_key", pemOf(t, "PRIVATE KEY", []byte("hunter2")), "has a private_key that is not an RSA key"},
		{"no endpoint", "login_endpoint", "", "has no login_endpoint"},
		{"relative endpoint", "login_endpoint", "/acs/api/v1/auth/login", "has a login_endpoint that is not"},
		{"endpoint in a file", "login_endpoint", "file:///etc/passwd", "has a login_endpoint that is not"},
		{"endpoint with a password", "login_endpoint", "https://u:hunter2@leader.mesos/login", "has a login_endpoint that is not"},
		{"another scheme", "scheme", "HS256", "has a scheme other than RS256"},
	} {
		account := maps.Clone(good)
		account[tt.key] = tt.value
		text, err := json.Marshal(account)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, "iam.json", string(text))
		settings := `{` + where + `, "mesosAuthentication": "iam", "IAMConfigFile": "` + file + `"}`
		if tt.want != "" {
			got := errorsOf(t, "c.json", settings)
			if len(got) != 1 || !strings.Contains(got[0], tt.want) || !strings.HasPrefix(got[0], "IAMConfigFile: ") {
				t.Errorf("%s: got %q, want %q", tt.what, got, tt.want)
			}
			if strings.Contains(strings.Join(got, ""), "hunter2") {
				t.Errorf("%s: got a secret in %q", tt.what, got)
			}
			continue
		}
		c, warnings := mustLoad(t, "c.json", settings)
		equalLines(t, warnings, nil)
		a, err := c.ServiceAccount()
		if err != nil || a.UID != "dns" || a.LoginEndpoint != account["login_endpoint"] || !a.Key.Equal(key) {
			t.Errorf("%s: got %v, error %v, want the account", tt.what, a, err)
		}
	}
	for what, text := range map[string]string{"nothing": "", "cut off": `{"uid": "hunter2`, "too large": strings.Repeat(" ", maxAccountBytes+1)} {
		got := errorsOf(t, "c.json", `{`+where+`, "mesosAuthentication": "iam", "IAMConfigFile": "`+write(t, "iam.json", text)+`"}`)
		if len(got) != 1 || strings.Contains(got[0], "hunter2") {
			t.Errorf("%s: got %q, want one error without the content", what, got)
		}
	}
}

func TestANewKeyNeedsNoRestart(t *testing.T) {
	_, first, _ := rsaKey(t)
	second, _, text := rsaKey(t)
	account := func(key string) string {
		b, err := json.Marshal(map[string]string{"uid": "dns", "private_key": key, "login_endpoint": "http://localhost/login"})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	c := Defaults()
	c.IAMConfigFile = write(t, "iam.json", account(first))
	if _, err := c.ServiceAccount(); err != nil {
		t.Fatal(err)
	}
	c.IAMConfigFile = write(t, "iam.json", account(text))
	a, err := c.ServiceAccount()
	if err != nil || !a.Key.Equal(second) {
		t.Errorf("got error %v or the first key, want the second", err)
	}
}

func TestNoVerbPrintsTheKeyOfAServiceAccount(t *testing.T) {
	key, _, _ := rsaKey(t)
	a := &ServiceAccount{UID: "dns", LoginEndpoint: "http://localhost/login", Key: key}
	for _, v := range []any{a, *a, []any{a, *a}, struct{ A *ServiceAccount }{a}, struct{ A ServiceAccount }{*a}} {
		out := printedValue(v)
		for _, secret := range []*big.Int{key.D, key.Primes[0], key.Primes[1]} {
			for _, base := range []int{10, 16} {
				if strings.Contains(strings.ToLower(out), secret.Text(base)) {
					t.Fatalf("got the key of a %T printed, want stars", v)
				}
			}
		}
	}
}
