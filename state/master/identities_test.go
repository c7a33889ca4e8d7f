package master

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var accountKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// identities is an identity management as that of DC/OS, and a master that
// believes it.
type identities struct {
	mu       sync.Mutex
	logins   int
	lifetime time.Duration // of tokens; 0: they do not tell
	status   int           // to answer logins with instead
	answer   string        // likewise
	valid    string        // the token that the master takes
	slow     time.Duration // to log in
	bodies   []string      // that reached the master beside a good token
	requests int           // to the master
}

func (i *identities) login(w http.ResponseWriter, r *http.Request) {
	time.Sleep(i.slow)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.logins++
	if i.status != 0 || i.answer != "" {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(max(i.status, http.StatusOK))
		io.WriteString(w, i.answer)
		return
	}
	var login struct{ UID, Token string }
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&login) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var claims struct {
		UID string `json:"uid"`
		jwt.RegisteredClaims
	}
	_, err := jwt.ParseWithClaims(login.Token, &claims, func(*jwt.Token) (any, error) { return accountKey().Public(), nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired())
	if err != nil || claims.UID != "dns" || login.UID != "dns" || claims.ExpiresAt.After(time.Now().Add(time.Hour)) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	given := jwt.MapClaims{"uid": "dns", "n": i.logins}
	if i.lifetime != 0 {
		given["exp"] = time.Now().Add(i.lifetime).Unix()
	}
	i.valid, err = jwt.NewWithClaims(jwt.SigningMethodHS256, given).SignedString([]byte("of the identity management"))
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `{"token": %q}`, i.valid)
}

func (i *identities) master(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		i.mu.Lock()
		i.requests++
		good := i.valid != "" && r.Header.Get("Authorization") == "token="+i.valid
		if good {
			i.bodies = append(i.bodies, string(body))
		}
		i.mu.Unlock()
		if !good {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func (i *identities) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *identities) wantLogins(t *testing.T, want int) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.logins != want {
		t.Errorf("%d logins, want %d", i.logins, want)
	}
}

// inMemory is a transport to both, so that the clock of a synctest bubble can
// go on. It closes bodies and minds the context, as transports do.
func (i *identities) inMemory() roundTripper {
	master := i.master(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			defer r.Body.Close()
		}
		w := httptest.NewRecorder()
		if r.URL.Path == "/login" {
			i.login(w, r)
		} else {
			master(w, r)
		}
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return w.Result(), nil
	}
}

func dnsAccount(at string) func() (Account, error) {
	return func() (Account, error) {
		return Account{UID: "dns", LoginEndpoint: at, Key: accountKey()}, nil
	}
}

func (i *identities) transport() *iam {
	return newIAM(i.inMemory(), dnsAccount("http://iam.example/login?x=hidden"))
}

func request(t *testing.T, method, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://10.0.0.1:5050/api/v1", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send wants a status, or 0 for an error, which it gives.
func send(t *testing.T, rt http.RoundTripper, want int) error {
	t.Helper()
	resp, err := rt.RoundTrip(request(t, "POST", "subscribe"))
	got := 0
	if err == nil {
		got = resp.StatusCode
		resp.Body.Close()
	}
	if got != want {
		t.Errorf("status %d, error %v, want status %d", got, err, want)
	}
	return err
}
