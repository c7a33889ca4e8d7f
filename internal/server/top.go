package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"toponym/api"
	"toponym/resolver/top"
)

// countTop counts queries until ctx ends, and returns at most so many names and
// clients that were most frequent. DNS must be served.
func (s *Server) countTop(ctx context.Context, rows int) api.Top {
	table, begin, before := top.NewTable(), time.Now(), s.dns.Totals()
	remove := s.observers.tap.Add(table)
	<-ctx.Done()
	remove()
	elapsed := max(time.Since(begin), time.Millisecond)
	after, counted := s.dns.Totals(), table.Result(rows)

	t := api.Top{
		Seconds: elapsed.Round(time.Millisecond).Seconds(), CountedOneIn: counted.Weight,
		Codes: []api.TopCode{}, Names: []api.TopName{}, Clients: []api.TopClient{},
	}
	var all uint64
	for code, n := range after.Rcodes {
		if n -= before.Rcodes[code]; n > 0 {
			all += n
			t.Codes = append(t.Codes, api.TopCode{Code: code, Rate: api.PerSecond(n, elapsed)})
		}
	}
	slices.SortFunc(t.Codes, func(a, b api.TopCode) int { return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Code, b.Code)) })
	t.Queries = api.PerSecond(all, elapsed)
	rate := func(c top.Count) api.TopRate {
		return api.TopRate{Rate: api.PerSecond(c.AtMost, elapsed), AtLeast: api.PerSecond(c.AtLeast, elapsed)}
	}
	for _, n := range counted.Names {
		t.Names = append(t.Names, api.TopName{Name: n.Name, TopRate: rate(n.Count)})
	}
	for _, c := range counted.Clients {
		t.Clients = append(t.Clients, api.TopClient{Client: c.Client, TopRate: rate(c.Count)})
	}
	return t
}
