package master

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
)

func TestOverloadedMasterIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = source })
				b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "120")
					http.Error(w, "overloaded", http.StatusServiceUnavailable)
				}))
				defer b.run()()
				time.Sleep(110 * time.Second)
				synctest.Wait()
				if n := len(b.network.requests()); n > 2 { // who leads, and the call itself
					t.Errorf("got %d requests, want at most 2: %q", n, b.network.requests())
				}
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if n := len(b.network.requests()); n < 2 {
					t.Error("after Retry-After: got no request, want one")
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	of := func(value string) error {
		return noAuthentication.refusal(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {value}}, Body: http.NoBody})
	}
	tests := []struct {
		err  error
		want time.Duration
	}{
		{of("7"), 7 * time.Second},
		{of("0"), 0},
		{of(""), 0},
		{of("-1"), 0},
		{of("soon"), 0},
		{of("Wed, 21 Oct 2015 07:28:00 GMT"), 0},
		{of("99999"), maxRetryAfter},
		{of("99999999999999999999"), 0},
		{errors.New("x"), 0},
		{fmt.Errorf("m: %w", of("3")), 3 * time.Second},
		{errors.Join(of("3"), errors.New("x"), fmt.Errorf("m: %w", of("9")), of("4")), 9 * time.Second},
	}
	for _, tt := range tests {
		if got := retryAfter(tt.err); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestMasterWithoutAWorkingStreamIsPolledInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, nil)
		b.populate(20)
		m := b.master(first, sim.MasterOptions{})
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/api/v1") {
				http.Error(w, "somebody on the way has a bad day", http.StatusServiceUnavailable)
				return
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(time.Minute)
		if b.published() != nil {
			t.Error("after a minute of 503: got a state, want none, since the master may not have recovered")
		}
		time.Sleep(3 * time.Minute)
		wantLines(t, "polled", b.published(), b.reported(first))
	})
}

func TestUnknownEventsAreSkippedCountedAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream })
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			odd := `{"type":"MOON_ROSE","moon_rose":{}}`
			fmt.Fprint(w, framed(subscribed, odd, odd, agentAdded, odd))
			<-r.Context().Done()
		}))
		defer b.run()()
		time.Sleep(10 * time.Second)
		b.published()
		if s := b.watcher.Status(); s.Events["UNKNOWN"] != 3 || s.Events["AGENT_ADDED"] != 1 || b.logged("MOON_ROSE") != 1 {
			t.Errorf("got events %v and log %q, want 3 unknown ones, one AGENT_ADDED, and one line", s.Events, messages(b.log, 4))
		}
		if b.owner.replica.Cluster().Agent("x-S0") == nil {
			t.Error("between unknown events: got no agent, want the one that was added")
		}
	})
}

func TestStateIsPolledWhereAProxyKeepsTheStreamBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Timeout = 5 * time.Minute })
		b.populate(20)
		m := b.master(first, sim.MasterOptions{})
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/api/v1") {
				<-r.Context().Done()
				return
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(firstByteTimeout + 10*time.Second)
		wantLines(t, "polled", b.published(), b.reported(first))
	})
}
