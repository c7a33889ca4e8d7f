package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var testTop = Top{
	Seconds: 2, Queries: 12.5, CountedOneIn: 1,
	Codes:   []TopCode{{"NOERROR", 10}, {"NXDOMAIN", 2.5}},
	Names:   []TopName{{"web.marathon.mesos.", TopRate{9, 8.5}}},
	Clients: []TopClient{{netip.MustParseAddr("10.0.0.9"), TopRate{12.5, 12.5}}},
}

// topServer answers with testTop when the client has waited, and notes what was asked.
func topServer(access ...Access) (s *Server, waited *time.Duration, rows *int) {
	waited, rows = new(time.Duration), new(int)
	o := testOptions(testSnapshot())
	o.Access = access
	var mu sync.Mutex
	o.Top = func(ctx context.Context, n int) Top {
		begin := time.Now()
		<-ctx.Done()
		mu.Lock()
		defer mu.Unlock()
		*waited, *rows = time.Since(begin), n
		return testTop
	}
	return New(o), waited, rows
}

// from requests a path as a client with an address.
func from(s *Server, addr, path string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(addr), 1000).String()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestTopHasTheDocumentedForm(t *testing.T) {
	s, _, _ := topServer()
	golden(t, "top.json", from(s, "127.0.0.1", "/v1/top?wait=1ms").Body.Bytes())
}

func TestTopCountsAsLongAsTheClientWaits(t *testing.T) {
	for _, c := range []struct {
		query string
		wait  time.Duration
		rows  int
	}{
		{"", topTime, topRows}, {"?wait=300ms&limit=5", 300 * time.Millisecond, 5}, {"?wait=1000h&limit=100", maxTopTime, maxTopRows},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, waited, rows := topServer()
			if code := from(s, "::1", "/v1/top"+c.query).Code; code != http.StatusOK || *waited != c.wait || *rows != c.rows {
				t.Errorf("%s: got status %d after %v with %d rows, want 200 after %v with %d", c.query, code, *waited, *rows, c.wait, c.rows)
			}
		})
	}
	s, _, _ := topServer()
	for _, query := range []string{"?wait=1", "?wait=-1s", "?wait=0s", "?limit=101", "?limit=x", "?name=web"} {
		if code := from(s, "127.0.0.1", "/v1/top"+query).Code; code != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 400", query, code)
		}
	}
}

// Who asks what is personal data: it is for the machine itself, until a rule says
// otherwise.
func TestTopIsForTheMachineItselfUnlessARuleSaysOtherwise(t *testing.T) {
	everyone := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, c := range []struct {
		what   string
		rules  []Access
		client string
		status int
	}{
		{"no rule", nil, "127.0.0.1", 200},
		{"no rule", nil, "127.9.9.9", 200},
		{"no rule", nil, "::1", 200},
		{"no rule", nil, "::ffff:127.0.0.1", 200},
		{"no rule", nil, "10.0.0.9", 403},
		{"no rule", nil, "fd00::9", 403},
		{"a rule for another path", []Access{{Path: "/v1/axfr", Networks: everyone}}, "10.0.0.9", 403},
		{"a rule for a similar path", []Access{{Path: "/v1/topics", Networks: everyone}}, "10.0.0.9", 403},
		{"a rule for it", []Access{{Path: "/v1/top", Networks: everyone}}, "10.0.0.9", 200},
		{"a rule for nobody", []Access{{Path: "/v1/top"}}, "127.0.0.1", 403},
		{"a rule for all", []Access{{Path: "/", Networks: everyone}}, "10.0.0.9", 200},
		{"a rule for all of the API", []Access{{Path: "/v1"}}, "127.0.0.1", 403},
	} {
		s, _, _ := topServer(c.rules...)
		for _, path := range []string{"/v1/top?wait=1ms", "/v1/top/?wait=1ms"} {
			if got := from(s, c.client, path).Code; got != c.status {
				t.Errorf("%s: %s from %s: got status %d, want %d", c.what, path, c.client, got, c.status)
			}
		}
		if got := from(s, c.client, "/v1/version").Code; len(c.rules) == 0 && got != http.StatusOK {
			t.Errorf("%s: /v1/version from %s: got status %d, want 200", c.what, c.client, got)
		}
	}
}

// Whoever opens many requests at a time makes the server count for a few of them.
func TestTopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := topServer()
		codes := make(chan int)
		const n = 5
		for range n {
			go func() { codes <- from(s, "127.0.0.1", "/v1/top?wait=20s").Code }()
		}
		got := map[int]int{}
		for range n {
			got[<-codes]++
		}
		if got[http.StatusOK] != maxTopsPerClient || got[http.StatusServiceUnavailable] != n-maxTopsPerClient {
			t.Errorf("got the statuses %v, want %d times 200 and else 503", got, maxTopsPerClient)
		}
	})
}

// A server that stops does not wait for those who count.
func TestTopEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, waited, _ := topServer()
		go func() { time.Sleep(time.Second); s.stop() }()
		if code := from(s, "127.0.0.1", "/v1/top?wait=20s").Code; code != http.StatusOK || *waited != time.Second {
			t.Errorf("got status %d after %v, want 200 after 1s", code, *waited)
		}
	})
}
