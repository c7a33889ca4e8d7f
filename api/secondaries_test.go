package api

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"toponym/state/leader"
)

// testSecondaries are one that lacks versions, one that has all, and one that has
// never asked.
func testSecondaries(at time.Time) []SecondaryStatus {
	key, seen := "secondary.example.", at.Add(time.Minute)
	lag, none, versions, no := Seconds(90*time.Second), Seconds(0), 3, 0
	version := func(serial uint32, at time.Time) *VersionStatus { return &VersionStatus{"mesos.", serial, at} }
	return []SecondaryStatus{
		{
			Address: netip.MustParseAddr("10.0.0.5"), Key: &key, LastSeen: &seen, LastSOAQuery: version(15, at),
			LastTransfer: &TransferStatus{*version(12, at), "ixfr", Seconds(20 * time.Millisecond)},
			Transfers:    map[string]uint64{"ixfr": 4, "axfr": 1}, Bytes: 12345, Failures: 1,
			LastError: &leader.Failure{Text: "mesos.: the client <reads> too slowly", Time: at},
			Notify: []NotifyStatus{{
				Address: netip.MustParseAddrPort("10.0.0.5:53"), Sent: 7, Acknowledged: 5, Failures: 1,
				LastSent: version(15, at), LastAcknowledged: version(14, at),
				LastError: &leader.Failure{Text: "mesos.: the response is REFUSED", Time: at},
			}},
			Zones: []SecondaryZone{
				{Zone: "mesos.", Serial: 12, Newest: 15, Lag: &lag, Versions: &versions},
				{Zone: "static.example.", Serial: 3, Newest: 3, Lag: &none, Versions: &no},
			},
		},
		{
			Address: netip.MustParseAddr("2001:db8::6"), LastSeen: &seen, LastTransfer: &TransferStatus{*version(15, at), "uptodate", 0},
			Transfers: map[string]uint64{}, Notify: []NotifyStatus{},
			Zones: []SecondaryZone{{Zone: "mesos.", Serial: 15, Newest: 15, Lag: &none, Versions: &no}},
		},
		{
			Address: netip.MustParseAddr("10.0.0.7"), Transfers: map[string]uint64{}, Zones: []SecondaryZone{},
			Notify: []NotifyStatus{{Address: netip.MustParseAddrPort("10.0.0.7:53"), Sent: 10, LastSent: version(15, at)}},
		},
	}
}

// The page lists a bounded number of secondaries, and says how many it leaves out.
func TestThePageListsABoundedNumberOfSecondaries(t *testing.T) {
	s := testStatus()
	s.Secondaries = nil
	for i := range maxPageSecondaries + 5 {
		s.Secondaries = append(s.Secondaries, SecondaryStatus{Address: netip.MustParseAddr(fmt.Sprintf("10.0.1.%d", i))})
	}
	page := get(statusServer(s, nil), "/secondaries").Body.String()
	if n := strings.Count(page, "<td>10.0.1."); n != maxPageSecondaries || !strings.Contains(page, "and 5 more") {
		t.Errorf("got %d secondaries, want %d and how many more there are", n, maxPageSecondaries)
	}
	var status Status
	if err := json.Unmarshal(get(statusServer(s, nil), "/v1/status").Body.Bytes(), &status); err != nil || len(status.Secondaries) != maxPageSecondaries+5 {
		t.Errorf("got %d secondaries in the status, error %v, want all", len(status.Secondaries), err)
	}
}

// Texts of secondaries become neither markup nor control characters.
func TestTextsOfSecondariesAreEscaped(t *testing.T) {
	s := testStatus()
	evil := "<script>alert(1)</script>\x1b[31m" + strings.Repeat("x", 2*maxStatusText)
	s.Secondaries[0].Key, s.Secondaries[0].LastError.Text, s.Secondaries[0].Notify[0].LastError.Text = &evil, evil, evil
	for _, path := range []string{"/", "/secondaries", "/v1/status"} {
		body := get(statusServer(s, nil), path).Body.String()
		if path != "/v1/status" && strings.Count(body, "<script") != 1 || strings.Contains(body, "\x1b") {
			t.Errorf("%s: got the text as it was", path)
		}
	}
	if got := s.Secondaries[0].inUTC(); len(got.LastError.Text) > maxStatusText+5 || len(got.Notify[0].LastError.Text) > maxStatusText+5 {
		t.Errorf("got texts of %d and %d bytes, want at most %d", len(got.LastError.Text), len(got.Notify[0].LastError.Text), maxStatusText)
	}
}
