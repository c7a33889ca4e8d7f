//go:build linux && (amd64 || arm64)

package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"toponym/zone"
)

// BenchmarkUDP compares ways to read queries and to send responses, with a response
// that costs nothing: "flood" with more queries under way than can be answered,
// "single" with one at a time, so that each has to wake the server.
//
// What counts is the processor time of this process per query. Pin it to a core:
// what asks takes the others then.
//
//	taskset -c 0 go test -run '^$' -bench UDP -benchtime 2000000x -count 5 ./resolver/
func BenchmarkUDP(b *testing.B) {
	for _, load := range []struct {
		name            string
		sockets, window int
	}{{"flood", 8, 64}, {"single", 1, 1}} {
		for _, way := range []struct {
			name  string
			serve func(context.Context, *net.UDPConn)
		}{
			{"ReadMsgUDPAddrPort", readMsgLoop},
			{"xnet", xnetLoop},
			{"batch", batchLoop},
		} {
			b.Run(fmt.Sprintf("%s/%s", load.name, way.name), func(b *testing.B) {
				benchmarkUDP(b, load.sockets, load.window, way.serve)
			})
		}
	}
}

func benchmarkUDP(b *testing.B, sockets, window int, serve func(context.Context, *net.UDPConn)) {
	udp, tcp, err := bind(netip.MustParseAddr("127.0.0.1"), 0, false, false)
	if err != nil {
		b.Fatal(err)
	}
	tcp.Close()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { serve(ctx, udp) })
	defer func() {
		cancel()
		udp.SetReadDeadline(aLongTimeAgo)
		all.Wait()
		udp.Close()
	}()
	addr := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	packet, _ := packQuery(b, askOne)
	d := drive{Addr: addr, Packet: packet, Sockets: sockets, Window: window, Queries: b.N, Apart: true}
	b.ResetTimer()
	before := processorTime()
	r := d.run(b)
	used := processorTime() - before
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/query")
	b.ReportMetric(float64(b.N)/r.Elapsed.Seconds(), "queries/s")
	b.ReportMetric(float64(r.Lost), "lost")
	b.ReportMetric(0, "ns/op") // has the start of the other process in it
}

// echo is a response of the size of the query.
func echo(buf []byte, _ *zone.Zone, _ client, packet []byte) ([]byte, *pendingQuery) {
	return buf[:copy(buf, packet)], nil
}

func batchLoop(ctx context.Context, udp *net.UDPConn) {
	b, err := newBatch(udp, zone.NewStore(nil), echo)
	if err != nil {
		return
	}
	_ = b.serve(ctx)
}

// readMsgLoop is the least that package net can do without an allocation.
func readMsgLoop(_ context.Context, udp *net.UDPConn) {
	in, out := make([]byte, querySize), make([]byte, bufferSize)
	for {
		n, _, _, from, err := udp.ReadMsgUDPAddrPort(in, nil)
		if err != nil {
			return
		}
		msg, _ := echo(out, nil, client{addr: from.Addr().Unmap()}, in[:n])
		_, _, _ = udp.WriteMsgUDPAddrPort(msg, nil, from)
	}
}

// xnetLoop is the same with the batches of golang.org/x/net.
func xnetLoop(_ context.Context, udp *net.UDPConn) {
	conn := ipv4.NewPacketConn(udp)
	in, out := make([]ipv4.Message, batchSize), make([]ipv4.Message, batchSize)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, querySize)}
		out[i].Buffers = [][]byte{nil}
	}
	replies := make([][bufferSize]byte, batchSize)
	for {
		n, err := conn.ReadBatch(in, 0)
		if err != nil {
			return
		}
		for i, m := range in[:n] {
			from := m.Addr.(*net.UDPAddr).AddrPort().Addr().Unmap()
			out[i].Buffers[0], _ = echo(replies[i][:], nil, client{addr: from}, m.Buffers[0][:m.N])
			out[i].Addr = m.Addr
		}
		for sent := 0; sent < n; {
			m, err := conn.WriteBatch(out[sent:n], 0)
			if err != nil {
				break
			}
			sent += m
		}
	}
}

// processorTime is what this process has used, in the system's part too.
func processorTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
