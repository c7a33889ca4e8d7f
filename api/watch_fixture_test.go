package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// watched is a server whose cluster changes.
type watched struct {
	*Server
	cluster        *state.Cluster
	set            *records.Set
	recordsOptions records.Options
	zone           *zone.Zone
	serial         uint32
}

func newWatched(limits zone.HistoryLimits, change func(*Options)) *watched {
	w := &watched{cluster: state.NewCluster(), recordsOptions: records.Options{
		Domain: records.MustParseName("mesos"), MName: records.MustParseName("ns1.mesos"),
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost}, Rule: records.RFC1123, SRVWeight: 1, Reverse: true,
	}}
	w.set = records.NewSet(w.recordsOptions)
	w.set.Update(w.cluster, w.cluster.Reconcile(testSnapshot(), nil))
	o := zoneOptions()
	o.Aliases = []zone.Alias{{Name: records.MustParseName("alias.example"), Target: records.MustParseName("mesos")}}
	w.zone = zone.Compile(w.set, o, w.next)
	options := Options{
		Store: zone.NewStore(w.zone), History: zone.NewHistory(limits, w.zone, time.Now()),
		FrameworkNames: w.recordsOptions.FrameworkNames, EnumerationOn: true, MaxWatchers: 1000, MaxWatchersPerClient: 1000,
	}
	if change != nil {
		change(&options)
	}
	w.Server = New(options)
	return w
}

var wide = zone.HistoryLimits{Versions: 10_000, Bytes: 64 << 20}

func (w *watched) next(records.Name, uint32) uint32 { w.serial++; return w.serial }

// show makes a zone the current one.
func (w *watched) show(z *zone.Zone) {
	w.zone = z
	w.o.Store.Swap(z)
	w.o.History.Add(z, time.Now())
}

// become makes the next version from a state.
func (w *watched) become(s *state.FullState) {
	w.show(w.zone.Patch(w.set, w.set.Update(w.cluster, w.cluster.Reconcile(s, nil)), w.next))
}

// reload makes a version of which nobody knows how it differs.
func (w *watched) reload(options records.Options) {
	w.set, _ = records.Build(w.cluster, options)
	w.show(zone.Compile(w.set, w.zone.Options(), w.next))
}

// index is that of the newest version.
func (w *watched) index() uint64 {
	_, index := w.o.History.Index()
	return index
}

// someTasks is a cluster with some of n tasks of two frameworks.
func someTasks(r *rand.Rand, n int) *state.FullState {
	s := testSnapshot()
	s.Frameworks = append(s.Frameworks, &state.Framework{ID: "f2", Name: "chronos"})
	for i := range n {
		if r.IntN(2) == 0 {
			continue
		}
		id := strconv.Itoa(i)
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: []string{"f1", "f2"}[i%2], ID: "t" + id}, Name: "t-" + strconv.Itoa(i/4), AgentID: "20150101-S0", State: state.Running,
			Ports:     []state.PortRange{{First: uint16(1 + i), Last: uint16(1 + i)}},
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{172, 16, byte(r.IntN(3)), byte(i)})}},
		})
	}
	return s
}

// replica is what a client knows that follows changes: the records by zone.
type replica map[string]map[string]bool

func lineOf(name, rtype string, ttl uint32, data string) string {
	return fmt.Sprintf("%s %d %s %s", name, ttl, rtype, data)
}

// read reads a zone as a whole.
func (r replica) read(z *zone.Zone, origin records.Name) {
	lines := map[string]bool{}
	for one := range z.RecordsOf(origin) {
		lines[lineOf(one.Owner.String(), dns.Type(one.Type).String(), one.TTL, string(one.AppendData(nil)))] = true
	}
	r[origin.String()] = lines
}

func readAll(z *zone.Zone) replica {
	r := replica{}
	for _, o := range slices.Concat(z.Origins(), z.TransferZones()) { // those of aliases are only among the latter
		r.read(z, o)
	}
	return r
}

// apply makes the change of an event.
func (r replica) apply(e WatchEvent, current func() *zone.Zone) {
	switch e.Event {
	case WatchReset:
		r.read(current(), records.MustParseName(e.Zone))
	case WatchChange:
		for _, one := range e.Removed {
			delete(r[e.Zone], lineOf(e.Name, e.Type, one.TTL, one.Data))
		}
		for _, one := range e.Added {
			r[e.Zone][lineOf(e.Name, e.Type, one.TTL, one.Data)] = true
		}
	}
}

// diff is a difference between two replicas in the records that are wanted.
func (r replica) diff(want replica, wanted func(line string) bool) string {
	for _, side := range []struct {
		text string
		a, b replica
	}{{"lacks", want, r}, {"has too much", r, want}} {
		for zone, lines := range side.a {
			for line := range lines {
				if wanted(line) && !side.b[zone][line] {
					return side.text + " " + line
				}
			}
		}
	}
	return ""
}

// events reads server-sent events.
type events struct {
	r    *bufio.Reader
	last string // the id of the last event, as a browser has it
}

// next is the next event. An id alone is none.
func (s *events) next() (e WatchEvent, err error) {
	kind, data := "", ""
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return e, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			kind = value
		case "data":
			data = value
		case "id":
			s.last = value
		case "retry":
		case "":
			if line != "\n" || data == "" {
				continue // a comment, or no event
			}
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				return e, fmt.Errorf("%s: %w", data, err)
			}
			if e.Event != kind {
				return e, fmt.Errorf("got event %q with %s", kind, data)
			}
			return e, nil
		default:
			return e, fmt.Errorf("got the line %q", line)
		}
	}
}

// watchConn is a request for /v1/watch on a connection of its own.
func watchConn(l *pipeListener, query, header string) (*events, io.Closer, error) {
	c := l.dialFrom("192.0.2.1:1")
	if _, err := io.WriteString(c, "GET /v1/watch"+query+" HTTP/1.1\r\nHost: x\r\n"+header+"\r\n"); err != nil {
		return nil, c, err
	}
	r := bufio.NewReader(c)
	status, err := r.ReadString('\n')
	if err != nil {
		return nil, c, err
	}
	if !strings.Contains(status, "200") {
		return nil, c, errors.New(status)
	}
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, c, err
		}
	}
	return &events{r: r}, c, nil
}

// mustWatch watches, and fails the test where that is impossible.
func mustWatch(t *testing.T, l *pipeListener, query, header string) (*events, io.Closer) {
	t.Helper()
	e, c, err := watchConn(l, query, header)
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

// run answers on connections in memory.
func (w *watched) run(t *testing.T) (l *pipeListener, stop func()) {
	l = newPipeListener()
	w.listener = l
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return l, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}
