package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"toponym/internal/testutil"
)

// feed is a server with a configuration of HAProxy.
type feed struct {
	*httptest.Server
	mu       sync.Mutex
	content  string
	status   int
	requests []*http.Request
}

const feedStart = "# Written by Toponym for tests\n"

func newFeed(t *testing.T, content string) *feed {
	f := &feed{status: http.StatusOK}
	f.set(http.StatusOK, content)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r)
		tag := fmt.Sprintf("%q", f.content)
		w.Header().Set("ETag", tag)
		switch {
		case f.status != http.StatusOK:
			w.WriteHeader(f.status)
			_, _ = io.WriteString(w, `{"error": "no state yet"}`)
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			_, _ = io.WriteString(w, feedStart+f.content)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *feed) set(status int, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.content = status, content
}

// seen returns how many requests there have been.
func (f *feed) seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// following is a running command.
type following struct {
	t         *testing.T
	feed      *feed
	out, runs string // files: the configuration, and a line for each reload
	stderr    screen
	stop      context.CancelFunc
	ended     chan int
}

func follow(t *testing.T, content string, flags ...string) *following {
	dir := t.TempDir()
	f := &following{t: t, feed: newFeed(t, content), out: filepath.Join(dir, "haproxy.cfg"), runs: filepath.Join(dir, "reloads"), ended: make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	f.stop = cancel
	args := []string{"haproxy", "-group", "external", "-server", f.feed.URL, "-out", f.out, "-interval", "100ms", "-pause", "0s",
		"-check", `if grep -q wrong "$1"; then echo "($$) bad line"; exit 1; fi; true`, "-reload", "echo reload >> " + f.runs}
	go func() { f.ended <- run(ctx, append(args, flags...), nil, io.Discard, &f.stderr) }()
	t.Cleanup(func() { f.end() })
	return f
}

func (f *following) end() int {
	f.stop()
	status := <-f.ended
	f.ended <- status
	return status
}

func (f *following) reloads() int {
	b, _ := os.ReadFile(f.runs) // there is none before the first
	return strings.Count(string(b), "reload")
}

// want waits for the file to have a content, and for a number of reloads.
func (f *following) want(content string, reloads int) {
	f.t.Helper()
	testutil.Poll(f.t, func() (bool, string) {
		b, err := os.ReadFile(f.out)
		return string(b) == content && f.reloads() == reloads, fmt.Sprintf("%q, %d reloads, error %v, log %s", b, f.reloads(), err, f.stderr.String())
	}, "%q and %d reloads", content, reloads)
}

// wantLooks waits until the server has been asked so many more times.
func (f *following) wantLooks(n int) {
	f.t.Helper()
	before := f.feed.seen()
	testutil.Poll(f.t, func() (bool, string) { return f.feed.seen() >= before+n, fmt.Sprint(f.feed.seen() - before) }, "%d requests", n)
}

func TestHAProxyFileFollowsTheServer(t *testing.T) {
	t.Parallel()
	f := follow(t, "one")
	f.want(feedStart+"one", 1)
	f.wantLooks(3)
	f.want(feedStart+"one", 1) // nothing has changed
	f.feed.set(http.StatusOK, "two")
	f.want(feedStart+"two", 2)
	f.feed.mu.Lock()
	first, next := f.feed.requests[0].URL.String(), f.feed.requests[1].URL.String()
	f.feed.mu.Unlock()
	if want := "/v1/sd/haproxy?group=external"; first != want || next != want+"&wait=10s" {
		t.Errorf("got requests for %s and %s, want %s, and then with wait", first, next, want)
	}
	if status := f.end(); status != statusOK || !strings.Contains(f.stderr.String(), "stopping") {
		t.Errorf("got status %d and the log %s, want 0", status, f.stderr.String())
	}
}

func TestHAProxyFileStaysWhenTheNewOneIsWrong(t *testing.T) {
	t.Parallel()
	f := follow(t, "one")
	f.want(feedStart+"one", 1)
	f.feed.set(http.StatusOK, "wrong")
	testutil.Poll(t, func() (bool, string) {
		log := f.stderr.String()
		return strings.Contains(log, "the new configuration of HAProxy is wrong; keeping the old one") && strings.Contains(log, `) bad line"`), log
	}, "a log line with what the check said")
	f.wantLooks(2)
	f.want(feedStart+"one", 1)
	if n := strings.Count(f.stderr.String(), "is wrong"); n != 1 {
		t.Errorf("got %d log lines about the same error, want 1", n)
	}
	f.feed.set(http.StatusOK, "two")
	f.want(feedStart+"two", 2)
}

func TestHAProxyFileStaysWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	f := follow(t, "one")
	f.want(feedStart+"one", 1)
	f.feed.set(http.StatusServiceUnavailable, "")
	f.wantLooks(2)
	f.want(feedStart+"one", 1)
	if log := f.stderr.String(); !strings.Contains(log, "no state yet") {
		t.Errorf("got the log %s, want what the server says", log)
	}
	f.feed.set(http.StatusOK, "two")
	f.want(feedStart+"two", 2)
}

// A reload that fails is repeated, although the file is up to date.
func TestHAProxyReloadIsRepeated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := follow(t, "one", "-reload", "ls "+dir+"/ready && echo reload >> "+filepath.Join(dir, "runs"))
	f.runs = filepath.Join(dir, "runs")
	testutil.Poll(t, func() (bool, string) {
		log := f.stderr.String()
		return strings.Contains(log, "HAProxy was not reloaded; trying again"), log
	}, "a log line about the reload")
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.want(feedStart+"one", 1)
	f.wantLooks(3)
	f.want(feedStart+"one", 1)
}

func TestHAProxyHeadAndTokenAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := follow(t, "one", "-head", write("head", "global\n  x\n"), "-token-file", write("token", "secret\nolder\n"))
	f.want("global\n  x\n\n"+feedStart+"one", 1)
	write("head", "global")
	f.want("global\n\n"+feedStart+"one", 2)
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	for _, r := range f.feed.requests {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" || r.URL.Query().Get("head") != "none" {
			t.Fatalf("got Authorization %q for %s, want the token and no head", got, r.URL)
		}
	}
}

// HAProxy starts with the servers that it has had before a reload.
func TestHAProxyServersAreSavedBeforeAReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket, state := filepath.Join(dir, "socket"), filepath.Join(dir, "state")
	const servers = "1\n# be_id\n3 web\n"
	testutil.Serve(t, "unix", socket, func(c net.Conn) {
		b := make([]byte, 100)
		if n, _ := c.Read(b); string(b[:n]) == "show servers state\n" {
			_, _ = io.WriteString(c, servers)
		}
	})
	f := follow(t, "one", "-state", state, "-socket", socket, "-reload", "cat "+state+" > "+filepath.Join(dir, "runs"))
	f.runs = filepath.Join(dir, "runs")
	testutil.Poll(t, func() (bool, string) {
		b, err := os.ReadFile(f.runs)
		return string(b) == servers, fmt.Sprintf("%q, error %v", b, err)
	}, "the state of servers when HAProxy is reloaded")
	f.feed.mu.Lock()
	defer f.feed.mu.Unlock()
	if got := f.feed.requests[0].URL.Query().Get("state"); got != state {
		t.Errorf("got the parameter state=%q, want %q", got, state)
	}
}

func TestHAProxyIsPrintedOrWrittenOnce(t *testing.T) {
	t.Parallel()
	feed := newFeed(t, "one")
	got := runWith(t, "haproxy", "-group", "external,internal", "-server", feed.URL, "-http", "*:8080", "-certs", "/certs")
	if got.status != statusOK || got.stdout != feedStart+"one" {
		t.Errorf("got status %d and %q %s", got.status, got.stdout, got.stderr)
	}
	if got, want := feed.requests[0].URL.RawQuery, "certs=%2Fcerts&group=external%2Cinternal&http=%2A%3A8080"; got != want {
		t.Errorf("got the query %s, want %s", got, want)
	}
	out := filepath.Join(t.TempDir(), "haproxy.cfg")
	for _, content := range []string{"good", "wrong"} {
		feed.set(http.StatusOK, content)
		got := runWith(t, "haproxy", "-group", "external", "-server", feed.URL, "-out", out, "-once", "-check", "! grep -q wrong")
		if want := map[string]int{"good": statusOK, "wrong": statusFailed}[content]; got.status != want {
			t.Errorf("%s: got status %d, want %d: %s", content, got.status, want, got.stderr)
		}
		if b, err := os.ReadFile(out); err != nil || string(b) != feedStart+"good" {
			t.Errorf("%s: got the file %q, error %v", content, b, err)
		}
	}
}

func TestHAProxyRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	defer html.Close()
	for _, tc := range []struct {
		args   string
		status int
		want   string
	}{
		{"", statusUsage, "-group is missing"},
		{"-group a -server :8123", statusUsage, "is not a URL"},
		{"-group a -interval 1ms", statusUsage, "too short"},
		{"-group a -pause -1s", statusUsage, "negative"},
		{"-group a -reload x", statusUsage, "-reload has no effect without -out"},
		{"-group a -log-format xml", statusUsage, "want text or json"},
		{"-group a more", statusUsage, "unexpected argument"},
		{"-group a -server " + html.URL, statusFailed, "is no configuration of HAProxy"},
		{"-group a -server http://127.0.0.1:1", statusFailed, "no server answers at"},
		{"-group a -token-file /gone", statusFailed, "/gone"},
		{"-group a -out /gone/haproxy.cfg -once -server http://127.0.0.1:1", statusFailed, "cannot be brought up to date"},
	} {
		got := runWith(t, slices.Concat([]string{"haproxy"}, strings.Fields(tc.args))...)
		if got.status != tc.status || !strings.Contains(got.stderr, tc.want) {
			t.Errorf("%s: got status %d and %s, want %d and %q", tc.args, got.status, got.stderr, tc.status, tc.want)
		}
	}
}
