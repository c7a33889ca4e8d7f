package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/internal/fakedns"
)

func TestMetricsCountWhatBecameOfMessages(t *testing.T) {
	inBubble(t, map[string]uint32{"a": 1, "b": 2}, func(t *testing.T, f *fixture) {
		f.tell(newSecondary(t, f.network, acknowledge), newSecondary(t, f.network, fakedns.Rcode(dns.RcodeRefused)), newSecondary(t, f.network, fakedns.Silent))
		pass(10 * time.Millisecond)
		f.receive([]byte("no response"), f.network.Start(fakedns.Silent).Addr)
		const want = `
# HELP toponym_notify_acknowledged_total NOTIFY messages that a secondary has acknowledged.
# TYPE toponym_notify_acknowledged_total counter
toponym_notify_acknowledged_total 2
# HELP toponym_notify_failures_total NOTIFY messages that were not acknowledged, by reason: unanswered (and so were others for ten seconds), the RCODE of the response, signature (of the response), or send.
# TYPE toponym_notify_failures_total counter
toponym_notify_failures_total{reason="notauth"} 0
toponym_notify_failures_total{reason="notimp"} 0
toponym_notify_failures_total{reason="rcode"} 0
toponym_notify_failures_total{reason="refused"} 2
toponym_notify_failures_total{reason="send"} 0
toponym_notify_failures_total{reason="servfail"} 0
toponym_notify_failures_total{reason="signature"} 0
toponym_notify_failures_total{reason="unanswered"} 0
# HELP toponym_notify_mismatched_total Packets to the sockets of NOTIFY that were no response to a message.
# TYPE toponym_notify_mismatched_total counter
toponym_notify_mismatched_total 1
# HELP toponym_notify_reminders_total NOTIFY messages that were sent again after one was acknowledged, since the secondary had not come for the version.
# TYPE toponym_notify_reminders_total counter
toponym_notify_reminders_total 0
# HELP toponym_notify_sent_total NOTIFY messages to secondaries, with those that were sent again.
# TYPE toponym_notify_sent_total counter
toponym_notify_sent_total 6
# HELP toponym_notify_unacknowledged Pairs of a zone and a secondary for which a NOTIFY message waits for its time or its acknowledgment.
# TYPE toponym_notify_unacknowledged gauge
toponym_notify_unacknowledged 2
`
		if err := testutil.CollectAndCompare(f.Sender, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.CollectAndLint(f.Sender); err != nil || len(problems) > 0 {
			t.Errorf("got the problems %v, error %v, want none", problems, err)
		}
	})
}
