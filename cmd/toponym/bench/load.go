//go:build bench && linux && (amd64 || arm64)

package main

import "time"

// load is what a generator saw. Generators of ours print it as JSON.
type load struct {
	Sent, Answered uint64
	Lost           uint64 // no answer in time
	Late           uint64 `json:",omitempty"` // answers that came after that
	Truncated      uint64 // answers with TC
	Reopened       uint64 `json:",omitempty"` // connections that the server closed
	NoError        uint64
	NXDomain       uint64
	OtherCodes     uint64
	Bytes          float64 // of an answer, on average
	Seconds        float64
	Rate           float64 // answers per second
	Latency        latency // closed loop: mostly waiting behind one's own queries
	Lag            float64 `json:",omitempty"` // µs that the paced generator was late at worst

	total uint64 // bytes of all answers
	times histogram
}

// answer counts one answer of at least 12 bytes.
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

// finish works the averages out. inTime are the answers that came within
// elapsed.
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
