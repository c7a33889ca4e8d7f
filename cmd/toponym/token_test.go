package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Commands that ask a server can be used where httpAuth wants a token.
func TestExplainSendsItsToken(t *testing.T) {
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		if sent != "Bearer 0123456789abcdef" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error": "a token is needed"}`))
			return
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef\nanother\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runWith(t, "explain", "web.marathon.mesos", "-server", server.URL, "-token-file", file); got.status != statusOK {
		t.Errorf("with the token: got status %d, sent %q: %s", got.status, sent, got.stderr)
	}
	if got := runWith(t, "explain", "web.marathon.mesos", "-server", server.URL); got.status != statusFailed || !strings.Contains(got.stderr, "a token is needed") {
		t.Errorf("without: got status %d and %s, want the server's error", got.status, got.stderr)
	}
	if got := runWith(t, "explain", "web.marathon.mesos", "-server", server.URL, "-token-file", file+".gone"); got.status != statusFailed || !strings.Contains(got.stderr, ".gone") {
		t.Errorf("without the file: got status %d and %s, want an error that names it", got.status, got.stderr)
	}
}
