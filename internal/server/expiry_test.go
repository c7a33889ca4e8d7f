package server

import (
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/records"
	"toponym/state"
)

// An alias of a name that another app has left is published when the reservation
// ends, even if no event comes then. Following other settings changes nothing of
// that.
func TestAliasesArePublishedWhenTheReservationEnds(t *testing.T) {
	log, hook := test.NewNullLogger()
	p, err := newTestPipeline(config.Defaults(), log)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	p.o.now = func() time.Time { return now }
	p.set = records.NewSet(p.withClock(p.records, nil))
	alias := task("evil.1", "evil", "192.168.6.6")
	alias.Labels = []state.Label{{Key: "DNS_ALIAS", Value: "db"}}
	p.state(fullState(task("db.1", "db", "192.168.0.1"), alias))
	p.state(fullState(alias))

	name := records.MustParseName("db.marathon.mesos")
	check := func(what string, want int) {
		t.Helper()
		if got := len(p.set.Data(name).A); got != want {
			t.Errorf("%s: got %d addresses of %v, want %d", what, got, name, want)
		}
	}
	check("when the last task is gone", 0)
	if e := hook.LastEntry(); e == nil || e.Level != logrus.WarnLevel || e.Data["task"] != "evil.1" || e.Data["value"] != "db" {
		t.Errorf("got log entry %+v, want a warning about the alias", e)
	}
	other := p.records
	other.SRVWeight = 7
	p.configure(other, p.zone)
	check("after other settings", 0)

	now = now.Add(time.Hour - time.Second)
	p.expireReservations()
	check("a second before the end", 0)
	serial := p.zones.Current().DomainSerial()
	now = now.Add(time.Second)
	p.expireReservations()
	check("at the end", 1)
	if got := p.zones.Current().DomainSerial(); got == serial {
		t.Errorf("got the same serial %d, want another one", got)
	}
	if err := p.checkRebuilt(); err != nil {
		t.Error(err)
	}
}
