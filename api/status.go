package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"toponym/internal/words"
	"toponym/records"
	"toponym/state/leader"
	"toponym/zone"
)

// Status is the body of /v1/status. What is absent is null, so that it is not
// mistaken for zero. The fields that say so are set by the api package.
type Status struct {
	Version   string    `json:"version"` // set here
	StartedAt time.Time `json:"started_at"`
	Uptime    Seconds   `json:"uptime_seconds"`
	Ready     bool      `json:"ready"`  // set here: names of the cluster can be answered
	Source    string    `json:"source"` // of the state: poll, stream, memory, snapshot or none
	Leader    *string   `json:"leader"` // host:port of the leading master
	// ConnectedSince is when the present contact with the leading master began, null
	// without contact; LastHeard is when a master was heard last, null for never.
	ConnectedSince *time.Time `json:"connected_since"`
	LastHeard      *time.Time `json:"last_heard"`
	// StateAge is the time since a master last confirmed the state.
	StateAge   *Seconds `json:"state_age_seconds"`
	Serial     *uint32  `json:"serial"` // set here
	Tasks      int      `json:"tasks"`
	Agents     int      `json:"agents"`
	Frameworks int      `json:"frameworks"`
	// Merged are names of tasks that several frameworks share.
	Merged  []records.Merged `json:"merged_names"`
	Names   int              `json:"names"`   // set here
	Records RecordCounts     `json:"records"` // set here
	// Settings tells of the last reading of the settings; null where they cannot change.
	Settings *SettingsStatus `json:"settings"`
	// LastError is the last failure to read the state.
	LastError *leader.Failure `json:"last_error"`
	// LastFailover is when the leading master changed last.
	LastFailover *time.Time `json:"last_failover"`
	// Reading tells how far reading the first state is; null while none is being read.
	Reading  *ReadingStatus  `json:"reading"`
	Snapshot *SnapshotStatus `json:"snapshot"` // null where none is on disk
	// SnapshotError is why the last snapshot could not be written; null if it was.
	SnapshotError *leader.Failure `json:"snapshot_error"`
	ZooKeeper     *leader.Status  `json:"zookeeper"` // null where it is not used
	// Secondaries are those that have zones or are told of new versions, the one with
	// the largest lag first. It is null where DNS is not served.
	Secondaries []SecondaryStatus `json:"secondaries"`
	// Forwarding is null where nothing is forwarded.
	Forwarding *ForwardingStatus `json:"forwarding"`
	// RetainedAgents is the number of agents that the leading master has not reported
	// since a failover, and that are kept for now.
	RetainedAgents int `json:"retained_agents"`
	// Omitted are the last names that could not be published and labels that were
	// ignored, the newest first, as long as the tasks are there; at most 100.
	Omitted []OmissionStatus `json:"omitted"`
}

// SettingsStatus tells of the last reading of the settings.
type SettingsStatus struct {
	ReadAt time.Time `json:"read_at"`
	// LastError is why the settings that were read last cannot be used, so that those
	// before them are; null if they can.
	LastError *leader.Failure `json:"last_error"`
	// RestartNeeded are the settings whose values take effect with a restart.
	RestartNeeded []string `json:"restart_needed"`
}

// ForwardingStatus is the state of what answers names outside the server's zones.
type ForwardingStatus struct {
	Upstreams []UpstreamStatus `json:"upstreams"` // sorted by address
	Cache     CacheStatus      `json:"cache"`
	Pending   int              `json:"pending"` // queries that wait for upstream servers
}

// UpstreamStatus is the state of an upstream server, with counts since it was first
// used.
type UpstreamStatus struct {
	Address   string   `json:"address"`
	State     string   `json:"state"`        // up, down or looping
	SRTT      *Seconds `json:"srtt_seconds"` // smoothed round-trip time; null until it is known
	Queries   uint64   `json:"queries"`
	Responses uint64   `json:"responses"` // in time
	Failures  uint64   `json:"failures"`
	// LastResponse is when it responded last, null for never. A server that is not asked
	// is not known to be away.
	LastResponse *time.Time `json:"last_response"`
}

// ReadingStatus tells how far reading a state is.
type ReadingStatus struct {
	Master string    `json:"master"` // host:port
	Since  time.Time `json:"since"`
	Bytes  int64     `json:"bytes"`
	Total  *int64    `json:"total_bytes"` // null if it is not known
}

// String says what is read, and how far it is.
func (r *ReadingStatus) String() string {
	text := "the state of " + words.Printable(shorten(r.Master)) + ": " + sizeText(r.Bytes)
	if r.Total != nil {
		text += " of " + sizeText(*r.Total)
	}
	return text
}

// CacheStatus is the state of the cache of forwarded names, with counts since the
// start.
type CacheStatus struct {
	Entries int    `json:"entries"`
	Bytes   int    `json:"bytes"`
	Hits    uint64 `json:"hits"`   // questions that a fresh entry answered
	Misses  uint64 `json:"misses"` // questions that no usable entry answered
	Stale   uint64 `json:"stale"`  // questions that an expired entry answered
}

// OmissionStatus is a name that could not be published, a label that was ignored, a
// limit that was exceeded, or addresses of tasks that some names leave out.
type OmissionStatus struct {
	Time      time.Time `json:"time"`      // when it was noticed
	Framework string    `json:"framework"` // its id
	// FrameworkName is empty if the framework is not known any more.
	FrameworkName string `json:"framework_name"`
	Task          string `json:"task"`  // its id; empty if the name is that of the framework
	Label         string `json:"label"` // the key of the label; empty for a name
	Value         string `json:"value"` // the name, or the value of the label
	Reason        string `json:"reason"`
	// Usual is true for addresses that only their own agent reaches, such as those on
	// Docker's bridge: most clusters have them, and nothing is wrong.
	Usual bool `json:"usual"`
}

// RecordCounts are the numbers of records by type.
type RecordCounts struct {
	A    int `json:"A"`
	AAAA int `json:"AAAA"`
	SRV  int `json:"SRV"`
	PTR  int `json:"PTR"`
}

// SnapshotStatus describes the snapshot on disk.
type SnapshotStatus struct {
	Age   Seconds `json:"age_seconds"` // of the state in it
	Bytes int64   `json:"bytes"`
}

// Seconds is a duration that JSON has as a number of seconds, with milliseconds.
type Seconds time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	*s = Seconds(seconds * float64(time.Second))
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(s).Seconds()*1000) / 1000)
}

// String returns the number of seconds, for the page.
func (s Seconds) String() string {
	text, _ := s.MarshalJSON()
	return string(text)
}

// status answers /v1/status.
func (s *Server) status(w *response, _ *http.Request) {
	body, err := encodeJSON(s.describe(s.o.Status(), s.o.Store.Current()))
	if err != nil {
		s.log.WithError(err).Error("encoding the status failed")
		http.Error(w, "the status cannot be encoded", http.StatusInternalServerError)
		return
	}
	write(w, http.StatusOK, contentJSON, withoutControls(body))
}

// maxStatusText bounds texts from outside the server in a status, in bytes.
const maxStatusText = 1000

// describe completes a status with what the zone says.
func (s *Server) describe(st Status, z *zone.Zone) Status {
	n := z.Counts()
	st.Version, st.Ready, st.Names = s.o.Version, z.Ready(), n.Names
	st.Records = RecordCounts{n.A, n.AAAA, n.SRV, n.PTR}
	st.StartedAt = st.StartedAt.UTC()
	if z.Ready() {
		serial := z.DomainSerial()
		st.Serial = &serial
	}
	if st.Leader != nil {
		text := shorten(*st.Leader)
		st.Leader = &text
	}
	for _, at := range []**time.Time{&st.LastFailover, &st.ConnectedSince, &st.LastHeard} {
		if *at != nil {
			utc := (*at).UTC()
			*at = &utc
		}
	}
	st.LastError, st.SnapshotError = shortFailure(st.LastError), shortFailure(st.SnapshotError)
	if st.Settings != nil {
		settings := *st.Settings
		settings.ReadAt, settings.LastError = settings.ReadAt.UTC(), shortFailure(settings.LastError)
		settings.RestartNeeded = slices.Concat([]string{}, settings.RestartNeeded) // never null
		st.Settings = &settings
	}
	if st.ZooKeeper != nil {
		zk := *st.ZooKeeper
		zk.Since, zk.LastError = zk.Since.UTC(), shortFailure(zk.LastError)
		st.ZooKeeper = &zk
	}
	st.Secondaries = slices.Clone(st.Secondaries)
	for i, s := range st.Secondaries {
		st.Secondaries[i] = s.inUTC()
	}
	omitted := make([]OmissionStatus, len(st.Omitted)) // never null
	for i, o := range st.Omitted {
		o.Time, o.Value, o.Reason = o.Time.UTC(), shorten(o.Value), shorten(o.Reason)
		omitted[i] = o
	}
	st.Omitted = omitted
	return st
}

func shortFailure(f *leader.Failure) *leader.Failure {
	if f == nil {
		return nil
	}
	return &leader.Failure{Text: shorten(f.Text), Time: f.Time.UTC()}
}

// shorten bounds a text that others wrote.
func shorten(text string) string {
	if len(text) > maxStatusText {
		return strings.ToValidUTF8(text[:maxStatusText], "") + "…"
	}
	return text
}

// Short is the status in one line of a few words, for a page, a log or a service
// manager. It contains no control characters.
func (s Status) Short() string {
	if s.StateAge == nil {
		if s.Reading != nil {
			return "no state of the cluster yet; reading " + s.Reading.String()
		}
		return "no state of the cluster yet"
	}
	age := time.Duration(max(*s.StateAge, 0)).Round(time.Second)
	if s.Source == "snapshot" {
		return fmt.Sprintf("state from the snapshot on disk, %v old: no master has been reached", age)
	}
	of := "a master"
	if s.Leader != nil {
		of = words.Printable(shorten(*s.Leader))
	}
	if s.Source == "memory" {
		return fmt.Sprintf("state of %s, %v old: no contact with the leading master", of, age)
	}
	return fmt.Sprintf("state of %s by %s, %v old", of, s.Source, age)
}

// healthz answers that the process serves, whatever it knows: an orchestrator that
// restarted it because a master is away would only lose its answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok")
}

// readyz answers whether names of the cluster can be looked up.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.o.Store.Current().Ready() {
		writeText(w, http.StatusServiceUnavailable, notReady)
		return
	}
	writeText(w, http.StatusOK, "ok")
}
