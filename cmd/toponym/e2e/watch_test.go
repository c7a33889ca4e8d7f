//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tmaxmax/go-sse"

	"toponym/api"
	"toponym/sim"
	"toponym/sim/scenario"
)

// The commands of docs/watch.md print what the page shows, but for numbers and
// times.
func TestCommandsOfTheWatchPage(t *testing.T) {
	requireTool(t, "curl", "curl")
	t.Parallel()
	page, err := os.ReadFile("../../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	c := example(t)
	s := serve(t, newMaster(t, c.Cluster), nil)
	var commands, outputs []string
	for line := range strings.Lines(string(page)) {
		if command, ok := strings.CutPrefix(line, "    $ "); ok {
			commands, outputs = append(commands, strings.TrimSpace(command)), append(outputs, "")
		} else if strings.HasPrefix(line, "    ") && len(outputs) > 0 {
			outputs[len(outputs)-1] += line
		}
	}
	if len(commands) != 4 {
		t.Fatalf("got the commands %q in docs/watch.md, want 4", commands)
	}
	newest := quietIndex(t, s)
	var running []*process
	for _, b := range commands {
		command := strings.NewReplacer("127.0.0.1:8123", s.web(), "toponym watch", toponym+" watch -server "+s.url, "index=1883081333014530", fmt.Sprint("index=", newest)).Replace(b)
		running = append(running, startCommand(t, exec.Command("sh", "-c", "exec "+command)))
	}
	eventually(t, "both streams begin", func() (bool, string) {
		got := running[0].stdout.String() + running[1].stderr.String()
		return strings.Contains(got, "event: index") && strings.Contains(got, "changes after index"), got
	})
	time.Sleep(1500 * time.Millisecond) // until the poll has ended that must see no change
	c.end(t, "web", 0)
	c.start(t, 3, networkTask("web", 8080, "10.1.0.4"))
	general := func(text string) string {
		text = regexp.MustCompile(`(?m)^ +`).ReplaceAllString(text, "")
		text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`).ReplaceAllString(text, "TIME")
		text = regexp.MustCompile(`(index|newest|serial|ttl)":\d+`).ReplaceAllString(text, `$1":N`)
		text = regexp.MustCompile(`(?m)^(id:|retry:) \d+$`).ReplaceAllString(text, "$1 N")
		return strings.TrimSpace(strings.ReplaceAll(text, "\n\n", "\n"))
	}
	for i, b := range commands {
		want := general(outputs[i])
		eventually(t, b+" prints\n"+want, func() (bool, string) {
			// The two changes may be in one version or in two.
			got := general(running[i].stdout.String())
			removed, added := strings.Contains(got, "10.1.0.1"), strings.Contains(got, "10.1.0.4")
			return got == want || i < 2 && removed && added && (i == 1 || strings.HasPrefix(got, want[:strings.Index(want, `"removed"`)])), got
		})
	}
	if err := running[1].cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := running[1].wait(t); got != 0 {
		t.Errorf("got exit status %d after SIGINT, want 0", got)
	}
}

// A watch goes on where it was when the connection breaks, and tells that changes
// were missed when the server was another one meanwhile. A server that stops does
// not wait for it.
func TestWatchOutlivesTheServer(t *testing.T) {
	t.Parallel()
	c := example(t)
	m := newMaster(t, c.Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	file := configFile(t, m, s, nil)
	s.process = start(t, toponym, "-config", file)
	s.waitReady(t)
	w := start(t, toponym, "watch", "-server", s.url, "-o", "json", "-suffix", "marathon.mesos", "-type", "A")
	sees := func(what, text string) {
		t.Helper()
		eventually(t, what, func() (bool, string) {
			return strings.Contains(w.stdout.String(), text), w.stdout.String() + w.stderr.String()
		})
	}
	sees("the first event", `"event":"index"`)
	c.start(t, 0, networkTask("one", 80, "10.1.9.1"))
	sees("a change", `"name":"one.marathon.mesos.","type":"A","removed":[],"added":[{"ttl":`)
	begin := time.Now()
	s.terminate(t)
	if got := s.wait(t); got != 0 {
		t.Errorf("got exit status %d of the server, want 0", got)
	}
	t.Logf("the server with a watcher stopped in %v", time.Since(begin))
	if strings.Contains(s.stderr.String(), "cut off HTTP requests") {
		t.Error("stopping waited for a watcher")
	}
	s.process = start(t, toponym, "-config", file)
	s.waitReady(t)
	sees("that changes were missed", `{"event":"reset","index":`)
	c.end(t, "one", 0)
	sees("a change after that", `"name":"one.marathon.mesos.","type":"A","removed":[{"ttl":`)
	w.terminate(t)
	if got := w.wait(t); got != 0 {
		t.Errorf("got exit status %d of the watch, want 0", got)
	}
}

// Numbers of the test with a thousand watchers.
const (
	watchers   = 1000
	watchAll   = 4 // of them see all changes
	watchTasks = 2000
	watchRate  = 1000 // changes of tasks per second
	watchSteps = 5000 // changes of tasks, at least
)

// A thousand clients that watch a cluster with 1,000 changes per second lose none,
// although every connection is broken meanwhile, at any byte: what each knows in the end
// is what zone transfers give. Partial zones, which have no transfers, are left out.
func TestThousandWatchersLoseNothing(t *testing.T) {
	requireTool(t, "dig", "bind9-dnsutils")
	t.Parallel()
	c := sim.NewCluster(sim.Options{Seed: 5})
	apps, err := scenario.Populate(c, scenario.Spec{Tasks: watchTasks, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, newMaster(t, c), secondarySettings(t, settings{
		"watchMaxClient": 2 * watchers, "historyBytes": 1 << 30, "historyVersions": 1_000_000,
		"reverseZones": []string{"9.0.0.0/8", "10.0.0.0/8"},
	}))
	zones := zonesOf(t, s)
	names := slices.Sorted(maps.Keys(readRecords(t, s, zones)))
	var list []*follower
	for i := range watchers {
		f := &follower{s: s, zones: zones, query: url.Values{}}
		if i >= watchAll {
			f.name = names[i*len(names)/watchers]
			f.query.Set("name", f.name)
		}
		list = append(list, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	for _, f := range list {
		running.Go(func() { f.run(ctx, t) })
	}
	untilNone(t, "watchers without an index to go on with", func() (without uint64) {
		for _, f := range list {
			if f.index.Load() == 0 {
				without++
			}
		}
		return without
	})
	base := readRecords(t, s, zones)
	for _, f := range list {
		f.begin(base)
	}
	life := scenario.NewLife(c, apps, scenario.LifeOptions{Seed: 5, Rate: watchRate})
	alive, stop := context.WithCancel(ctx)
	defer stop()
	running.Go(func() { _ = life.Run(alive) })
	for i, f := range list {
		f.disconnect()
		if i%(watchers/20) == 0 {
			list[i/(watchers/20)%watchAll].disconnect()
		}
		time.Sleep(time.Second * watchSteps / watchRate / watchers)
	}
	eventually(t, "enough has changed", func() (bool, string) {
		return life.Steps() >= watchSteps, fmt.Sprint(life.Steps(), " changes of tasks")
	})
	stop()
	newest := quietIndex(t, s)
	for i, f := range list[:watchAll] {
		untilNone(t, fmt.Sprintf("versions that watcher %d of all changes lacks", i), func() uint64 { return newest - min(f.index.Load(), newest) })
	}
	want := readRecords(t, s, zones)
	var events, broken int64
	for i, f := range list {
		eventually(t, fmt.Sprintf("watcher %d of %q has the records of the server", i, f.name), func() (bool, string) {
			d := f.diff(want)
			return d == "", d
		})
		events += f.events.Load()
		broken += f.broken.Load()
	}
	t.Logf("%d changes of tasks in %d versions; %d events read by %d watchers, %d connections broken; cut off: %v",
		life.Steps(), newest-list[0].first, events, watchers, broken, s.metrics(t).sum("toponym_watchers_cut_off_total"))
	if broken < watchers {
		t.Errorf("got %d broken connections, want one of each watcher, or the test shows little", broken)
	}
	cancel()
	running.Wait()
}

// untilNone waits until nothing is left of what a busy machine may take very long for. It
// ends the test when that does not become less.
func untilNone(t *testing.T, what string, left func() uint64) {
	t.Helper()
	for before := left(); before > 0; before = left() {
		eventually(t, "fewer "+what, func() (bool, string) {
			now := left()
			return now < before, fmt.Sprint(now)
		})
	}
}

// quietIndex is the newest index, when nothing changes any more.
func quietIndex(t *testing.T, s *server) (newest uint64) {
	t.Helper()
	eventually(t, "the cluster is quiet", func() (bool, string) {
		before := newest
		time.Sleep(500 * time.Millisecond)
		newest = newestIndex(t, s)
		return newest == before, fmt.Sprint(newest)
	})
	return newest
}

func newestIndex(t *testing.T, s *server) uint64 {
	t.Helper()
	_, body, err := s.get("/v1/watch?wait=0s")
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ Index uint64 }
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	return a.Index
}

// recordSet is records by the name of their owner, each as "TTL type data".
type recordSet map[string]map[string]bool

func (r recordSet) add(name, line string) {
	if r[name] == nil {
		r[name] = map[string]bool{}
	}
	r[name][line] = true
}

// readRecords transfers zones. SOA records are not among the records, since no event
// tells of them.
func readRecords(t *testing.T, s *server, zones []string) recordSet {
	t.Helper()
	all := recordSet{}
	for _, zone := range zones {
		lines := transferred(t, s.port, zone)
		if len(lines) < 2 {
			t.Fatalf("got the records %q of the zone %s, want some", lines, zone)
		}
		for _, line := range lines {
			name, rest, _ := strings.Cut(line, " ")
			ttl, data, _ := strings.Cut(rest, " IN ")
			if !strings.HasPrefix(data, "SOA ") {
				all.add(name, ttl+" "+data)
			}
		}
	}
	return all
}

// follower is a client that keeps records up to date.
type follower struct {
	s              *server
	zones          []string // of which it keeps the records
	name           string   // that it watches; "": all
	query          url.Values
	first          uint64        // the index that it began with
	index          atomic.Uint64 // to go on with
	events, broken atomic.Int64

	mu      sync.Mutex
	hangUp  func() // ends the connection
	known   recordSet
	waiting []api.WatchEvent // that came before the records were read
}

// begin sets the records that were read after the first connection.
func (f *follower) begin(base recordSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = recordSet{}
	for name := range f.wanted(base) {
		f.known[name] = maps.Clone(base[name])
	}
	for _, e := range f.waiting {
		f.apply(e)
	}
	f.waiting = nil
}

// wanted is the part of records that the follower watches.
func (f *follower) wanted(all recordSet) recordSet {
	if f.name == "" {
		return all
	}
	return recordSet{f.name: all[f.name]}
}

// disconnect breaks the connection.
func (f *follower) disconnect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hangUp != nil {
		f.hangUp()
	}
}

// run follows changes. The server may break connections as well, where the machine is
// too slow for a client to follow.
func (f *follower) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		one, hangUp := context.WithCancel(ctx)
		f.mu.Lock()
		f.hangUp = hangUp
		f.mu.Unlock()
		err := f.follow(one)
		hangUp()
		if err != nil {
			t.Errorf("%q: %v", f.name, err)
			return
		}
		f.broken.Add(1)
	}
}

// follow follows changes until the connection breaks. Its error is an answer that must
// not come.
func (f *follower) follow(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.s.url+"/v1/watch?"+f.query.Encode(), nil)
	if err != nil {
		return err
	}
	if index := f.index.Load(); index != 0 {
		r.Header.Set("Last-Event-ID", strconv.FormatUint(index, 10))
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable: // too many read old versions: try again
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		return nil
	default:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	for e, err := range sse.Read(resp.Body, &sse.ReadConfig{MaxEventSize: 1 << 20}) {
		if err != nil {
			return nil
		}
		if err := f.read(e); err != nil {
			return err
		}
	}
	return nil
}

// read takes note of an event.
func (f *follower) read(e sse.Event) error {
	if e.Data != "" {
		var change api.WatchEvent
		if err := json.Unmarshal([]byte(e.Data), &change); err != nil {
			return fmt.Errorf("%s: %w", e.Data, err)
		}
		if change.Event == api.WatchReset {
			return fmt.Errorf("got a reset of %s", change.Zone)
		}
		f.events.Add(1)
		f.mu.Lock()
		if f.known == nil {
			f.waiting = append(f.waiting, change)
		} else {
			f.apply(change)
		}
		f.mu.Unlock()
	}
	if e.LastEventID == "" {
		return nil
	}
	index, err := strconv.ParseUint(e.LastEventID, 10, 64)
	if err != nil {
		return err
	}
	if f.index.Swap(index) == 0 {
		f.first = index
	}
	return nil
}

// apply makes a change. The caller holds mu.
func (f *follower) apply(e api.WatchEvent) {
	if !slices.Contains(f.zones, e.Zone) {
		return
	}
	line := func(r api.WatchRecord) string { return fmt.Sprint(r.TTL, " ", e.Type, " ", r.Data) }
	for _, r := range e.Removed {
		delete(f.known[e.Name], line(r))
	}
	for _, r := range e.Added {
		f.known.add(e.Name, line(r))
	}
}

// diff is a difference between what the follower knows and what it should.
func (f *follower) diff(want recordSet) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, lines := range f.wanted(want) {
		for line := range lines {
			if !f.known[name][line] {
				return "it lacks " + name + " " + line
			}
		}
	}
	for name, lines := range f.known {
		for line := range lines {
			if !want[name][line] {
				return "it still has " + name + " " + line
			}
		}
	}
	return ""
}
