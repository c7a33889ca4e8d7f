package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestAddressesOfListenersAreParsed(t *testing.T) {
	cert, key, _ := certificate(t)
	for _, c := range []struct {
		value string
		want  []string
	}{
		{`"10.0.0.1:8853"`, []string{"10.0.0.1:8853"}},
		{`"0.0.0.0"`, []string{"0.0.0.0:853"}},
		{`"::"`, []string{"[::]:853"}},
		{`["10.0.0.1", "[fd00::1]:8853", "127.0.0.1:0"]`, []string{"10.0.0.1:853", "[fd00::1]:8853", "127.0.0.1:0"}},
		{`"::ffff:10.0.0.1"`, []string{"10.0.0.1:853"}},
		{`""`, nil},
		{`[]`, nil},
	} {
		got, _ := mustLoad(t, "c.json", `{`+where+`, "tlsCertFile": "`+cert+`", "tlsKeyFile": "`+key+`", "tlsListen": `+c.value+`}`)
		var want []netip.AddrPort
		for _, a := range c.want {
			want = append(want, netip.MustParseAddrPort(a))
		}
		if !slices.Equal(got.TLSListen, want) {
			t.Errorf("%s: got %v, want %v", c.value, got.TLSListen, want)
		}
	}
	got, _ := mustLoad(t, "c.json", `{`+where+`, "tlsCertFile": "`+cert+`", "tlsKeyFile": "`+key+`"}`, "TOPONYM_TLSLISTEN=10.0.0.1,10.0.0.2:854")
	if want := "[10.0.0.1:853 10.0.0.2:854]"; len(got.TLSListen) != 2 || got.TLSListen[1].Port() != 854 {
		t.Errorf("from the environment: got %v, want %s", got.TLSListen, want)
	}
}

func TestListenersThatCannotWorkAreRejected(t *testing.T) {
	cert, key, ca := certificate(t)
	files := `, "tlsCertFile": "` + cert + `", "tlsKeyFile": "` + key + `"`
	for _, c := range []struct {
		settings string
		want     string
	}{
		{`"tlsListen": "localhost:853"`, `tlsListen[0]: "localhost:853" is neither IP:port nor an IP address`},
		{`"tlsListen": 853`, `tlsListen: 853 is not a list`},
		{`"tlsListen": ["10.0.0.1", "10.0.0.1"]`, `given twice`},
		{`"port": 853, "tlsListen": "10.0.0.1"` + files, `tlsListen: is 853, like port, on the same address`},
		{`"pprofListen": "0.0.0.0:6060"`, `is not IP:port with a loopback address`},
		{`"pprofListen": "10.0.0.1:6060"`, `is not IP:port with a loopback address`},
		{`"pprofListen": "6060"`, `is not IP:port with a loopback address`},
		{`"pprofListen": "127.0.0.1:8123", "HTTPListener": "127.0.0.1"`, `pprofListen: is 8123, like httpport, on the same address`},
		{`"httpsListen": "10.0.0.1:8123"` + files, `httpsListen: is 8123, like httpport, on the same address`},
		{`"tlsListen": "0.0.0.0:8443", "httpsListen": "10.0.0.1"` + files, `httpsListen: is 8443, like tlsListen, on the same address`},
		{`"tlsListen": "10.0.0.1"`, `tlsCertFile: is missing while tlsListen is given`},
		{`"tlsListen": "10.0.0.1", "tlsCertFile": "` + cert + `"`, `tlsKeyFile: is missing while tlsCertFile is given`},
		{`"httpsListen": "10.0.0.1", "httpsKeyFile": "` + key + `"`, `httpsCertFile: is missing while httpsKeyFile is given`},
		{`"tlsListen": "10.0.0.1", "tlsCertFile": "` + ca + `", "tlsKeyFile": "` + key + `"`, `does not match tlsKeyFile`},
		{`"tlsListen": "10.0.0.1", "tlsCertFile": "/gone.pem", "tlsKeyFile": "` + key + `"`, `tlsCertFile: "/gone.pem" cannot be read`},
		{`"tlsListen": "10.0.0.1", "tlsClientCAFile": "` + key + `"` + files, `tlsClientCAFile: "` + key + `" contains no certificate`},
	} {
		got := errorsOf(t, "c.json", `{`+where+`, `+c.settings+`}`)
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got errors %q, want one with %q", c.settings, got, c.want)
		}
	}
}

func TestListenersThatAreNotUsedAreWarnedOf(t *testing.T) {
	cert, key, _ := certificate(t)
	files := `, "tlsCertFile": "` + cert + `", "tlsKeyFile": "` + key + `"`
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "dnson": false, "tlsListen": "10.0.0.1"`+files+`}`)
	equalLines(t, warnings, []string{"tlsListen: not used: dnson is false"})
	_, warnings = mustLoad(t, "c.json", `{`+where+`, "httpon": false, "httpsListen": "10.0.0.1"`+files+`}`)
	equalLines(t, warnings, []string{"httpsListen: not used: httpon is false"})
}

func TestServersHaveTheirCertificatesAndProtocols(t *testing.T) {
	cert, key, ca := certificate(t)
	c, _ := mustLoad(t, "c.json", `{`+where+`, "tlsListen": "10.0.0.1", "httpsListen": "10.0.0.1", "httpsClientCAFile": "`+ca+`",
		"tlsCertFile": "`+cert+`", "tlsKeyFile": "`+key+`"}`)
	dns, err := c.DNSTLS().Load()
	if err != nil || len(dns.Certificates) != 1 || dns.ClientCAs != nil || !slices.Equal(dns.NextProtos, []string{"dot"}) {
		t.Errorf("DNS: got %+v, error %v, want one certificate, no CA and the protocol dot", dns, err)
	}
	https, err := c.HTTPSTLS().Load() // the same certificate
	if err != nil || len(https.Certificates) != 1 || https.ClientCAs == nil || !slices.Equal(https.NextProtos, []string{"http/1.1"}) {
		t.Errorf("HTTPS: got %+v, error %v, want one certificate, a CA and the protocol http/1.1", https, err)
	}
	if got, want := c.HTTPSTLS().Paths, []string{ca, cert, key}; !slices.Equal(got, want) {
		t.Errorf("files of HTTPS: got %q, want %q", got, want)
	}
}
