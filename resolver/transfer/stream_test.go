package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// stream is the stream of a whole zone for a client.
func (s *Server) stream(t testing.TB, client string) *Stream {
	t.Helper()
	q := request(t, axfr("mesos."), true)
	q.Client = netip.MustParseAddr(client)
	_, stream, rcode := s.Answer(make([]byte, bufferSize), q)
	if stream == nil {
		t.Fatalf("got rcode %d, want a stream", rcode)
	}
	return stream
}

// over writes to a connection, as resolver does.
func over(conn net.Conn) Send {
	return func(ctx context.Context, framed []byte, deadline time.Time, turn Turn) error {
		turn.Release()
		conn.SetWriteDeadline(deadline)
		defer context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })()
		_, err := conn.Write(framed)
		return err
	}
}

// events collects what an observer is told.
type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) Observe(one Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, one)
}

// observed is newServer with an observer.
func observed(c *cluster, o Options) (*Server, *events) {
	e := &events{}
	o.History, o.Observer, o.Log = c.history, e, quiet()
	if o.Settings.Allow == nil {
		o.Settings = everybody()
	}
	if o.Max == 0 {
		o.Max = 4
	}
	return New(o), e
}

// A secondary that stops reading is cut off after transferTimeout, and one that
// reads a little now and then not much later. One that reads steadily gets all.
func TestSlowReadersAreCutOff(t *testing.T) {
	const timeout = time.Minute
	for title, x := range map[string]struct {
		bytes    int // that are read each second
		complete bool
	}{
		"one that does not read": {0, false},
		"a byte a second":        {1, false},
		"1 KiB a second":         {1 << 10, false},
		"200 KiB a second":       {200 << 10, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, seen := observed(newCluster(t, bigState(1500)), Options{})
			ours, theirs := net.Pipe()
			defer ours.Close()
			var reader sync.WaitGroup
			defer reader.Wait()
			reader.Go(func() {
				buf := make([]byte, max(1, x.bytes))
				for x.bytes > 0 {
					if _, err := io.ReadFull(theirs, buf); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			start := time.Now()
			err := s.stream(t, "10.0.0.1").Run(t.Context(), over(ours))
			took := time.Since(start)
			theirs.Close()
			ours.Close()
			if x.complete != (err == nil) {
				t.Errorf("%s: got %v after %v", title, err, took)
			}
			if err != nil && (!errors.Is(err, errSlow) || took < timeout || took > timeout+5*time.Second) {
				t.Errorf("%s: got %v after %v, want %v after %v", title, err, took, errSlow, timeout)
			}
			if len(seen.list) != 1 || seen.list[0].Err != err || seen.list[0].Kind != AXFR || seen.list[0].Duration != took {
				t.Errorf("%s: the observer was told %+v", title, seen.list)
			}
			if got := s.slots.count(); got != 0 {
				t.Errorf("%s: %d slots are held at the end", title, got)
			}
			if len(s.turns) != 0 {
				t.Errorf("%s: a turn is held at the end", title)
			}
		})
	}
}

// A slow secondary does not hold up another one, nor the making of messages.
func TestASlowReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := observed(newCluster(t, bigState(300)), Options{})
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.stream(t, "10.0.0.1").Run(ctx, over(ours)) }()
		synctest.Wait()
		bytes := 0
		err := s.stream(t, "10.0.0.2").Run(t.Context(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
			bytes += len(framed)
			return nil
		})
		if err != nil || bytes == 0 {
			t.Errorf("the other one: got %d bytes, %v", bytes, err)
		}
		cancel()
		ours.Close()
		theirs.Close()
		if err := <-ended; err == nil {
			t.Error("the transfer went on after its end")
		}
	})
}

// Clients that read nothing, and hold all slots, are cut off when another one has waited
// for a moment, that which is furthest behind first. One that reads fast enough stays.
func TestClientsThatDoNotReadKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := observed(newCluster(t, bigState(1500)), Options{Max: 4})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		errs := make(chan error, 3)
		for i := range 3 {
			ours, _ := net.Pipe()
			defer ours.Close()
			all.Go(func() { errs <- s.stream(t, fmt.Sprintf("10.0.0.%d", 1+i%2)).Run(ctx, over(ours)) })
			time.Sleep(100 * time.Millisecond)
		}
		steady := make(chan error, 1)
		all.Go(func() {
			steady <- s.stream(t, "10.0.0.3").Run(ctx, func(_ context.Context, framed []byte, _ time.Time, turn Turn) error {
				turn.Release()
				time.Sleep(time.Duration(len(framed)) * time.Second / (2 * minRate))
				return nil
			})
		})
		time.Sleep(3 * time.Second)
		for i := range 3 {
			client := fmt.Sprintf("10.0.0.%d", 4+i)
			start := time.Now()
			err := s.stream(t, client).Run(ctx, func(context.Context, []byte, time.Time, Turn) error { return nil })
			if waited := time.Since(start); err != nil || waited > patience {
				t.Errorf("%s: got %v after %v, want a transfer after %v", client, err, waited, patience)
			}
		}
		if err := <-steady; err != nil {
			t.Errorf("the one that reads steadily: got %v", err)
		}
		if err := <-errs; !errors.Is(err, errSlow) || len(errs) != 0 {
			t.Errorf("got %v and %d more that were cut off, want one: there is a slot for all others then", err, len(errs))
		}
		for _, e := range seen.list {
			if e.Err != nil && e.Client != netip.MustParseAddr("10.0.0.1") {
				t.Errorf("got %v of %v, want the first one to be cut off", e.Err, e.Client)
			}
		}
	})
}

// A client at its own bound cuts off none of another.
func TestAClientCutsOffItsOwnTransfersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := observed(newCluster(t, bigState(1500)), Options{Max: 4})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		ended := make(chan string, 4)
		for i, client := range []string{"10.0.0.2", "10.0.0.1", "10.0.0.1"} {
			ours, _ := net.Pipe()
			defer ours.Close()
			time.Sleep(time.Duration(i) * time.Second)
			all.Go(func() {
				if err := s.stream(t, client).Run(ctx, over(ours)); errors.Is(err, errSlow) {
					ended <- client
				}
			})
		}
		time.Sleep(10 * time.Second)
		if err := s.stream(t, "10.0.0.1").Run(ctx, func(context.Context, []byte, time.Time, Turn) error { return nil }); err != nil {
			t.Errorf("got %v, want a transfer", err)
		}
		if got := <-ended; got != "10.0.0.1" || len(ended) != 0 {
			t.Errorf("got %s cut off and %d more, want one of the client that waited", got, len(ended))
		}
	})
}

// At the end of the server a transfer ends between two messages.
func TestTransfersEndWithTheServer(t *testing.T) {
	s, seen := observed(newCluster(t, bigState(1000)), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	messages := 0
	err := s.stream(t, "10.0.0.1").Run(ctx, func(context.Context, []byte, time.Time, Turn) error {
		messages++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || messages != 1 {
		t.Errorf("got %d messages, %v, want 1 and %v", messages, err, context.Canceled)
	}
	if len(seen.list) != 1 || seen.list[0].Err == nil {
		t.Errorf("the observer was told %+v, want an error", seen.list)
	}
	if s.slots.count() != 0 || len(s.turns) != 0 {
		t.Error("a slot or a turn is held after the end")
	}
}

// All messages of a transfer are of one version, whatever is published meanwhile.
func TestATransferIsOfOneVersion(t *testing.T) {
	c := newCluster(t, bigState(500))
	s := newServer(c)
	want := recordsIn(t, c.zone, name("mesos"))
	soa, _ := c.zone.SOARecord(name("mesos"))
	var list []dns.RR
	tasks := 500
	err := s.stream(t, "10.0.0.1").Run(t.Context(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
		for _, msg := range split(t, framed) {
			m := new(dns.Msg)
			if err := m.Unpack(msg); err != nil {
				return err
			}
			list = append(list, m.Answer...)
		}
		tasks -= 50
		c.publish(bigState(max(1, tasks)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, content, err := whole(list)
	if err != nil {
		t.Fatal(err)
	}
	if rr, _ := soa.RR(); got != rr.String() || !equalSets(content, want) {
		t.Errorf("got %s with %d records, want %v with %d", got, len(content), rr, len(want))
	}
}

// Of many transfers only so many run at a time, and only half for one client. The
// others wait, in turn, and get SERVFAIL if it takes too long.
func TestTransfersAtATimeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, seen := observed(newCluster(t, bigState(3)), Options{Max: 4})
		var mu sync.Mutex
		running, most := map[string]int{}, map[string]int{}
		rcodes := map[int]int{}
		count := func(client string, by int) {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range []string{client, "all"} {
				running[c] += by
				most[c] = max(most[c], running[c])
			}
		}
		var all sync.WaitGroup
		transfer := func(client string, takes time.Duration) {
			all.Go(func() {
				err := s.stream(t, client).Run(t.Context(), func(_ context.Context, framed []byte, _ time.Time, turn Turn) error {
					turn.Release()
					if rcode := int(framed[5] & 0xF); rcode != dns.RcodeSuccess {
						mu.Lock()
						defer mu.Unlock()
						rcodes[rcode]++
						return nil
					}
					count(client, 1)
					time.Sleep(takes)
					count(client, -1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		for range 6 {
			transfer("10.0.0.1", time.Second)
		}
		for i := range 4 {
			transfer(fmt.Sprintf("10.0.0.%d", 2+i), time.Second)
		}
		all.Wait()
		if most["all"] != 4 || most["10.0.0.1"] != 2 || len(rcodes) != 0 {
			t.Errorf("got %d at a time, %d of one client, errors %v; want 4, 2 and none", most["all"], most["10.0.0.1"], rcodes)
		}
		for range 4 {
			transfer("10.0.0.1", 10*time.Second)
			transfer("10.0.0.2", 10*time.Second)
		}
		start := time.Now()
		synctest.Wait()
		time.Sleep(slotWait)
		synctest.Wait()
		mu.Lock()
		if rcodes[dns.RcodeServerFailure] != 4 {
			t.Errorf("after %v: got %v, want 4 SERVFAIL", time.Since(start), rcodes)
		}
		mu.Unlock()
		all.Wait()
		busy := 0
		for _, e := range seen.list {
			if e.Err == ErrBusy {
				busy++
			}
		}
		if busy != 4 || s.slots.count() != 0 || len(s.slots.clients) != 0 || len(s.slots.queue) != 0 {
			t.Errorf("got %d events of waiting in vain, and %+v at the end", busy, s.slots)
		}
	})
}

// The observer learns who did what, with which key.
func TestObserverIsTold(t *testing.T) {
	c := newCluster(t, bigState(30))
	k := testKey(t, "a.key", "hmac-sha256")
	s, seen := observed(c, Options{Settings: Settings{Keys: []*Key{k}, Allow: []Rule{{Key: k.Name()}}, Timeout: time.Minute}})
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(31))
	ask := func(m *dns.Msg, key *Key, streams bool) {
		q := request(t, m, streams)
		q.Key = key
		s.askBytes(t, q)
	}
	ask(axfr("mesos."), nil, true) // refused
	ask(axfr("mesos."), k, true)
	ask(ixfr("mesos.", serial), k, true)
	ask(ixfr("mesos.", serial+1), k, false)
	ask(ixfr("mesos.", serial-7), k, true)
	ask(ixfr("mesos.", serial-7), k, false)
	s.ObserveSOA(oneClient, false, k, nil, []byte(name("mesos")))
	s.ObserveSOA(oneClient, true, nil, nil, []byte(name("mesos")))
	s.ObserveSOA(oneClient, false, k, nil, []byte(name("marathon.mesos")))
	var got []string
	for _, e := range seen.list {
		if e.Client != oneClient || e.Key != k.Name() || e.Zone != name("mesos") || e.Err != nil || (e.Bytes == 0) != (e.Kind == SOA) || e.Records == 0 {
			t.Errorf("got %+v", e)
		}
		got = append(got, fmt.Sprintf("%s %d->%d", e.Kind, e.Has-serial, e.Serial-serial))
	}
	want := []string{
		fmt.Sprintf("axfr %d->1", -serial), "ixfr 0->1", "uptodate 1->1", fmt.Sprintf("fallback %d->1", uint32(1<<32-7)),
		fmt.Sprintf("trytcp %d->1", uint32(1<<32-7)), fmt.Sprintf("soa %d->1", -serial),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A client that goes away ends the transfer.
func TestTransfersEndWithTheirClient(t *testing.T) {
	s, seen := observed(newCluster(t, bigState(1000)), Options{})
	messages := 0
	err := s.stream(t, "10.0.0.1").Run(t.Context(), func(context.Context, []byte, time.Time, Turn) error {
		messages++
		return os.ErrClosed
	})
	if !errors.Is(err, os.ErrClosed) || messages != 1 || len(seen.list) != 1 || seen.list[0].Bytes < binary.MaxVarintLen64 {
		t.Errorf("got %d messages, %v, the observer was told %+v", messages, err, seen.list)
	}
}
