package transfer

import (
	"sync/atomic"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// Numbers of what is counted.
const (
	countedErrors = 6
)

// The results of a transfer, in metrics.
const (
	resultSent = iota
	resultSlow
	resultFailed
	resultBusy
	results
)

var resultNames = [results]string{resultSent: "sent", resultSlow: "slow", resultFailed: "failed", resultBusy: "busy"}

var kinds = [...]Kind{SOA, AXFR, IXFR, Fallback, UpToDate, TryTCP}

// The reasons why a query for a transfer gets an error.
const (
	failedRefused = iota
	failedNotAuth
	failedServFail
	failedFormErr
	failures
)

var failureNames = [failures]string{failedRefused: "REFUSED", failedNotAuth: "NOTAUTH", failedServFail: "SERVFAIL", failedFormErr: "FORMERR"}

var tsigErrors = [countedErrors]string{"BADKEY", "BADSIG", "BADTIME", "BADTRUNC", "FORMERR", ""}

// counts is what has happened since the start.
type counts struct {
	events  [len(kinds)][results]atomic.Uint64
	bytes   [len(kinds)]atomic.Uint64
	records [len(kinds)]atomic.Uint64
	failed  [failures]atomic.Uint64
	tsig    [countedErrors]atomic.Uint64
	omitted atomic.Uint64 // records
	made    atomic.Uint64 // encoded differences
	kept    atomic.Uint64 // that were found
}

// count counts an event.
func (c *counts) count(e Event) {
	result := resultSent
	switch e.Err {
	case nil:
	case errSlow:
		result = resultSlow
	case ErrBusy:
		result = resultBusy
	default:
		result = resultFailed
	}
	for i, k := range kinds {
		if k == e.Kind {
			c.events[i][result].Add(1)
			c.bytes[i].Add(uint64(e.Bytes))
			c.records[i].Add(uint64(e.Records))
		}
	}
}

func (c *counts) fail(rcode uint16) {
	for i, n := range [failures]uint16{dns.RcodeRefused, dns.RcodeNotAuth, dns.RcodeServerFailure, dns.RcodeFormatError} {
		if n == rcode {
			c.failed[i].Add(1)
		}
	}
}

func (c *counts) countTSIG(v *Verification) {
	name := v.Error()
	if name == "" && v.Rcode != dns.RcodeSuccess {
		name = "FORMERR"
	}
	for i, n := range tsigErrors {
		if n == name {
			c.tsig[i].Add(1)
		}
	}
}

func (c *counts) countEncoding(kept bool) {
	if kept {
		c.kept.Add(1)
	} else {
		c.made.Add(1)
	}
}

var (
	descTransfers = prometheus.NewDesc("toponym_transfer_total",
		"Responses to secondaries, by what they got (soa, axfr, ixfr, fallback: the whole zone for IXFR, uptodate, trytcp) and how it ended (sent, slow, failed, busy).",
		[]string{"kind", "result"}, nil)
	descBytes       = prometheus.NewDesc("toponym_transfer_bytes_total", "Bytes of these responses.", []string{"kind"}, nil)
	descRecords     = prometheus.NewDesc("toponym_transfer_records_total", "Records of these responses.", []string{"kind"}, nil)
	descFailed      = prometheus.NewDesc("toponym_transfer_refused_total", "Queries for zone transfers that got an error, by rcode.", []string{"rcode"}, nil)
	descActive      = prometheus.NewDesc("toponym_transfer_active", "Zone transfers that are under way.", nil, nil)
	descDifferences = prometheus.NewDesc("toponym_transfer_differences_total",
		"Differences for IXFR, by where they came from: made, or kept from another secondary that has asked for the same.", []string{"source"}, nil)
	descOmitted = prometheus.NewDesc("toponym_transfer_omitted_total", "Records left out of transfers of whole zones, since those of their name do not fit in a DNS message.", nil, nil)
	descTSIG    = prometheus.NewDesc("toponym_tsig_total", "Queries with a TSIG record, by the error; ok for none.", []string{"error"}, nil)
)

// Describe implements [prometheus.Collector].
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{descTransfers, descBytes, descRecords, descFailed, descActive, descDifferences, descOmitted, descTSIG} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. It disturbs no transfer.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n *atomic.Uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n.Load()), labels...)
	}
	c := &s.counts
	for i, k := range kinds {
		for result, name := range resultNames {
			counter(descTransfers, &c.events[i][result], string(k), name)
		}
		counter(descBytes, &c.bytes[i], string(k))
		counter(descRecords, &c.records[i], string(k))
	}
	for i, name := range failureNames {
		counter(descFailed, &c.failed[i], name)
	}
	for i, name := range tsigErrors {
		if name == "" {
			name = "ok"
		}
		counter(descTSIG, &c.tsig[i], name)
	}
	counter(descOmitted, &c.omitted)
	counter(descDifferences, &c.made, "made")
	counter(descDifferences, &c.kept, "kept")
	ch <- prometheus.MustNewConstMetric(descActive, prometheus.GaugeValue, float64(s.slots.count()))
}
