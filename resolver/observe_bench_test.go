//go:build linux && (amd64 || arm64)

package resolver

import (
	"context"
	"io"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"

	"toponym/resolver/dnstap"
	"toponym/resolver/querylog"
	"toponym/resolver/tap"
	"toponym/zone"
)

// BenchmarkWatched is what it costs to watch queries, in processor time of this process
// per query over UDP, at full load on one core: the query log and dnstap, both to files,
// with the rates that are the default and without.
//
//	taskset -c 0 go test -run '^$' -bench Watched -benchtime 300000x -count 3 ./resolver/
func BenchmarkWatched(b *testing.B) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	queryLog := func(rate int) func(b *testing.B) watcher {
		return func(b *testing.B) watcher {
			return querylog.New(querylog.Options{
				Sample: 1, Rate: rate, File: filepath.Join(b.TempDir(), "queries.log"), FileBytes: 100 << 20, Counters: querylog.NewCounters(), Log: log,
				NewLogger: func(w io.Writer) logrus.FieldLogger {
					l := logrus.New()
					l.SetOutput(w)
					return l
				},
			})
		}
	}
	tapTo := func(rate int) func(b *testing.B) watcher {
		return func(b *testing.B) watcher {
			return dnstap.New(dnstap.Options{
				Network: "file", Address: filepath.Join(b.TempDir(), "tap"), Identity: "ns1.example.com", Version: "toponym 1.0",
				Types: dnstap.AllTypes, Rate: rate, FileBytes: 100 << 20, Counters: dnstap.NewCounters(), Log: log,
			})
		}
	}
	for _, way := range []struct {
		name string
		make func(b *testing.B) watcher
	}{
		{"nobody", nil},
		{"observer", func(*testing.B) watcher { return idle{} }},
		{"querylog", queryLog(1000)},
		{"querylog/all", queryLog(0)},
		{"dnstap", tapTo(20_000)},
		{"dnstap/all", tapTo(0)},
	} {
		b.Run(way.name, func(b *testing.B) { benchmarkWatched(b, way.make) })
	}
}

// watcher is the query log or dnstap.
type watcher interface {
	tap.Observer
	Run(ctx context.Context)
}

// idle is an observer that does nothing.
type idle struct{}

func (idle) Observe([]tap.Event)     {}
func (idle) Run(ctx context.Context) { <-ctx.Done() }

func benchmarkWatched(b *testing.B, watch func(b *testing.B) watcher) {
	o := shuffledOptions()
	o.Workers, o.Tap = 1, new(tap.Tap)
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	s := New(zone.NewStore(testZone(b)), o)
	if err := s.Listen(); err != nil {
		b.Fatal(err)
	}
	stop := run(b, s)
	defer stop()
	if watch != nil {
		w := watch(b)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		defer func() { cancel(); <-done }()
		defer o.Tap.Add(w)()
	}
	packet, _ := packQuery(b, askOne)
	d := drive{Addr: s.Addr(), Packet: packet, Sockets: 8, Window: 64, Queries: b.N, Apart: true}
	b.ResetTimer()
	before := processorTime()
	r := d.run(b)
	used := processorTime() - before
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/query")
	b.ReportMetric(float64(b.N)/r.Elapsed.Seconds(), "queries/s")
	b.ReportMetric(0, "ns/op") // has the start of the other process in it
}
