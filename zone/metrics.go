package zone

import "github.com/prometheus/client_golang/prometheus"

// The metrics of the zone that is answered from.
var (
	readyDesc   = prometheus.NewDesc("toponym_ready", "Whether the names of the cluster can be answered: 1, or 0 before the first state.", nil, nil)
	serialDesc  = prometheus.NewDesc("toponym_zone_serial", "SOA serial of each zone. Absent before the first state.", []string{"zone"}, nil)
	namesDesc   = prometheus.NewDesc("toponym_names", "Names that own records.", nil, nil)
	recordsDesc = prometheus.NewDesc("toponym_records", "Records of the zone, by type.", []string{"type"}, nil)
)

// Describe implements prometheus.Collector.
func (s *Store) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{readyDesc, serialDesc, namesDesc, recordsDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector with the numbers of the current
// version.
func (s *Store) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	z := s.Current()
	if z.Ready() {
		gauge(readyDesc, 1)
	} else {
		gauge(readyDesc, 0)
	}
	for _, origin := range z.Origins() {
		if serial, ok := z.Serial(origin); ok {
			gauge(serialDesc, float64(serial), origin.String())
		}
	}
	n := z.Counts()
	gauge(namesDesc, float64(n.Names))
	gauge(recordsDesc, float64(n.A), "A")
	gauge(recordsDesc, float64(n.AAAA), "AAAA")
	gauge(recordsDesc, float64(n.SRV), "SRV")
	gauge(recordsDesc, float64(n.PTR), "PTR")
}
