package api

import (
	"net/http"
	"time"
)

// Trends is the body of /v1/status/trends: figures of the last hour, as far as the
// process has run that long.
type Trends struct {
	Interval Seconds `json:"interval_seconds"` // between two samples
	Samples  []Trend `json:"samples"`          // the oldest first
}

// Trend is a sample: what happened in the interval before a time.
type Trend struct {
	Time time.Time `json:"time"`
	// Queries are the responses in each second, by rcode such as "NXDOMAIN". Rcodes
	// without any are absent.
	Queries map[string]float64 `json:"queries_per_second"`
	// Latency is the time from reading a query to sending its response, in the minute
	// before the time. It is null if no query was timed: of those over UDP, some are.
	// Queries that wait for upstream servers do not count.
	Latency *TrendLatency `json:"latency_seconds"`
	// Changes are the names in each second whose records have changed.
	Changes float64 `json:"changed_names_per_second"`
	// CacheHits is the share of the questions about forwarded names that the cache
	// answered, from 0 to 1; null if there were no questions.
	CacheHits *float64 `json:"cache_hit_ratio"`
	// Memory is the resident memory of the process at the time; null if the system
	// does not tell.
	Memory *uint64 `json:"memory_bytes"`
}

// TrendLatency are percentiles, in seconds. They are right but for a factor of two.
type TrendLatency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// trends answers /v1/status/trends.
func (s *Server) trends(w *response, _ *http.Request) {
	t := s.o.Trends()
	for i := range t.Samples {
		t.Samples[i].Time = t.Samples[i].Time.UTC()
	}
	if t.Samples == nil {
		t.Samples = []Trend{} // never null
	}
	s.writeJSON(w, http.StatusOK, t)
}
