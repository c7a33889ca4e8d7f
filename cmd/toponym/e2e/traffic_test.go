//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// webApp is the HTTP servers of an app. Each answers with its address.
type webApp struct {
	port      int
	instances map[string]*http.Server
}

// listen starts an instance at an address.
func (a *webApp) listen(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(a.port)))
	if err != nil {
		t.Fatal(err)
	}
	i := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, address) })}
	a.instances[address] = i
	go i.Serve(l)
	t.Cleanup(func() { i.Close() })
}

// kill closes an instance with all of its connections.
func (a *webApp) kill(address string) { _ = a.instances[address].Close() }

// traffic is requests that are sent until finish.
type traffic struct {
	stop context.CancelFunc
	all  sync.WaitGroup

	mu       sync.Mutex
	answers  int
	times    map[string]time.Time // of the last answer, by instance
	failures []string
}

// senders are how many clients send requests at the same time.
const senders = 8

// send sends requests for a host to a load balancer, some on kept connections and
// some on new ones.
func send(t *testing.T, front int, host string) *traffic {
	ctx, stop := context.WithCancel(t.Context())
	f := &traffic{stop: stop, times: map[string]time.Time{}}
	t.Cleanup(stop)
	for n := range senders {
		client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: n%2 == 0}}
		f.all.Go(func() {
			for ctx.Err() == nil {
				address, err := get(client, front, host)
				f.note(address, err)
				time.Sleep(5 * time.Millisecond) // the machine has other things to do
			}
		})
	}
	return f
}

// get requests the page of a host through a load balancer.
func get(client *http.Client, front int, host string) (body string, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+local(front)+"/", nil)
	if err != nil {
		return "", err
	}
	r.Host = host
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(b), err
}

func (f *traffic) note(address string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers++
	if err != nil {
		f.failures = append(f.failures, err.Error())
		return
	}
	f.times[address] = time.Now()
}

// last returns when an instance has answered last.
func (f *traffic) last(address string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.times[address]
}

// wait waits for so many more answers.
func (f *traffic) wait(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.answers
	}
	before := count()
	eventually(t, "more answers", func() (bool, string) { return count() >= before+n, strconv.Itoa(count() - before) })
}

// finish ends the requests. None may have failed.
func (f *traffic) finish(t *testing.T) {
	t.Helper()
	f.stop()
	f.all.Wait()
	t.Logf("%d requests, %d failures", f.answers, len(f.failures))
	if len(f.failures) > 0 {
		t.Errorf("got %d failures in %d requests, want none: %s", len(f.failures), f.answers, strings.Join(f.failures[:min(len(f.failures), 5)], "; "))
	}
}
