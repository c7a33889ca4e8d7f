package main

import (
	"io"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// eventually waits until a condition holds, and fails with a message otherwise.
func eventually(t *testing.T, holds func() bool, format string, args ...any) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf(format, args...)
		}
	}
}

// answers is the data of the answer section, sorted.
func answers(m *dns.Msg) []string {
	var data []string
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			data = append(data, rr.A.String())
		case *dns.AAAA:
			data = append(data, rr.AAAA.String())
		default:
			data = append(data, rr.String())
		}
	}
	slices.Sort(data)
	return data
}

// nullLog takes what servers of tests have to say of broken connections.
func nullLog() *log.Logger { return log.New(io.Discard, "", 0) }
