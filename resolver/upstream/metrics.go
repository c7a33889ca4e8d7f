package upstream

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are counts of the queries to one server since it was first in a group, and
// its state.
type Stats struct {
	Address    string        // as in the settings
	Queries    uint64        // queries sent
	Responses  uint64        // queries answered in time
	Failures   uint64        // no response, no connection, or a useless response
	Hedges     uint64        // queries sent because no useful response had come to an earlier one
	Truncated  uint64        // responses that were asked for again over TCP
	Mismatched uint64        // messages that matched no query or made no sense
	SRTT       time.Duration // smoothed round trip time; 0: not known
	State      State
	Heard      time.Time // of the last response; zero for none
}

// Stats are those of all servers, sorted by address.
func (c *Client) Stats() []Stats {
	var all []Stats
	for _, s := range c.serverList() {
		n := &s.counters
		all = append(all, Stats{
			Address:    s.addr.String(),
			Queries:    n.queries.Load(),
			Responses:  n.responses.Load(),
			Failures:   n.failures.Load(),
			Hedges:     n.hedges.Load(),
			Truncated:  n.truncated.Load(),
			Mismatched: n.mismatched.Load(),
			SRTT:       time.Duration(s.health.srtt.Load()),
			State:      s.health.State(),
			Heard:      s.health.heard(),
		})
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Address, b.Address) })
	return all
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("toponym_upstream_"+name, help, append([]string{"upstream"}, labels...), nil)
}

var (
	queriesDesc    = desc("queries_total", "Queries sent to an upstream server.")
	responsesDesc  = desc("responses_total", "Queries that an upstream server answered in time.")
	failuresDesc   = desc("failures_total", "Queries to an upstream server that got no response, no connection, or a useless response.")
	hedgesDesc     = desc("hedges_total", "Queries sent to an upstream server because no useful response had come to an earlier query.")
	truncatedDesc  = desc("truncated_total", "Truncated responses of an upstream server that were asked for again over TCP.")
	mismatchedDesc = desc("mismatched_total", "Messages from the address of an upstream server that matched no query or made no sense.")
	srttDesc       = desc("srtt_seconds", "Smoothed round trip time to an upstream server, in seconds. Absent until it is known.")
	stateDesc      = desc("state", "1 for the state of an upstream server: up, down or looping.", "state")
)

// newTimes are the histograms of round trip times, by server.
func newTimes() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "toponym_upstream_response_seconds",
		Help: "Time from sending a query to an upstream server until its response, in seconds. Queries without a response do not count.",
		// From servers in the same rack to those for which clients give up.
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"upstream"})
}

// Describe implements [prometheus.Collector].
func (c *Client) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		queriesDesc, responsesDesc, failuresDesc, hedgesDesc, truncatedDesc, mismatchedDesc, srttDesc, stateDesc,
	} {
		ch <- d
	}
	c.times.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (c *Client) Collect(ch chan<- prometheus.Metric) {
	c.times.Collect(ch)
	for _, s := range c.Stats() {
		for _, m := range []struct {
			desc  *prometheus.Desc
			count uint64
		}{
			{queriesDesc, s.Queries},
			{responsesDesc, s.Responses},
			{failuresDesc, s.Failures},
			{hedgesDesc, s.Hedges},
			{truncatedDesc, s.Truncated},
			{mismatchedDesc, s.Mismatched},
		} {
			ch <- prometheus.MustNewConstMetric(m.desc, prometheus.CounterValue, float64(m.count), s.Address)
		}
		if s.SRTT > 0 {
			ch <- prometheus.MustNewConstMetric(srttDesc, prometheus.GaugeValue, s.SRTT.Seconds(), s.Address)
		}
		ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, 1, s.Address, s.State.String())
	}
}
