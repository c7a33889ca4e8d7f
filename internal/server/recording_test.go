package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// recordingsOf returns how to read recordings of a real master. They are not part
// of the project: without them, tests that need them are skipped.
func recordingsOf(t *testing.T) (file func(name string) []byte) {
	t.Helper()
	dir := os.Getenv("TOPONYM_CAPTURES")
	if dir == "" {
		t.Skip("TOPONYM_CAPTURES does not name a folder with recordings of a master")
	}
	return func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// recording is an event stream in the form that it had on the wire.
type recording struct {
	raw     []byte
	records []int     // offsets in raw: the end of the header, and of the chunk of each record
	times   []float64 // when each record arrived, in seconds since 1970
}

// readRecording reads the bytes of a stream and the table of when each chunk
// arrived.
func readRecording(t *testing.T, raw, times []byte) *recording {
	t.Helper()
	r := &recording{raw: raw}
	head := bytes.Index(raw, []byte("\r\n\r\n")) + 4
	for at := head; ; {
		r.records = append(r.records, at)
		line, rest, ok := bytes.Cut(raw[at:], []byte("\r\n"))
		if !ok {
			break
		}
		n, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil || int(n)+2 > len(rest) {
			t.Fatalf("byte %d of the recording: got error %v, want a chunk", at, err)
		}
		at += len(line) + 2 + int(n) + 2
	}
	for line := range strings.Lines(string(times)) {
		if at, err := strconv.ParseFloat(strings.Split(strings.TrimSpace(line), "\t")[0], 64); err == nil {
			r.times = append(r.times, at)
		}
	}
	if len(r.times) != len(r.records)-1 {
		t.Fatalf("got %d times, want one for each of %d records", len(r.times), len(r.records)-1)
	}
	return r
}

// chunked puts a stream of records into HTTP chunks, one for each record.
func chunked(t *testing.T, stream []byte) *recording {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n")
	r := &recording{records: []int{b.Len()}}
	for len(stream) > 0 {
		length, _, _ := bytes.Cut(stream, []byte("\n"))
		n, err := strconv.Atoi(string(length))
		if n += len(length) + 1; err != nil || n > len(stream) {
			t.Fatalf("got %.60q, want a record", stream)
		}
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, stream[:n])
		r.records = append(r.records, b.Len())
		stream = stream[n:]
	}
	r.raw = b.Bytes()
	return r
}

// until returns where the last record ends that arrived before a time.
func (r *recording) until(at float64) int {
	n := 0
	for n < len(r.times) && r.times[n] <= at {
		n++
	}
	return r.records[n]
}

// player is a master that plays a recording.
type player struct {
	at     netip.AddrPort
	pieces func(left int) int // how many bytes to write at once
	empty  bool               // answer SUBSCRIBE with 503, as before the recovery

	mu      sync.Mutex
	turn    *sync.Cond
	raw     []byte
	upto    int    // how many bytes of raw may be written
	state   []byte // the answer of /master/state; nil for 503
	who     bool   // answer GET_MASTER
	ends    bool   // end the stream at upto
	conns   map[net.Conn]bool
	written int // of the stream
}

func newPlayer(t *testing.T, raw []byte) *player {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &player{at: netip.MustParseAddrPort(l.Addr().String()), raw: raw, who: true, conns: map[net.Conn]bool{}}
	p.pieces = func(left int) int { return left }
	p.turn = sync.NewCond(&p.mu)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.set(func() { p.conns[c] = true })
			go p.serve(c)
		}
	}()
	t.Cleanup(func() { l.Close(); p.hangUp() })
	return p
}

// set changes what the player does.
func (p *player) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.turn.Broadcast()
}

// hangUp breaks all connections.
func (p *player) hangUp() {
	p.set(func() {
		for c := range p.conns {
			c.Close()
		}
		clear(p.conns)
	})
}

func (p *player) serve(c net.Conn) {
	defer p.set(func() { c.Close(); delete(p.conns, c) })
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	state, who, empty := p.state, p.who, p.empty
	p.mu.Unlock()
	say := func(status int, text []byte) {
		fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
	}
	switch {
	case r.URL.Path == "/master/state" && state != nil:
		say(200, state)
	case r.URL.Path == "/master/state":
		say(503, []byte("not now"))
	case r.URL.Path != "/api/v1":
		say(404, nil)
	case empty:
		say(503, []byte("Master has not finished recovery"))
	case strings.Contains(string(body), "SUBSCRIBE"):
		p.play(c)
	case strings.Contains(string(body), "GET_MASTER") && who && state != nil:
		say(200, getMaster(state))
	default:
		say(501, nil)
	}
}

// getMaster returns the answer of GET_MASTER that goes with a recorded state.
func getMaster(body []byte) []byte {
	var s struct {
		ID, PID string
		Elected float64 `json:"elected_time"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"type":"GET_MASTER","get_master":{"master_info":{"id":%q,"pid":%q,"port":5050},"elected_time":%f}}`, s.ID, s.PID, s.Elected)
}

// play writes what may be written, piece by piece, until the connection ends.
func (p *player) play(c net.Conn) {
	for at := 0; ; {
		p.mu.Lock()
		for at >= p.upto && p.conns[c] && !p.ends {
			p.turn.Wait()
		}
		raw, upto, open := p.raw, p.upto, p.conns[c] && !(p.ends && at >= p.upto)
		p.mu.Unlock()
		if !open {
			return
		}
		n := max(1, min(p.pieces(upto-at), upto-at))
		if _, err := c.Write(raw[at : at+n]); err != nil {
			return
		}
		at += n
		p.set(func() { p.written = at })
	}
}
