package sim

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// streamReader is a client of SUBSCRIBE that looks at every byte.
type streamReader struct {
	conn net.Conn
	in   *bufio.Reader
}

func (p *pipes) subscribe(t *testing.T, headers ...string) *streamReader {
	t.Helper()
	client, err := p.dial()
	noError(t, err)
	const body = `{"type":"SUBSCRIBE"}`
	fmt.Fprintf(client, "POST /api/v1 HTTP/1.1\r\nHost: master\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n%sContent-Length: %d\r\n\r\n%s",
		strings.Join(headers, ""), len(body), body)
	r := &streamReader{conn: client, in: bufio.NewReader(client)}
	// The headers are read by hand, for net/http would take the chunks apart.
	for line := ""; line != "\r\n"; {
		line, err = r.in.ReadString('\n')
		noError(t, err)
		if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Fatal(line)
		}
		if strings.HasPrefix(line, "Content-Encoding") || strings.HasPrefix(line, "Mesos-Stream-Id") {
			t.Errorf("header %q", line)
		}
	}
	t.Cleanup(func() { client.Close() })
	return r
}

// chunk reads a chunk; the last one is empty.
func (r *streamReader) chunk() ([]byte, error) {
	line, err := r.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, err
	}
	return b[:n], nil
}

// next reads a record, which has to fill a chunk.
func (r *streamReader) next(t *testing.T) []byte {
	t.Helper()
	b, err := r.chunk()
	noError(t, err)
	length, message, _ := bytes.Cut(b, []byte("\n"))
	if n, err := strconv.Atoi(string(length)); err != nil || n != len(message) {
		t.Fatalf("a chunk of %d bytes says %q", len(b), length)
	}
	return message
}

// rest reads n records.
func (r *streamReader) rest(t *testing.T, n int) (records [][]byte) {
	t.Helper()
	for range n {
		records = append(records, r.next(t))
	}
	return records
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
		in := p.subscribe(t)
		in.rest(t, 2)
		start := time.Now()
		for i := 1; i <= 3; i++ {
			if got := string(in.next(t)); got != `{"type":"HEARTBEAT"}` {
				t.Fatal(got)
			}
			if d := time.Since(start); d != time.Duration(i)*15*time.Second {
				t.Errorf("heartbeat %d came after %v", i, d)
			}
		}
	})
}

// TestEnds: how a stream can end is what a client learns from.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(m *Master, p *pipes)
		last bool // chunk
	}{
		{"killed", func(m *Master, _ *pipes) { m.BreakStreams() }, false},
		{"not the leader any more", func(m *Master, _ *pipes) { m.SetLeader("other:5050") }, false},
		{"evicted", func(m *Master, _ *pipes) { m.CloseStreams() }, true},
		{"one subscriber more", func(_ *Master, p *pipes) { p.subscribe(t) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr, MaxSubscribers: 1})
				p := serve(t, m)
				in := p.subscribe(t)
				in.rest(t, 2)
				if tt.name == "one subscriber more" {
					p.subscribe(t)
				} else {
					tt.do(m, p)
				}
				b, err := in.chunk()
				if tt.last && (err != nil || len(b) > 0) {
					t.Errorf("chunk %q, error %v, want a last chunk", b, err)
				}
				if !tt.last && err == nil {
					t.Errorf("chunk %q, want the end of the connection", b)
				}
				if tt.last { // the connection is as good as new
					fmt.Fprint(in.conn, "GET /health HTTP/1.1\r\nHost: master\r\n\r\n")
					resp, err := http.ReadResponse(in.in, nil)
					noError(t, err)
					if resp.StatusCode != 200 {
						t.Error(resp.Status)
					}
				}
			})
		})
	}
}

// TestSlowSubscriber: who does not read is let go before it takes all memory,
// and the others notice nothing.
func TestSlowSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr, MaxWaiting: 10000})
		p := serve(t, m)
		slow, quick := p.subscribe(t), p.subscribe(t)
		slow.rest(t, 2)
		quick.rest(t, 2)
		for i := range 100 {
			s.start("web", i%2)
			quick.rest(t, 3)
			synctest.Wait() // the slow one has begun to be told
		}
		if n := m.Subscribers(); n != 1 {
			t.Errorf("%d subscribers", n)
		}
		n := 0
		for {
			b, err := slow.chunk()
			noError(t, err)
			if len(b) == 0 {
				break // a proper end
			}
			n++
		}
		if n == 0 || n > 30 {
			t.Errorf("%d records came before the end", n)
		}
	})
}

// TestDeafSubscriber: one that never reads again does not keep what it was
// about to be told.
func TestDeafSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr, MaxWaiting: 10000})
		ended := make(chan struct{})
		p := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			m.ServeHTTP(w, r)
		}))
		p.subscribe(t)
		for i := range 100 {
			s.start("web", i%2)
		}
		start := time.Now()
		<-ended
		if d := time.Since(start); d != grace {
			t.Errorf("it went on for %v", d)
		}
	})
}

// TestFreeze: a frozen master keeps its connections and says nothing, not even
// heartbeats; after that all comes.
func TestFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr})
		p := serve(t, m)
		in := p.subscribe(t)
		in.rest(t, 2)
		m.Freeze()
		m.Freeze()
		s.start("web", 0)
		came := make(chan []byte)
		go func() { came <- in.next(t) }()
		select {
		case b := <-came:
			t.Errorf("it said %s", b)
		case <-time.After(time.Hour):
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if m.thawed(ctx) {
			t.Error("a request would be answered")
		}
		m.Thaw()
		m.Thaw()
		if got := brief(t, <-came); got != "TASK_ADDED web TASK_STAGING 0" {
			t.Error(got)
		}
	})
}

// TestFilteredStream: who may not see a framework does not hear of it.
func TestFilteredStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr, Auth: Auth{
			ReadWrite: true, Credentials: []Credential{{"p", "s", []string{"chronos"}}},
		}}))
		in := p.subscribe(t, "Authorization: Basic cDpz\r\n")
		if first := in.next(t); strings.Contains(string(first), "marathon") {
			t.Errorf("%s", first)
		}
		in.next(t)
		s.start("web", 0)
		_, err := s.AddFramework(Framework{Name: "chronos"})
		noError(t, err)
		if got := brief(t, in.next(t)); got != "FRAMEWORK_ADDED" {
			t.Error(got)
		}
	})
}

// TestBigSubscribed: the first record may be too big for a chunk; its length
// is right all the same.
func TestBigSubscribed(t *testing.T) {
	s := newScene(t)
	for range 4000 {
		s.start("web", 0)
	}
	p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
	in := p.subscribe(t)
	var all []byte
	chunks := 0
	for {
		b, err := in.chunk()
		noError(t, err)
		all = append(all, b...)
		chunks++
		length, message, _ := bytes.Cut(all, []byte("\n"))
		n, err := strconv.Atoi(string(length))
		noError(t, err)
		if len(message) > n {
			t.Fatal("the record is longer than it says")
		}
		if len(message) == n {
			decode(t, message)
			break
		}
	}
	if chunks < 2 || chunks > 3 {
		t.Errorf("%d bytes in %d chunks", len(all), chunks)
	}
}
