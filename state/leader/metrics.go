package leader

import "github.com/prometheus/client_golang/prometheus"

var stateDesc = prometheus.NewDesc("toponym_zookeeper_state",
	"State of the connection to ZooKeeper: 1 for the state that it is in, 0 for the others.", []string{"state"}, nil)

// Describe implements [prometheus.Collector].
func (z *ZooKeeper) Describe(ch chan<- *prometheus.Desc) { ch <- stateDesc }

// Collect implements [prometheus.Collector].
func (z *ZooKeeper) Collect(ch chan<- prometheus.Metric) {
	now := z.Status().State
	for _, state := range Statuses {
		value := 0.0
		if state == now {
			value = 1
		}
		ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, state)
	}
}
