package master

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"toponym/state"
)

// replay takes in a stream of events as a follower does, and returns what it
// knows at the end.
func replay(r io.Reader) (*state.Replica, int) {
	records, decoder, replica := newRecordIO(r, 1<<20), newEventDecoder(), state.NewReplica()
	now := time.Unix(1e9, 0)
	journal := state.NewJournal()
	for n := 0; ; n++ {
		if records.next() != nil {
			return replica, n
		}
		m, err := decoder.read(records)
		if err != nil {
			return replica, n
		}
		if m.doc != nil {
			fillLiterals(&m.doc.FullState)
			reconcile(replica, now, &m.doc.FullState)
			journal = state.NewJournal()
			continue
		}
		replica.Apply(now, m.event, journal)
	}
}

// FuzzStream: whatever a master sends, and however the network cuts it, means the
// same, and a full state that is compared beside it makes the replica what it
// says.
func FuzzStream(f *testing.F) {
	f.Add([]byte(framed(cleanRun...)))
	f.Add([]byte(framed(subscribed, taskAdded, taskRunning, agentRemoved, frameworkRemoved, taskFinished)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		a, n := replay(bytes.NewReader(stream))
		b, m := replay(iotest.HalfReader(bytes.NewReader(stream)))
		if got, want := clusterLines(b.Cluster()), clusterLines(a.Cluster()); n != m || !slices.Equal(got, want) {
			t.Fatalf("got %d events and %q in pieces, want %d and %q", m, got, n, want)
		}
		leading := state.Leadership{ID: "leader"}
		now := time.Unix(1e9, 0)
		full := a.Cluster().FullState()
		full.Leadership = leading
		reconcile(b, now, &state.FullState{Leadership: leading})
		reconcile(b, now, full)
		if got, want := clusterLines(b.Cluster()), clusterLines(a.Cluster()); !slices.Equal(got, want) {
			t.Fatalf("got %q after the same state, want %q", got, want)
		}
	})
}
