//go:build e2e

package e2e_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// witness queries a server over UDP all the time for names whose records must
// not change, and records every response that differs from the first one.
type witness struct {
	name      string
	conn      *net.UDPConn
	questions []steady
	began     time.Time
	window    chan struct{} // bounds the outstanding queries, so that no socket buffer overflows
	stopped   chan struct{}
	stop      func() // closes it
	done      sync.WaitGroup

	mu        sync.Mutex
	open      map[uint16]asked
	responses int
	slowest   time.Duration
	wrong     []string
}

// steady is a question and its expected answer.
type steady struct {
	name  string
	qtype uint16
	want  []string
}

// asked is a query that has no response yet.
type asked struct {
	question int
	at       time.Time
}

const (
	burst      = 2                    // queries sent at a time
	burstPause = 2 * time.Millisecond // between two bursts
	// maxOutstanding is a number of responses that a socket's buffer holds.
	maxOutstanding = 64
	// roundsAtLeast is how often each name is asked for until finish returns.
	roundsAtLeast = 10
)

// steadyNames returns all names of a server's zones that depend neither on the
// leading master nor on the app canary, and the given names. It fails the test
// when there are fewer than atLeast.
func (s *server) steadyNames(t *testing.T, atLeast int, more ...string) []steady {
	t.Helper()
	var all []steady
	add := func(name string, qtype uint16) {
		for _, part := range []string{"canary", "leader", "master"} {
			if strings.Contains(name, part) {
				return
			}
		}
		q := steady{name: dns.Fqdn(name), qtype: qtype}
		r, _, err := new(dns.Client).Exchange(q.query(0), s.addr())
		if err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
			t.Fatalf("%s before any failure: got %v, %v; want an answer", q.name, r, err)
		}
		q.want = dataOf(r)
		all = append(all, q)
	}
	for _, zone := range []string{"", "dcos.thisdcos.directory"} {
		records := s.listed(t, zone)
		for name := range records.As {
			add(name, dns.TypeA)
		}
		for name := range records.AAAAs {
			add(name, dns.TypeAAAA)
		}
		for name := range records.SRVs {
			add(name, dns.TypeSRV)
		}
	}
	for _, name := range more {
		add(name, dns.TypeA)
	}
	if len(all) < atLeast {
		t.Fatalf("names to ask for: got %d, want at least %d", len(all), atLeast)
	}
	return all
}

func (q steady) query(id uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype).SetEdns0(4096, false)
	m.Id = id
	return m
}

// dataOf returns the data of the answer section, sorted.
func dataOf(r *dns.Msg) (all []string) {
	for _, rr := range r.Answer {
		all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(all)
	return all
}

// watch starts the queries. The method finish ends them and fails the test for
// each wrong response.
func (s *server) watch(t *testing.T, name string, questions []steady) *witness {
	t.Helper()
	c, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{
		name: name, conn: c.(*net.UDPConn), questions: questions, began: time.Now(),
		window: make(chan struct{}, maxOutstanding), stopped: make(chan struct{}), open: map[uint16]asked{},
	}
	w.stop = sync.OnceFunc(func() { close(w.stopped) })
	t.Cleanup(func() {
		w.stop()
		c.Close()
	})
	w.done.Go(w.send)
	go w.receive()
	return w
}

func (w *witness) send() {
	for n := 0; ; n++ {
		if n%burst == 0 {
			time.Sleep(burstPause)
		}
		select {
		case <-w.stopped:
			return
		case w.window <- struct{}{}:
		}
		id := uint16(n)
		q := n % len(w.questions)
		b, err := w.questions[q].query(id).Pack()
		w.mu.Lock()
		w.open[id] = asked{q, time.Now()}
		w.mu.Unlock()
		if err == nil {
			_, err = w.conn.Write(b)
		}
		if err != nil {
			w.record(q, err.Error())
		}
	}
}

// receive reads responses until the connection is closed.
func (w *witness) receive() {
	b := make([]byte, dns.MaxMsgSize)
	for {
		n, err := w.conn.Read(b)
		if n == 0 && err != nil {
			return
		}
		r := new(dns.Msg)
		if err := r.Unpack(b[:n]); err != nil {
			w.record(-1, err.Error())
			continue
		}
		w.mu.Lock()
		a, ok := w.open[r.Id]
		delete(w.open, r.Id)
		w.responses++
		took := time.Since(a.at)
		if ok {
			w.slowest = max(w.slowest, took)
		}
		w.mu.Unlock()
		if !ok {
			w.record(-1, "a response without a query")
			continue
		}
		<-w.window
		q := w.questions[a.question]
		if got := dataOf(r); r.Rcode != dns.RcodeSuccess || r.Truncated || !r.Authoritative || !slices.Equal(got, q.want) {
			w.record(a.question, fmt.Sprintf("got %s %v, want NOERROR %v", dns.RcodeToString[r.Rcode], got, q.want))
		}
	}
}

// record keeps what was wrong with the response to a question; -1 for none.
func (w *witness) record(question int, problem string) {
	name := ""
	if question >= 0 {
		name = w.questions[question].name + " " + dns.TypeToString[w.questions[question].qtype] + ": "
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf("%v %s%s", time.Since(w.began).Round(time.Millisecond), name, problem))
}

// finish goes on until each name was asked for often enough, ends the queries,
// and waits for the outstanding responses. It fails the test for each response
// that was wrong or missing.
func (w *witness) finish(t *testing.T) {
	t.Helper()
	count := func() (responses, open int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.responses, len(w.open)
	}
	eventually(t, fmt.Sprintf("%s: each name is asked for %d times", w.name, roundsAtLeast), func() (bool, string) {
		n, _ := count()
		return n >= roundsAtLeast*len(w.questions), fmt.Sprintf("%d responses for %d names", n, len(w.questions))
	})
	w.stop()
	w.done.Wait()
	asking := time.Since(w.began)
	eventually(t, w.name+": every query has a response", func() (bool, string) {
		_, open := count()
		return open == 0, fmt.Sprintf("%d queries without one", open)
	})
	w.conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	const shown = 20
	if n := len(w.wrong); n > 0 {
		t.Errorf("%s: %d of %d responses were wrong; the first of them:\n%s", w.name, n, w.responses, strings.Join(w.wrong[:min(n, shown)], "\n"))
	}
	t.Logf("%s: %d responses in %v for %d names, the slowest after %v", w.name, w.responses, asking.Round(time.Millisecond), len(w.questions), w.slowest)
}
