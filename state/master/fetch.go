package master

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"toponym/state/leader"
)

// Where the state is. Mesos before 0.25 knows the old path only, and Mesos
// from 1.8 on the new one only.
const (
	statePath    = "/master/state"
	oldStatePath = "/master/state.json"
)

// maxHops bounds how often one reading follows a redirect, a leader field or
// an old path.
const maxHops = 5

// fetcher reads the state of whoever leads.
type fetcher struct {
	client   *http.Client
	scheme   string
	auth     authentication
	maxBytes int64
	old      map[leader.Address]bool // masters that know the old path only
	light    bool                    // tasks are left out
	work     work
}

// fetch asks a master, and whoever it says leads, until one answers as the
// leader. It gives the leader's address beside its state.
func (f *fetcher) fetch(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	asked := map[leader.Address]bool{}
	for range maxHops {
		if asked[at] {
			return nil, at, fmt.Errorf("%s: masters name each other as the leader", at)
		}
		asked[at] = true
		doc, next, err := f.ask(ctx, at)
		if err != nil {
			return nil, at, fmt.Errorf("%s: %w", at, err)
		}
		if doc == nil {
			at = next
			continue
		}
		if doc.leader.IsZero() {
			return nil, at, fmt.Errorf("%s: the state names no leader", at)
		}
		lead := leader.Address{Host: doc.leader.Host, Port: doc.leader.Port}
		if lead == at || doc.pid.IsZero() || (doc.pid.Host == lead.Host && doc.pid.Port == lead.Port) {
			return doc, at, nil
		}
		at = lead // a standby of an old version answers for itself
	}
	return nil, at, fmt.Errorf("%s: too many redirects", at)
}

// ask asks one master. It gives a state, or the address to ask next.
func (f *fetcher) ask(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	paths := []string{statePath, oldStatePath}
	if f.old[at] {
		paths = []string{oldStatePath, statePath}
	}
	for _, path := range paths {
		u := &url.URL{Scheme: f.scheme, Host: at.String(), Path: path}
		resp, err := f.get(ctx, u)
		if err != nil {
			return nil, at, err
		}
		if resp.StatusCode == http.StatusNotFound {
			resp.Body.Close()
			continue
		}
		if f.old[at] = path == oldStatePath; !f.old[at] {
			delete(f.old, at)
		}
		doc, next, err := f.answer(u, resp)
		resp.Body.Close()
		return doc, next, err
	}
	return nil, at, &statusError{status: http.StatusNotFound,
		text: fmt.Sprintf("status 404 for %s and %s: is this a Mesos master?", statePath, oldStatePath)}
}

func (f *fetcher) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	return f.send(req)
}

func (f *fetcher) send(req *http.Request) (*http.Response, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Toponym")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, short(err)
	}
	return resp, nil
}

func (f *fetcher) answer(u *url.URL, resp *http.Response) (*document, leader.Address, error) {
	switch {
	case resp.StatusCode == http.StatusOK:
		doc, err := f.read(resp)
		return doc, leader.Address{}, err
	case redirects(resp):
		next, err := leader.Redirect(u, resp.Header.Get("Location"))
		return nil, next, err
	}
	return nil, leader.Address{}, f.auth.refusal(resp)
}

// redirects reports whether an answer leads to another master.
func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func (f *fetcher) read(resp *http.Response) (*document, error) {
	f.work.begin()
	if resp.ContentLength > f.maxBytes {
		return nil, errTooLarge(f.maxBytes)
	}
	var body io.Reader = resp.Body
	// Not asked for: a state takes longer to decompress than to send. A proxy
	// in between may do it all the same.
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, syntax(err)
		}
		body = z
	}
	return decodeParts(&limited{r: body, left: f.maxBytes, max: f.maxBytes}, f.light)
}
