package master

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One authority is trusted for the login and for the masters.
func TestIAMFromLoginToState(t *testing.T) {
	i := &identities{lifetime: time.Hour}
	web := httptest.NewUnstartedServer(http.HandlerFunc(i.login))
	login := start(t, web, true)
	lead := start(t, httptest.NewUnstartedServer(i.master(leading)), true)
	standby := start(t, httptest.NewUnstartedServer(i.master(redirecting("//"+lead.String()+"/master/state"))), true)
	ca := x509.NewCertPool()
	ca.AddCert(web.Certificate())

	o := options(standby)
	o.HTTPS, o.TLS = true, func() *tls.Config { return &tls.Config{RootCAs: ca} }
	o.Account = dnsAccount("https://" + login.String() + "/acs/api/v1/auth/login")
	w := New(o)
	wantLeader(t, w, lead)
	wantLeader(t, w, lead)
	i.wantLogins(t, 1)

	o.TLS = nil
	wantError(t, New(o), "logging in at https://"+login.String()+"/acs/api/v1/auth/login: ", "certificate")
	i.set(func() { i.status = 401 })
	o.TLS = func() *tls.Config { return &tls.Config{RootCAs: ca} }
	wantError(t, New(o), "status 401: check uid and private_key in IAMConfigFile")
	i.set(func() { i.answer, i.status = `{"token": "another"}`, 0 })
	wantError(t, New(o), "status 401: the master rejects the token of the service account: check IAMConfigFile")
	o.Account = func() (Account, error) { return Account{}, errors.New("IAMConfigFile: is gone") }
	wantError(t, New(o), "IAMConfigFile: is gone")
}

func TestTokenIsKeptUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &identities{lifetime: time.Hour}
		rt := i.transport()
		for range 58 {
			send(t, rt, 200)
			time.Sleep(time.Minute)
		}
		i.wantLogins(t, 1)
		time.Sleep(2 * time.Minute)
		send(t, rt, 200)
		i.wantLogins(t, 2)
		// One that lives less than the time before which it would be renewed.
		i.set(func() { i.lifetime = 20 * time.Second })
		time.Sleep(time.Hour)
		send(t, rt, 200)
		time.Sleep(17 * time.Second)
		send(t, rt, 200)
		i.wantLogins(t, 3)
		time.Sleep(2 * time.Second)
		send(t, rt, 200)
		i.wantLogins(t, 4)
	})
}

func TestTokenWithoutAUsableEndIsKeptUntilItIsRefused(t *testing.T) {
	for _, lifetime := range []time.Duration{0, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			i := &identities{lifetime: lifetime}
			rt := i.transport()
			for range 3 {
				send(t, rt, 200)
				time.Sleep(24 * time.Hour)
			}
			i.wantLogins(t, 1)
			i.set(func() { i.answer, i.valid = `{"token": "opaque"}`, "opaque" })
			send(t, rt, 200)
			time.Sleep(24 * time.Hour)
			send(t, rt, 200)
			i.wantLogins(t, 2)
		})
	}
}

// The login is repeated once, and the same body sent again.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &identities{lifetime: time.Hour}
		rt := i.transport()
		send(t, rt, 200)
		time.Sleep(time.Minute)
		i.set(func() { i.valid, i.bodies = "revoked", nil })
		send(t, rt, 200)
		i.wantLogins(t, 2)
		if len(i.bodies) != 1 || i.bodies[0] != "subscribe" {
			t.Errorf("got bodies %q, want one: subscribe", i.bodies)
		}

		// A master that takes no token gets two requests, and no storm of logins.
		time.Sleep(time.Minute)
		i.set(func() { i.answer, i.valid, i.requests = `{"token": "another"}`, "", 0 })
		send(t, rt, 401)
		i.wantLogins(t, 3)
		for range 9 {
			time.Sleep(time.Second)
			send(t, rt, 401)
		}
		i.wantLogins(t, 3)
		if i.requests != 11 {
			t.Errorf("%d requests, want 11", i.requests)
		}
		time.Sleep(time.Second)
		send(t, rt, 401)
		i.wantLogins(t, 4)
	})
}

// unrepeatable is a body that nobody can get again.
type unrepeatable struct {
	io.Reader
	closed bool
}

func (c *unrepeatable) Close() error { c.closed = true; return nil }

func TestBodyThatCannotBeSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &identities{lifetime: time.Hour}
		rt := i.transport()
		send(t, rt, 200)
		time.Sleep(time.Minute)
		i.set(func() { i.valid = "revoked" })
		body := &unrepeatable{Reader: strings.NewReader("subscribe")}
		r := request(t, "POST", "")
		r.Body, r.GetBody = body, nil
		resp, err := rt.RoundTrip(r)
		if err != nil || resp.StatusCode != 401 || !body.closed {
			t.Errorf("got %v, %v, body closed %t, want status 401 and the body closed", resp, err, body.closed)
		}
		send(t, rt, 200) // by a new token
		i.wantLogins(t, 2)

		i.set(func() { i.status = 500 })
		time.Sleep(2 * time.Hour)
		body = &unrepeatable{Reader: strings.NewReader("subscribe")}
		r.Body = body
		if _, err := rt.RoundTrip(r); err == nil || !body.closed {
			t.Errorf("got error %v, body closed %t, want an error and the body closed", err, body.closed)
		}
		if r.Header.Get("Authorization") != "" {
			t.Error("the request: got it changed, want it unchanged, as of any RoundTripper")
		}
	})
}

// A request that gives up does not end the login for the others.
func TestOneLoginServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &identities{lifetime: time.Hour, slow: 3 * time.Second}
		rt := i.transport()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := rt.RoundTrip(request(t, "POST", "x").WithContext(hasty)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
			}
		})
		synctest.Wait() // the one who gives up has begun the login
		for range 50 {
			wg.Go(func() { send(t, rt, 200) })
		}
		wg.Wait()
		i.wantLogins(t, 1)
		time.Sleep(time.Minute)
		i.set(func() { i.valid = "revoked" })
		for range 50 {
			wg.Go(func() { send(t, rt, 200) })
		}
		wg.Wait()
		i.wantLogins(t, 2)
	})
}

// The number of requests does not matter.
func TestFailedLoginsAreRepeatedAtGrowingIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &identities{status: 503, answer: "no"}
		rt := i.transport()
		for range 600 {
			send(t, rt, 0)
			time.Sleep(100 * time.Millisecond)
		}
		if i.logins < 5 || i.logins > 12 || i.requests != 0 {
			t.Errorf("got %d logins in a minute, %d requests, want 5 to 12 and no request without a token", i.logins, i.requests)
		}
		i.set(func() { i.status, i.answer, i.logins = 0, "", 0 })
		time.Sleep(maxBackoff)
		send(t, rt, 200)
		i.wantLogins(t, 1)
	})
}

func TestAnswersToALogin(t *testing.T) {
	for _, tt := range []struct {
		status       int
		answer, want string
	}{
		{401, `{"title": "Unauthorized"}`, "status 401: check uid and private_key in IAMConfigFile"},
		{403, "", "status 403: check uid and private_key in IAMConfigFile"},
		{404, "", "status 404: check login_endpoint in IAMConfigFile"},
		{307, "", "status 307: check login_endpoint in IAMConfigFile"}, // not followed: the login token is for one
		{500, "hunter2", "status 500: check login_endpoint in IAMConfigFile"},
		{200, "<html>", "the answer is not JSON: check login_endpoint in IAMConfigFile"},
		{200, `{"token": 7}`, "the answer is not JSON"},
		{200, `{"token": "hunter2`, "the answer is not JSON"},
		{200, `{"token": "` + strings.Repeat("x", maxLoginBytes) + `"}`, "the answer is not JSON"},
		{200, `{"token": ""}`, "the answer holds no token"},
		{200, `{"token": "hunter2\r\nX-Evil: 1"}`, "the answer holds no token"},
		{200, `[]`, "the answer is not JSON"},
		{200, `null`, "the answer holds no token"},
	} {
		i := &identities{status: tt.status, answer: tt.answer}
		err := send(t, i.transport(), 0)
		if err == nil || !strings.Contains(err.Error(), "logging in at http://iam.example/login: "+tt.want) {
			t.Errorf("%d %.40q: error %v, want %q", tt.status, tt.answer, err, tt.want)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") || strings.Contains(err.Error(), "hidden") {
			t.Errorf("got %v, want no secret in it", err)
		}
	}
}

func TestKeyThatCannotSign(t *testing.T) {
	i := &identities{}
	rt := newIAM(i.inMemory(), func() (Account, error) {
		return Account{UID: "dns", LoginEndpoint: "http://iam.example/login", Key: &rsa.PrivateKey{}}, nil
	})
	if err := send(t, rt, 0); err == nil || !strings.Contains(err.Error(), "the private_key of IAMConfigFile cannot sign") {
		t.Errorf("got error %v, want that the key cannot sign", err)
	}
}
