package config

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHTTPAuthIsParsed(t *testing.T) {
	cert, key, ca := certificate(t)
	tls := `, "httpsListen": "127.0.0.1", "httpsCertFile": "` + cert + `", "httpsKeyFile": "` + key + `", "httpsClientCAFile": "` + ca + `"`
	file := write(t, "tokens", "# comment\n\nfrom-a-file-0123456789=\n")
	c, warnings := mustLoad(t, "c.json", `{`+where+tls+`, "httpAuth": {
		"/": {},
		"/v1/axfr": {"tokens": ["0123456789abcdef"], "tokenFiles": ["`+file+`"], "clients": ["NS2.example.com"], "networks": ["10.0.0.1", "fd00::/8"]}}}`)
	equalLines(t, warnings, nil)
	want := map[string]HTTPAccess{"/": {}, "/v1/axfr": {
		Tokens: []Secret{"0123456789abcdef"}, TokenFiles: []string{file}, Clients: []string{"ns2.example.com"},
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("fd00::/8")},
	}}
	if !reflect.DeepEqual(c.HTTPAuth, want) {
		t.Errorf("got %#v, want %#v", c.HTTPAuth, want)
	}
	tokens, err := c.HTTPAuth["/v1/axfr"].ReadTokens()
	if err != nil || !reflect.DeepEqual(tokens, []Secret{"0123456789abcdef", "from-a-file-0123456789="}) {
		t.Errorf("got %d tokens and error %v, want those of the settings and of the file", len(tokens), err)
	}

	c, _ = mustLoad(t, "c.json", `{`+where+`}`, `TOPONYM_HTTPAUTH={"/v1/axfr": {"networks": ["10.0.0.0/8"]}}`)
	if got := len(c.HTTPAuth["/v1/axfr"].Networks); got != 1 {
		t.Errorf("from the environment: got %d networks, want 1", got)
	}
}

func TestHTTPAuthThatCannotWorkIsRejected(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`["/v1/axfr"]`, `httpAuth: is not a map`},
		{`{"v1": {}}`, `httpAuth["v1"]: is not a path`},
		{`{"/v1/": {}}`, `httpAuth["/v1/"]: is not a path`},
		{`{"/v1/../x": {}}`, `is not a path`},
		{`{"/v1": []}`, `httpAuth["/v1"]: is not an object`},
		{`{"/v1": {"token": "0123456789abcdef"}}`, `httpAuth["/v1"]["token"]: is not known: want tokens, tokenFiles, clients or networks`},
		{`{"/v1": {"tokens": "0123456789abcdef"}}`, `is not a list`},
		{`{"/v1": {"tokens": ["0123456789abcde"]}}`, `httpAuth["/v1"]["tokens"][0]: is shorter than 16 characters`},
		{`{"/v1": {"tokens": ["0123456789 abcdef"]}}`, `has a character that a bearer token cannot have`},
		{`{"/v1": {"tokenfiles": ["/gone"]}}`, `httpAuth["/v1"]: has a token file that cannot be used: /gone: no such file`},
		{`{"/v1": {"tokenfiles": ["` + write(t, "tokens", "0123456789abcdef\nshort\n") + `"]}}`, `tokens:2: is shorter than 16 characters`},
		{`{"/v1": {"clients": ["a"]}}`, `httpAuth["/v1"]: has clients while httpsListen or httpsClientCAFile is missing`},
		{`{"/v1": {"networks": ["10.0.0.1/33"]}}`, `is not a network`},
	} {
		got := errorsOf(t, "c.json", `{`+where+`, "httpAuth": `+c.value+`}`)
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: got errors %q, want one with %q", c.value, got, c.want)
		}
	}
}

func TestTokensOverUnencryptedHTTPAreWarnedOf(t *testing.T) {
	const auth = `, "httpAuth": {"/v1/axfr": {"tokens": ["0123456789abcdef"]}}`
	cert, key, _ := certificate(t)
	for _, c := range []struct {
		settings string
		warned   bool
	}{
		{auth, true},
		{auth + `, "HTTPListener": "127.0.0.1"`, false},
		{auth + `, "httpsListen": "0.0.0.0", "httpsCertFile": "` + cert + `", "httpsKeyFile": "` + key + `"`, false},
		{auth + `, "httpon": false`, false},
		{`, "httpAuth": {"/v1/axfr": {"networks": ["10.0.0.0/8"]}}`, false},
	} {
		_, warnings := mustLoad(t, "c.json", `{`+where+c.settings+`}`)
		if got := len(warnings) == 1 && strings.HasPrefix(warnings[0], "httpAuth: tokens are sent unencrypted over HTTP on 0.0.0.0"); got != c.warned {
			t.Errorf("%s: got warnings %q, want one about tokens: %v", c.settings, warnings, c.warned)
		}
	}
}

// A rule with a spelling mistake in its path would leave open what it is meant for.
func TestRulesForPathsThatAreNoneAreWarnedOf(t *testing.T) {
	page, err := os.ReadFile("../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\|").FindAllStringSubmatch(string(page), -1) {
		path, _, _ := strings.Cut(m[1], "/{")
		if path == "/healthz" || path == "/readyz" {
			continue
		}
		if got := problemOfPath(path); got != "" {
			t.Errorf("%s: got %q, want no problem", path, got)
		}
		paths = append(paths, path)
	}
	for _, path := range httpPaths {
		if !slices.Contains(paths, path) {
			t.Errorf("%s is not in docs/http-api.md, whose paths are %q", path, paths)
		}
	}
	_, warnings := mustLoad(t, "c.json", `{`+where+`, "httpAuth": {"/": {}, "/v1": {}, "/v1/sd": {}, "/v1/hosts/web.mesos": {},
		"/v1/axrf": {}, "/v2": {}, "/healthz": {}}}`)
	equalLines(t, warnings, []string{
		`httpAuth["/healthz"]: always answers, so this rule has no effect`,
		`httpAuth["/v1/axrf"]: is not a path of the HTTP API, so this rule protects nothing; did you mean /v1/axfr?`,
		`httpAuth["/v2"]: is not a path of the HTTP API, so this rule protects nothing`,
	})
}
