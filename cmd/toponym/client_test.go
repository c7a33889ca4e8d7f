package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
	for url, want := range map[string]string{
		plain.URL:   "a token is required; -token-file names a file with a token",
		private.URL: "is not trusted: tls: failed to verify certificate: x509: certificate signed by unknown authority; the environment variable SSL_CERT_FILE",
		gone.URL:    "no server answers at " + gone.URL,
	} {
		c := client{server: url}
		if _, err := c.get(t.Context(), []string{"v1", "status"}, nil, new(any)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", url, err, want)
		}
	}
}
