package main

import (
	"context"
	"io"
	"log"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/config"
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

// startServer runs a server with some settings. It ends with cancel, and done
// says how.
func startServer(t *testing.T, c *config.Config, logger logrus.FieldLogger) (s *server, cancel context.CancelFunc, done <-chan error) {
	t.Helper()
	s, err := newServer(c, logger, &tuning{cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	return s, cancel, ended
}

// serving runs a server until the test is over.
func serving(t *testing.T, c *config.Config, logger logrus.FieldLogger) *server {
	t.Helper()
	s, cancel, done := startServer(t, c, logger)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
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
