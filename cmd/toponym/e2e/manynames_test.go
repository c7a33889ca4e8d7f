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
	manyTime     = 2 * time.Minute
	manyAskers   = 8
	descriptors  = 1024
	fewSockets   = 100 // what a server with two servers upstream needs at most
	manyPatience = 15 * time.Second

	manyLate     = 300 * time.Millisecond // each server's answers
	manyLoses    = 20                     // of so many queries one is lost on the way
	manyInFlight = 400                    // names that wait at a time at some moment
)

// TestManyNames has names that nobody knows yet asked for all the time, with
// servers upstream that are slow and lose some packets, and few file descriptors.
func TestManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	t.Parallel()
	nsd, _ := startNSD(t)
	recursor, _ := startRecursor(t, nsd)
	servers := forwarding(local(startRelay(t, nsd, manyLate, manyLoses)), local(startRelay(t, recursor, manyLate, manyLoses)))
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	file := configFile(t, m, s, servers)
	s.process = start(t, "sh", "-c", fmt.Sprintf("ulimit -n %d; exec %s -config %s", descriptors, toponym, file))
	s.waitReady(t)
	if got := ask(t, s.port, "dig warm.any.outside.example A"); got.status != "NOERROR" {
		t.Fatal(got.status)
	}
	before := openFiles(t, s)

	var answered, failed, lost atomic.Int64
	var all sync.WaitGroup
	for i := range manyAskers {
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
			waiting = max(waiting, s.metrics(t).sum("toponym_forward_waiting"))
		}
	}
	t.Logf("%d answers, %d of them SERVFAIL; %d open files at first, %d at most; %v waited at a time", answered.Load(), failed.Load(), before, most, waiting)
	if waiting < manyInFlight {
		t.Errorf("%v waited at a time: the servers were too quick", waiting)
	}
	if lost.Load() > 0 || answered.Load() != manyNames {
		t.Errorf("%d of %d names were not answered", lost.Load(), manyNames)
	}
	if failed.Load() > manyNames/1000 {
		t.Errorf("%d answers say SERVFAIL", failed.Load())
	}
	if most > fewSockets {
		t.Errorf("%d open files", most)
	}
	eventually(t, time.Minute, "what was opened is closed", func() (bool, string) {
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

// askNames asks for its part of the names at a constant rate, from one socket.
func askNames(t *testing.T, s *server, part int) (answered, failed, lost int64) {
	conn, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	const mine = manyNames / manyAskers
	seen := make([]bool, mine)
	received := make(chan struct{})
	var sent atomic.Int64
	go func() {
		defer close(received)
		buf := make([]byte, 4096)
		for answered < mine {
			if sent.Load() == mine {
				conn.SetReadDeadline(time.Now().Add(manyPatience))
			}
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			// The number of the name is in it, as ids are too few.
			number := 0
			if n < 20 || buf[12] > 20 {
				continue
			}
			if _, err := fmt.Sscanf(string(buf[13:13+int(buf[12])]), "n%d", &number); err != nil || number >= mine || seen[number] {
				continue
			}
			seen[number] = true
			answered++
			if buf[3]&0xF != 0 {
				failed++
			}
		}
	}()
	pause := manyTime / mine
	next := time.Now()
	for i := range mine {
		conn.Write(nameQuery(uint16(i), fmt.Sprintf("n%d.p%d.any.%s", i, part, outsideName)))
		sent.Add(1)
		if next = next.Add(pause); i%16 == 0 {
			time.Sleep(time.Until(next))
		}
	}
	conn.SetReadDeadline(time.Now().Add(manyPatience))
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
