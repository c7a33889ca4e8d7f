package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"time"
)

// Limits of /v1/top. A server counts queries only while a client waits for an answer.
const (
	topTime    = 2 * time.Second // how long is counted, without the parameter wait
	maxTopTime = 20 * time.Second
	topRows    = 20 // of each list, without the parameter limit
	maxTopRows = 100

	maxTops          = 4
	maxTopsPerClient = 2
)

// Top is the body of /v1/top: what was asked most while the client waited.
type Top struct {
	Seconds float64 `json:"seconds"` // how long queries were counted
	// Queries are the responses in each second, and Codes the same by rcode, the most
	// frequent first. Both are exact.
	Queries float64   `json:"queries_per_second"`
	Codes   []TopCode `json:"codes"`
	// CountedOneIn is of how many queries one was counted at the end for the lists
	// below: 1 unless there are very many.
	CountedOneIn uint32      `json:"counted_one_in"`
	Names        []TopName   `json:"names"`
	Clients      []TopClient `json:"clients"`
}

// TopCode is the rate of an rcode such as "NXDOMAIN".
type TopCode struct {
	Code string  `json:"code"`
	Rate float64 `json:"per_second"`
}

// TopName is how often in each second a name was asked, with or without a response.
type TopName struct {
	Name string `json:"name"` // in lower case, with a dot at its end
	TopRate
}

// TopClient is how often in each second a client has asked.
type TopClient struct {
	Client netip.Addr `json:"client"`
	TopRate
}

// TopRate is a rate that was counted in limited memory: the true one is not above Rate
// and not below AtLeast. Where only some queries were counted, both are estimates.
type TopRate struct {
	Rate    float64 `json:"per_second"`
	AtLeast float64 `json:"at_least_per_second"`
}

// top answers /v1/top.
func (s *Server) top(w *response, r *http.Request) {
	q, err := parameters(r.URL, "wait", "limit")
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	rows, err := q.integer("limit", 1, maxTopRows)
	wait := topTime
	if text := q.get("wait"); text != "" && err == nil {
		if wait, err = time.ParseDuration(text); err != nil || wait <= 0 {
			err = errors.New("wait: want a duration such as 2s")
		}
	}
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	if rows == 0 {
		rows = topRows
	}
	w.pause()
	leave, ok := s.tops.acquire(r.Context(), clientOf(r.RemoteAddr))
	if !ok {
		s.busy(w)
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, maxTopTime))
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	answer := s.o.Top(ctx, rows)
	if w.resume() == nil {
		s.writeJSON(w, http.StatusOK, answer)
	}
}

// PerSecond is a rate in each second, with three digits after the point.
func PerSecond(count uint64, elapsed time.Duration) float64 {
	return math.Round(float64(count)/elapsed.Seconds()*1000) / 1000
}
