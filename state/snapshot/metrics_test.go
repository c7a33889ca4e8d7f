package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promtest "github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsDescribeTheSnapshotOnDisk(t *testing.T) {
	path := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := NewDir(path)
		defer d.Close()
		want := func(text string) {
			t.Helper()
			if err := promtest.CollectAndCompare(d, strings.NewReader(text)); err != nil {
				t.Error(err)
			}
		}
		const failures = `
			# HELP toponym_snapshot_errors_total Snapshots that could not be written. Absent without stateDir.
			# TYPE toponym_snapshot_errors_total counter
			toponym_snapshot_errors_total 0
		`
		want(failures)

		c := full()
		c.Confirmed = time.Now()
		info, err := d.Save(c)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want(fmt.Sprintf(`
			# HELP toponym_snapshot_age_seconds Time since a master last confirmed the state in the snapshot on disk. Absent without a snapshot.
			# TYPE toponym_snapshot_age_seconds gauge
			toponym_snapshot_age_seconds 60
			# HELP toponym_snapshot_size_bytes Size of the snapshot on disk. Absent without a snapshot.
			# TYPE toponym_snapshot_size_bytes gauge
			toponym_snapshot_size_bytes %d
		`, info.Size) + failures)
	})
}
