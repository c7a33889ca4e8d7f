package api

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"toponym/zone"
)

// Status is what GET /v1/status shows. Times are as of the request.
type Status struct {
	Source    string        // where the state came from: poll, stream, snapshot or none
	Leader    string        // host:port of the leading master, empty for none
	StateAge  time.Duration // since a master last said that the state is so; negative for no state
	Uptime    time.Duration // of the process
	StartedAt time.Time

	Tasks, Agents, Frameworks int

	LastError    string // of reading the state; empty for none so far
	LastErrorAt  time.Time
	LastFailover time.Time // when another master began to lead; zero for never

	Snapshot  *SnapshotStatus  // nil where none is on disk
	ZooKeeper *ZooKeeperStatus // nil where it is not used
}

// ZooKeeperStatus is how things stand with ZooKeeper.
type ZooKeeperStatus struct {
	State       string    // what can be seen of the election there
	Since       time.Time // when that began
	LastError   string    // empty for none so far
	LastErrorAt time.Time
}

// SnapshotStatus is what is known of the snapshot on disk.
type SnapshotStatus struct {
	Age  time.Duration // since what it says was so
	Size int64         // octets
}

// statusJSON is the body of /v1/status. Absent things are null, so that they
// are not mistaken for zero.
type statusJSON struct {
	Version       string         `json:"version"`
	StartedAt     time.Time      `json:"started_at"`
	UptimeSeconds float64        `json:"uptime_seconds"`
	Ready         bool           `json:"ready"`
	Source        string         `json:"source"`
	Leader        *string        `json:"leader"`
	StateAge      *float64       `json:"state_age_seconds"`
	Serial        *uint32        `json:"serial"`
	Tasks         int            `json:"tasks"`
	Agents        int            `json:"agents"`
	Frameworks    int            `json:"frameworks"`
	Names         int            `json:"names"`
	Records       recordsJSON    `json:"records"`
	LastError     *lastErrorJSON `json:"last_error"`
	LastFailover  *time.Time     `json:"last_failover"`
	Snapshot      *snapshotJSON  `json:"snapshot"`
	ZooKeeper     *zooKeeperJSON `json:"zookeeper"`
}

type zooKeeperJSON struct {
	State     string         `json:"state"`
	Since     time.Time      `json:"since"`
	LastError *lastErrorJSON `json:"last_error"`
}

type recordsJSON struct {
	A    int `json:"A"`
	AAAA int `json:"AAAA"`
	SRV  int `json:"SRV"`
	PTR  int `json:"PTR"`
}

type lastErrorJSON struct {
	Text string    `json:"text"`
	Time time.Time `json:"time"`
}

type snapshotJSON struct {
	AgeSeconds float64 `json:"age_seconds"`
	Bytes      int64   `json:"bytes"`
}

// seconds keeps milliseconds.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// status answers /v1/status.
func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, s.describe(s.o.Status(), s.o.Store.Current()))
}

func (s *Server) describe(st Status, z *zone.Zone) statusJSON {
	n := z.Counts()
	j := statusJSON{
		Version:       s.o.Version,
		StartedAt:     st.StartedAt.UTC(),
		UptimeSeconds: seconds(st.Uptime),
		Ready:         z.Ready(),
		Source:        st.Source,
		Tasks:         st.Tasks,
		Agents:        st.Agents,
		Frameworks:    st.Frameworks,
		Names:         n.Names,
		Records:       recordsJSON{n.A, n.AAAA, n.SRV, n.PTR},
	}
	if st.Leader != "" {
		j.Leader = &st.Leader
	}
	if st.StateAge >= 0 {
		age := seconds(st.StateAge)
		j.StateAge = &age
	}
	if z.Ready() {
		serial := z.Serial()
		j.Serial = &serial
	}
	j.LastError = lastError(st.LastError, st.LastErrorAt)
	if !st.LastFailover.IsZero() {
		at := st.LastFailover.UTC()
		j.LastFailover = &at
	}
	if st.Snapshot != nil {
		j.Snapshot = &snapshotJSON{seconds(st.Snapshot.Age), st.Snapshot.Size}
	}
	if zk := st.ZooKeeper; zk != nil {
		j.ZooKeeper = &zooKeeperJSON{zk.State, zk.Since.UTC(), lastError(zk.LastError, zk.LastErrorAt)}
	}
	return j
}

// lastError is nil for none.
func lastError(text string, at time.Time) *lastErrorJSON {
	if text == "" {
		return nil
	}
	return &lastErrorJSON{text, at.UTC()}
}

// Short is the status in a few words, for a page or a log.
func (s Status) Short() string {
	if s.StateAge < 0 {
		return "no state of the cluster yet"
	}
	age := max(s.StateAge, 0).Round(time.Second)
	if s.Source == "snapshot" {
		return fmt.Sprintf("state of the snapshot on disk, %v old: no master has been heard", age)
	}
	if s.Source == "memory" {
		return fmt.Sprintf("state of %s, %v old: no contact with the leading master", s.Leader, age)
	}
	return fmt.Sprintf("state of %s by %s, %v old", s.Leader, s.Source, age)
}
