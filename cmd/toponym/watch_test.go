package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"toponym/internal/testutil"
)

// scriptedWatch answers each request for /v1/watch with the next answer, and notes
// what was asked for. The last answer stays open.
type scriptedWatch struct {
	answers []func(w http.ResponseWriter)
	asked   []string
	n       atomic.Int32
}

func (s *scriptedWatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.RequestURI()+" after "+r.Header.Get("Last-Event-ID"))
	n := len(s.asked)
	s.answers[n-1](w)
	_ = http.NewResponseController(w).Flush()
	s.n.Store(int32(n))
	if n == len(s.answers) {
		<-r.Context().Done()
	}
}

func sends(text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, text)
	}
}

func refuses(status int, index, text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Toponym-Index", index)
		w.WriteHeader(status)
		fmt.Fprintf(w, "{\"error\": %q}", text)
	}
}

const (
	watchBegin  = "retry: 2000\nevent: index\ndata: {\"event\":\"index\",\"index\":5,\"newest\":5}\nid: 5\n\n"
	watchChange = `{"event":"change","index":6,"time":"2026-11-28T06:00:00.1234Z","zone":"mesos.","serial":7,"name":"web.mesos.","type":"A",` +
		`"removed":[{"ttl":5,"data":"10.0.0.1"}],"added":[{"ttl":5,"data":"10.0.0.2"},{"ttl":5,"data":"10.0.0.3"}]}`
	watchReset = `{"event":"reset","index":8,"time":"2026-11-28T06:00:01Z","zone":"mesos.","serial":9}`
)

// A watch is resumed where the connection broke, tells of changes that were missed
// meanwhile, and ends quietly when it is interrupted.
func TestWatchPrintsChangesAcrossConnections(t *testing.T) {
	for _, tc := range []struct {
		output, want string
	}{
		{"text", `2026-11-28T06:00:00.123Z - web.mesos. 5 A 10.0.0.1
2026-11-28T06:00:00.123Z + web.mesos. 5 A 10.0.0.2
2026-11-28T06:00:00.123Z + web.mesos. 5 A 10.0.0.3
2026-11-28T06:00:01.000Z reset mesos.: too much has changed; read the zone again
reset: changes were missed; read all records again
`},
		{"json", `{"event":"index","index":5,"newest":5}` + "\n" + watchChange + "\n" + watchReset + "\n" + `{"event":"reset","index":90}` + "\n"},
	} {
		script := &scriptedWatch{answers: []func(http.ResponseWriter){
			sends(watchBegin + "event: change\ndata: " + watchChange + "\nid: 6\n\n: heartbeat\nid: 7\n\n"),
			sends("event: reset\ndata: " + watchReset + "\nid: 8\n\n"),
			refuses(http.StatusServiceUnavailable, "", "no state of the cluster yet"),
			refuses(http.StatusGone, "90", "the changes are not kept"),
			sends(": nothing\n\n"),
		}}
		server := httptest.NewServer(script)
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr bytes.Buffer
		status := make(chan int)
		go func() {
			status <- run(ctx, []string{"watch", "web.mesos", "-server", server.URL, "-o", tc.output, "-type", "A,AAAA", "db.mesos", "-suffix=mesos"}, nil, &stdout, &stderr)
		}()
		testutil.Eventually(t, func() bool { return int(script.n.Load()) == len(script.answers) }, "the last connection")
		cancel()
		if got := <-status; got != statusOK || stdout.String() != tc.want {
			t.Errorf("%s: got status %d and\n%swant 0 and\n%s%s", tc.output, got, &stdout, tc.want, &stderr)
		}
		const query = "/v1/watch?name=web.mesos&name=db.mesos&suffix=mesos&type=A&type=AAAA after "
		if got, want := strings.Join(script.asked, "\n"), query+"\n"+query+"7\n"+query+"8\n"+query+"8\n"+query+"90"; got != want {
			t.Errorf("%s: got the requests\n%s\nwant\n%s", tc.output, got, want)
		}
		for _, want := range []string{"has ended the connection", "no state of the cluster yet", "the changes are not kept"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: got the messages\n%swant %q", tc.output, &stderr, want)
			}
		}
		server.Close()
	}
}

// A connection may break anywhere. The watch goes on after the last version that came
// completely: a part of an id is another id, and a part of an event cannot be read.
func TestWatchIgnoresWhatIsIncomplete(t *testing.T) {
	stream := watchBegin + "event: change\ndata: " + watchChange + "\nid: 16\n\n: heartbeat\nid: 117\n\nevent: reset\ndata: " + watchReset + "\nid: 1118\n\n"
	for cut := range len(stream) + 1 {
		var want uint64
		if complete := strings.LastIndex(stream[:cut], "\n\n"); complete >= 0 {
			id := stream[strings.LastIndex(stream[:complete], "id: ")+len("id: ") : complete]
			want, _ = strconv.ParseUint(id, 10, 64)
		}
		var stdout, stderr bytes.Buffer
		w := &watching{out: &stdout, messages: &stderr}
		if err := w.read(strings.NewReader(stream[:cut]), func() {}); err != nil {
			t.Errorf("after %q: got the error %v, want none", stream[:cut], err)
		}
		if w.index != want {
			t.Errorf("after %q: got the index %d to go on with, want %d", stream[:cut], w.index, want)
		}
		if got, want := strings.Count(stdout.String(), "web.mesos."), strings.Count(stream[:cut], "id: 16\n\n")*3; got != want {
			t.Errorf("after %q: got %d records, want %d", stream[:cut], got, want)
		}
	}
}

// A short name is not watched, and its full name is told; a framework without tasks too.
func TestWatchTellsOfWhatIsNotThere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.RequestURI() {
		case "/v1/lookup?name=cart-shop":
			fmt.Fprint(w, `{"completions": ["cart-shop.marathon.mesos."]}`)
		case "/v1/lookup?name=ngnix":
			fmt.Fprint(w, `{"near": ["nginx.marathon.mesos."]}`)
		case "/v1/instances?framework=nosuch&limit=1":
			fmt.Fprint(w, `{"instances": []}`)
		case "/v1/instances?framework=marathon&limit=1":
			fmt.Fprint(w, `{"instances": [{}]}`)
		default:
			refuses(http.StatusBadRequest, "", "it is in none of the server's zones")(w)
		}
	}))
	defer server.Close()
	refusal := "toponym watch: " + server.URL + `: it is in none of the server's zones` + "\n"
	for args, want := range map[string]string{
		"cart-shop ngnix":     refusal + "cart-shop: did you mean: cart-shop.marathon.mesos.\nngnix: did you mean: nginx.marathon.mesos.\n",
		"web.example.com":     refusal,
		"-framework nosuch":   "toponym watch: no framework nosuch has tasks now; waiting for one\n" + refusal,
		"-framework marathon": refusal,
	} {
		got := runWith(t, append([]string{"watch", "-server", server.URL}, strings.Fields(args)...)...)
		if got.status != statusFailed || got.stderr != want {
			t.Errorf("%s: got status %d and %q, want %d and %q", args, got.status, got.stderr, statusFailed, want)
		}
	}
}

// A watch that cannot begin ends with the reason.
func TestWatchThatCannotBegin(t *testing.T) {
	for name, tc := range map[string]struct {
		args   []string
		answer func(http.ResponseWriter)
		status int
		want   string
	}{
		"no server":        {[]string{"-server", "http://127.0.0.1:1"}, nil, statusFailed, "no server answers at http://127.0.0.1:1"},
		"not a URL":        {[]string{"-server", ":8123"}, nil, statusUsage, "is not a URL"},
		"unknown form":     {[]string{"-o", "xml"}, nil, statusUsage, "neither text nor json"},
		"unknown flag":     {[]string{"-x"}, nil, statusUsage, "-x"},
		"refused":          {nil, refuses(400, "", "type: \"X\" is no type"), statusFailed, `is no type`},
		"gone":             {[]string{"-index", "3"}, refuses(410, "9", "not kept"), statusFailed, "not kept"},
		"another server":   {nil, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, statusFailed, "does not come from a Toponym"},
		"an older Toponym": {nil, func(w http.ResponseWriter) { w.WriteHeader(404) }, statusFailed, "does not come from a Toponym"},
		"a broken event":   {nil, sends("data: {\n\n"), statusFailed, "an event cannot be read"},
		"a broken id":      {nil, sends("id: x\n\n"), statusFailed, "want a number"},
	} {
		args := append([]string{"watch"}, tc.args...)
		if tc.answer != nil {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tc.answer(w) }))
			defer server.Close()
			args = append(args, "-server", server.URL)
		}
		if got := runWith(t, args...); got.status != tc.status || !strings.Contains(got.stderr, tc.want) {
			t.Errorf("%s: got status %d and %q, want %d and %q", name, got.status, got.stderr, tc.status, tc.want)
		}
	}
}
