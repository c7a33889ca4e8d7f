package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func loadTransfer(t *testing.T, text string) (*Config, []Warning, error) {
	t.Helper()
	return Load(write(t, "c.json", `{"masters": ["10.0.0.1:5050"], `+text+`}`), nil)
}

func TestTransferSettings(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("bWFrZSBpdCBsb25nIGFuZCByYW5kb20=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := loadTransfer(t, `
		"tsigKeys": {
			"One.Key.": {"secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="},
			"two": {"Algorithm": "HMAC-SHA512", "secretFile": "`+secret+`"}
		},
		"transferAllow": ["10.0.0.0/8", "192.0.2.1", "key:one.key", "fd00::/8 key:TWO", "key:two 10.1.0.0/16"],
		"catalogZone": "catalog.example."`)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", warnings, err)
	}
	keys := map[string]TSIGKey{
		"one.key": {Algorithm: "hmac-sha256", Secret: "make it long and random"},
		"two":     {Algorithm: "hmac-sha512", Secret: "make it long and random", SecretFile: secret},
	}
	if !reflect.DeepEqual(c.TSIGKeys, keys) {
		t.Errorf("got keys %v, want %v", c.TSIGKeys, keys)
	}
	rules := []TransferRule{
		{Network: netip.MustParsePrefix("10.0.0.0/8")},
		{Network: netip.MustParsePrefix("192.0.2.1/32")},
		{Key: "one.key"},
		{Network: netip.MustParsePrefix("fd00::/8"), Key: "two"},
		{Network: netip.MustParsePrefix("10.1.0.0/16"), Key: "two"},
	}
	if !reflect.DeepEqual(c.TransferAllow, rules) {
		t.Errorf("got rules %v, want %v", c.TransferAllow, rules)
	}
	if c.CatalogZone != "catalog.example" {
		t.Errorf("got catalog zone %q, want catalog.example", c.CatalogZone)
	}
	if text := toJSON(c.TransferAllow); text != `["10.0.0.0/8","192.0.2.1/32","key:one.key","fd00::/8 key:two","10.1.0.0/16 key:two"]` {
		t.Errorf("the rules are shown as %s", text)
	}
}

func TestErrorsOfTransferSettings(t *testing.T) {
	const key = `{"secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="}`
	for text, want := range map[string]string{
		`"transferAllow": ["key:other"], "tsigKeys": {"a": ` + key + `}`:                  `transferAllow[0]: "key:other" names a key that is not in tsigKeys`,
		`"transferAllow": ["10.0.0.0/8 10.1.0.0/16"]`:                                     `transferAllow[0]: "10.0.0.0/8 10.1.0.0/16" has two networks, keys or certificates`,
		`"transferAllow": ["key:a key:b"]`:                                                "has two networks, keys or certificates",
		`"transferAllow": ["cert:a cert:b"]`:                                              "has two networks, keys or certificates",
		`"transferAllow": ["cert:"]`:                                                      "has a certificate without a name",
		`"transferAllow": ["everybody"]`:                                                  `"everybody" is not a network`,
		`"transferAllow": [""]`:                                                           "is empty",
		`"transferAllow": ["key:"]`:                                                       "has a key that is not a domain name: it is empty",
		`"tsigKeys": {"a": {}}`:                                                           `tsigKeys["a"]: has no secret: want secret, or secretFile`,
		`"tsigKeys": {"a": {"secret": "x!"}}`:                                             `tsigKeys["a"]: has a secret that is not base64`,
		`"tsigKeys": {"a": {"algorithm": "bXk=", "secret": "eA=="}}`:                      `tsigKeys["a"]: has an unknown algorithm: want one of hmac-sha256, hmac-sha384, hmac-sha512`,
		`"tsigKeys": {"a": {"algorithm": "MD5", "secret": "eA=="}}`:                       `tsigKeys["a"]: has the algorithm "md5", which is not supported: want one of hmac-sha256`,
		`"tsigKeys": {"a": {"algorithm": "hmac-md5.sig-alg.reg.int.", "secret": "eA=="}}`: `tsigKeys["a"]: has the algorithm "hmac-md5.sig-alg.reg.int", which is not supported: want one of hmac-sha256, hmac-sha384, hmac-sha512`,
		`"tsigKeys": {"a": {"secretFile": "missing"}}`:                                    `tsigKeys["a"]: has a secretFile that cannot be read`,
		`"tsigKeys": {"a": {"secret": "eA==", "secretFile": "b"}}`:                        "has both secret and secretFile: want one of them",
		`"tsigKeys": {"a b": ` + key + `}`:                                                `tsigKeys["a b"]: is not a domain name`,
		`"catalogZone": "catalog.mesos"`:                                                  `catalogZone: "catalog.mesos" is within domain`,
		`"catalogZone": "c.mesos.thisdcos.directory"`:                                     `catalogZone: "c.mesos.thisdcos.directory" is within an alias`,
		`"ReverseDnsOn": true, "catalogZone": "10.in-addr.arpa"`:                          `catalogZone: "10.in-addr.arpa" is within reverseZones: want a name outside 10.in-addr.arpa`,
		`"catalogZone": "` + strings.Repeat("a.", 120) + `a"`:                             "it is longer than",
		`"transferMax": 0`:                                                                "transferMax: 0 is out of range",
	} {
		_, _, err := loadTransfer(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	_, warnings, err := loadTransfer(t, `"tsigKeys": {"a": {"secret": "c2hvcnQ="}}`)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].String(), "the secret of a is shorter than 16 bytes") {
		t.Errorf("a short secret: got %v, %v, want a warning", warnings, err)
	}
}

func TestRulesForTransfersOverTLS(t *testing.T) {
	cert, key, ca := certificate(t)
	const rules = `, "transferAllow": ["tls", "cert:NS2.example.com 10.0.0.0/8", "cert:*"]`
	tls := `, "tlsListen": "127.0.0.1", "tlsCertFile": "` + cert + `", "tlsKeyFile": "` + key + `"`
	c, warnings := mustLoad(t, "c.json", `{`+where+tls+`, "tlsClientCAFile": "`+ca+`"`+rules+`}`)
	equalLines(t, warnings, nil)
	want := []TransferRule{{TLS: true}, {Network: netip.MustParsePrefix("10.0.0.0/8"), Cert: "ns2.example.com"}, {Cert: "*"}}
	if !reflect.DeepEqual(c.TransferAllow, want) {
		t.Errorf("got rules %v, want %v", c.TransferAllow, want)
	}
	_, warnings = mustLoad(t, "c.json", `{`+where+tls+rules+`}`)
	equalLines(t, warnings, []string{
		`transferAllow: "10.0.0.0/8 cert:ns2.example.com" allows nobody: tlsClientCAFile is not set`,
		`transferAllow: "cert:*" allows nobody: tlsClientCAFile is not set`,
	})
	_, warnings = mustLoad(t, "c.json", `{`+where+`, "transferAllow": ["tls"]}`)
	equalLines(t, warnings, []string{`transferAllow: "tls" allows nobody: tlsListen is not set`})
}

// What is well-formed but does not do what it seems to is warned of.
func TestTransferSettingsThatDoNothingAreWarnedOf(t *testing.T) {
	const key = `"tsigKeys": {"a": {"secret": "bWFrZSBpdCBsb25nIGFuZCByYW5kb20="}}, "transferAllow": ["key:a"], `
	for text, want := range map[string][]string{
		key + `"catalogZone": "catalog.example"`: nil,
		`"catalogZone": "catalog.example"`:       {"catalogZone: nobody may have it: transferAllow is empty"},
		`"primaryCount": 1`:                      nil,
		`"primaryCount": 2, "primaryNumber": 1`:  nil,
		`"primaryCount": 3`:                      {"primaryCount: primaryNumber is not set: this is number 1 of 3, and each of the others has to have another number"},
		`"tlsCertFile": "/none/cert.pem", "httpsKeyFile": "/none/k"`: {
			"tlsCertFile: /none/cert.pem cannot be read: no such file or directory; it is not used, because tlsListen is not set",
			"httpsKeyFile: /none/k cannot be read: no such file or directory; it is not used, because httpsListen is not set",
		},
	} {
		_, warnings := mustLoad(t, "c.json", `{"masters": ["10.0.0.1:5050"], `+text+`}`)
		equalLines(t, warnings, want)
	}
}
