//go:build bench && linux && (amd64 || arm64)

package main

import (
	"math"
	"slices"
)

// median returns the median, or NaN of no numbers.
func median(xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(xs))
	if n := len(s) / 2; len(s)%2 == 1 {
		return s[n]
	} else {
		return (s[n-1] + s[n]) / 2
	}
}

// medianOf returns the median of one figure of runs.
func medianOf[R any](runs []R, figure func(R) float64) float64 {
	xs := make([]float64, len(runs))
	for i, r := range runs {
		xs[i] = figure(r)
	}
	return median(xs)
}

// kept returns the runs of a server that count, by round.
func kept(runs []run, name, generator, server string) (out []run) {
	for _, r := range runs {
		if r.Kept && r.Case == name && r.Generator == generator && r.Server == server {
			out = append(out, r)
		}
	}
	return out
}

// ratio is the ratio of two costs in the same round, so that differences between
// the rounds do not matter.
type ratio struct{ median, low, high float64 }

func (r ratio) spread() string {
	if math.IsNaN(r.median) {
		return "–"
	}
	return number(r.low, 2) + "–" + number(r.high, 2)
}

func paired(ours, theirs []run) ratio {
	byRound := map[int]float64{}
	for _, r := range theirs {
		byRound[r.Round] = r.CPU
	}
	var xs []float64
	for _, r := range ours {
		if cost := byRound[r.Round]; cost > 0 && r.CPU > 0 {
			xs = append(xs, r.CPU/cost)
		}
	}
	if len(xs) == 0 {
		return ratio{math.NaN(), math.NaN(), math.NaN()}
	}
	return ratio{median(xs), slices.Min(xs), slices.Max(xs)}
}

// best returns the cheapest run of several servers for each round.
func best(servers ...[]run) (out []run) {
	byRound := map[int]run{}
	for _, runs := range servers {
		for _, r := range runs {
			if b, ok := byRound[r.Round]; r.CPU > 0 && (!ok || r.CPU < b.CPU) {
				byRound[r.Round] = r
			}
		}
	}
	for _, r := range byRound {
		out = append(out, r)
	}
	return out
}
