package server

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/scenario"
)

// A server follows a master that demands HTTPS, a client certificate, and the
// token of a service account, and shows no secret.
func TestMasterBehindIAMIsFollowed(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	const token = "token-that-nobody-may-see"
	ca := testutil.NewCA(t)
	iam := newSecureMaster(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var login struct{ UID, Token string }
		err := json.NewDecoder(r.Body).Decode(&login)
		if err == nil {
			_, err = jwt.Parse(login.Token, func(*jwt.Token) (any, error) { return key.Public(), nil }, jwt.WithValidMethods([]string{"RS256"}))
		}
		if err != nil || login.UID != "dns" {
			t.Errorf("login: got uid %q, error %v, want dns with a valid token", login.UID, err)
		}
		fmt.Fprintf(w, `{"token": %q}`, token)
	}))
	var master http.Handler
	m := newSecureMaster(t, ca, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token="+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		master.ServeHTTP(w, r)
	}))
	at := netip.MustParseAddrPort(m.Listener.Addr().String())
	master = sim.NewMaster(scenario.NewDemo(scenario.Options{}).Cluster, sim.MasterOptions{Addr: at})

	dir := t.TempDir()
	file := func(name string, content []byte) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	cert, certKey := issue(t, ca)
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	account := map[string]string{"uid": "dns", "private_key": string(keyPEM), "login_endpoint": iam.URL + "/acs/api/v1/auth/login", "scheme": "RS256"}
	settings := map[string]any{
		"masters": []string{at.String()}, "refreshSeconds": 1,
		"listener": "127.0.0.1", "port": 0, "HTTPListener": "127.0.0.1", "httpport": 0,
		"IPSources":    []string{"netinfo", "host"},
		"MesosHTTPSOn": true, "CACertFile": file("ca.pem", ca.PEM()), "CertFile": file("cert.pem", cert), "KeyFile": file("key.pem", certKey),
		"mesosAuthentication": "iam", "IAMConfigFile": file("iam.json", toJSON(t, account)),
	}
	c, _, err := config.Load(file("config.json", toJSON(t, settings)), nil)
	if err != nil {
		t.Fatal(err)
	}
	var logged lockedBuffer
	logger := logrus.New()
	logger.SetOutput(&logged)
	logger.SetLevel(logrus.TraceLevel)
	s, cancel, done := startServer(t, c, logger)
	testutil.Eventually(t, func() bool { return len(ask(t, s, "nginx.marathon.mesos.", dns.TypeA)) == 3 }, "the state is read")

	resp, err := http.Get("http://" + s.http.Addr().String() + "/v1/config")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !bytes.Contains(shown, []byte("iam.json")) {
		t.Errorf("/v1/config: got %s, error %v, want the name of the file", shown, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: got %v, want no error", err)
	}
	secretLine := strings.Split(string(keyPEM), "\n")[1]
	for _, secret := range []string{token, secretLine, key.D.String()} {
		if strings.Contains(logged.String()+string(shown), secret) {
			t.Errorf("got a secret in\n%s%s", logged.String(), shown)
		}
	}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lockedBuffer can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
