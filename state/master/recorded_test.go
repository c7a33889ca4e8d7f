package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"toponym/state"
)

// recorded reads recordings of a real master, which are not part of the
// project: TOPONYM_CAPTURES names their folder.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("TOPONYM_CAPTURES")
	if dir == "" {
		t.Skip("TOPONYM_CAPTURES does not name a folder with recordings of a master")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recordedEvents are the records of a stream, with their lengths.
func recordedEvents(t *testing.T, name string) (records []string) {
	t.Helper()
	for rest := recorded(t, name); len(rest) > 0; {
		length, _, _ := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.Atoi(string(length))
		if n += len(length) + 1; err != nil || n > len(rest) {
			t.Fatalf("got %.60q, want a record", rest)
		}
		records = append(records, string(rest[:n]))
		rest = rest[n:]
	}
	return records
}

func mustRecord(t *testing.T, record string) message {
	t.Helper()
	_, text, _ := strings.Cut(record, "\n")
	return mustMessage(t, text)
}

// recordedStates are in the order in which they were taken, of one master.
var recordedStates = []string{
	"state-01-empty.json", "state-02-running.json", "state-03-unhealthy.json", "state-04-after-endings.json",
	"state-05-agent-unreachable.json", "state-06-agent-back.json", "state-07-framework-disconnected.json", "state-08-agent-gone.json",
}

func recordedState(t *testing.T, name string) *state.FullState {
	t.Helper()
	return &mustDecode(t, recorded(t, name)).FullState
}

// linesOf describe a full state.
func linesOf(s *state.FullState) []string {
	c := state.NewCluster()
	c.Reconcile(s, nil)
	return clusterLines(c)
}

// Wherever a recorded stream is cut, the cut is noticed, nothing of the record is
// applied, and the next full state corrects the rest.
func TestRecordedCuts(t *testing.T) {
	for _, name := range []string{"subscribe-lifecycle.recordio", "subscribe-failover.recordio"} {
		replica := state.NewReplica()
		now := time.Unix(1e9, 0)
		leading := state.Leadership{ID: "a"}
		for i, record := range recordedEvents(t, name) {
			for cut := range len(record) {
				rec := newRecordIO(strings.NewReader(record[:cut]), 1<<20)
				err := rec.next()
				if err == nil {
					_, err = newEventDecoder().read(rec)
				}
				if err == nil || errors.Is(err, io.EOF) != (cut == 0) {
					t.Fatalf("record %d of %s, cut at %d: got %v, want io.EOF exactly at its beginning", i, name, cut, err)
				}
			}
			m := mustRecord(t, record)
			if m.known == "" || m.issues.count > 0 {
				t.Errorf("record %d of %s: got type %q, issues %v, want a known type and no issues", i, name, m.kind, m.issues)
			}
			if m.doc != nil {
				m.doc.Leadership = leading
				reconcile(replica, now, &m.doc.FullState)
			} else {
				replica.Apply(now, m.event, nil)
			}
			for _, next := range recordedStates[:2] {
				again := state.NewReplica()
				before := replica.Cluster().FullState()
				before.Leadership = leading
				reconcile(again, now, before)
				s := recordedState(t, next)
				s.Leadership = leading
				reconcile(again, now, s)
				wantLines(t, fmt.Sprintf("%s after record %d of %s", next, i, name), clusterLines(again.Cluster()), linesOf(s))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// Recorded events that are repeated, missing and out of order do no lasting harm:
// a resync corrects it.
func TestRecordedDisorder(t *testing.T) {
	records := recordedEvents(t, "subscribe-lifecycle.recordio")
	var events []state.Event
	for _, r := range records[1:] {
		events = append(events, mustRecord(t, r).event)
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		replica := state.NewReplica()
		now := time.Unix(1e9, 0)
		leading := state.Leadership{ID: "a"}
		reconcile(replica, now, &state.FullState{Leadership: leading})
		near := 1 + r.IntN(len(events))
		for i := range events {
			for range r.IntN(3) {
				replica.Apply(now, copied(events[min(len(events)-1, i+r.IntN(near))]), nil)
			}
		}
		s := recordedState(t, recordedStates[r.IntN(len(recordedStates))])
		s.Leadership = leading
		want := linesOf(s)
		var j *state.Journal
		if r.IntN(2) == 0 {
			j = state.NewJournal()
		}
		for range replica.Reconcile(now, s, j) {
		}
		wantLines(t, fmt.Sprint("seed ", seed), clusterLines(replica.Cluster()), want)
		if t.Failed() {
			return
		}
	}
}

// copied is an event whose parts may be kept.
func copied(e state.Event) state.Event {
	if e.Task != nil {
		t := *e.Task
		e.Task = &t
	}
	return e
}

func TestRecordedAPIsSayTheSame(t *testing.T) {
	m, err := newEventDecoder().read(iotest.OneByteReader(bytes.NewReader(recorded(t, "v1-GET_STATE-running.json"))))
	if err != nil {
		t.Fatal(err)
	}
	doc := mustDecode(t, recorded(t, "state-02-running.json"))
	wantLines(t, "v1", lines(&document{FullState: m.doc.FullState}),
		lines(&document{FullState: doc.FullState}))
	tasks := map[state.TaskKey]*state.Task{}
	for _, one := range m.doc.Tasks {
		tasks[one.Key] = one
	}
	for _, one := range doc.Tasks {
		if got := tasks[one.Key]; got == nil || !got.Equal(one) {
			t.Errorf("got %+v in the operator API, want %+v", got, one)
		}
	}
	if m.issues.count+doc.issues.count > 0 {
		t.Errorf("got issues %v and %v, want none", m.issues, doc.issues)
	}
}
