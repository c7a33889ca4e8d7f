//go:build bench && linux && (amd64 || arm64)

package main

import "time"

// load is the result of a generator. The own generator prints it as JSON.
type load struct {
	Sent, Answered uint64
	Lost           uint64 // queries without a response in time
	Late           uint64 `json:",omitempty"` // responses after that time
	Truncated      uint64 // responses with TC
	Reopened       uint64 `json:",omitempty"` // connections closed by the server
	NoError        uint64
	NXDomain       uint64
	OtherCodes     uint64
	Bytes          float64 // average size of a response
	Seconds        float64
	Rate           float64 // responses per second
	Latency        latency // in a closed loop mostly the wait behind other queries
	Lag            float64 `json:",omitempty"` // largest delay of the paced generator itself, in µs

	total uint64 // bytes of all responses
	times histogram
}

// answer counts one response of at least 12 bytes.
func (l *load) answer(msg []byte, took time.Duration) {
	l.Answered++
	l.total += uint64(len(msg))
	if msg[2]&0x02 != 0 {
		l.Truncated++
	}
	switch msg[3] & 0x0f {
	case 0:
		l.NoError++
	case 3:
		l.NXDomain++
	default:
		l.OtherCodes++
	}
	l.times.add(took)
}

// finish computes the averages. inTime is the number of responses within elapsed.
func (l *load) finish(inTime uint64, elapsed time.Duration) {
	l.Seconds = elapsed.Seconds()
	if l.Seconds > 0 {
		l.Rate = float64(inTime) / l.Seconds
	}
	if l.Answered > 0 {
		l.Bytes = float64(l.total) / float64(l.Answered)
	}
	l.Latency = l.times.latency()
}
