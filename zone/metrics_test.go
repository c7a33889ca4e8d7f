package zone

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsAreThoseOfTheCurrentVersion(t *testing.T) {
	s := NewStore(NewEmpty(testOptions(), SameSerial(1)))
	for _, tc := range []struct{ title, want string }{
		{"before the first state", "toponym_ready 0"},
		{"with a state", "toponym_ready 1\n# HELP toponym_zone_serial SOA serial of each zone. Absent before the first state.\n# TYPE toponym_zone_serial gauge\ntoponym_zone_serial{zone=\"in-addr.arpa.\"} 7\ntoponym_zone_serial{zone=\"ip6.arpa.\"} 7\ntoponym_zone_serial{zone=\"mesos.\"} 7"},
	} {
		want := "# HELP toponym_ready Whether the names of the cluster can be answered: 1, or 0 before the first state.\n# TYPE toponym_ready gauge\n" + tc.want + "\n"
		if err := testutil.CollectAndCompare(s, strings.NewReader(want), "toponym_ready", "toponym_zone_serial"); err != nil {
			t.Errorf("%s: %v", tc.title, err)
		}
		s.Swap(Compile(testSet(), testOptions(), SameSerial(7)))
	}
	if problems, err := testutil.CollectAndLint(s); err != nil || len(problems) > 0 {
		t.Errorf("got %v and %v, want no problems of the names and texts", problems, err)
	}
}
