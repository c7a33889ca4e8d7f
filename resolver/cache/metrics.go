package cache

import "github.com/prometheus/client_golang/prometheus"

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("toponym_cache_"+name, help, nil, nil)
}

var (
	hitsDesc      = desc("hits_total", "Questions about forwarded names that a fresh cache entry answered.")
	missesDesc    = desc("misses_total", "Questions about forwarded names that no usable cache entry answered.")
	staleDesc     = desc("stale_total", "Questions answered with an expired cache entry, because no upstream server had answered.")
	evictionsDesc = desc("evictions_total", "Cache entries removed to make room for others.")
	entriesDesc   = desc("entries", "Entries in the cache of forwarded names.")
	bytesDesc     = desc("bytes", "Memory of the entries in the cache, in bytes.")
)

// Describe implements [prometheus.Collector].
func (c *Cache) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{hitsDesc, missesDesc, staleDesc, evictionsDesc, entriesDesc, bytesDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Cache) Collect(ch chan<- prometheus.Metric) {
	s := c.Stats()
	counter := func(d *prometheus.Desc, n uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	counter(hitsDesc, s.Hits)
	counter(missesDesc, s.Misses)
	counter(staleDesc, s.Stale)
	counter(evictionsDesc, s.Evictions)
	ch <- prometheus.MustNewConstMetric(entriesDesc, prometheus.GaugeValue, float64(s.Entries))
	ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(s.Bytes))
}
