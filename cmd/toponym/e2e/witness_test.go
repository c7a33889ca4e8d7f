//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// witness asks a server over UDP all the time, about names whose records must
// not change, and notes every reply that is not the one from the beginning.
type witness struct {
	name      string
	conn      *net.UDPConn
	questions []steady
	began     time.Time
	free      chan struct{} // bounds the queries under way, so that no buffer overflows
	stopped   chan struct{}
	stop      func() // closes it
	done      sync.WaitGroup

	mu      sync.Mutex
	open    map[uint16]asked
	replies int
	slowest time.Duration
	wrong   []string
}

// steady is a question, and what the answer is all the time.
type steady struct {
	name  string
	qtype uint16
	want  []string
}

// asked is a query that has no reply yet.
type asked struct {
	question int
	at       time.Time
}

const (
	// everyAsked queries are sent at a time, one such time apart.
	everyAsked = 2
	askPause   = 2 * time.Millisecond
	// givesUp is when the resolver of the C library takes a query for lost.
	givesUp = 5 * time.Second
	// underWay is how many replies the buffer of a socket surely holds.
	underWay = 64
)

// steadyNames are all names of a server's zones that do not depend on who leads,
// nor on the tasks called canary. At least so many of them have to be there.
func (s *server) steadyNames(t *testing.T, atLeast int, views ...string) []steady {
	t.Helper()
	status, body, err := s.get("/v1/axfr")
	var zone struct {
		Records struct{ As, AAAAs, SRVs map[string][]string }
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &zone)
	}
	if err != nil || status != http.StatusOK {
		t.Fatalf("/v1/axfr: %d, %v", status, err)
	}
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
			t.Fatalf("%s before anything has failed: %v\n%v", q.name, err, r)
		}
		q.want = dataOf(r)
		all = append(all, q)
	}
	for name := range zone.Records.As {
		add(name, dns.TypeA)
	}
	for name := range zone.Records.AAAAs {
		add(name, dns.TypeAAAA)
	}
	for name := range zone.Records.SRVs {
		add(name, dns.TypeSRV)
	}
	for _, name := range views {
		add(name, dns.TypeA)
	}
	if len(all) < atLeast {
		t.Fatalf("only %d names to ask for", len(all))
	}
	return all
}

func (q steady) query(id uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype).SetEdns0(4096, false)
	m.Id = id
	return m
}

// dataOf is what an answer says, in an order of its own.
func dataOf(r *dns.Msg) (all []string) {
	for _, rr := range r.Answer {
		all = append(all, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(all)
	return all
}

// watch begins to ask. The test fails when finish finds fault with the replies.
func (s *server) watch(t *testing.T, name string, questions []steady) *witness {
	t.Helper()
	c, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{
		name: name, conn: c.(*net.UDPConn), questions: questions, began: time.Now(),
		free: make(chan struct{}, underWay), stopped: make(chan struct{}), open: map[uint16]asked{},
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
		if n%everyAsked == 0 {
			time.Sleep(askPause)
		}
		select {
		case <-w.stopped:
			return
		case w.free <- struct{}{}:
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
			w.note(q, err.Error())
		}
	}
}

// receive ends with the connection.
func (w *witness) receive() {
	b := make([]byte, dns.MaxMsgSize)
	for {
		n, err := w.conn.Read(b)
		if n == 0 && err != nil {
			return
		}
		r := new(dns.Msg)
		if err := r.Unpack(b[:n]); err != nil {
			w.note(-1, err.Error())
			continue
		}
		w.mu.Lock()
		a, ok := w.open[r.Id]
		delete(w.open, r.Id)
		w.replies++
		took := time.Since(a.at)
		if ok {
			w.slowest = max(w.slowest, took)
		}
		w.mu.Unlock()
		if !ok {
			w.note(-1, "a reply that nobody asked for")
			continue
		}
		<-w.free
		q := w.questions[a.question]
		if got := dataOf(r); r.Rcode != dns.RcodeSuccess || r.Truncated || !r.Authoritative || !slices.Equal(got, q.want) {
			w.note(a.question, fmt.Sprintf("%s %v, want %v", dns.RcodeToString[r.Rcode], got, q.want))
		}
		if took > givesUp {
			w.note(a.question, fmt.Sprintf("answered after %v", took))
		}
	}
}

// note keeps a fault with the time of it.
func (w *witness) note(question int, fault string) {
	name := ""
	if question >= 0 {
		name = w.questions[question].name + " " + dns.TypeToString[w.questions[question].qtype] + ": "
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf("%v %s%s", time.Since(w.began).Round(time.Millisecond), name, fault))
}

// finish waits for the replies that are under way, and fails the test if any
// was wrong, late or missing, or if too few were asked for to say anything.
func (w *witness) finish(t *testing.T) {
	t.Helper()
	w.stop()
	w.done.Wait()
	asking := time.Since(w.began)
	left := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.open)
	}
	for end := time.Now().Add(givesUp); left() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	w.conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.open {
		w.wrong = append(w.wrong, fmt.Sprintf("%v %s: no reply", a.at.Sub(w.began).Round(time.Millisecond), w.questions[a.question].name))
	}
	const shown = 20
	if n := len(w.wrong); n > 0 {
		t.Errorf("%s: %d faults in %d replies, the first of them:\n%s", w.name, n, w.replies, strings.Join(w.wrong[:min(n, shown)], "\n"))
	}
	// A tenth of the pace on a machine that is busy otherwise.
	if least := int(asking/askPause) * everyAsked / 10; w.replies < least || w.replies < 10*len(w.questions) {
		t.Errorf("%s: only %d replies in %v for %d names", w.name, w.replies, asking, len(w.questions))
	}
	t.Logf("%s: %d replies in %v for %d names, the slowest after %v", w.name, w.replies, asking.Round(time.Millisecond), len(w.questions), w.slowest)
}
