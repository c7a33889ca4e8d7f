package sim

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
)

func TestHeartbeatsComeAtTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr}))
		in := p.Subscribe(t)
		in.Skip(t, 2)
		start := time.Now()
		for i := 1; i <= 3; i++ {
			if got := string(in.Next(t)); got != `{"type":"HEARTBEAT"}` {
				t.Fatal(got)
			}
			if d := time.Since(start); d != time.Duration(i)*15*time.Second {
				t.Errorf("heartbeat %d came after %v", i, d)
			}
		}
	})
}

// TestOnlyClosedStreamsEndWithALastChunk: how a stream can end is what a client learns from.
func TestOnlyClosedStreamsEndWithALastChunk(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(m *Master, p *testutil.PipeListener)
		last bool // chunk
	}{
		{"killed", func(m *Master, _ *testutil.PipeListener) { m.BreakStreams() }, false},
		{"not the leader any more", func(m *Master, _ *testutil.PipeListener) { m.SetLeader("other:5050") }, false},
		{"evicted", func(m *Master, _ *testutil.PipeListener) { m.CloseStreams() }, true},
		{"one subscriber more", func(_ *Master, p *testutil.PipeListener) { p.Subscribe(t) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMaster(newScene(t).Cluster, MasterOptions{Addr: testAddr, MaxSubscribers: 1})
				p := serve(t, m)
				in := p.Subscribe(t)
				in.Skip(t, 2)
				if tt.name == "one subscriber more" {
					p.Subscribe(t)
				} else {
					tt.do(m, p)
				}
				b, err := in.Chunk()
				if tt.last && (err != nil || len(b) > 0) {
					t.Errorf("chunk %q, error %v, want a last chunk", b, err)
				}
				if !tt.last && err == nil {
					t.Errorf("chunk %q, want the end of the connection", b)
				}
				if tt.last { // the connection is as good as new
					fmt.Fprint(in.Conn, "GET /health HTTP/1.1\r\nHost: master\r\n\r\n")
					resp, err := http.ReadResponse(in.In, nil)
					noError(t, err)
					if resp.StatusCode != 200 {
						t.Error(resp.Status)
					}
				}
			})
		})
	}
}

// TestSlowSubscriberIsDropped: who does not read is let go before it takes all memory,
// and the others notice nothing.
func TestSlowSubscriberIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr, MaxWaiting: 10000})
		p := serve(t, m)
		slow, quick := p.Subscribe(t), p.Subscribe(t)
		slow.Skip(t, 2)
		quick.Skip(t, 2)
		for i := range 100 {
			s.start("web", i%2)
			quick.Skip(t, 3)
			synctest.Wait() // the slow one has begun to be told
		}
		if n := m.Subscribers(); n != 1 {
			t.Errorf("%d subscribers", n)
		}
		n := 0
		for {
			b, err := slow.Chunk()
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

// TestSubscriberThatNeverReadsIsForgotten: one that never reads again does not keep what it was
// about to be told.
func TestSubscriberThatNeverReadsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		m := NewMaster(s.Cluster, MasterOptions{Addr: testAddr, MaxWaiting: 10000})
		ended := make(chan struct{})
		p := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			m.ServeHTTP(w, r)
		}))
		p.Subscribe(t)
		for i := range 100 {
			s.start("web", i%2)
		}
		start := time.Now()
		<-ended
		if d := time.Since(start); d != drainTimeout {
			t.Errorf("it went on for %v", d)
		}
	})
}

// TestLargeFirstRecordHasTheRightLength: the first record may be too big for a chunk; its length
// is right all the same.
func TestLargeFirstRecordHasTheRightLength(t *testing.T) {
	s := newScene(t)
	for range 4000 {
		s.start("web", 0)
	}
	p := serve(t, NewMaster(s.Cluster, MasterOptions{Addr: testAddr}))
	in := p.Subscribe(t)
	var all []byte
	chunks := 0
	for {
		b, err := in.Chunk()
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
