package notify

import (
	"errors"
	"sync/atomic"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// reasons are why messages fail, in metrics.
var reasons = [...]string{"unanswered", "refused", "notauth", "notimp", "servfail", "rcode", "signature", "send"}

// reasonOf is one of reasons.
func reasonOf(err error) string {
	var rcode RcodeError
	switch {
	case errors.Is(err, ErrUnanswered):
		return "unanswered"
	case errors.As(err, new(*SignatureError)):
		return "signature"
	case errors.As(err, &rcode):
		switch rcode {
		case dns.RcodeRefused:
			return "refused"
		case dns.RcodeNotAuth:
			return "notauth"
		case dns.RcodeNotImplemented:
			return "notimp"
		case dns.RcodeServerFailure:
			return "servfail"
		}
		return "rcode"
	}
	return "send"
}

// counts is what has happened since the start.
type counts struct {
	sent, reminders, acknowledged, mismatched atomic.Uint64
	failures                                  [len(reasons)]atomic.Uint64
}

func (c *counts) count(e Event) {
	switch e.Kind {
	case Sent:
		c.sent.Add(1)
		if e.Reminder {
			c.reminders.Add(1)
		}
	case Acknowledged:
		c.acknowledged.Add(1)
	case Failed:
		reason := reasonOf(e.Err)
		for i, r := range reasons {
			if r == reason {
				c.failures[i].Add(1)
			}
		}
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("toponym_notify_"+name, help, labels, nil)
}

var (
	sentDesc         = desc("sent_total", "NOTIFY messages to secondaries, with those that were sent again.")
	remindersDesc    = desc("reminders_total", "NOTIFY messages that were sent again after one was acknowledged, since the secondary had not come for the version.")
	acknowledgedDesc = desc("acknowledged_total", "NOTIFY messages that a secondary has acknowledged.")
	failuresDesc     = desc("failures_total",
		"NOTIFY messages that were not acknowledged, by reason: unanswered (and so were others for ten seconds), the RCODE of the response, signature (of the response), or send.", "reason")
	mismatchedDesc     = desc("mismatched_total", "Packets to the sockets of NOTIFY that were no response to a message.")
	unacknowledgedDesc = desc("unacknowledged", "Pairs of a zone and a secondary for which a NOTIFY message waits for its time or its acknowledgment.")
)

// Describe implements [prometheus.Collector].
func (s *Sender) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{sentDesc, remindersDesc, acknowledgedDesc, failuresDesc, mismatchedDesc, unacknowledgedDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *Sender) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n *atomic.Uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n.Load()), labels...)
	}
	counter(sentDesc, &s.counts.sent)
	counter(remindersDesc, &s.counts.reminders)
	counter(acknowledgedDesc, &s.counts.acknowledged)
	for i, reason := range reasons {
		counter(failuresDesc, &s.counts.failures[i], reason)
	}
	counter(mismatchedDesc, &s.counts.mismatched)
	s.mu.Lock()
	waiting := len(s.schedule.due)
	for _, t := range s.schedule.targets {
		waiting -= t.reminding
	}
	s.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(unacknowledgedDesc, prometheus.GaugeValue, float64(waiting))
}
