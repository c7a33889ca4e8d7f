package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toponym/state/leader"
)

// apiPath is where the operator API is, of Mesos 1.0 and later. A redirect of a
// standby leads to another path of the leader, which means the same.
const apiPath = "/api/v1"

// Bounds of the small calls.
const (
	smallAnswer  = 64 << 10
	smallTimeout = 5 * time.Second
	aliveTimeout = 300 * time.Millisecond
)

// call makes a call of the operator API to a master, or to whoever it says
// leads. It gives the answer, which has status 200, and who gave it.
func (f *fetcher) call(ctx context.Context, at leader.Address, call string) (*http.Response, leader.Address, error) {
	asked := map[leader.Address]bool{}
	for range maxHops {
		if asked[at] {
			return nil, at, fmt.Errorf("%s: masters name each other as the leader", at)
		}
		asked[at] = true
		u := &url.URL{Scheme: f.scheme, Host: at.String(), Path: apiPath}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(`{"type":"`+call+`"}`))
		if err != nil {
			return nil, at, err
		}
		req.Header.Set("Content-Type", "application/json") // with a charset it is refused
		resp, err := f.send(req)
		if err != nil {
			return nil, at, fmt.Errorf("%s: %w", at, err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp, at, nil
		}
		next := at
		if redirects(resp) {
			next, err = leader.Redirect(u, resp.Header.Get("Location"))
		} else {
			err = f.auth.refusal(resp)
		}
		resp.Body.Close()
		if err != nil {
			return nil, at, fmt.Errorf("%s: %w", at, err)
		}
		at = next
	}
	return nil, at, fmt.Errorf("%s: too many redirects", at)
}

// recovered asks a master whether it has recovered, as all of its operator API
// waits for that. Where there is none, or not for us, nothing is known.
func (f *fetcher) recovered(ctx context.Context, at leader.Address) (recovered, known bool) {
	ctx, cancel := context.WithTimeout(ctx, smallTimeout)
	defer cancel()
	resp, _, err := f.call(ctx, at, "GET_MASTER")
	if err == nil {
		resp.Body.Close()
		return true, true
	}
	refused := (*statusError)(nil)
	return false, errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable
}

// alive reports whether a master answers a small call at once, whatever it says.
func (f *fetcher) alive(ctx context.Context, at leader.Address) bool {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	resp, _, err := f.call(ctx, at, "GET_MASTER")
	if err == nil {
		resp.Body.Close()
	}
	return err == nil || errors.As(err, new(*statusError))
}

// whoLeads asks a master who it is. Where it does not say, nothing is known: a
// full state will tell.
func (f *fetcher) whoLeads(ctx context.Context, at leader.Address) (identity, leader.Address) {
	ctx, cancel := context.WithTimeout(ctx, smallTimeout)
	defer cancel()
	resp, lead, err := f.call(ctx, at, "GET_MASTER")
	if err != nil {
		return identity{}, at
	}
	defer resp.Body.Close()
	m, err := newEventDecoder().read(io.LimitReader(resp.Body, smallAnswer))
	if err != nil {
		return identity{}, lead
	}
	return m.who, lead
}
