package snapshot

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	ageDesc = prometheus.NewDesc("toponym_snapshot_age_seconds",
		"Time since a master last confirmed the state in the snapshot on disk. Absent without a snapshot.", nil, nil)
	sizeDesc = prometheus.NewDesc("toponym_snapshot_size_bytes",
		"Size of the snapshot on disk. Absent without a snapshot.", nil, nil)
	errorsDesc = prometheus.NewDesc("toponym_snapshot_errors_total",
		"Snapshots that could not be written. Absent without stateDir.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (d *Dir) Describe(ch chan<- *prometheus.Desc) {
	ch <- ageDesc
	ch <- sizeDesc
	ch <- errorsDesc
}

// Collect implements [prometheus.Collector].
func (d *Dir) Collect(ch chan<- prometheus.Metric) {
	if info := d.Info(); info != nil {
		age := max(time.Since(info.Confirmed), 0)
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, age.Seconds())
		ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, float64(info.Size))
	}
	ch <- prometheus.MustNewConstMetric(errorsDesc, prometheus.CounterValue, float64(d.Failures()))
}
