package master

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/state/leader"
)

// stateOfSize is a state of exactly so many bytes.
func stateOfSize(t testing.TB, size int) []byte {
	t.Helper()
	const before, after = `{"x": "`, `", "leader": "master@10.0.0.1:5050", "slaves": [{"id": "S0"}]}`
	if size < len(before)+len(after) {
		t.Fatalf("got size %d, want at least %d", size, len(before)+len(after))
	}
	return []byte(before + strings.Repeat("x", size-len(before)-len(after)) + after)
}

func compressed(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Ways to send an answer.
func withLength(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func inChunks(w http.ResponseWriter, body []byte) {
	half := len(body) / 2
	w.Write(body[:half])
	http.NewResponseController(w).Flush()
	w.Write(body[half:])
}

func TestLargestAnswer(t *testing.T) {
	const most = 100_000
	gzipped := func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(compressed(t, body))
	}
	for how, send := range map[string]func(http.ResponseWriter, []byte){"with its length": withLength, "in chunks": inChunks, "compressed": gzipped} {
		for _, size := range []int{most - 1, most, most + 1, 10 * most} {
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { send(w, stateOfSize(t, size)) }))
			o := options(at)
			o.MaxBytes = most
			s, err := readOnce(t, New(o))
			if size <= most && err != nil {
				t.Errorf("%d bytes %s: got %v, want no error", size, how, err)
			}
			if size > most && (err == nil || !strings.Contains(err.Error(), "the answer is larger than stateMaxBytes = 100000")) {
				t.Errorf("%d bytes %s: got %+v, %v, want that it is too large", size, how, s, err)
			}
		}
	}
}

func TestLengthAloneIsEnoughToRefuseAnAnswer(t *testing.T) {
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1048577")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	wantError(t, New(options(at)), "larger than stateMaxBytes = 1048576")
}

func TestEndlessAnswerIsReadUpToTheLimit(t *testing.T) {
	at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"x": "`)
		for {
			if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return // the watcher has hung up
			}
		}
	}))
	wantError(t, New(options(at)), "larger than stateMaxBytes = 1048576")
}

func TestNoLimitAtAll(t *testing.T) {
	at := serve(t, http.HandlerFunc(leading))
	o := options(at)
	o.MaxBytes = math.MaxInt64
	wantLeader(t, New(o), at)
}

// Compression is not asked for, but a proxy may compress all the same.
func TestCompressedAnswersAreRead(t *testing.T) {
	body := stateOfSize(t, 10_000)
	packed := compressed(t, body)
	broken := bytes.Clone(packed)
	broken[len(broken)-5] ^= 1 // of the check sum
	bomb := compressed(t, bytes.Repeat([]byte(" "), 8<<20))
	if len(bomb) > 1<<20 {
		t.Fatalf("got a bomb of %d bytes, want less than the limit", len(bomb))
	}
	tests := []struct {
		what     string
		encoding string
		body     []byte
		err      string // empty: accepted
	}{
		{"gzip", "gzip", packed, ""},
		{"GZIP", "GZIP", packed, ""},
		{"none", "identity", body, ""},
		{"a bomb", "gzip", bomb, "larger than stateMaxBytes"},
		{"cut off", "gzip", packed[:len(packed)-1], "the answer is cut off"},
		{"cut off in the middle", "gzip", packed[:len(packed)/2], "the answer is cut off"},
		{"cut off at the beginning", "gzip", packed[:5], "the answer is cut off"},
		{"nothing", "gzip", nil, "the answer is cut off"},
		{"a wrong check sum", "gzip", broken, "invalid checksum"},
		{"not compressed", "gzip", body, "invalid header"},
		{"more behind", "gzip", append(bytes.Clone(packed), "more"...), "the answer"},
		{"two states", "gzip", append(bytes.Clone(packed), packed...), "more follows"},
		{"gzip without saying so", "", packed, "invalid character"},
		{"another", "br", packed, "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if a := r.Header.Get("Accept-Encoding"); a != "" {
					t.Errorf("got Accept-Encoding %q, want none", a)
				}
				w.Header().Set("Content-Type", "application/json")
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				w.Write(tt.body)
			}))
			w := New(options(at))
			if tt.err != "" {
				wantError(t, w, tt.err)
			} else if _, err := readOnce(t, w); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConnectionClosedAtEachStageOfAnAnswer(t *testing.T) {
	body := stateOfSize(t, 10_000)
	tests := []struct {
		what string
		send string
		err  string
	}{
		{"before the answer", "", "EOF"},
		{"in the header", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n", "unexpected EOF"},
		{"before the body", "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", "the answer is cut off"},
		{"in the body", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n%s", body[:5000]), "the answer is cut off"},
		{"before the last byte", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n%s", body[:9999]), "the answer is cut off"},
		{"in a chunk", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", 10_000, body[:5000]), "the answer is cut off"},
		{"before the last chunk", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", 10_000, body), "the answer is cut off"},
		{"in a body whose end nothing else tells", fmt.Sprintf("HTTP/1.0 200 OK\r\n\r\n%s", body[:5000]), "the answer is cut off"},
		{"no HTTP", "220 mail.example ESMTP\r\n", "malformed HTTP"},
		{"a header without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), "headers exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hijack(t, w, func(b *bufio.ReadWriter) { b.WriteString(tt.send) })
			}))
			wantError(t, New(options(at)), at.String(), tt.err)
		})
	}

	t.Run("after a body whose end nothing else tells", func(t *testing.T) {
		at := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			hijack(t, w, func(b *bufio.ReadWriter) { fmt.Fprintf(b, "HTTP/1.0 200 OK\r\n\r\n%s", body) })
		}))
		if _, err := readOnce(t, New(options(at))); err != nil {
			t.Error(err)
		}
	})
}

// hijack takes a connection over, and closes it after use.
func hijack(t testing.TB, w http.ResponseWriter, use func(*bufio.ReadWriter)) {
	conn, b, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	use(b)
	b.Flush() // may fail: some tests hang up first
	conn.Close()
}

// One answer does not begin, and one does not end: stateTimeoutSeconds is the
// time for the latter.
func TestSlowAnswersEnd(t *testing.T) {
	for _, tt := range []struct {
		what, begin, err string
		took             time.Duration
	}{
		{"says nothing", "", m1.String() + ": it accepts connections and does not answer", firstByteTimeout},
		{"stops in the middle", `{"slaves": [`, m1.String() + ": reading the state takes longer than stateTimeoutSeconds = 300", 300 * time.Second},
	} {
		t.Run(tt.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(m1)
				o.Timeout = 300 * time.Second
				w := New(o)
				w.client.http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
					if tt.begin == "" {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					body, pipe := io.Pipe()
					context.AfterFunc(r.Context(), func() { pipe.CloseWithError(r.Context().Err()) })
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(io.MultiReader(strings.NewReader(tt.begin), body)), ContentLength: -1}, nil
				})
				began := time.Now()
				wantError(t, w, tt.err)
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
			})
		})
	}
}

// It accepts connections and does not answer. The others are asked meanwhile.
func TestFrozenMasterIsPassedOver(t *testing.T) {
	frozen, good := leader.Address{Host: "10.0.0.9", Port: 5050}, m1
	synctest.Test(t, func(t *testing.T) {
		o := options(frozen, good)
		w := New(o)
		w.client.http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == frozen.String() {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			if r.Method == http.MethodPost {
				return response(200, `{"type": "GET_MASTER", "get_master": {"master_info": {"id": "x"}}}`)
			}
			return response(200, stateOf(m1, m1))
		})
		if _, err := readOnce(t, w); !errors.As(err, new(*otherLeaderError)) {
			t.Fatalf("error %v, want that another master leads", err)
		}
		w.o.Leaders.SetLeading(m1)
		for _, want := range []time.Duration{0, 0} { // the second time the leader is asked first
			begin := time.Now()
			wantLeader(t, w, good)
			if took := time.Since(begin); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
		}
	})
}
