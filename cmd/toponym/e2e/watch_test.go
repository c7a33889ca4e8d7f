//go:build e2e

package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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
	watchers      = 1000
	watchAll      = 4 // of them see all changes
	watchTasks    = 2000
	watchRate     = 1000 // changes of tasks per second
	watchDuration = 5 * time.Second
)

// A thousand clients that watch a cluster with 1,000 changes per second lose none:
// what each knows in the end is what the server answers, although some connections
// are broken meanwhile.
//
// It runs on demand alone: with all its watchers it has failed, by a record that one of
// them kept, and it is not known yet whether the server or the test loses it. Without
// the load, TestReplayingChangesGivesTheZone of package api says the same.
func TestThousandWatchersLoseNothing(t *testing.T) {
	if os.Getenv("TOPONYM_WATCHERS") == "" {
		t.Skip("TOPONYM_WATCHERS is not set")
	}
	t.Parallel()
	c := sim.NewCluster(sim.Options{Seed: 5})
	apps, err := scenario.Populate(c, scenario.Spec{Tasks: watchTasks, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, newMaster(t, c), settings{"watchMaxClient": 2 * watchers, "historyBytes": 1 << 30, "historyVersions": 1_000_000})
	names := slices.Sorted(maps.Keys(readRecords(t, s).byName()))
	var list []*follower
	for i := range watchers {
		f := &follower{s: s, query: url.Values{}, wanted: func(string) bool { return true }}
		if i >= watchAll {
			name := names[i*len(names)/watchers]
			f.query.Set("name", name)
			f.wanted = func(n string) bool { return n == name }
		}
		list = append(list, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	for i, f := range list {
		running.Go(func() { f.run(ctx, t, time.Duration(5+i%11)*time.Second) })
	}
	eventually(t, "all are connected", func() (bool, string) {
		got := s.metrics(t).sum("toponym_watchers")
		return got == watchers, fmt.Sprint(got)
	})
	base := readRecords(t, s)
	for _, f := range list {
		f.begin(base)
	}
	life := scenario.NewLife(c, apps, scenario.LifeOptions{Seed: 5, Rate: watchRate})
	alive, stop := context.WithTimeout(ctx, watchDuration)
	defer stop()
	_ = life.Run(alive)

	newest := quietIndex(t, s)
	// A change that all see: nothing that comes before it is under way any more.
	eventually(t, "all have the newest version", func() (bool, string) {
		var late []uint64 // how far
		for _, f := range list[:watchAll] {
			if index := f.index.Load(); index < newest {
				late = append(late, newest-index)
			}
		}
		return late == nil, fmt.Sprintf("some that see all are %d versions behind", late)
	})
	want := readRecords(t, s)
	for i, f := range list {
		eventually(t, fmt.Sprintf("watcher %d of %q has the records of the server", i, f.query.Encode()), func() (bool, string) {
			d := f.diff(want)
			return d == "", d
		})
	}
	m := s.metrics(t)
	var events, broken int64
	for _, f := range list {
		events += f.events.Load()
		broken += f.broken.Load()
	}
	t.Logf("%d changes of tasks; %d events read by %d watchers, %d connections broken on purpose; cut off: %v",
		life.Steps(), events, watchers, broken, m.sum("toponym_watchers_cut_off_total"))
	if life.Steps() < uint64(watchRate*watchDuration.Seconds()/2) {
		t.Errorf("got %d changes of tasks in %v, want about %d per second", life.Steps(), watchDuration, watchRate)
	}
	cancel()
	running.Wait()
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

// recordSet is a set of "name type data", where the data of SRV records is that of
// /v1/axfr.
type recordSet map[string]bool

func (r recordSet) byName() map[string]bool {
	names := map[string]bool{}
	for line := range r {
		name, _, _ := strings.Cut(line, " ")
		names[name] = true
	}
	return names
}

// readRecords reads the addresses and SRV records of a server.
func readRecords(t *testing.T, s *server) recordSet {
	t.Helper()
	status, body, err := s.get("/v1/axfr")
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	var a struct {
		Records struct{ As, AAAAs, SRVs map[string][]string }
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatal(err)
	}
	all := recordSet{}
	for rtype, names := range map[string]map[string][]string{"A": a.Records.As, "AAAA": a.Records.AAAAs, "SRV": a.Records.SRVs} {
		for name, list := range names {
			for _, data := range list {
				all[name+" "+rtype+" "+data] = true
			}
		}
	}
	return all
}

// follower is a client that keeps records up to date.
type follower struct {
	s              *server
	query          url.Values
	wanted         func(name string) bool
	index          atomic.Uint64 // to go on with
	events, broken atomic.Int64

	mu      sync.Mutex
	known   recordSet
	waiting []api.WatchEvent // that came before the records were read
}

// begin sets the records that were read after the first connection.
func (f *follower) begin(base recordSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = recordSet{}
	for line := range base {
		if name, _, _ := strings.Cut(line, " "); f.wanted(name) {
			f.known[line] = true
		}
	}
	for _, e := range f.waiting {
		f.apply(e)
	}
	f.waiting = nil
}

// refusal is an answer that must not come.
type refusal struct{ error }

// run follows changes, and breaks each connection after some time. The server may do
// so earlier, where the machine is too slow for a client to follow.
func (f *follower) run(ctx context.Context, t *testing.T, lifetime time.Duration) {
	for ctx.Err() == nil {
		one, cancel := context.WithTimeout(ctx, lifetime)
		err := f.follow(one)
		cancel()
		if refused := (refusal{}); errors.As(err, &refused) {
			t.Errorf("%q: %v", f.query.Encode(), err)
			return
		}
		f.broken.Add(1)
	}
}

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
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return refusal{fmt.Errorf("%s: %s", resp.Status, text)}
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "data":
			var e api.WatchEvent
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return err
			}
			if e.Event == api.WatchReset {
				return refusal{fmt.Errorf("got a reset of %s", e.Zone)}
			}
			f.events.Add(1)
			f.mu.Lock()
			if f.known == nil {
				f.waiting = append(f.waiting, e)
			} else {
				f.apply(e)
			}
			f.mu.Unlock()
		case "id":
			index, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return err
			}
			f.index.Store(index)
		}
	}
	return lines.Err()
}

// apply makes a change. The caller holds mu.
func (f *follower) apply(e api.WatchEvent) {
	data := func(r api.WatchRecord) string {
		if e.Type == "SRV" {
			parts := strings.Fields(r.Data)
			return parts[3] + ":" + parts[2]
		}
		return r.Data
	}
	if e.Type != "A" && e.Type != "AAAA" && e.Type != "SRV" {
		return
	}
	for _, r := range e.Removed {
		delete(f.known, e.Name+" "+e.Type+" "+data(r))
	}
	for _, r := range e.Added {
		f.known[e.Name+" "+e.Type+" "+data(r)] = true
	}
}

// diff is a difference between what the follower knows and what it should.
func (f *follower) diff(want recordSet) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for line := range want {
		if name, _, _ := strings.Cut(line, " "); f.wanted(name) && !f.known[line] {
			return "it lacks " + line
		}
	}
	for line := range f.known {
		if !want[line] {
			return "it still has " + line
		}
	}
	return ""
}
