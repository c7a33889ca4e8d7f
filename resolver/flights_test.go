package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/internal/testutil"
	"toponym/resolver/cache"
	"toponym/resolver/upstream"
	"toponym/zone"
)

// upstreams stand for the servers that names are forwarded to, without sockets, so
// that tests have a clock of their own.
type upstreams struct {
	mu     sync.Mutex
	answer func(q upstream.Question, h upstream.Handler) // by default known
	known  []string                                      // records of the answers
	asked  []string
}

// bubble is a server without sockets that forwards to some upstreams.
type bubble struct {
	*testing.T
	s  *Server
	up *upstreams
}

func newBubble(t *testing.T, change func(o *ForwardOptions), known ...string) *bubble {
	t.Helper()
	return newBubbleWith(t, testZone(t), change, known...)
}

func newBubbleWith(t *testing.T, z *zone.Zone, change func(o *ForwardOptions), known ...string) *bubble {
	t.Helper()
	o := forwarding()
	o.Forward.Upstreams = []Upstream{{AddrPort: netip.MustParseAddrPort("192.0.2.53:53")}}
	o.Forward.AllowedClients = append(o.Forward.AllowedClients, netip.MustParsePrefix("198.51.100.0/24"))
	if change != nil {
		change(o.Forward)
	}
	s := New(zone.NewStore(z), o)
	b := &bubble{t, s, &upstreams{known: known}}
	f := s.responder.forward
	f.defaultGroup.Store(f.client.Group(o.Forward.Upstreams))
	f.ask = func(_ *upstream.Group, q upstream.Question, h upstream.Handler) upstream.Canceler {
		h = &onlyOnce{Handler: h}
		name, _, _ := dns.UnpackDomainName(q.Name, 0)
		b.up.mu.Lock()
		b.up.asked = append(b.up.asked, name+" "+dns.Type(q.Type).String())
		answer := b.up.answer
		b.up.mu.Unlock()
		if answer == nil {
			answer = b.up.answerKnown
		}
		go answer(q, h)
		return h.(*onlyOnce)
	}
	return b
}

// onlyOnce is a question that its handler hears about once, as it is with package
// upstream.
type onlyOnce struct {
	upstream.Handler
	once sync.Once
}

func (o *onlyOnce) Done(result upstream.Result, err error) {
	o.once.Do(func() { o.Handler.Done(result, err) })
}

func (o *onlyOnce) Cancel() { o.Done(nil, errors.New("canceled")) }

// set changes how the upstreams answer.
func (u *upstreams) set(answer func(q upstream.Question, h upstream.Handler)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// questions are what the upstreams were asked since the last call.
func (u *upstreams) questions() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	asked := strings.Join(u.asked, ", ")
	u.asked = nil
	return asked
}

// answerKnown answers with the records that are known, as a server does that
// follows CNAME records.
func (u *upstreams) answerKnown(q upstream.Question, h upstream.Handler) {
	name, _, _ := dns.UnpackDomainName(q.Name, 0)
	m := new(dns.Msg).SetQuestion(name, q.Type)
	m.Response, m.RecursionAvailable = true, true
	m.Rcode = dns.RcodeNameError
	for seen := map[string]bool{}; !seen[name]; {
		seen[name] = true
		next := ""
		for _, line := range u.known {
			rr, err := dns.NewRR(line)
			if err != nil {
				panic(err)
			}
			if rr.Header().Name != name {
				continue
			}
			m.Rcode = dns.RcodeSuccess
			c, isCNAME := rr.(*dns.CNAME)
			if rr.Header().Rrtype == q.Type || isCNAME {
				m.Answer = append(m.Answer, rr)
			}
			if isCNAME && q.Type != dns.TypeCNAME {
				next = c.Target
			}
		}
		if next == "" {
			break
		}
		if name = next; !seen[name] {
			m.Rcode = dns.RcodeNameError
		}
	}
	if n := len(m.Answer); n == 0 || m.Answer[n-1].Header().Rrtype != q.Type {
		labels := dns.SplitDomainName(name)
		soa, _ := dns.NewRR(labels[len(labels)-1] + ". 60 IN SOA ns.test. root.test. 1 2 3 4 60")
		m.Ns = append(m.Ns, soa)
	}
	respondWith(m, h)
}

// respondWith gives a message to a handler, as a client of upstream servers does.
func respondWith(m *dns.Msg, h upstream.Handler) {
	m.Compress = true
	msg, err := m.Pack()
	if err != nil {
		panic(err)
	}
	h.Done(h.OnResponse(msg))
}

func silent(upstream.Question, upstream.Handler) {}

func failing(_ upstream.Question, h upstream.Handler) { h.Done(nil, errors.New("no server answers")) }

// waiter is a client that gets its response some time.
type waiter struct {
	b      *bubble
	packet []byte

	mu  sync.Mutex
	got string // "" for nothing yet
	at  time.Time
}

func (w *waiter) writeResponse(l *pendingQuery, e *cache.Entry, age cache.Age) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.got != "" {
		w.b.Errorf("a query is answered twice: %s", w.got)
	}
	w.at = time.Now()
	w.got = render(w.b, w.packet, w.b.s.responder.writePending(make([]byte, bufferSize), l, e, age))
	w.b.s.responder.forward.pending.done(1)
}

func (w *waiter) response() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got
}

// ask sends a query, from this machine unless it says another client.
func (b *bubble) ask(text string) *waiter {
	b.Helper()
	if !strings.Contains(text, "+from") {
		text += " +from=127.0.0.1"
	}
	packet, c := packQuery(b, text)
	w := &waiter{b: b, packet: packet}
	msg, l := b.s.responder.respond(make([]byte, bufferSize), b.s.store.Current(), c, packet)
	if msg != nil {
		w.got = render(b, packet, msg)
	}
	if l != nil {
		if msg == nil {
			l.replyTo = w
		}
		b.s.responder.forward.forward(l)
	}
	return w
}

// answer is the response to a query that is answered without time passing.
func (b *bubble) answer(text string) string {
	b.Helper()
	w := b.ask(text)
	synctest.Wait()
	return w.response()
}

func (b *bubble) expect(text, want string) {
	b.Helper()
	if got := b.answer(text); got != trimLines(want) {
		b.Errorf("%s\n--- got\n%s\n--- want\n%s", text, got, trimLines(want))
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	release := make(chan struct{})
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeA {
			<-release
		}
		outsideRecords(w, q)
	})
	s, _ := start(t, "127.0.0.1", forwarding(up))
	var all sync.WaitGroup
	for i := range 50 {
		conn := dial(t, s, []string{"udp", "tcp"}[i%2], "127.0.0.1")
		all.Go(func() {
			if got := askOver(t, conn, askWWW); got != wantWWW {
				t.Errorf("got %q, want %q", got, wantWWW)
			}
		})
	}
	f := s.responder.forward
	testutil.EventuallyEqual(t, 50, f.pending.open, "pending queries")
	close(release)
	all.Wait()
	testutil.EventuallyEqual(t, 0, f.pending.open, "pending queries in the end")
	if got := f.counts.shared.Load(); got != 49 {
		t.Errorf("%d queries shared the question of another, want 49", got)
	}
}

// RFC 8767: an expired answer is used when no server answers, at once where that is
// known, else after the client response timer.
func TestStaleAnswersAreServedWhenUpstreamsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil, "www.example.com. 1 IN A 192.0.2.1")
		const fresh, stale = "NOERROR qr rd ra\nanswer www.example.com. 1 A 192.0.2.1\nopt 1232", "NOERROR qr rd ra\nanswer www.example.com. 30 A 192.0.2.1\nopt 1232 ede=3"
		question := askWWW + " +edns=1232"
		b.expect(question, fresh)
		time.Sleep(1100 * time.Millisecond)
		b.up.set(failing)
		b.expect(question, stale)
		b.expect("www2.example.com. A +rd", "SERVFAIL qr rd ra")

		time.Sleep(time.Minute) // the failure is forgotten
		b.up.set(silent)
		w, begin := b.ask(question), time.Now()
		time.Sleep(time.Minute)
		if got, took := w.response(), w.at.Sub(begin); got != stale || took != staleResponseTimeout {
			t.Errorf("got %q after %v, want %q after %v", got, took, stale, staleResponseTimeout)
		}
		if st := b.s.responder.cache.Stats(); st.Stale == 0 {
			t.Errorf("got %+v, want stale answers to be counted", st)
		}
	})
}

// RFC 8767 asks for a TTL of 30 s; afterwards the servers are asked again.
func TestForwardedAnswersComeBackWhenUpstreamsRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil, "www.example.com. 60 IN A 192.0.2.1")
		b.up.set(failing)
		b.expect(askWWW, "SERVFAIL qr rd ra")
		b.up.set(nil)
		time.Sleep(time.Minute)
		b.expect(askWWW, wantWWW)
	})
}

// Each client has its bound: the query that has waited for longest makes room.
func TestPendingQueriesOfOneClientAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(o *ForwardOptions) { o.MaxPending, o.MaxPendingPerClient = 100, 5 })
		b.up.set(silent)
		var waiters []*waiter
		for i := range 20 {
			waiters = append(waiters, b.ask(fmt.Sprintf("n%d.example%d.com. A +rd", i, i)))
		}
		synctest.Wait()
		for i, w := range waiters {
			want := ""
			if i < 15 {
				want = "SERVFAIL qr rd ra"
			}
			if got := w.response(); got != want {
				t.Errorf("query %d: got %q, want %q", i, got, want)
			}
		}
		f := b.s.responder.forward
		if displaced, open := f.counts.displaced.Load(), f.pending.open(); displaced != 15 || open != 5 {
			t.Errorf("%d queries were displaced and %d wait, want 15 and 5", displaced, open)
		}
	})
}

// Clients that fill the table with questions for silent servers do not keep other
// clients from being answered.
func TestClientsThatFillTheTableDoNotShutOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(o *ForwardOptions) { o.MaxPending, o.MaxPendingPerClient = 40, 10 }, "www.example.com. 60 IN A 192.0.2.1")
		b.up.set(silent)
		for i := range 400 {
			b.ask(fmt.Sprintf("n%d.silent%d.test.example. A +rd +from=198.51.100.%d", i, i, 1+i%4))
		}
		var others []*waiter
		for i := range 10 {
			others = append(others, b.ask(fmt.Sprintf("www%d.example.com. A +rd +from=198.51.100.%d", i, 100+i)))
		}
		for i := range 400 {
			b.ask(fmt.Sprintf("m%d.silent%d.test.example. A +rd +from=198.51.100.%d", i, i, 1+i%4))
		}
		synctest.Wait()
		for i, w := range others {
			if got := w.response(); got != "" {
				t.Errorf("the query of client %d got %q, want it to wait", i, got)
			}
		}
		f := b.s.responder.forward
		if n, flights := f.pending.open(), f.inflight.Load(); n != 40 || flights != 40 {
			t.Errorf("%d queries wait for %d questions, want 40 for 40", n, flights)
		}
		b.up.set(nil)
		b.expect("www.example.com. A +rd +from=198.51.100.200", wantWWW)
	})
}

// Random names below one domain, whose servers are silent, do not fill the table.
func TestNamesOfOneDomainDoNotFillTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(o *ForwardOptions) { o.MaxPending, o.MaxPendingPerClient, o.MaxPendingPerSuffix = 100, 100, 10 })
		b.up.set(silent)
		first := b.ask("www.other.example. A +rd")
		var victims []*waiter
		for i := range 200 {
			victims = append(victims, b.ask(fmt.Sprintf("r%d.victim.test.example.net. A +rd +from=198.51.100.%d", i, 1+i%200)))
		}
		synctest.Wait()
		waiting := slices.IndexFunc(victims, func(w *waiter) bool { return w.response() == "" })
		if want := len(victims) - 10; waiting != want {
			t.Errorf("the first query that waits is %d, want %d", waiting, want)
		}
		if got := first.response(); got != "" {
			t.Errorf("a query for another domain got %q, want it to wait", got)
		}
	})
}

// What nobody waits for has no part in the bounds, and does not hold up the end.
func TestQueriesThatNobodyWaitsForDoNotHoldUpTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil)
		b.up.set(silent)
		packet, _ := packQuery(t, askWWW)
		f := b.s.responder.forward
		f.forward(&pendingQuery{forwardQuery: forwardQuery{key: f.keyOf(t, packet)}})
		if n := f.inflight.Load(); n != 1 {
			t.Errorf("%d flights, want 1", n)
		}
		begin := time.Now()
		f.drain(t.Context())
		if took := time.Since(begin); took != 0 {
			t.Errorf("the end took %v, want 0", took)
		}
	})
}

// At the end, queries that wait are answered, from upstream servers if they are
// quick enough.
func TestTheEndWaitsForPendingQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil, "www.example.com. 60 IN A 192.0.2.1")
		b.up.set(func(q upstream.Question, h upstream.Handler) {
			time.Sleep(500 * time.Millisecond)
			b.up.answerKnown(q, h)
		})
		w := b.ask(askWWW)
		b.s.responder.forward.drain(t.Context())
		if got := w.response(); got != wantWWW {
			t.Errorf("got %q at the end, want %q", got, wantWWW)
		}
	})
}

func TestTimeoutsAtTheEndBeginWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		later, end := after(ctx, time.Second)
		defer end()
		time.Sleep(time.Hour)
		if later.Err() != nil {
			t.Error("it has ended before")
		}
		begin := time.Now()
		cancel()
		<-later.Done()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it ended after %v, want 1 s", took)
		}
	})
}

// Queries that wait for servers that stay silent are answered with SERVFAIL when
// the server ends, over both transports.
func TestPendingQueriesAreAnsweredWhenTheServerEnds(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			s, stop := start(t, "127.0.0.1", forwarding(fakedns.Start(t, fakedns.Silent)))
			conn := dial(t, s, network, "127.0.0.1")
			packet, _ := packQuery(t, askWWW)
			(&dns.Conn{Conn: conn}).Write(packet)
			testutil.EventuallyEqual(t, 1, s.responder.forward.pending.open, "pending queries")
			stop()
			if got, want := readResponse(t, conn, packet), "SERVFAIL qr rd ra"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSuffixesAreTheLastTwoLabels(t *testing.T) {
	for name, want := range map[string]string{
		"a.b.example.com.": "example.com.", "example.com.": "example.com.", "com.": "com.", ".": ".",
	} {
		if got := suffixOf([]byte(wireName(name))); string(got) != wireName(want) {
			t.Errorf("%s: got %q, want %q", name, got, wireName(want))
		}
	}
}
