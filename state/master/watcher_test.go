package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/state/leader"
)

// roundTripper answers requests without a network, so that the clock of a
// synctest bubble can go on.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}, nil
}

// m1 is the master of these tests.
var m1 = leader.Address{Host: "10.0.0.1", Port: 5050}

// scripted makes a watcher whose readings go as the steps say. After the last
// step its context ends. What was handed out and when is kept.
type scripted struct {
	*Watcher
	log    *logtest.Hook
	starts []time.Duration // of readings, since the beginning
	events []time.Duration
}

func script(o Options, steps ...func() (*http.Response, error)) *scripted {
	logger, hook := logtest.NewNullLogger()
	o.Log = logger
	s := &scripted{Watcher: New(o), log: hook}
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	s.client.http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == healthPath {
			return response(200, "")
		}
		if len(s.starts) == len(steps) {
			cancel()
			return nil, r.Context().Err()
		}
		s.starts = append(s.starts, time.Since(begin))
		return steps[len(s.starts)-1]()
	})
	if err := s.Run(ctx, counting(func() { s.events = append(s.events, time.Since(begin)) })); err != nil {
		panic(err) // Run gives no error
	}
	return s
}

// messages are the lines of the log from a level on: the level, the message, and
// the fields by their names.
func messages(h *logtest.Hook, level logrus.Level) []string {
	var m []string
	for _, e := range h.AllEntries() {
		if e.Level <= level {
			line := e.Level.String() + ": " + e.Message
			for _, k := range slices.Sorted(maps.Keys(e.Data)) {
				line += fmt.Sprintf(" %s=%v", k, e.Data[k])
			}
			m = append(m, line)
		}
	}
	return m
}

// Steps of a script.
func answered() (*http.Response, error)  { return response(200, stateOf(m1, m1)) }
func noLeader() (*http.Response, error)  { return response(503, "No leader elected") }
func truncated() (*http.Response, error) { return response(200, stateOf(m1, m1)[:40]) }
func refused() (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// lost is a resolver that does not answer; the port on this side is another
// one each time.
func noResolver(port string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
			Name: "m1.example", Server: "10.0.0.2:53", IsTimeout: true,
			Err: "read udp 10.0.0.1:" + port + "->10.0.0.2:53: i/o timeout"}}
	}
}

func TestReadsAtOnceAndThenAtEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(options(m1), answered, answered, answered)
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if !slices.Equal(s.starts, want) || !slices.Equal(s.events, want) {
			t.Errorf("got requests at %v, publications at %v, want both at %v", s.starts, s.events, want)
		}
	})
}

// What was known stays otherwise.
func TestOnlyGoodAnswersArePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(options(m1), noLeader, answered, refused, truncated, noLeader, answered, truncated)
		want := []time.Duration{s.starts[1], s.starts[5]}
		if !slices.Equal(s.events, want) {
			t.Errorf("handed out at %v, want %v", s.events, want)
		}
	})
}

// They come soon again after a good answer.
func TestRetriesComeLaterEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script(options(m1), noLeader, noLeader, noLeader, answered, noLeader, noLeader)
		for i, bounds := range [][2]time.Duration{
			{250 * time.Millisecond, 500 * time.Millisecond},
			{500 * time.Millisecond, time.Second},
			{time.Second, 2 * time.Second},
			{time.Minute, time.Minute},
			{250 * time.Millisecond, 500 * time.Millisecond},
		} {
			if wait := s.starts[i+1] - s.starts[i]; wait < bounds[0] || wait > bounds[1] {
				t.Errorf("waited %v after reading %d, want %v to %v", wait, i, bounds[0], bounds[1])
			}
		}
	})
}

func TestRetryDelay(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	tests := []struct {
		failures int
		interval time.Duration
		most     time.Duration // the least is half of it
	}{
		{0, time.Minute, 500 * ms},
		{1, time.Minute, 1 * s},
		{2, time.Minute, 2 * s},
		{5, time.Minute, 16 * s},
		{6, time.Minute, 30 * s},
		{1000, time.Minute, 30 * s},
		{1 << 62, time.Minute, 30 * s},
		{0, 5 * s, 500 * ms},
		{4, 5 * s, 5 * s}, // never later than the next reading would be
		{1000, 5 * s, 5 * s},
		{0, 100 * ms, 100 * ms},
	}
	for _, tt := range tests {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d := retryDelay(tt.failures, tt.interval)
			least, most = min(least, d), max(most, d)
		}
		if least < tt.most/2 || most > tt.most {
			t.Errorf("after %d failures: %v to %v, want %v to %v", tt.failures, least, most, tt.most/2, tt.most)
		}
		if most-least < tt.most/4 {
			t.Errorf("after %d failures: got always about %v, want a random time, since all servers come back at once otherwise", tt.failures, least)
		}
	}
}

func TestEachChangeIsLoggedOnce(t *testing.T) {
	const (
		read      = "info: polling the state of the leading master agents=1 frameworks=0 master=10.0.0.1:5050 tasks=0"
		noState   = "warning: no state of the cluster yet; trying again error=10.0.0.1:5050: "
		noContact = "warning: no contact with the leading master; answering from what is known; trying again error=10.0.0.1:5050: "
		silent    = "status 503: \"No leader elected\""
		refusal   = "dial: connect: connection refused"
	)
	faulty := func(tasks string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return response(200, `{"leader": "m@10.0.0.1:5050", "slaves": [{"id": "S"}], "frameworks": [`+tasks+`]}`)
		}
	}
	const a, b = `"A"`, `{"id": ""}`
	left := func(n string) string {
		return "warning: parts of the state were skipped count=" + n + " example=a framework without an id"
	}
	type steps = []func() (*http.Response, error)
	tests := []struct {
		what  string
		steps steps
		want  []string
	}{
		{"all is well", steps{answered, answered, answered}, []string{read}},
		{"a reason once, and that it is over", steps{noLeader, noLeader, noLeader, answered, answered}, []string{noState + silent, read}},
		{"each reason once", steps{noLeader, refused, refused, noLeader}, []string{noState + silent, noState + refusal}},
		{"the same reason after it was over", steps{noLeader, answered, noLeader, answered}, []string{noState + silent, read, noContact + silent, read}},
		{"a resolver that is away", steps{noResolver("40001"), noResolver("40002"), noResolver("40003")}, []string{noState + "looking up m1.example: i/o timeout"}},
		{"issues once", steps{faulty(a + "," + b), faulty(b + "," + a), faulty(a), faulty(a)}, []string{read, left("2")}},
		{"issues that came back", steps{faulty(a), answered, faulty(a)}, []string{read, left("1"), left("1")}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := script(options(m1), tt.steps...)
			if got := messages(s.log, logrus.InfoLevel); !slices.Equal(got, tt.want) {
				t.Errorf("%s:\n%s\nwant\n%s", tt.what, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestLogOfANewLeader(t *testing.T) {
	m2 := leader.Address{Host: "10.0.0.2", Port: 5050}
	synctest.Test(t, func(t *testing.T) {
		moved := func() (*http.Response, error) { return response(200, stateOf(m1, m2)) }
		second := func() (*http.Response, error) { return response(200, stateOf(m2, m2)) }
		s := script(options(m1), answered, answered, moved, second, second)
		got := messages(s.log, logrus.InfoLevel)
		if len(got) != 2 || !strings.Contains(got[0], "master=10.0.0.1:5050") || !strings.Contains(got[1], "master=10.0.0.2:5050") {
			t.Errorf("got log %q, want one line for each leader", got)
		}
	})
}

// Run ends without an error, at once and without a last event,
// whatever it is doing.
func TestRunEndsAtOnceWhateverItDoes(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	withName := strings.Replace(stateOf(m1, m1), "10.0.0.11", "a1.example", 1)
	tests := []struct {
		what    string
		answer  func(*http.Request) (*http.Response, error)
		resolve Resolve
		events  int
	}{
		{"waiting for the next reading", func(*http.Request) (*http.Response, error) { return answered() }, nil, 1},
		{"waiting to try again", func(*http.Request) (*http.Response, error) { return noLeader() }, nil, 0},
		{"waiting for an answer", func(r *http.Request) (*http.Response, error) { return nil, hang(r.Context()) }, nil, 0},
		{"waiting for the rest of an answer", func(r *http.Request) (*http.Response, error) {
			rest, w := io.Pipe()
			context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: rest}, nil
		}, nil, 0},
		{"looking names up", func(*http.Request) (*http.Response, error) { return response(200, withName) },
			func(ctx context.Context, _ string) ([]netip.Addr, error) { return nil, hang(ctx) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(m1)
				logger, hook := logtest.NewNullLogger()
				o.Log, o.Resolve = logger, tt.resolve
				w := New(o)
				w.client.http.Transport = roundTripper(tt.answer)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				events := 0
				go func() { done <- w.Run(ctx, counting(func() { events++ })) }()
				synctest.Wait()
				logged, begin := len(hook.AllEntries()), time.Now()
				cancel()
				if err := <-done; err != nil || time.Since(begin) != 0 {
					t.Errorf("got %v after %v, want no error at once", err, time.Since(begin))
				}
				if events != tt.events {
					t.Errorf("%d events, want %d", events, tt.events)
				}
				if more := hook.AllEntries()[logged:]; len(more) > 0 {
					t.Errorf("got the line %q at the end, want none", more[0].Message)
				}
			})
		})
	}
}

func TestRunWithAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := New(options(closedPort(t))).Run(ctx, counting(func() { t.Error("got a publication, want none") }))
	if err != nil {
		t.Error(err)
	}
}

// What a master sees of us.
func TestRequestsSayWhoAsks(t *testing.T) {
	w := New(options(m1))
	w.client.http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != "GET" || r.URL.String() != "http://10.0.0.1:5050/master/state" || r.ContentLength != 0 {
			t.Errorf("got %s %s, want GET http://10.0.0.1:5050/master/state without a body", r.Method, r.URL)
		}
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") != "Toponym" {
			t.Errorf("got header %v, want Accept: application/json and User-Agent: Toponym", r.Header)
		}
		return nil, errors.New("enough")
	})
	wantError(t, w, "10.0.0.1:5050: enough")
}
