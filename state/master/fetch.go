package master

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"

	"toponym/state"
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
	return nil, at, fmt.Errorf("status 404 for %s and %s: is this a Mesos master?", statePath, oldStatePath)
}

func (f *fetcher) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Toponym")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, short(err)
	}
	return resp, nil
}

// short is an error without what is different each time: the URL, which the
// caller names, and the port on this side.
func short(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if de := (*net.DNSError)(nil); errors.As(err, &de) {
		// Its text quotes the connection to the resolver, "read udp
		// 10.0.0.1:41872->10.0.0.2:53: i/o timeout"; the end is what happened.
		return fmt.Errorf("looking up %s: %s", de.Name, strings.TrimSpace(de.Err[strings.LastIndex(de.Err, ": ")+1:]))
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		return fmt.Errorf("%s: %w", oe.Op, oe.Err)
	}
	return err
}

func (f *fetcher) answer(u *url.URL, resp *http.Response) (*document, leader.Address, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		doc, err := f.read(resp)
		return doc, leader.Address{}, err
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next, err := leader.Redirect(u, resp.Header.Get("Location"))
		return nil, next, err
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, leader.Address{}, errors.New(f.auth.refused(resp.StatusCode))
	}
	return nil, leader.Address{}, fmt.Errorf("status %d%s", resp.StatusCode, firstLine(resp.Body))
}

// firstLine is the beginning of an error's body for the log.
func firstLine(r io.Reader) string {
	line, _ := bufio.NewReader(io.LimitReader(r, 200)).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return fmt.Sprintf(": %q", line)
	}
	return ""
}

// errTooLarge is what reading beyond the limit gives.
type errTooLarge int64

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer is larger than stateMaxBytes = %d", int64(e))
}

// limited reads up to a number of bytes and fails beyond. Each piece of a state
// is a slice of work, after which others may run.
type limited struct {
	r    io.Reader
	left int64
	max  int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	if int64(len(p)) > l.left {
		p = p[:l.left+1] // one more, to see that there is more
	}
	runtime.Gosched()
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	return n, err
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
	return decode(&limited{r: body, left: f.maxBytes, max: f.maxBytes})
}

// snapshot makes the event of a document: known masters in a stable order, and
// the leader at the end where it is none of them.
func snapshot(doc *document, known []leader.Address) *state.Snapshot {
	s := &state.Snapshot{
		Leader:     state.Master{Host: doc.leader.Host, Port: doc.leader.Port},
		Agents:     doc.agents,
		Frameworks: doc.frameworks,
		Tasks:      doc.tasks,
	}
	listed := false
	for _, a := range known {
		m := state.Master{Host: a.Host, Port: a.Port}
		listed = listed || m.Equal(s.Leader)
		s.Masters = append(s.Masters, m)
	}
	if !listed && s.Leader.Host != "" {
		s.Masters = append(s.Masters, s.Leader)
	}
	return s
}
