package secondaries

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"toponym/records"
	"toponym/resolver/transfer"
)

// kinds are the kinds of transfers that are counted.
var kinds = [...]transfer.Kind{transfer.AXFR, transfer.IXFR, transfer.Fallback, transfer.UpToDate, transfer.TryTCP}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("toponym_secondary_"+name, help, append([]string{"secondary", "key"}, labels...), nil)
}

var (
	lagDesc      = desc("lag_seconds", "Time since the oldest version of a zone was published that a secondary lacks, 0 if it has the newest.", "zone")
	serialDesc   = desc("serial", "SOA serial of the version of a zone that a secondary has.", "zone")
	soaDesc      = desc("last_soa_query_timestamp_seconds", "When a secondary asked for a SOA record last.")
	transferDesc = desc("last_transfer_timestamp_seconds", "When a secondary asked last for a zone or its differences, and got the response.")
	countDesc    = desc("transfers_total", "Complete responses to a secondary, by what it got (axfr, ixfr, fallback: the whole zone for IXFR, uptodate, trytcp).", "kind")
	bytesDesc    = desc("transfer_bytes_total", "Bytes of the responses to a secondary that asked for a zone or its differences.")
	failuresDesc = desc("transfer_failures_total", "Zone transfers to a secondary that were not complete.")
	notifiedDesc = desc("last_notify_acknowledged_timestamp_seconds", "When a secondary acknowledged a NOTIFY message last.")
)

// Describe implements [prometheus.Collector].
func (t *Table) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{lagDesc, serialDesc, soaDesc, transferDesc, countDesc, bytesDesc, failuresDesc, notifiedDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. The number of series is bounded by that
// of the secondaries and their zones.
func (t *Table) Collect(ch chan<- prometheus.Metric) {
	for _, s := range t.List() {
		labels := []string{s.Addr.String(), KeyText(s.Key)}
		send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, more ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, value, append(labels[:2:2], more...)...)
		}
		at := func(d *prometheus.Desc, when time.Time) {
			if !when.IsZero() {
				send(d, prometheus.GaugeValue, float64(when.UnixMilli())/1000)
			}
		}
		at(soaDesc, s.SOAQuery.Time)
		at(notifiedDesc, s.LastAcknowledged())
		for _, z := range s.Zones {
			send(serialDesc, prometheus.GaugeValue, float64(z.Serial), z.Name.String())
			if z.Follows {
				send(lagDesc, prometheus.GaugeValue, z.Lag.Seconds(), z.Name.String())
			}
		}
		if s.Seen.IsZero() {
			continue // it has never asked
		}
		at(transferDesc, s.LastTransfer.Time)
		for _, kind := range kinds {
			send(countDesc, prometheus.CounterValue, float64(s.Transfers[kind]), string(kind))
		}
		send(bytesDesc, prometheus.CounterValue, float64(s.Bytes))
		send(failuresDesc, prometheus.CounterValue, float64(s.Failures))
	}
}

// KeyText is the name of a key as it is shown, "" for none.
func KeyText(key records.Name) string {
	if key == "" {
		return ""
	}
	return key.String()
}
