package master

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/singleflight"
)

// Account is a service account of the identity management of DC/OS.
type Account struct {
	UID           string
	LoginEndpoint string // an absolute URL
	Key           *rsa.PrivateKey
}

// Bounds of logging in.
const (
	loginTimeout  = 10 * time.Second
	loginTokenFor = 5 * time.Minute // validity of a login token: clocks differ
	maxLoginBytes = 64 << 10        // of an answer
	freshToken    = 10 * time.Second
	renewBefore   = time.Minute // before a token expires, or a tenth of its life
)

// iam adds the token of a service account to requests. It keeps the token until
// that expires or is refused, and then logs in again. It is safe for concurrent
// use: one login serves all requests that wait for it.
type iam struct {
	next    http.RoundTripper
	account func() (Account, error) // called for each login
	logins  singleflight.Group

	mu        sync.Mutex
	token     string
	since     time.Time // of the login
	until     time.Time // when to renew the token; zero: when it is refused
	failures  int       // to log in, in a row
	notBefore time.Time // of the next login
	lastError error
}

func newIAM(next http.RoundTripper, account func() (Account, error)) *iam {
	return &iam{next: next, account: account}
}

// RoundTrip sends a request with a token. When the master refuses the token, the
// request is sent once more with a new one.
func (t *iam) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.tokenExcept(r.Context(), "")
	if err != nil {
		if r.Body != nil {
			r.Body.Close() // as a RoundTripper must
		}
		return nil, err
	}
	resp, err := t.next.RoundTrip(withToken(r, token))
	if err != nil || resp.StatusCode != http.StatusUnauthorized || t.isFresh(token) {
		return resp, err
	}
	again := withToken(r, "")
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			t.forget(token)
			return resp, nil
		}
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil
		}
	}
	if token, err = t.tokenExcept(r.Context(), token); err != nil {
		if again.Body != nil {
			again.Body.Close()
		}
		resp.Body.Close()
		return nil, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxLoginBytes) // so that the connection is not reset
	resp.Body.Close()
	setToken(again, token)
	return t.next.RoundTrip(again)
}

func withToken(r *http.Request, token string) *http.Request {
	r = r.Clone(r.Context())
	setToken(r, token)
	return r
}

func setToken(r *http.Request, token string) { r.Header.Set("Authorization", "token="+token) }

// isFresh reports whether a token has just been issued: another one would be
// refused as well.
func (t *iam) isFresh(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return token == t.token && time.Since(t.since) < freshToken
}

func (t *iam) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

// tokenExcept returns a token other than the one that was refused.
func (t *iam) tokenExcept(ctx context.Context, refused string) (string, error) {
	if token, err, known := t.cached(refused); known {
		return token, err
	}
	// A request that is canceled must not end the login for the others.
	ch := t.logins.DoChan("", func() (any, error) {
		if token, err, known := t.cached(refused); known {
			return token, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginTimeout)
		defer cancel()
		token, err := t.login(ctx)
		t.store(token, err)
		return token, err
	})
	select {
	case r := <-ch:
		token, _ := r.Val.(string)
		return token, r.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// cached returns a valid token, or the error of the last login while it is too
// soon for another one.
func (t *iam) cached(refused string) (token string, err error, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.token != "" && t.token != refused && (t.until.IsZero() || now.Before(t.until)) {
		return t.token, nil, true
	}
	if now.Before(t.notBefore) {
		return "", t.lastError, true
	}
	return "", nil, false
}

// store keeps the result of a login.
func (t *iam) store(token string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if err != nil {
		t.token, t.lastError = "", err
		t.notBefore = now.Add(retryDelay(t.failures, maxBackoff))
		t.failures++
		return
	}
	t.token, t.since, t.until = token, now, renewAt(token, now)
	t.failures, t.notBefore, t.lastError = 0, time.Time{}, nil
}

// renewAt returns when to log in again according to the token, whose signature
// only the masters can check. Zero means: when the token is refused.
func renewAt(token string, now time.Time) time.Time {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.ExpiresAt == nil {
		return time.Time{}
	}
	left := claims.ExpiresAt.Sub(now)
	if left <= 0 {
		return time.Time{} // our clock or theirs is wrong
	}
	return now.Add(left - min(renewBefore, left/10)) // by the monotonic clock
}

// login requests a token.
func (t *iam) login(ctx context.Context) (string, error) {
	account, err := t.account()
	if err != nil {
		return "", err
	}
	token, err := t.loginAs(ctx, account)
	if err != nil {
		return "", fmt.Errorf("logging in at %s: %w", endpoint(account.LoginEndpoint), err)
	}
	return token, nil
}

// endpoint is the URL of the login without the parts that may be secret.
func endpoint(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "login_endpoint of IAMConfigFile"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func (t *iam) loginAs(ctx context.Context, a Account) (string, error) {
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"uid": a.UID,
		"exp": time.Now().Add(loginTokenFor).Unix(),
	}).SignedString(a.Key)
	if err != nil {
		return "", errors.New("the private_key of IAMConfigFile cannot sign")
	}
	body, err := json.Marshal(map[string]string{"uid": a.UID, "token": signed})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.LoginEndpoint, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("login_endpoint of IAMConfigFile is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Toponym")
	// Not by an http.Client, which would send the login token to another host
	// after a redirect.
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return "", cause(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("status %d: check uid and private_key in IAMConfigFile", resp.StatusCode)
	default:
		return "", fmt.Errorf("status %d: check login_endpoint in IAMConfigFile", resp.StatusCode)
	}
	var answer struct {
		Token string `json:"token"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, maxLoginBytes)).Decode(&answer) != nil {
		return "", errors.New("the answer is not JSON: check login_endpoint in IAMConfigFile")
	}
	if answer.Token == "" || strings.ContainsFunc(answer.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the answer holds no token")
	}
	return answer.Token, nil
}
