package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toponym/internal/testutil"
)

// What went wrong is said together with what helps.
func TestErrorsOfAClientSayWhatHelps(t *testing.T) {
	closed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"error": "a token is required"}`, http.StatusUnauthorized)
	})
	plain := httptest.NewServer(closed)
	defer plain.Close()
	private := httptest.NewUnstartedServer(closed)
	private.Config.ErrorLog = log.New(io.Discard, "", 0)
	private.StartTLS()
	defer private.Close()
	gone := httptest.NewServer(closed)
	gone.Close()
	master := httptest.NewServer(http.NotFoundHandler())
	defer master.Close()
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	}))
	defer old.Close()
	silent := listenTCP(t, func(c net.Conn) {})
	other := listenTCP(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example ESMTP\r\n")) })
	for url, want := range map[string]string{
		plain.URL:   "a token is required; -token-file names a file with a token",
		private.URL: "is not trusted: tls: failed to verify certificate: x509: certificate signed by unknown authority; the environment variable SSL_CERT_FILE",
		master.URL:  "404 Not Found: it does not look like Toponym; -server chooses another address",
		old.URL:     old.URL + ": 404 Not Found",
		silent:      silent + " does not speak HTTP: ",
		other:       other + " does not speak HTTP: ",
		gone.URL:    "no server answers at " + gone.URL,
	} {
		c := client{server: url}
		if _, err := c.get(t.Context(), []string{"v1", "status"}, nil, new(any)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", url, err, want)
		}
	}
}

// listenTCP serves connections, each of which is closed after what is done with its first
// bytes, until the test ends. It returns the address.
func listenTCP(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	return testutil.Serve(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1<<12))
		serve(c)
	}).String()
}

// A host alone stands for its HTTP API on the default port.
func TestAServerMayBeAHost(t *testing.T) {
	for server, want := range map[string]string{
		"ns1":                   "http://ns1:8123",
		"ns1.example":           "http://ns1.example:8123",
		"10.0.0.53":             "http://10.0.0.53:8123",
		"::1":                   "http://[::1]:8123",
		"[fd00::1]":             "http://[fd00::1]:8123",
		"10.0.0.53:80":          "http://10.0.0.53:80",
		"https://ns1.example/x": "https://ns1.example/x",
	} {
		if got, err := apiURL(server); err != nil || got.String() != want {
			t.Errorf("%s: got %v, error %v, want %s", server, got, err, want)
		}
	}
	for _, server := range []string{"", "8123", ":8123", "ns1/v1", "a b", "@", "ftp://ns1"} {
		if got, err := apiURL(server); err == nil {
			t.Errorf("%q: got %v, want an error", server, got)
		}
	}
}
