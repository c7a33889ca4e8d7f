//go:build e2e

package e2e_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	manyNames    = 200_000
	manyClients  = 8
	manyWindow   = 100 // outstanding queries of each client
	descriptors  = 1024
	maxOpenFiles = 100 // of a server with two upstream servers

	manyDelay    = 300 * time.Millisecond // of each query on its way upstream
	manyLoss     = 20                     // one of so many queries is lost on its way
	manyInFlight = 400                    // names that wait at some moment
)

// Many clients ask for names that are not in the cache, while the upstream
// servers answer late and some packets are lost. Each query is answered, and the
// server needs few file descriptors for it.
func TestManyForwardedNamesNeedFewDescriptors(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	t.Parallel()
	nsd, _ := startNSD(t)
	recursor, _ := startRecursor(t, nsd)
	more := forwarding(local(startRelay(t, nsd, manyDelay, manyLoss)), local(startRelay(t, recursor, manyDelay, manyLoss)))
	more["timeout"] = 60
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	file := configFile(t, m, s, more)
	s.process = start(t, "sh", "-c", fmt.Sprintf("ulimit -n %d; exec %s -config %s", descriptors, toponym, file))
	s.waitReady(t)
	if got := ask(t, s.port, "dig warm.any.outside.example A"); got.status != "NOERROR" {
		t.Fatalf("before the load: got %s, want NOERROR", got.status)
	}
	before := openFiles(t, s)

	var answered, failed, lost atomic.Int64
	var all sync.WaitGroup
	for i := range manyClients {
		all.Go(func() {
			a, f, l := askNames(t, s, i)
			answered.Add(a)
			failed.Add(f)
			lost.Add(l)
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	most, waiting := 0, 0.0
	for end := false; !end; {
		select {
		case <-done:
			end = true
		case <-time.After(time.Second):
			most = max(most, openFiles(t, s))
			waiting = max(waiting, s.metrics(t).sum("toponym_forward_pending"))
		}
	}
	t.Logf("%d responses, %d of them SERVFAIL; %d open files at first, %d at most; %v queries waited at a time", answered.Load(), failed.Load(), before, most, waiting)
	if waiting < manyInFlight {
		t.Errorf("queries that wait at a time: got %v, want at least %d of %d", waiting, manyInFlight, manyClients*manyWindow)
	}
	if lost.Load() > 0 || answered.Load() != manyNames {
		t.Errorf("responses: got %d, want %d", answered.Load(), manyNames)
	}
	if failed.Load() > manyNames/1000 {
		t.Errorf("SERVFAIL responses: got %d, want at most one in 1000", failed.Load())
	}
	if most > maxOpenFiles {
		t.Errorf("open files: got %d, want at most %d", most, maxOpenFiles)
	}
	eventually(t, "the files are closed", func() (bool, string) {
		n := openFiles(t, s)
		return n <= before+8, fmt.Sprint(n)
	})
}

func openFiles(t *testing.T, s *server) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// askNames asks for its part of the names from one socket, with manyWindow
// queries outstanding at a time.
func askNames(t *testing.T, s *server, part int) (answered, failed, lost int64) {
	conn, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	const mine = manyNames / manyClients
	seen := make([]bool, mine)
	window := make(chan struct{}, manyWindow)
	received := make(chan struct{})
	go func() {
		defer close(received)
		buf := make([]byte, 4096)
		for answered < mine {
			conn.SetReadDeadline(time.Now().Add(patience))
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			// The name carries its number, as there are fewer ids than names.
			number := 0
			if n < 20 || buf[12] > 20 {
				continue
			}
			if _, err := fmt.Sscanf(string(buf[13:13+int(buf[12])]), "n%d", &number); err != nil || number >= mine || seen[number] {
				continue
			}
			seen[number] = true
			<-window
			answered++
			if buf[3]&0xF != 0 {
				failed++
			}
		}
	}()
	for i := range mine {
		select {
		case window <- struct{}{}:
		case <-received:
			return answered, failed, mine - answered
		}
		conn.Write(nameQuery(uint16(i), fmt.Sprintf("n%d.p%d.any.%s", i, part, outsideName)))
	}
	<-received
	return answered, failed, mine - answered
}

func nameQuery(id uint16, name string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, 1, 0, 1)
}
