package master

import (
	"errors"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
)

func TestStats(t *testing.T) {
	log, _ := test.NewNullLogger()
	w := &Watcher{o: Options{Log: log}}
	if s := w.Stats(); s != (Stats{}) {
		t.Errorf("at first: %+v", s)
	}
	w.failed(errors.New("10.0.0.1:5050: connection refused"))
	w.failed(errors.Join(errors.New("one"), errors.New("two")))
	s := w.Stats()
	if s.Errors != 2 || s.LastError != "one; two" || time.Since(s.LastErrorAt) > time.Minute {
		t.Errorf("after two failures: %+v", s)
	}
}
